/** Backups: what is stored of clusters' etcd, and what is still being stored. */
import { and, asc, desc, eq, inArray, isNull, lt, ne, or, sql } from 'drizzle-orm';
import { type BackupReason, type BackupState, backupNameOf } from '../domain/backup.ts';
import { inserter } from './insert.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db, Tx } from './open.ts';
import { type Order, type Page, readPage, readPages, type Slice } from './page.ts';
import { inSight, type Sight } from './sight.ts';
import { backups, clusters } from './tables.ts';

export type BackupRow = typeof backups.$inferSelect;

export const insertBackup = inserter(backups);

/** A backup that nothing has been done for yet, not yet written. */
export const newBackup = ({
  id,
  cluster,
  reason,
  createdBy,
  now,
}: {
  id: string;
  cluster: { id: string; projectId: string; name: string };
  reason: BackupReason;
  createdBy: string;
  now: number;
}): BackupRow => ({
  id,
  clusterId: cluster.id,
  projectId: cluster.projectId,
  name: backupNameOf(cluster.name, id, now),
  reason,
  state: 'PENDING',
  snapshot: null,
  verifiedAt: null,
  failures: null,
  checkedAt: null,
  loss: null,
  createdBy,
  generation: 1,
  observedGeneration: 0,
  deleteRequestedAt: null,
  deletedAt: null,
  createdAt: now,
  updatedAt: now,
});

const order: Order = { at: backups.createdAt, id: backups.id, newestFirst: true };

export interface BackupFilter {
  clusterId?: string | null;
  states?: readonly BackupState[] | null;
  reasons?: readonly BackupReason[] | null;
}

/** None that is gone. */
const isWanted = (filter: BackupFilter) =>
  and(
    isNull(backups.deletedAt),
    filter.clusterId == null ? undefined : eq(backups.clusterId, filter.clusterId),
    filter.states == null ? undefined : isOneOf(backups.state, filter.states),
    filter.reasons == null ? undefined : isOneOf(backups.reason, filter.reasons),
  );

/** Newest first; none that is gone. */
export const listBackupsByClusters = (
  db: Db,
  clusterIds: readonly string[],
  filter: BackupFilter,
  page: Page,
): Promise<Map<string, Slice<BackupRow>>> =>
  readPages(db, { table: backups, parent: 'clusterId', order, where: isWanted(filter) }, clusterIds, page);

/** Of all clusters that are seen, those that are gone included; newest first. */
export const listBackups = async (db: Db, sight: Sight, filter: BackupFilter, page: Page): Promise<Slice<BackupRow>> => {
  const where = and(isWanted(filter), inSight(backups.projectId, sight));
  return readPage(db, { table: backups, order, where }, page);
};

/** By id; deleted ones too, since their operations can still be asked for. */
export const loadBackups = (db: Db, sight: Sight, ids: readonly string[]): Promise<BackupRow[]> =>
  db
    .select()
    .from(backups)
    .where(and(isOneOf(backups.id, ids), inSight(backups.projectId, sight)));

export const findBackup = async (db: Db, id: string): Promise<BackupRow | undefined> =>
  (await db.select().from(backups).where(eq(backups.id, id)))[0];

/** A living cluster that is to have what the backup has, and does not yet. */
export const findRestoring = async (
  db: Db,
  backupId: string,
): Promise<Pick<typeof clusters.$inferSelect, 'name' | 'clone'> | undefined> => {
  const from = sql`json_extract(${clusters.restore}, '$.backupId') = ${backupId} and json_extract(${clusters.restore}, '$.phase') <> 'DONE'`;
  const query = db.select({ name: clusters.name, clone: clusters.clone }).from(clusters);
  return (await query.where(and(from, isNull(clusters.deleteRequestedAt))).limit(1))[0];
};

/** Live ones of a cluster, newest first. */
export const listLiveBackups = (db: Db, clusterId: string): Promise<BackupRow[]> =>
  db
    .select()
    .from(backups)
    .where(and(eq(backups.clusterId, clusterId), isNull(backups.deletedAt)))
    .orderBy(desc(backups.createdAt), desc(backups.id));

/** Of a cluster, and of all clusters of its project, those that are gone included. */
export const countLiveBackups = async (db: Db, clusterId: string, projectId: string): Promise<{ ofCluster: number; ofProject: number }> => {
  const live = and(eq(backups.projectId, projectId), isNull(backups.deletedAt));
  return {
    ofCluster: await db.$count(backups, and(live, eq(backups.clusterId, clusterId))),
    ofProject: await db.$count(backups, live),
  };
};

/** The one of the same cluster that is at work or comes before it. */
export const findBackupBefore = async (db: Db, { id, clusterId, createdAt }: BackupRow): Promise<BackupRow | undefined> =>
  (
    await db
      .select()
      .from(backups)
      .where(
        and(
          eq(backups.clusterId, clusterId),
          ne(backups.id, id),
          isNull(backups.deletedAt),
          isNull(backups.deleteRequestedAt),
          inArray(backups.state, ['PENDING', 'CREATING']),
          or(lt(backups.createdAt, createdAt), and(eq(backups.createdAt, createdAt), lt(backups.id, id))),
        ),
      )
      .orderBy(asc(backups.createdAt))
      .limit(1)
  )[0];

export const patchBackup = async (tx: Tx, id: string, patch: Partial<typeof backups.$inferInsert>): Promise<void> => {
  await tx.db.update(backups).set(patch).where(eq(backups.id, id));
};

/** Marks backups for removal; their own flows do it. */
export const requestDeletionOfBackups = async (tx: Tx, ids: readonly string[], now: number): Promise<void> => {
  if (ids.length > 0)
    await tx.db
      .update(backups)
      .set({ deleteRequestedAt: now, state: 'DELETING', generation: sql`${backups.generation} + 1`, updatedAt: now })
      .where(and(isOneOf(backups.id, ids), isNull(backups.deleteRequestedAt)));
};
