/** Orphans, as cloud admins and cloud readers see them. */
import { may } from '../domain/actor.ts';
import { listOrphans, type OrphanRow } from '../store/orphans.ts';
import { emptySlice, encodeCursor } from '../store/page.ts';
import { builder } from './builder.ts';
import { InventoryServiceEnum, OrphanReasonEnum, OrphanStateEnum } from './enums.ts';
import { connectionOf, filterOf, listArgs, pageOf } from './paging.ts';
import { FaultType } from './problem.ts';
import { SeedRef } from './seed.ts';

const OrphanRef = builder.objectRef<OrphanRow>('Orphan').implement({
  description: "A thing in a project, a seed or Keystone that carries Seedbed's marks and belongs to no living cluster.",
  fields: (t) => ({
    uuid: t.exposeString('id', { description: 'What removeOrphans takes.' }),
    projectId: t.exposeString('projectId', {
      nullable: true,
      description: 'The project it is in, or was made for; null: it is in none and names none, as a Keystone user.',
    }),
    seed: t.field({
      type: SeedRef,
      nullable: true,
      description: 'The seed it is in; null: in none, or in one that is not registered any more.',
      resolve: ({ seedId }, _args, { loaders }) => (seedId === null ? null : loaders.seed.load(seedId)),
    }),
    service: t.expose('service', { type: InventoryServiceEnum, description: 'Where it is.' }),
    kind: t.exposeString('kind', { description: 'What it is, such as server, network, namespace or user.' }),
    externalId: t.exposeString('externalId', { description: 'Its id there.' }),
    name: t.exposeString('name', { description: "Its name there; a floating IP's address." }),
    clusterId: t.exposeString('clusterId', {
      nullable: true,
      description: 'The plain id of the cluster in its marks; null: they name none.',
    }),
    clusterName: t.exposeString('clusterName', { nullable: true, description: "That cluster's name, as far as it is known." }),
    reason: t.expose('reason', { type: OrphanReasonEnum, description: 'Why it belongs to no living cluster.' }),
    state: t.expose('state', { type: OrphanStateEnum, description: 'What became of it.' }),
    problem: t.expose('problem', { type: FaultType, nullable: true, description: 'Why it could not be removed.' }),
    foundAt: t.expose('foundAt', { type: 'DateTime', description: 'When it was first found.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it was last found, or its state last changed.' }),
  }),
});

const OrphanConnection = builder.connectionObject(
  { type: OrphanRef, name: 'OrphanConnection', description: 'A page of orphans.' },
  { name: 'OrphanEdge', description: 'An orphan and its place in the list.' },
);

const OrphanFilter = builder.inputType('OrphanFilter', {
  description: 'Which orphans to list; without a field, all.',
  fields: (t) => ({
    projectId: t.string({ description: 'In this project, or made for it.' }),
    clusterId: t.string({ description: 'Marked with the plain id of this cluster.' }),
    states: t.field({ type: [OrphanStateEnum], description: 'In one of these states.' }),
  }),
});

builder.queryField('orphans', (t) =>
  t.field({
    type: OrphanConnection,
    description:
      'What findOrphans has found, oldest first; what is gone is listed for 30 days more. For who is no cloud admin or cloud reader there are none.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: OrphanFilter, description: 'Which ones.' }) },
    resolve: async (_root, args, { store, actor }) => {
      const page = pageOf(args);
      const slice = may(actor, 'readOrphans') ? await listOrphans(store.db, filterOf(args.filter), page) : emptySlice<OrphanRow>();
      return connectionOf(slice, page, (row) => encodeCursor(row.foundAt, row.id));
    },
  }),
);
