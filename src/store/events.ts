/** Events: the numbered history of a seed or cluster, read from a number on. */
import { and, asc, desc, eq, gt, gte, isNotNull, isNull, lt, lte } from 'drizzle-orm';
import type { ObjectKind } from '../domain/condition.ts';
import { inserter } from './insert.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db } from './open.ts';
import { behindNumber, countOfEach, firstOfEach, type NumberedPage, type Order, orderBy, type Slice, slicesBy } from './page.ts';
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

/** Milliseconds since the epoch: `from` is the first of all that are listed, `to` the first that is not. */
export interface EventFilter {
  subjectKinds?: readonly ObjectKind[] | null;
  subjectId?: string | null;
  steps?: readonly string[] | null;
  states?: readonly string[] | null;
  operationId?: string | null;
  /** Those that tell of something that went wrong, or those that do not. */
  isProblem?: boolean | null;
  from?: number | null;
  to?: number | null;
}

const isWanted = (filter: EventFilter) =>
  and(
    filter.subjectKinds == null ? undefined : isOneOf(events.subjectKind, filter.subjectKinds),
    filter.subjectId == null ? undefined : eq(events.subjectId, filter.subjectId),
    filter.steps == null ? undefined : isOneOf(events.step, filter.steps),
    filter.states == null ? undefined : isOneOf(events.state, filter.states),
    filter.operationId == null ? undefined : eq(events.operationId, filter.operationId),
    filter.isProblem == null ? undefined : filter.isProblem ? isNotNull(events.problem) : isNull(events.problem),
    filter.from == null ? undefined : gte(events.at, filter.from),
    filter.to == null ? undefined : lt(events.at, filter.to),
  );

const order: Order = { at: events.number, id: events.streamId, isNumbered: true };

/** Of each stream a page of its events, from the first on, in one statement. */
export const listEventsByStreams = async (
  db: Db,
  streamIds: readonly string[],
  filter: EventFilter,
  page: NumberedPage,
): Promise<Map<string, Slice<EventRow>>> => {
  const where = isWanted(filter);
  // A range of numbers is no page: they jump where the database was put back to a copy, and a filter leaves some out.
  const chosen = and(where, behindNumber(order, page));
  const rows = await db
    .select()
    .from(events)
    .where(firstOfEach(events.streamId, streamIds, order, { ...page, after: null }, chosen))
    .orderBy(...orderBy(order, page));
  return slicesBy(
    rows,
    streamIds,
    ({ streamId }) => streamId,
    page,
    () => countOfEach(db, events.streamId, streamIds, where),
  );
};

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
