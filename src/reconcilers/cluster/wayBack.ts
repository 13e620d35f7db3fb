/** What is left to whoever has lost etcd: the newest backup that can be restored. */
import { type RestoreLoss, sayLoss } from '../../domain/backup.ts';
import { isGood } from '../../domain/backupSchedule.ts';
import { type BackupRow, listLiveBackups } from '../../store/backups.ts';
import type { Db } from '../../store/open.ts';
import type { ClusterRow } from '../../store/reconcile.ts';
import { readLoss } from '../../store/restores.ts';
import type { ClusterScope } from './scope.ts';

/** And what going back to it costs. Undefined when there is none. */
export const findWayBack = async (db: Db, row: ClusterRow, now: number): Promise<{ backup: BackupRow; loss: RestoreLoss } | undefined> => {
  const backup = (await listLiveBackups(db, row.id)).find((one) => isGood(one) && one.loss === null && one.deleteRequestedAt === null);
  if (backup?.snapshot == null) return undefined;
  return { backup, loss: await readLoss(db, row, backup.snapshot, now) };
};

/** Undefined when there is none. */
export const sayWayBack = async ({ db, row, clock }: ClusterScope): Promise<string | undefined> => {
  const way = await findWayBack(db, row, clock.now());
  if (way === undefined) return undefined;
  const taken = `${new Date(way.backup.snapshot?.takenAt ?? 0).toISOString().slice(0, 19)}Z`;
  return `call restoreCluster with backupId "${way.backup.id}": backup ${way.backup.name} was taken at ${taken}, and ${sayLoss(way.loss)} of the cluster would be lost`;
};
