/** When a cluster that has lost its etcd goes back to a backup by itself. */
import type { ClusterClone, ClusterRestore } from './backup.ts';
import type { BackupSpec } from './backupSchedule.ts';
import { type ControlPlaneMove, isMoving } from './controlPlaneMove.ts';
import { type Hibernating, isHibernating, isWaking } from './hibernation.ts';
import { type ClusterPause, pauseOf } from './pause.ts';

/** Who has asked for such a restore. */
export const AUTO_RESTORE = 'auto-restore';

/** Who loses its volumes again within it has a trouble that a restore does not end. */
const REST_MS = 24 * 3_600_000;

export interface AutoRestorable extends Hibernating {
  spec: { backup: Pick<BackupSpec, 'autoRestore'> };
  deleteRequestedAt: number | null;
  pause: ClusterPause | null;
  move: ControlPlaneMove | null;
  restore: ClusterRestore | null;
  clone: ClusterClone | null;
  autoRestoredAt: number | null;
}

/** REST: it was within the last day. BUSY: something else is under way, or it is not to be touched. OFF: its settings do not want it. */
export type AutoRestoreTurn = 'NOW' | 'REST' | 'BUSY' | 'OFF';

export const autoRestoreTurn = (row: AutoRestorable, now: number): AutoRestoreTurn => {
  if (!row.spec.backup.autoRestore) return 'OFF';
  const restoring = row.restore !== null && row.restore.phase !== 'DONE';
  const away = isMoving(row.move) || isHibernating(row) || isWaking(row);
  const held = row.deleteRequestedAt !== null || pauseOf(row, now) !== null;
  if (restoring || away || held || row.clone?.separated === false) return 'BUSY';
  return row.autoRestoredAt !== null && now - row.autoRestoredAt < REST_MS ? 'REST' : 'NOW';
};
