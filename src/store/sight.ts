/** Which projects' rows a reader may see, as a condition that every list carries. */
import { eq, type SQL, sql } from 'drizzle-orm';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';
import { type Actor, may } from '../domain/actor.ts';
import type { Action } from '../domain/policy.ts';

export interface Sight {
  /** Every project. */
  all: boolean;
  /** The one project that is seen; null: none. */
  projectId: string | null;
}

/** What may be read of projects, each by a rule of its own. */
export type Reading = Extract<Action, 'readClusters' | 'readBackups' | 'readClusterTemplates' | 'readAddonBundles' | 'readUsage'>;

export const sightOf = (actor: Actor, reading: Reading): Sight => ({
  all: actor.rights[reading].all,
  projectId: may(actor, reading, { projectId: actor.projectId }) ? actor.projectId : null,
});

/** Nothing for who may read no project: an empty right never means "all". */
export const inSight = (column: SQLiteColumn, sight: Sight): SQL | undefined => {
  if (sight.all) return undefined;
  return sight.projectId === null ? sql`false` : eq(column, sight.projectId);
};
