/** What is left to whoever has lost etcd: the newest backup that can be restored. */
import { isGood } from '../../domain/backupSchedule.ts';
import { listLiveBackups } from '../../store/backups.ts';
import type { ClusterScope } from './scope.ts';

/** Undefined when there is none. */
export const sayWayBack = async ({ db, row }: ClusterScope): Promise<string | undefined> => {
  const newest = (await listLiveBackups(db, row.id)).find((backup) => isGood(backup) && backup.deleteRequestedAt === null);
  if (newest?.snapshot == null) return undefined;
  const taken = new Date(newest.snapshot.takenAt).toISOString();
  return `call restoreCluster with backupId "${newest.id}": backup ${newest.name} was taken at ${taken}, and what was written since is lost`;
};
