/** When a cluster's maintenance is next, and what Seedbed does then. */
import { type NextMaintenance, nextMaintenanceOf } from '../commands/nextMaintenance.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { FaultType } from './problem.ts';

const NextMaintenanceType = builder.objectRef<NextMaintenance>('NextMaintenance').implement({
  description: 'A maintenance window of a cluster, and what Seedbed begins by itself in it. After a pause, for that goes before.',
  fields: (t) => ({
    opensAt: t.expose('opensAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it opens, or has opened; null: the cluster has no windows, so at any time.',
    }),
    closesAt: t.expose('closesAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it closes: what has been begun at the control plane is ended, and nodes that are left wait for the next one.',
    }),
    upgradeTo: t.exposeString('upgradeTo', {
      nullable: true,
      description: 'The patch release that the cluster, or what nodes of it are left, comes to by itself; null: nothing is to be done.',
    }),
    problem: t.expose('problem', {
      type: FaultType,
      nullable: true,
      description: 'What stands in the way of that, as far as is known without asking the cloud; null: nothing.',
    }),
  }),
});

builder.objectField(ClusterRef, 'nextMaintenance', (t) =>
  t.field({
    type: NextMaintenanceType,
    nullable: true,
    description:
      'When Seedbed may next begin by itself what can be felt, and what that will be; null where there is neither a window nor anything to be done by itself.',
    resolve: async (row, _args, { loaders, clock, actor, peekCatalogue }) =>
      nextMaintenanceOf({
        cluster: row,
        ...(await loaders.workers.load(row.id)),
        catalogue: peekCatalogue(row.projectId, actor.userId),
        now: clock.now(),
      }),
  }),
);
