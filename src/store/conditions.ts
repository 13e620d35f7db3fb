/** Conditions of many objects at once, in the order of their flows. */
import { asc, inArray } from 'drizzle-orm';
import type { Db } from './open.ts';
import { conditions } from './tables.ts';

export type ConditionRow = typeof conditions.$inferSelect;

export const listConditionsByObjects = async (db: Db, objectIds: readonly string[]): Promise<Map<string, ConditionRow[]>> => {
  const rows = await db
    .select()
    .from(conditions)
    .where(inArray(conditions.objectId, [...objectIds]))
    .orderBy(asc(conditions.ordinal), asc(conditions.name));
  const lists = new Map<string, ConditionRow[]>(objectIds.map((id) => [id, []]));
  for (const row of rows) lists.get(row.objectId)?.push(row);
  return lists;
};
