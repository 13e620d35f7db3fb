/** What is left to whoever has lost etcd: the newest backup that can be restored. */
import { isGivenUp, type RestoreLoss, sayLoss } from '../../domain/backup.ts';
import { type BackupRow, listLiveBackups } from '../../store/backups.ts';
import type { Db } from '../../store/open.ts';
import type { ClusterRow } from '../../store/reconcile.ts';
import { readLoss } from '../../store/restores.ts';
import type { ClusterScope } from './scope.ts';

/** And what going back to it costs. Undefined when there is none. */
export const findWayBack = async (db: Db, row: ClusterRow, now: number): Promise<{ backup: BackupRow; loss: RestoreLoss } | undefined> => {
  const [backup] = (await listLiveBackups(db, row.id))
    .filter((one) => one.verifiedAt !== null && mayGoBackTo(row, one))
    .sort(youngestFirst);
  if (backup?.snapshot == null) return undefined;
  return { backup, loss: await readLoss(db, row, backup.snapshot, now) };
};

/** A younger one that is stored and still being tried. `than`: without it, any. */
export const findOnTrial = async (db: Db, row: ClusterRow, than: BackupRow | undefined): Promise<BackupRow | undefined> =>
  (await listLiveBackups(db, row.id))
    .filter((one) => one.verifiedAt === null && !isGivenUp(one.failures) && mayGoBackTo(row, one))
    .sort(youngestFirst)
    .find((one) => takenAt(one) > (than === undefined ? 0 : takenAt(than)));

/** What somebody has gone back behind, he did not want. */
const mayGoBackTo = ({ restore }: ClusterRow, one: BackupRow): boolean =>
  one.snapshot !== null &&
  one.loss === null &&
  one.deleteRequestedAt === null &&
  (restore?.asked === undefined || one.id === restore.backupId || takenAt(one) > restore.asked.at);

const takenAt = ({ snapshot }: BackupRow): number => snapshot?.takenAt ?? 0;
const youngestFirst = (a: BackupRow, b: BackupRow): number => takenAt(b) - takenAt(a);

/** Undefined when there is none. */
export const sayWayBack = async ({ db, row, clock }: ClusterScope): Promise<string | undefined> => {
  const way = await findWayBack(db, row, clock.now());
  if (way === undefined) return undefined;
  const taken = `${new Date(way.backup.snapshot?.takenAt ?? 0).toISOString().slice(0, 19)}Z`;
  return `call restoreCluster with backupId "${way.backup.id}": backup ${way.backup.name} was taken at ${taken}, and ${sayLoss(way.loss)} of the cluster would be lost`;
};
