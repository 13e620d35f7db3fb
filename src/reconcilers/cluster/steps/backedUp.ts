/** An upgrade begins with a backup that can be restored: until there is one, all goes on at the version that runs. */
import { errorOf, UserError } from '../../../domain/errors.ts';
import { type Step, waiting } from '../../../engine/flow.ts';
import { findBackup } from '../../../store/backups.ts';
import { loadConditions } from '../../../store/progress.ts';
import { loadCluster, patchCluster } from '../../../store/reconcile.ts';
import type { ClusterScope } from '../scope.ts';
import { windowOpen } from './windowOpen.ts';

const WAY_OUT = 'or call upgradeCluster with skipBackup, or with the version that runs, which calls the upgrade off';

export const backedUp: Step<ClusterScope> = {
  name: 'BackedUpForUpgrade',
  title: 'Back up before the upgrade',
  usuallyMs: 120_000,
  late: 'CLOUD_ADMIN',
  needs: [windowOpen],
  wanted: ({ row }) => row.upgrade?.backupId !== undefined,
  ensure: async (scope) => {
    const { row, db } = scope;
    const backup = await findBackup(db, row.upgrade?.backupId ?? '');
    if (backup === undefined || backup.deleteRequestedAt !== null)
      throw new UserError(
        'CONFLICT',
        `The upgrade of cluster ${row.name} waits for a backup, which was deleted. Call upgradeCluster again for another one, ${WAY_OUT}.`,
        { whoMustAct: 'CUSTOMER' },
      );
    if (backup.state === 'READY' && backup.verifiedAt !== null) {
      await release(scope);
      // The pass that is under way has held all parts at the version that runs.
      return waiting('the upgrade to begin', 100);
    }
    const failed = [...(await loadConditions(db, backup.id)).values()].find(
      ({ state, problem }) => state === 'FAILED' && problem?.retryable === false,
    );
    if (failed?.problem == null) return waiting(`backup ${backup.name}, with which the upgrade begins`, 5_000);
    const message = `The upgrade of cluster ${row.name} waits for a backup. ${failed.problem.message} The upgrade goes on once there is one: mend that, ${WAY_OUT}.`;
    throw errorOf({ ...failed.problem, message });
  },
};

const release = async ({ row, write }: ClusterScope): Promise<void> => {
  await write(async (tx) => {
    const current = await loadCluster(tx.db, row.id);
    if (current?.upgrade == null || current.generation !== row.generation) return;
    const { backupId: _done, ...upgrade } = current.upgrade;
    await patchCluster(tx, row.id, { upgrade });
  });
};
