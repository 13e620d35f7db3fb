/** Which projects' rows a reader may see, as a condition that every list carries. */
import { and, eq, exists, type SQL, sql } from 'drizzle-orm';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';
import { may, type Seer } from '../domain/actor.ts';
import type { Action } from '../domain/policy.ts';
import type { Db } from './open.ts';
import { clusters } from './tables.ts';

export interface Sight {
  /** Every project. */
  all: boolean;
  /** The one project that is seen; null: none. */
  projectId: string | null;
}

/** What may be read of projects, each by a rule of its own. */
export type Reading = Extract<
  Action,
  'readClusters' | 'readBackups' | 'readClusterTemplates' | 'readAddonBundles' | 'readUsage' | 'readAuditLog'
>;

export const sightOf = (actor: Seer, reading: Reading): Sight => ({
  all: actor.rights[reading].all,
  projectId: may(actor, reading, { projectId: actor.projectId }) ? actor.projectId : null,
});

/** Nothing for who may read no project: an empty right never means "all". */
export const inSight = (column: SQLiteColumn, sight: Sight): SQL | undefined => {
  if (sight.all) return undefined;
  return sight.projectId === null ? sql`false` : eq(column, sight.projectId);
};

/**
 * For what belongs to a cluster. It is asked in the statement that finds the row: what is not the caller's takes as many statements
 * as what is not there, so that nobody can tell the two apart by the time.
 */
export const inSightOfCluster = (db: Db, clusterId: SQLiteColumn, sight: Sight): SQL | undefined => {
  if (sight.all) return undefined;
  const seen = and(eq(clusters.id, clusterId), inSight(clusters.projectId, sight));
  return exists(db.select({ id: clusters.id }).from(clusters).where(seen));
};
