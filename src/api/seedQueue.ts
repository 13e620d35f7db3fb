/** A seed's queue of control planes to start. */
import type { SeedTurn } from '../domain/seed.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { SeedTurnEnum } from './enums.ts';
import { SeedRef } from './seed.ts';

const SeedQueueEntryType = builder.objectRef<ClusterRow>('SeedQueueEntry').implement({
  description: 'A cluster whose control plane starts, or waits to.',
  fields: (t) => ({
    cluster: t.field({ type: ClusterRef, description: 'The cluster.', resolve: (row) => row }),
    // Only clusters that are in the queue are entries of it.
    turn: t.field({ type: SeedTurnEnum, description: 'Its place.', resolve: (row) => row.seedTurn as Exclude<SeedTurn, 'DONE'> }),
    since: t.expose('seedTurnAt', { type: 'DateTime', nullable: true, description: 'When it began to start, or to wait.' }),
  }),
});

builder.objectField(SeedRef, 'queue', (t) =>
  t.field({
    type: [SeedQueueEntryType],
    description:
      'Control planes that it starts now, and those that wait until these have started, in their order. A seed starts four at once, or one for each half of a core when that is more.',
    resolve: (row, _args, { loaders }) => loaders.seedQueue.load(row.id),
  }),
);
