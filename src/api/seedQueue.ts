/** A seed's queue of control planes to start. */
import type { SeedTurn } from '../domain/seed.ts';
import { stableJson } from '../lib/json.ts';
import { encodeCursor } from '../store/page.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import { listSeedQueuePages } from '../store/seedTurns.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { withoutPages } from './deprecated.ts';
import { SeedTurnEnum } from './enums.ts';
import type { ReadPages } from './loaders.ts';
import { connectionOf, filterOf, listArgs, pageOf } from './paging.ts';
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

const SeedQueueConnection = builder.connectionObject(
  { type: SeedQueueEntryType, name: 'SeedQueueConnection', description: "A page of a seed's queue." },
  { name: 'SeedQueueEdge', description: 'A cluster in the queue, and its place in the list.' },
);

const SeedQueueFilterInput = builder.inputType('SeedQueueFilter', {
  description: 'Which entries to list; without a field, all.',
  fields: (t) => ({ turns: t.field({ type: [SeedTurnEnum], description: 'That start, or that wait.' }) }),
});

builder.objectField(SeedRef, 'queueConnection', (t) =>
  t.field({
    type: SeedQueueConnection,
    description:
      'Control planes that it starts now, and those that wait until these have started, in their order: by since, which is new for one that begins to start. A seed starts four at once, or one for each half of a core when that is more.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: SeedQueueFilterInput, description: 'Which ones.' }) },
    resolve: async (row, args, { loaders }) => {
      const page = pageOf(args);
      const filter = filterOf(args.filter);
      const read: ReadPages<ClusterRow> = (db, ids, wanted) => listSeedQueuePages(db, ids, filter, wanted);
      const slice = await loaders.page(read, row.id, page, `seed queues ${stableJson(filter)}`);
      return connectionOf(slice, page, ({ seedTurnAt, id }) => encodeCursor(seedTurnAt ?? 0, id));
    },
  }),
);

builder.objectField(SeedRef, 'queue', (t) =>
  t.field({
    type: [SeedQueueEntryType],
    description:
      'Control planes that it starts now, and those that wait until these have started, in their order. A seed starts four at once, or one for each half of a core when that is more.',
    deprecationReason: withoutPages('queueConnection'),
    resolve: (row, _args, { loaders }) => loaders.seedQueue.load(row.id),
  }),
);
