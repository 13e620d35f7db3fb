/** The backup that an upgrade begins with: written down in the transaction that asks for the upgrade. */
import { checkRoomForBackup } from '../domain/backup.ts';
import { countLiveBackups, findBackup, insertBackup, newBackup } from '../store/backups.ts';
import type { Tx } from '../store/open.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import { announce, backupSubject, newOperation } from './announce.ts';
import type { Call, CommandDeps } from './call.ts';
import { checkStore } from './createBackup.ts';

/** `running`: what the control plane runs. None where backups are not enabled, on the way back, and once parts of the control plane have moved. */
export const backupBeforeUpgrade = async (
  deps: CommandDeps,
  call: Call,
  tx: Tx,
  row: ClusterRow,
  { running, wanted }: { running: string; wanted: string },
): Promise<{ backupId?: string }> => {
  if (!row.spec.backup.enabled || wanted === running) return {};
  const { upgrade } = row;
  if (upgrade !== null && upgrade.backupId === undefined && row.spec.kubernetesVersion !== running) return {};
  checkStore(deps);
  const asked = upgrade?.backupId === undefined ? undefined : await findBackup(tx.db, upgrade.backupId);
  // One that came to nothing is followed by another.
  if (asked !== undefined && asked.deleteRequestedAt === null && !['FAILED', 'LOST'].includes(asked.state)) return { backupId: asked.id };
  checkRoomForBackup(await countLiveBackups(tx.db, row.id, row.projectId), row.name, ['clusterId']);
  const now = deps.clock.now();
  const backup = newBackup({ id: deps.newId(), cluster: row, reason: 'BEFORE_UPGRADE', createdBy: call.actor.userName, now });
  await insertBackup(tx, backup);
  const operation = newOperation(deps, call, 'CREATE_BACKUP', backupSubject(backup), backup.generation);
  const message = `Backup ${backup.name} of cluster ${row.name} begins, before its upgrade to ${wanted}.`;
  await announce(tx, backupSubject(backup), operation, backup.state, message, 'CREATED');
  await wakeNow(tx, 'BACKUP', backup.id, now);
  return { backupId: backup.id };
};
