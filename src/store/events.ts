/** Events: the numbered history of a seed or cluster, read from a number on. */
import { and, asc, desc, eq, gt, inArray, isNull, lte, sql } from 'drizzle-orm';
import { inserter } from './insert.ts';
import type { Db } from './open.ts';
import { countOfEach } from './page.ts';
import { clusters, events, seeds } from './tables.ts';

export type EventRow = typeof events.$inferSelect;

export const insertEvent = inserter(events);

/** Up to `limit` events after number `after`, in order. */
export const listEvents = (db: Db, streamId: string, after: number, limit: number): Promise<EventRow[]> =>
  db
    .select()
    .from(events)
    .where(and(eq(events.streamId, streamId), gt(events.number, after)))
    .orderBy(asc(events.number))
    .limit(limit);

/** Of each stream up to `limit` events after number `after`, in order, in one statement. */
export const listEventsByStreams = async (
  db: Db,
  streamIds: readonly string[],
  after: number,
  limit: number,
): Promise<Map<string, EventRow[]>> => {
  // A range of numbers is no page: they jump where the database was put back to a copy.
  const place = sql`row_number() over (partition by ${events.streamId} order by ${events.number})`;
  const chosen = and(inArray(events.streamId, [...streamIds]), gt(events.number, after));
  const rows = await db
    .select()
    .from(events)
    .where(
      sql`(${events.streamId}, ${events.number}) in (select chosen_id, chosen_number from (select ${events.streamId} as chosen_id, ${events.number} as chosen_number, ${place} as place from ${events} where ${chosen}) where place <= ${limit})`,
    )
    .orderBy(asc(events.number));
  const lists = new Map<string, EventRow[]>(streamIds.map((id) => [id, []]));
  for (const row of rows) lists.get(row.streamId)?.push(row);
  return lists;
};

export const countEventsByStreams = (db: Db, streamIds: readonly string[]): Promise<Map<string, number>> =>
  countOfEach(db, events.streamId, streamIds);

/** Whether the owner of the stream was at rest as of event `number`: what its last event about itself, and not about a step of it, said. */
export const wasSettledAt = async (db: Db, streamId: string, number: number): Promise<boolean> => {
  const [row] = await db
    .select({ settled: events.settled })
    .from(events)
    .where(and(eq(events.streamId, streamId), eq(events.subjectId, streamId), isNull(events.step), lte(events.number, number)))
    .orderBy(desc(events.number))
    .limit(1);
  return row?.settled ?? false;
};

/** The number of the newest event of a seed or cluster; 0 when there is none. */
export const lastEventNumber = async (db: Db, owner: { kind: 'SEED' | 'CLUSTER'; id: string }): Promise<number> => {
  const table = owner.kind === 'SEED' ? seeds : clusters;
  const [row] = await db.select({ number: table.eventNumber }).from(table).where(eq(table.id, owner.id));
  return row?.number ?? 0;
};
