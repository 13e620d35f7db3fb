/** A cluster whose etcd is gone goes back to its newest backup by itself, where its settings say so: written down as if somebody had asked for it. */
import { AUTO_RESTORE, autoRestoreTurn } from '../../domain/autoRestore.ts';
import { sayLoss } from '../../domain/backup.ts';
import type { QuorumMissing } from '../../domain/etcdQuorum.ts';
import { NotYet } from '../../engine/flow.ts';
import { newId } from '../../lib/ids.ts';
import type { Tx } from '../../store/open.ts';
import { type ClusterRow, loadCluster, patchCluster } from '../../store/reconcile.ts';
import { writeRestore } from '../../store/restores.ts';
import type { ClusterScope } from './scope.ts';
import { findWayBack } from './wayBack.ts';

/** The seed is asked twice before anything is done about it. */
const SURE_MS = 5_000;

/**
 * `lost`: what is gone, as the beginning of a sentence. Returns when it is not to be, or not now.
 * @throws NotYet once it is asked for.
 */
export const restoreByItself = async (scope: ClusterScope, missing: QuorumMissing, lost: string): Promise<void> => {
  const { row, world } = scope;
  const now = scope.clock.now();
  if (world.objects === null || autoRestoreTurn(row, now) !== 'NOW' || (await findWayBack(scope.db, row, now)) === undefined) return;
  if (now - missing.since < SURE_MS) throw new NotYet('another look at the volumes of etcd, before a backup is restored', SURE_MS);
  const begun = await scope.write(async (tx) => {
    const live = await loadCluster(tx.db, row.id);
    // Something else has been asked for since the pass began, which the next one looks at.
    if (live === undefined || live.generation !== row.generation || autoRestoreTurn(live, now) !== 'NOW') return false;
    return write(tx, live, lost, now);
  });
  if (begun) throw new NotYet('the restore to begin', 100);
};

/** False: there is no backup any more. */
const write = async (tx: Tx, row: ClusterRow, lost: string, now: number): Promise<boolean> => {
  const way = await findWayBack(tx.db, row, now);
  if (way === undefined) return false;
  const { backup, loss } = way;
  const reason = `${lost}, and backup.autoRestore of cluster ${row.name} is set.`;
  const message = `Cluster ${row.name} goes back to backup ${backup.name} by itself, as its backup.autoRestore says, and loses ${sayLoss(loss)}: ${lost}.`;
  await writeRestore(tx, { newId, now, requestedBy: AUTO_RESTORE, reason }, row, { backupId: backup.id, loss, message });
  await patchCluster(tx, row.id, { autoRestoredAt: now });
  return true;
};

/** What is to be known where it would be restored by itself and was not long ago; or nothing. */
export const sayRest = ({ row, clock }: ClusterScope): string => {
  if (row.autoRestoredAt === null || autoRestoreTurn(row, clock.now()) !== 'REST') return '';
  return ` It was restored by itself at ${new Date(row.autoRestoredAt).toISOString().slice(0, 19)}Z, and is not again within a day of it: find out first why its volumes go.`;
};
