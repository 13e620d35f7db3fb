/** What hinders the parts of a whole: one statement, however many parts there are. A retry forgets it. */
import { and, asc, eq, inArray, isNull, ne, or, type SQL } from 'drizzle-orm';
import { type Condition, isTrouble } from '../domain/condition.ts';
import type { Db, Tx } from './open.ts';
import { conditions, nodeGroups, nodes } from './tables.ts';

export interface Trouble {
  /** The part's. */
  name: string;
  removing: boolean;
  condition: Condition;
}

const MAYBE = or(eq(conditions.state, 'FAILED'), and(eq(conditions.state, 'WAITING'), ne(conditions.reason, 'Waiting')));

const troublesOf = async (db: Db, parts: typeof nodes | typeof nodeGroups, whole: SQL): Promise<Trouble[]> => {
  const rows = await db
    .select({ name: parts.name, deleteRequestedAt: parts.deleteRequestedAt, condition: conditions })
    .from(parts)
    .innerJoin(conditions, eq(conditions.objectId, parts.id))
    // What an earlier generation met says nothing of this one: a node that could not be made may well be removed.
    .where(and(whole, isNull(parts.deletedAt), eq(conditions.observedGeneration, parts.generation), MAYBE))
    .orderBy(asc(conditions.lastTransitionAt), asc(parts.name));
  return rows
    .filter((row) => isTrouble(row.condition))
    .map(({ name, deleteRequestedAt, condition }) => ({ name, removing: deleteRequestedAt !== null, condition }));
};

/** The longest first. */
export const listNodeTroubles = (db: Db, nodeGroupId: string): Promise<Trouble[]> =>
  troublesOf(db, nodes, eq(nodes.nodeGroupId, nodeGroupId));
export const listNodeGroupTroubles = (db: Db, clusterId: string): Promise<Trouble[]> =>
  troublesOf(db, nodeGroups, eq(nodeGroups.clusterId, clusterId));

/** Another try is asked for: what failed below, and may stand in a part's way no longer, must not fail the whole once more. */
export const forgetFailures = async (tx: Tx, below: { clusterId: string } | { nodeGroupId: string }, now: number): Promise<void> => {
  const inGroup = 'nodeGroupId' in below;
  const ofNodes = inGroup ? eq(nodes.nodeGroupId, below.nodeGroupId) : eq(nodes.clusterId, below.clusterId);
  const ofGroups = inGroup ? eq(nodeGroups.id, below.nodeGroupId) : eq(nodeGroups.clusterId, below.clusterId);
  const parts = (table: typeof nodes | typeof nodeGroups, where: SQL) =>
    inArray(
      conditions.objectId,
      tx.db
        .select({ id: table.id })
        .from(table)
        .where(and(where, isNull(table.deletedAt))),
    );
  await tx.db
    .update(conditions)
    .set({ state: 'PENDING', reason: 'NotYet', message: '', problem: null, attempts: 0, lastTransitionAt: now })
    .where(
      and(
        eq(conditions.state, 'FAILED'),
        or(parts(nodes, ofNodes), parts(nodeGroups, ofGroups), inGroup ? undefined : eq(conditions.objectId, below.clusterId)),
      ),
    );
  await tx.db
    .update(nodes)
    .set({ state: 'PENDING', updatedAt: now })
    .where(and(ofNodes, eq(nodes.state, 'FAILED'), isNull(nodes.deletedAt)));
};
