/** Writes what a pass found: conditions, numbered events, operations. Always inside the pass's transaction. */
import { and, desc, eq, inArray, or, sql } from 'drizzle-orm';
import type { Condition, ObjectKind } from '../domain/condition.ts';
import type { Problem } from '../domain/errors.ts';
import type { ProgressEvent } from '../domain/event.ts';
import type { OperationState, OperationStep } from '../domain/operation.ts';
import { insertEvent } from './events.ts';
import { inserter } from './insert.ts';
import type { Db, Tx } from './open.ts';
import { perConnection } from './prepared.ts';
import { clusters, conditions, operations, seeds } from './tables.ts';

/** The object that a report is about, and the stream its events go to: its cluster's or its seed's. */
export interface Subject {
  kind: ObjectKind;
  id: string;
  name: string;
  streamId: string;
  clusterId: string | null;
  projectId: string | null;
}

export type OperationRow = typeof operations.$inferSelect;

const conditionsOf = perConnection((db) =>
  db
    .select()
    .from(conditions)
    .where(eq(conditions.objectId, sql.placeholder('id')))
    .prepare(),
);

export const loadConditions = async (db: Db, objectId: string): Promise<Map<string, Condition>> => {
  const rows = await conditionsOf(db).execute({ id: objectId });
  return new Map(rows.map((row) => [row.name, row]));
};

const TRACKED: OperationState[] = ['PENDING', 'RUNNING', 'FAILED'];

const trackedOf = perConnection((db) =>
  db
    .select()
    .from(operations)
    .where(and(eq(operations.targetId, sql.placeholder('id')), inArray(operations.state, TRACKED)))
    .prepare(),
);

/** Operations that the object's passes still carry out; a failed one is carried on, for its cause may go away. */
export const loadTrackedOperations = async (db: Db, targetId: string): Promise<OperationRow[]> => trackedOf(db).execute({ id: targetId });

const askedOf = perConnection((db) =>
  db
    .select({ targetId: operations.targetId, state: operations.state, requestId: operations.requestId })
    .from(operations)
    .where(
      and(
        or(
          eq(operations.targetId, sql.placeholder('id')),
          eq(operations.targetId, sql.placeholder('part')),
          eq(operations.targetId, sql.placeholder('whole')),
        ),
        inArray(operations.state, TRACKED),
      ),
    )
    .orderBy(desc(operations.requestedAt))
    .prepare(),
);

/**
 * OpenStack's id of the request that the object is worked on for: of its own newest tracked operation, or else of the newest that is
 * under way at what it is a part of, the nearest first. Null: there is none, or nobody's request asked for it.
 */
export const loadRequestId = async (db: Db, id: string, [part = id, whole = id]: readonly string[]): Promise<string | null> => {
  const rows = await askedOf(db).execute({ id, part, whole });
  const isMeant = (of: string) => (row: (typeof rows)[number]) => row.targetId === of && (of === id || row.state !== 'FAILED');
  const found = [id, part, whole].map((of) => rows.find(isMeant(of))).find((row) => row !== undefined);
  return found?.requestId ?? null;
};

const insertCondition = inserter(conditions);
const changeCondition = perConnection((db) =>
  db
    .update(conditions)
    .set({
      title: sql`${sql.placeholder('title')}`,
      status: sql`${sql.placeholder('status')}`,
      state: sql`${sql.placeholder('state')}`,
      reason: sql`${sql.placeholder('reason')}`,
      message: sql`${sql.placeholder('message')}`,
      problem: sql`${sql.placeholder('problem')}`,
      waitingFor: sql`${sql.placeholder('waitingFor')}`,
      observedGeneration: sql`${sql.placeholder('observedGeneration')}`,
      lastTransitionAt: sql`${sql.placeholder('lastTransitionAt')}`,
      attempts: sql`${sql.placeholder('attempts')}`,
    })
    .where(and(eq(conditions.objectId, sql.placeholder('objectId')), eq(conditions.name, sql.placeholder('name'))))
    .prepare(),
);

/** `known`: whether the object has a condition of this name already. */
export const saveCondition = async (tx: Tx, subject: Subject, condition: Condition, known: boolean): Promise<void> => {
  if (!known) return insertCondition(tx, { ...condition, objectId: subject.id, objectKind: subject.kind });
  const text = (value: object | null) => (value === null ? null : JSON.stringify(value));
  await changeCondition(tx.db).execute({
    ...condition,
    objectId: subject.id,
    problem: text(condition.problem),
    waitingFor: text(condition.waitingFor),
  });
};

export type NewEvent = Pick<
  ProgressEvent,
  'at' | 'step' | 'title' | 'state' | 'percent' | 'message' | 'problem' | 'operationId' | 'settled'
> &
  Partial<Pick<ProgressEvent, 'requestId'>>;

const raiseOf = (owner: typeof seeds | typeof clusters) =>
  perConnection((db) =>
    db
      .update(owner)
      .set({ eventNumber: sql`${owner.eventNumber} + 1` })
      .where(eq(owner.id, sql.placeholder('id')))
      .returning({ number: owner.eventNumber })
      .prepare(),
  );
const raiseSeed = raiseOf(seeds);
const raiseCluster = raiseOf(clusters);

/** Appends to the stream under its next number; the counter stands on the stream owner's row, so number order is commit order. */
export const appendEvent = async (tx: Tx, subject: Subject, event: NewEvent): Promise<ProgressEvent> => {
  const raise = subject.clusterId === null ? raiseSeed : raiseCluster;
  const [raised] = await raise(tx.db).execute({ id: subject.streamId });
  if (raised === undefined) throw new Error(`No stream ${subject.streamId}.`);
  const row: ProgressEvent = {
    ...event,
    requestId: event.requestId ?? null,
    streamId: subject.streamId,
    number: raised.number,
    subjectKind: subject.kind,
    subjectId: subject.id,
    subjectName: subject.name,
  };
  await insertEvent(tx, row);
  tx.events.push(row);
  return row;
};

export interface OperationPatch {
  state: OperationState;
  percent: number;
  steps: OperationStep[];
  problem: Problem | null;
  finishedAt: number | null;
}

const changeOperation = perConnection((db) =>
  db
    .update(operations)
    .set({
      state: sql`${sql.placeholder('state')}`,
      percent: sql`${sql.placeholder('percent')}`,
      steps: sql`${sql.placeholder('steps')}`,
      problem: sql`${sql.placeholder('problem')}`,
      finishedAt: sql`${sql.placeholder('finishedAt')}`,
    })
    .where(and(eq(operations.id, sql.placeholder('id')), inArray(operations.state, TRACKED)))
    .returning({ id: operations.id })
    .prepare(),
);

/** What was superseded, or is over, stays so: a pass that began before does not know of it. */
export const updateOperation = async (tx: Tx, operation: OperationRow, patch: OperationPatch): Promise<void> => {
  const { id, clusterId, projectId } = operation;
  const { state, percent, finishedAt } = patch;
  const steps = JSON.stringify(patch.steps);
  const problem = patch.problem === null ? null : JSON.stringify(patch.problem);
  const written = await changeOperation(tx.db).execute({ id, state, percent, steps, problem, finishedAt });
  if (written.length > 0) tx.changes.push({ kind: 'OPERATION', id, clusterId, projectId, what: 'CHANGED' });
};
