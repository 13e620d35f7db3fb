/** What hinders the parts of a whole: one statement, however many parts there are. */
import { and, asc, eq, isNull, ne, or, type SQL } from 'drizzle-orm';
import { type Condition, isTrouble } from '../domain/condition.ts';
import type { Db } from './open.ts';
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
