/** A cluster whose etcd is gone goes back to its newest backup by itself, where its settings say so: written down as if somebody had asked for it. */
import { AUTO_RESTORE, autoRestoreTurn } from '../../domain/autoRestore.ts';
import { sayLoss } from '../../domain/backup.ts';
import { NotYet } from '../../engine/flow.ts';
import { newId } from '../../lib/ids.ts';
import type { Tx } from '../../store/open.ts';
import { type ClusterRow, countWithoutQuorum, loadCluster, patchCluster } from '../../store/reconcile.ts';
import { writeRestore } from '../../store/restores.ts';
import type { ClusterScope } from './scope.ts';
import { findOnTrial, findWayBack } from './wayBack.ts';

/** So long the seed says the same at each look before anything is done about it: somebody may be in the middle of putting volumes in their place. */
const SURE_MS = 30_000;
/** For so long a younger backup is waited for that is still being tried. */
const TRIAL_MS = 15 * 60_000;

/**
 * `goneSince`: since when. `lost`: what is gone, as the beginning of a sentence. Returns when it is not to be, or not now.
 * @throws NotYet once it is asked for.
 */
export const restoreByItself = async (scope: ClusterScope, goneSince: number, lost: string): Promise<void> => {
  const { row, world } = scope;
  const now = scope.clock.now();
  if (world.objects === null || autoRestoreTurn(row, now) !== 'NOW' || (await isSeedWide(scope))) return;
  const way = await findWayBack(scope.db, row, now);
  const tried = now - goneSince < TRIAL_MS ? await findOnTrial(scope.db, row, way?.backup) : undefined;
  if (tried !== undefined) throw new NotYet(`backup ${tried.name} to be started on trial, before it is restored`, LOOK_MS);
  if (way === undefined) return;
  if (now - goneSince < SURE_MS) throw new NotYet('more looks at the volumes of etcd, before a backup is restored', LOOK_MS);
  const begun = await scope.write(async (tx) => {
    const live = await loadCluster(tx.db, row.id);
    // Something else has been asked for since the pass began, which the next one looks at.
    if (live === undefined || live.generation !== row.generation || autoRestoreTurn(live, now) !== 'NOW') return false;
    return write(tx, live, lost, now);
  });
  if (begun) throw new NotYet('the restore to begin', 100);
};

const LOOK_MS = 10_000;

/** Other clusters of the seed have lost theirs, too: that is hardly the fault of each, and people should look first. */
const isSeedWide = async ({ db, row }: ClusterScope): Promise<boolean> =>
  row.seedId !== null && (await countWithoutQuorum(db, row.seedId, row.id)) > 0;

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
