/** The backup that an upgrade begins with: written down in the transaction that asks for the upgrade. */
import { findBackup } from '../store/backups.ts';
import type { Tx } from '../store/open.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import type { Call, CommandDeps } from './call.ts';
import { checkStore, writeBackup } from './createBackup.ts';

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
  const { backup } = await writeBackup(deps, call, tx, row, { reason: 'BEFORE_UPGRADE', said: `before its upgrade to ${wanted}` });
  return { backupId: backup.id };
};
