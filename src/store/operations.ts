/** Operations: one per acknowledged mutation; newest first wherever they are listed. */
import { and, desc, eq, inArray, or, type SQL, sql } from 'drizzle-orm';
import { may, type Seer } from '../domain/actor.ts';
import type { Problem } from '../domain/errors.ts';
import type { PastOperation } from '../domain/expectedDuration.ts';
import type { OperationKind, OperationState } from '../domain/operation.ts';
import { inserter } from './insert.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db, Tx } from './open.ts';
import { type Order, orderBy, type Page, readPages, type Slice } from './page.ts';
import type { OperationRow } from './progress.ts';
import { operations } from './tables.ts';

const order: Order = { at: operations.requestedAt, id: operations.id, newestFirst: true };
/** A failed one is carried on when its cause goes away, so it is open until something takes its place. */
const OPEN: OperationState[] = ['PENDING', 'RUNNING', 'FAILED'];

export const insertOperation = inserter(operations);

/** Whoever's they are: for those who know them. */
export const loadOperations = (db: Db, ids: readonly string[]): Promise<OperationRow[]> =>
  db.select().from(operations).where(isOneOf(operations.id, ids));

/** Those that the seer may see. Of seeds and orphans they belong to no project. */
export const loadSeenOperations = async (db: Db, seer: Seer, ids: readonly string[]): Promise<OperationRow[]> =>
  (await loadOperations(db, ids)).filter(({ projectId, targetKind }) =>
    projectId === null ? may(seer, targetKind === 'ORPHANS' ? 'readOrphans' : 'readSeeds') : may(seer, 'readClusters', { projectId }),
  );

export interface OperationFilter {
  kinds?: readonly OperationKind[] | null;
  states?: readonly OperationState[] | null;
}

export const listOperationsByClusters = async (
  db: Db,
  clusterIds: readonly string[],
  filter: OperationFilter,
  page: Page,
): Promise<Map<string, Slice<OperationRow>>> => {
  const where = and(
    filter.kinds == null ? undefined : isOneOf(operations.kind, filter.kinds),
    filter.states == null ? undefined : isOneOf(operations.state, filter.states),
  );
  return readPages(db, { table: operations, parent: 'clusterId', order, where }, clusterIds, page);
};

/** The newest operation of this kind on the target, whatever became of it. */
export const findNewestOperation = async (db: Db, targetId: string, kind: OperationKind): Promise<OperationRow | undefined> => {
  const [row] = await db
    .select()
    .from(operations)
    .where(and(eq(operations.targetId, targetId), eq(operations.kind, kind)))
    .orderBy(...orderBy(order))
    .limit(1);
  return row;
};

export const isOperationOpen = async (db: Db, id: string): Promise<boolean> => {
  const open = await db
    .select({ id: operations.id })
    .from(operations)
    .where(and(eq(operations.id, id), inArray(operations.state, OPEN)));
  return open.length > 0;
};

/** Ends the open operations that `by` takes the place of: of these kinds on the target, or all below a cluster. */
export const supersedeOperations = async (
  tx: Tx,
  by: OperationRow,
  scope: { kinds: readonly OperationKind[] } | { below: 'TARGET' | 'CLUSTER' },
  now: number,
): Promise<void> => {
  const which: SQL | undefined =
    'kinds' in scope
      ? and(eq(operations.targetId, by.targetId), inArray(operations.kind, [...scope.kinds]))
      : scope.below === 'CLUSTER'
        ? or(eq(operations.targetId, by.targetId), eq(operations.clusterId, by.targetId))
        : eq(operations.targetId, by.targetId);
  const ended = await tx.db
    .update(operations)
    .set({
      state: 'SUPERSEDED',
      finishedAt: now,
      problem: {
        code: 'CONFLICT',
        message: `Operation ${by.id} (${by.kind}) took the place of this one.`,
        retryable: false,
        whoMustAct: 'NOBODY',
        field: null,
        openstack: null,
        quota: null,
      },
    })
    .where(and(which, inArray(operations.state, OPEN)))
    .returning({ id: operations.id, clusterId: operations.clusterId, projectId: operations.projectId });
  for (const row of ended) tx.changes.push({ kind: 'OPERATION', ...row, what: 'CHANGED' });
};

/** Ends the open operations of this kind for good: what they were to do is not done any more, and the problem says why. */
export const callOffOperations = async (tx: Tx, targetId: string, kind: OperationKind, problem: Problem, now: number): Promise<void> => {
  const ended = await tx.db
    .update(operations)
    .set({ state: 'CANCELLED', finishedAt: now, problem })
    .where(and(eq(operations.targetId, targetId), eq(operations.kind, kind), inArray(operations.state, OPEN)))
    .returning({ id: operations.id, clusterId: operations.clusterId, projectId: operations.projectId });
  for (const row of ended) tx.changes.push({ kind: 'OPERATION', ...row, what: 'CHANGED' });
};

const MOST_PAST = 200;

/** The newest of a kind that have succeeded, whoever's they are: how long each took from the call to its end, in milliseconds. */
export const listPastOperations = async (db: Db, kind: OperationKind): Promise<PastOperation[]> => {
  const { projectId, requestedAt, finishedAt, state } = operations;
  const rows = await db
    .select({ projectId, requestedAt, finishedAt })
    .from(operations)
    // In the words of the index that holds these alone.
    .where(and(eq(operations.kind, kind), sql`${state} = 'SUCCEEDED'`))
    .orderBy(desc(finishedAt))
    .limit(MOST_PAST);
  return rows.flatMap((row) => (row.finishedAt === null ? [] : [{ projectId: row.projectId, tookMs: row.finishedAt - row.requestedAt }]));
};
