/** Upgrades of clusters, as they are written down whoever begins them: the backup before, the wish, and the operation that carries it out. */
import type { AutoUpgrade } from '../domain/autoUpgrade.ts';
import { mergeChanges } from '../domain/template.ts';
import { upgradeTo } from '../domain/upgrade.ts';
import { type BackupRow, findBackup } from './backups.ts';
import { announceBegun, type Beginner, operationOf, writeBackup } from './begun.ts';
import type { Looking, Tx } from './open.ts';
import { supersedeOperations } from './operations.ts';
import type { OperationRow, Subject } from './progress.ts';
import { type ClusterRow, changed, followControlPlane, patchCluster } from './reconcile.ts';
import { wakeNodeGroups, wakeNow } from './wake.ts';

export interface UpgradeWish {
  /** What the control plane runs, and what it is to run. */
  running: string;
  version: string;
  /** See `Upgrade`. */
  controlPlaneOnly: boolean;
  /** What it waits for, as `backupBeforeUpgrade` says. */
  backup: { backupId?: string };
  autoUpgrade: AutoUpgrade | null;
  /** Ids of node groups whose nodes are brought to the version although the control plane is there already. */
  late: readonly string[];
  /** A sentence for people. */
  message: string;
}

/** The operation that carries it out; another upgrade that is under way ends with it. */
export const writeUpgrade = async (tx: Tx, by: Beginner, row: ClusterRow, wish: UpgradeWish): Promise<OperationRow> => {
  const { running, version: kubernetesVersion, controlPlaneOnly, backup, autoUpgrade, late, message } = wish;
  const change = {
    spec: { ...row.spec, kubernetesVersion },
    overrides: mergeChanges(row.overrides, { kubernetesVersion }),
    ...upgradeTo(row, running, { controlPlaneOnly, ...backup }),
    autoUpgrade,
    generation: row.generation + 1,
    updatedAt: by.now,
    ...(row.state === 'READY' && { state: 'UPDATING' as const }),
  };
  await patchCluster(tx, row.id, change);
  await followControlPlane(tx, late);
  if (late.length > 0) await wakeNodeGroups(tx, row.id, by.now, false);
  const { id, name, projectId } = row;
  const subject: Subject = { kind: 'CLUSTER', id, name, streamId: id, clusterId: id, projectId };
  const operation = operationOf(by, subject, 'UPGRADE_CLUSTER', change.generation);
  await supersedeOperations(tx, operation, { kinds: ['UPGRADE_CLUSTER'] }, by.now);
  await announceBegun(tx, subject, operation, change.state ?? row.state, message);
  tx.changes.push(changed('CLUSTER', row, id, projectId));
  await wakeNow(tx, 'CLUSTER', id, by.now);
  return operation;
};

/** Not where backups are not enabled, on the way back, and once parts of the control plane have moved. */
export const beginsWithBackup = ({ spec, upgrade }: ClusterRow, { running, wanted }: { running: string; wanted: string }): boolean => {
  if (!spec.backup.enabled || wanted === running) return false;
  return upgrade === null || upgrade.backupId !== undefined || spec.kubernetesVersion === running;
};

/** What an upgrade under way waits for already. One that came to nothing is followed by another. */
export const findBackupAsked = async ({ db }: Looking, { upgrade }: ClusterRow): Promise<BackupRow | undefined> => {
  const asked = upgrade?.backupId === undefined ? undefined : await findBackup(db, upgrade.backupId);
  return asked === undefined || asked.deleteRequestedAt !== null || ['FAILED', 'LOST'].includes(asked.state) ? undefined : asked;
};

/**
 * The backup that an upgrade begins with: none where backups are not enabled, on the way back, and once parts of the control plane have moved.
 * `checkStore` throws where there is nowhere to put one. @throws as writeBackup does.
 */
export const backupBeforeUpgrade = async (
  tx: Tx,
  by: Beginner,
  row: ClusterRow,
  { running, wanted, checkStore }: { running: string; wanted: string; checkStore(): void },
): Promise<{ backupId?: string }> => {
  if (!beginsWithBackup(row, { running, wanted })) return {};
  checkStore();
  const asked = await findBackupAsked(tx, row);
  if (asked !== undefined) return { backupId: asked.id };
  const { backup } = await writeBackup(tx, by, row, { reason: 'BEFORE_UPGRADE', said: `before its upgrade to ${wanted}` });
  return { backupId: backup.id };
};
