/** Which projects' rows a reader may see, as a condition that every list carries. */
import { eq, type SQL, sql } from 'drizzle-orm';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';
import { type Actor, mayRead } from '../domain/actor.ts';

export interface Sight {
  /** Cloud admins see every project. */
  all: boolean;
  /** The one project that is seen; null: none. */
  projectId: string | null;
}

export const sightOf = (actor: Actor): Sight => ({ all: actor.isCloudAdmin, projectId: mayRead(actor) ? actor.projectId : null });

/** Nothing for who may read no project: an empty right never means "all". */
export const inSight = (column: SQLiteColumn, sight: Sight): SQL | undefined => {
  if (sight.all) return undefined;
  return sight.projectId === null ? sql`false` : eq(column, sight.projectId);
};
