/** Drains of seeds, as far as they have come and as they would go on. */
import type { SeedDrain } from '../domain/seedDrain.ts';
import type { DrainPlanEntry } from '../store/seedDrains.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { withoutPages } from './deprecated.ts';
import { DrainEntryStateEnum } from './enums.ts';
import { listArgs, pageOf } from './paging.ts';
import { SeedRef } from './seed.ts';
import { wholeConnection } from './wholeList.ts';

const SeedDrainEntryType = builder.objectRef<DrainPlanEntry>('SeedDrainEntry').implement({
  description: 'What becomes of one control plane when its seed is drained.',
  fields: (t) => ({
    cluster: t.field({
      type: ClusterRef,
      nullable: true,
      description: 'The cluster; null when it has just gone.',
      resolve: ({ clusterId }, _args, { loaders }) => loaders.cluster.load(clusterId),
    }),
    clusterName: t.exposeString('clusterName', { description: 'Its name.' }),
    state: t.expose('state', { type: DrainEntryStateEnum, description: 'Whether it goes.' }),
    to: t.field({
      type: SeedRef,
      nullable: true,
      description: 'Where it goes, as things are; null: nowhere.',
      resolve: ({ toSeedId }, _args, { loaders }) => (toSeedId === null ? null : loaders.seed.load(toSeedId)),
    }),
    reason: t.exposeString('reason', { description: 'A sentence: where to, or why not.' }),
  }),
});

const SeedDrainType = builder.objectRef<SeedDrain>('SeedDrain').implement({
  description: 'A drain that is under way.',
  fields: (t) => ({
    since: t.expose('since', { type: 'DateTime', description: 'When it was asked for.' }),
    requestedBy: t.exposeString('requestedBy', { description: 'Who asked for it.' }),
  }),
});

builder.objectField(SeedRef, 'drain', (t) =>
  t.field({
    type: SeedDrainType,
    nullable: true,
    description: 'Its drain, until no control plane is left or it is uncordoned; null: it is not drained.',
    resolve: (row) => row.drain,
  }),
);

const SeedDrainPlanConnection = builder.connectionObject(
  { type: SeedDrainEntryType, name: 'SeedDrainPlanConnection', description: 'A page of what becomes of the control planes of a seed.' },
  { name: 'SeedDrainPlanEdge', description: 'What becomes of a control plane, and its place in the list.' },
);

const SeedDrainPlanFilterInput = builder.inputType('SeedDrainPlanFilter', {
  description: 'Which control planes to list; without a field, all.',
  fields: (t) => ({ states: t.field({ type: [DrainEntryStateEnum], description: 'In one of these states.' }) }),
});

builder.objectField(SeedRef, 'drainPlanConnection', (t) =>
  t.field({
    type: SeedDrainPlanConnection,
    description:
      'Where each of its control planes goes when it is drained, or would go, and which cannot be moved and why; oldest cluster first.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: SeedDrainPlanFilterInput, description: 'Which ones.' }) },
    resolve: async (row, args, { loaders }) => {
      const page = pageOf(args);
      const plan = await loaders.drainPlan.load(row);
      const wanted = plan.filter(({ state }) => args.filter?.states?.includes(state) ?? true);
      return wholeConnection(wanted, page, {
        keyOf: ({ createdAt, clusterId }) => [createdAt, clusterId],
        isBackwards: page.newestFirst === true,
      });
    },
  }),
);

builder.objectField(SeedRef, 'drainPlan', (t) =>
  t.field({
    type: [SeedDrainEntryType],
    description:
      'Where each of its control planes goes when it is drained, or would go, and which cannot be moved and why; oldest cluster first.',
    deprecationReason: withoutPages('drainPlanConnection'),
    resolve: (row, _args, { loaders }) => loaders.drainPlan.load(row),
  }),
);
