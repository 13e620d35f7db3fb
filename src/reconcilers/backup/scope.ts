/** What the steps of a backup look at. */

import { STORE_SETTINGS } from '../../domain/backup.ts';
import { UserError } from '../../domain/errors.ts';
import { versionNow } from '../../domain/upgrade.ts';
import type { ObjectStore } from '../../objectStore/objectStore.ts';
import { type BackupRow, patchBackup } from '../../store/backups.ts';
import type { ClusterRow } from '../../store/reconcile.ts';
import { type ClusterScope, openClusterScope } from '../cluster/scope.ts';
import type { Write } from '../kind.ts';
import type { World } from '../world.ts';

export interface BackupScope {
  world: World;
  row: BackupRow;
  /** Of the cluster that it is of; what is changed through it is changed under the backup's lease. */
  cluster: ClusterScope;
  /** @throws UserError while the operator has set none up. */
  objects(): ObjectStore;
  patch(patch: Partial<BackupRow>): Promise<void>;
}

export const openBackupScope = (world: World, row: BackupRow, cluster: ClusterRow, write: Write): BackupScope => ({
  world,
  row,
  // An upgrade that begins with it has not begun: etcd and what is noted of it are of the version that runs.
  cluster: openClusterScope(world, { ...cluster, spec: { ...cluster.spec, kubernetesVersion: versionNow(cluster) } }, [], write),
  objects: () => {
    if (world.objects === null)
      throw new UserError(
        'SEED_REFUSED',
        `There is no object store for backups; have it again as it was when this backup was asked for: set ${STORE_SETTINGS}.`,
        { whoMustAct: 'CLOUD_ADMIN' },
      );
    return world.objects;
  },
  patch: async (patch) => {
    await write((tx) => patchBackup(tx, row.id, patch));
    Object.assign(row, patch);
  },
});
