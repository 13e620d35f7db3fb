/** Conditions of many objects at once, in the order of their flows. */
import { and, asc, eq, isNull, ne } from 'drizzle-orm';
import { isOneOf } from './isOneOf.ts';
import type { Db } from './open.ts';
import { conditions, nodeGroups } from './tables.ts';

export type ConditionRow = typeof conditions.$inferSelect;

export const listConditionsByObjects = async (db: Db, objectIds: readonly string[]): Promise<Map<string, ConditionRow[]>> => {
  const rows = await db
    .select()
    .from(conditions)
    .where(isOneOf(conditions.objectId, objectIds))
    .orderBy(asc(conditions.ordinal), asc(conditions.name));
  const lists = new Map<string, ConditionRow[]>(objectIds.map((id) => [id, []]));
  for (const row of rows) lists.get(row.objectId)?.push(row);
  return lists;
};

/** The condition of this name of each live node group of the clusters, where its step is wanted. */
export const listGroupConditions = async (
  db: Db,
  clusterIds: readonly string[],
  name: string,
): Promise<Map<string, { group: string; condition: ConditionRow }[]>> => {
  const rows = await db
    .select({ clusterId: nodeGroups.clusterId, group: nodeGroups.name, condition: conditions })
    .from(nodeGroups)
    .innerJoin(conditions, eq(conditions.objectId, nodeGroups.id))
    .where(
      and(
        isOneOf(nodeGroups.clusterId, clusterIds),
        isNull(nodeGroups.deletedAt),
        eq(conditions.name, name),
        ne(conditions.state, 'REMOVED'),
      ),
    );
  const lists = new Map<string, { group: string; condition: ConditionRow }[]>();
  for (const { clusterId, ...row } of rows) lists.set(clusterId, [...(lists.get(clusterId) ?? []), row]);
  return lists;
};
