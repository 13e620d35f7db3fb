/** The report on a deletion: what was made in the customer's project, and what of it is there still. */
import type { InventoryService } from '../domain/inventory.ts';
import { type Leftover, type LeftoverFate, type Sweep, type Unverified, wholeOf } from '../domain/leakReport.ts';
import type { InventoryRow } from '../store/inventory.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import type { ResourceCount } from '../store/resources.ts';
import { builder } from './builder.ts';
import type { Context } from './context.ts';
import { withoutPages } from './deprecated.ts';
import { enumOf, InventoryServiceEnum, MadeByEnum } from './enums.ts';
import { nameArgs, namedConnection } from './wholeList.ts';

interface LeakReport extends ResourceCount, Pick<Sweep, 'unverified'> {
  at: number;
  leftovers: LeftoverRow[];
}

type LeftoverRow = Omit<Leftover, 'externalId'> & { externalId: string | null };

const FateEnum = enumOf<LeftoverFate>('LeftoverFate', 'Why a thing outlived its cluster.', {
  KEPT: 'By choice.',
  REMAINS: 'It could not be removed: somebody has to look after it.',
});

const LeftoverType = builder.objectRef<LeftoverRow>('Leftover').implement({
  description: 'A thing in the project that outlived its cluster.',
  fields: (t) => ({
    service: t.expose('service', { type: InventoryServiceEnum, description: 'Where it is.' }),
    kind: t.exposeString('kind', { description: 'What it is, such as server or volume.' }),
    externalId: t.exposeString('externalId', { nullable: true, description: 'Its id there; null when no answer ever told it.' }),
    name: t.exposeString('name', { description: 'Its name there.' }),
    madeBy: t.expose('madeBy', { type: MadeByEnum, description: 'Who made it.' }),
    fate: t.expose('fate', { type: FateEnum, description: 'Kept by choice, or not removed.' }),
    reason: t.exposeString('reason', { description: 'Why it is there still.' }),
  }),
});

const LeftoverConnection = builder.connectionObject(
  { type: LeftoverType, name: 'LeftoverConnection', description: 'A page of what outlived a cluster.' },
  { name: 'LeftoverEdge', description: 'A thing that outlived its cluster, and its place in the list.' },
);

const LeftoverFilterInput = builder.inputType('LeftoverFilter', {
  description: 'Which things to list; without a field, all.',
  fields: (t) => ({
    services: t.field({ type: [InventoryServiceEnum], description: 'In one of these services.' }),
    kinds: t.stringList({ description: 'Of one of these kinds, such as volume.' }),
    fates: t.field({ type: [FateEnum], description: 'Kept by choice, or not removed.' }),
    madeBy: t.field({ type: [MadeByEnum], description: 'Made by one of these.' }),
  }),
});

const UnverifiedType = builder.objectRef<Unverified>('UnverifiedResources').implement({
  description: 'Things that could not be listed at the end, so that nobody can say whether one is left.',
  fields: (t) => ({
    service: t.expose('service', { type: InventoryServiceEnum, description: 'Where they would be.' }),
    kind: t.exposeString('kind', { description: 'What they are.' }),
    reason: t.exposeString('reason', { description: 'Why they could not be listed.' }),
  }),
});

export const LeakReportType = builder.objectRef<LeakReport>('LeakReport').implement({
  description: 'What a deletion found and left in the project, by listings made after everything had been removed.',
  fields: (t) => ({
    verifiedAt: t.expose('at', { type: 'DateTime', description: 'When the project was looked through.' }),
    clean: t.boolean({
      description: 'Nothing remains that was not kept by choice, and everything could be verified.',
      resolve: ({ leftovers, unverified }) => unverified.length === 0 && leftovers.every(({ fate }) => fate === 'KEPT'),
    }),
    made: t.exposeInt('made', { description: "How many things were noted in the project in the cluster's life; `resources` lists them." }),
    deleted: t.exposeInt('gone', { description: 'How many of them are known to be gone.' }),
    leftovers: t.field({
      type: [LeftoverType],
      description: 'What is there still.',
      deprecationReason: withoutPages('leftoversConnection'),
      resolve: ({ leftovers }) => leftovers,
    }),
    leftoversConnection: t.field({
      type: LeftoverConnection,
      description: 'What is there still, by kind and name.',
      args: { ...nameArgs(t.arg), filter: t.arg({ type: LeftoverFilterInput, description: 'Which ones.' }) },
      resolve: ({ leftovers }, { filter, ...args }) => {
        const { services, kinds, fates, madeBy } = filter ?? {};
        const wanted = leftovers.filter(
          (thing) =>
            (services?.includes(thing.service) ?? true) &&
            (kinds?.includes(thing.kind) ?? true) &&
            (fates?.includes(thing.fate) ?? true) &&
            (madeBy?.includes(thing.madeBy) ?? true),
        );
        return namedConnection(wanted, args, ({ service, kind, name, externalId }) => [service, kind, name, externalId ?? '']);
      },
    }),
    unverified: t.field({ type: [UnverifiedType], description: 'What could not be listed.', resolve: ({ unverified }) => unverified }),
  }),
});

export const leakReportOf = async (row: ClusterRow, _args: object, { loaders }: Context): Promise<LeakReport | null> => {
  if (row.sweep === null || row.sweep.at === null || row.deletedAt === null) return null;
  const [count, noted] = await Promise.all([loaders.projectResources.load(row.id), loaders.projectResourcesLeft.load(row.id)]);
  const { at, leftovers, unverified } = row.sweep;
  const seen = new Set(leftovers.map(({ service, externalId }) => `${service} ${externalId}`));
  const unseen = noted.filter(({ service, externalId }) => !seen.has(`${service} ${externalId}`));
  return {
    at,
    unverified,
    made: count.made,
    gone: count.gone,
    leftovers: [...leftovers, ...unseen.map((note) => notedLeftover(note, row))],
  };
};

/** What has no listing of its own, such as an application credential, or was in none that could be had. */
const notedLeftover = ({ service, kind, externalId, name, madeBy }: InventoryRow, row: ClusterRow): LeftoverRow => ({
  ...{ service, kind, externalId, name, madeBy, fate: 'REMAINS' },
  reason: service === 'IDENTITY' ? whyRightStays(row) : whyUnseen(service, kind, row),
});

const whyRightStays = ({ deletionStages }: ClusterRow): string => {
  const why = deletionStages?.CREDENTIAL?.gaveUp;
  return why == null
    ? 'Its owner alone can delete it.'
    : `It could not be removed before the deadline that deleteCluster was given: ${why}.`;
};

const whyUnseen = (service: InventoryService, kind: string, { sweep }: ClusterRow): string => {
  const blind = sweep?.unverified.find((other) => other.service === service && other.kind === wholeOf(kind));
  return blind === undefined ? 'Nothing has told that it is gone.' : `It may be there still, for nobody could look: ${blind.reason}`;
};
