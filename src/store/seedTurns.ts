/** A seed's queue of control planes to start: who starts, who waits, in the order of asking. */
import { and, asc, eq, gt, inArray, isNull, lt, ne, or } from 'drizzle-orm';
import { readPagesOfSeeds } from './clusters.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db, Tx } from './open.ts';
import type { Order, Page } from './page.ts';
import { type ClusterRow, patchCluster } from './reconcile.ts';
import { clusters } from './tables.ts';
import { enqueue } from './workItems.ts';

/** A start that takes longer than this holds up no other: something else is wrong with it. */
const STUCK_MS = 5 * 60_000;

export interface Turn {
  granted: boolean;
  /** Others that are being started on the seed. */
  starting: number;
  /** Others that asked before. */
  before: number;
}

/** Takes a turn if there is one, else a place in the queue; `atOnce` is the seed's measure. Changes `row` as well. */
export const takeSeedTurn = async (tx: Tx, row: ClusterRow, atOnce: number, now: number): Promise<Turn> => {
  const askedAt = row.seedTurnAt ?? now;
  const on = and(eq(clusters.seedId, row.seedId ?? ''), isNull(clusters.deletedAt), isNull(clusters.deleteRequestedAt));
  const starting = await tx.db.$count(clusters, and(on, eq(clusters.seedTurn, 'STARTING'), gt(clusters.seedTurnAt, now - STUCK_MS)));
  const earlier = or(lt(clusters.seedTurnAt, askedAt), and(eq(clusters.seedTurnAt, askedAt), lt(clusters.id, row.id)));
  const before = await tx.db.$count(clusters, and(on, eq(clusters.seedTurn, 'WAITING'), earlier));
  const granted = starting + before < atOnce;
  const patch = granted ? ({ seedTurn: 'STARTING', seedTurnAt: now } as const) : ({ seedTurn: 'WAITING', seedTurnAt: askedAt } as const);
  if (row.seedTurn !== patch.seedTurn) await patchCluster(tx, row.id, patch);
  Object.assign(row, patch);
  return { granted, starting, before };
};

/** Gives the turn back, and wakes who waits for one. Changes `row` as well. */
export const endSeedTurn = async (tx: Tx, row: ClusterRow, now: number): Promise<void> => {
  await patchCluster(tx, row.id, { seedTurn: 'DONE' });
  row.seedTurn = 'DONE';
  const next = await tx.db
    .select({ id: clusters.id })
    .from(clusters)
    .where(and(eq(clusters.seedId, row.seedId ?? ''), eq(clusters.seedTurn, 'WAITING'), isNull(clusters.deletedAt)))
    .orderBy(asc(clusters.seedTurnAt), asc(clusters.id))
    .limit(2);
  for (const { id } of next) await enqueue(tx, 'CLUSTER', id, now);
};

/** Whether other control planes are being started on the seed of `row`, or wait for their turn. */
export const isSeedTurnShared = async (db: Db, row: ClusterRow): Promise<boolean> => {
  const others = and(
    eq(clusters.seedId, row.seedId ?? ''),
    ne(clusters.id, row.id),
    isNull(clusters.deletedAt),
    isNull(clusters.deleteRequestedAt),
  );
  return (await db.$count(clusters, and(others, inArray(clusters.seedTurn, ['STARTING', 'WAITING'])))) > 0;
};

export interface SeedQueueFilter {
  turns?: readonly ('STARTING' | 'WAITING')[] | null;
}

const order: Order = { at: clusters.seedTurnAt, id: clusters.id };

/** Pages of the queues of these seeds, in the order of asking. */
export const listSeedQueuePages = (db: Db, seedIds: readonly string[], filter: SeedQueueFilter, page: Page) => {
  const where = and(isOneOf(clusters.seedTurn, filter.turns ?? ['STARTING', 'WAITING']), isNull(clusters.deletedAt));
  return readPagesOfSeeds(db, seedIds, { order, where }, page);
};

/** Clusters in the queues of these seeds, by seed, in the order of asking. */
export const listSeedQueues = async (db: Db, seedIds: readonly string[]): Promise<Map<string, ClusterRow[]>> => {
  const rows = await db
    .select()
    .from(clusters)
    .where(and(isOneOf(clusters.seedId, seedIds), inArray(clusters.seedTurn, ['STARTING', 'WAITING']), isNull(clusters.deletedAt)))
    .orderBy(asc(clusters.seedTurnAt), asc(clusters.id));
  const queues = new Map<string, ClusterRow[]>();
  for (const row of rows) queues.set(row.seedId ?? '', [...(queues.get(row.seedId ?? '') ?? []), row]);
  return queues;
};
