/** Writes what a pass found: conditions, numbered events, operations. Always inside the pass's transaction. */
import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Condition, ObjectKind } from '../domain/condition.ts';
import type { Problem } from '../domain/errors.ts';
import type { ProgressEvent } from '../domain/event.ts';
import type { OperationState, OperationStep } from '../domain/operation.ts';
import type { Db, Tx } from './open.ts';
import { clusters, conditions, events, operations, seeds } from './tables.ts';

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

export const loadConditions = async (db: Db, objectId: string): Promise<Map<string, Condition>> => {
  const rows = await db.select().from(conditions).where(eq(conditions.objectId, objectId));
  return new Map(rows.map((row) => [row.name, row]));
};

/** Operations that the object's passes still carry out; a failed one is carried on, for its cause may go away. */
export const loadTrackedOperations = (db: Db, targetId: string): Promise<OperationRow[]> =>
  db
    .select()
    .from(operations)
    .where(and(eq(operations.targetId, targetId), inArray(operations.state, ['PENDING', 'RUNNING', 'FAILED'])));

export const saveCondition = async (tx: Tx, subject: Subject, condition: Condition): Promise<void> => {
  const { name, ...set } = condition;
  await tx.db
    .insert(conditions)
    .values({ ...condition, objectId: subject.id, objectKind: subject.kind })
    .onConflictDoUpdate({ target: [conditions.objectId, conditions.name], set });
};

export type NewEvent = Pick<
  ProgressEvent,
  'at' | 'step' | 'title' | 'state' | 'percent' | 'message' | 'problem' | 'operationId' | 'settled'
>;

/** Appends to the stream under its next number; the counter stands on the stream owner's row, so number order is commit order. */
export const appendEvent = async (tx: Tx, subject: Subject, event: NewEvent): Promise<ProgressEvent> => {
  const owner = subject.clusterId === null ? seeds : clusters;
  const [raised] = await tx.db
    .update(owner)
    .set({ eventNumber: sql`${owner.eventNumber} + 1` })
    .where(eq(owner.id, subject.streamId))
    .returning({ number: owner.eventNumber });
  if (raised === undefined) throw new Error(`No stream ${subject.streamId}.`);
  const row: ProgressEvent = {
    ...event,
    streamId: subject.streamId,
    number: raised.number,
    subjectKind: subject.kind,
    subjectId: subject.id,
    subjectName: subject.name,
  };
  await tx.db.insert(events).values(row);
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

export const updateOperation = async (tx: Tx, operation: OperationRow, patch: OperationPatch): Promise<void> => {
  await tx.db.update(operations).set(patch).where(eq(operations.id, operation.id));
  tx.changes.push({ kind: 'OPERATION', id: operation.id, clusterId: operation.clusterId, projectId: operation.projectId, what: 'CHANGED' });
};

export const deleteConditions = async (tx: Tx, objectId: string): Promise<void> => {
  await tx.db.delete(conditions).where(eq(conditions.objectId, objectId));
};
