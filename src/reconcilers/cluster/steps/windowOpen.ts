/** The backup of an upgrade by itself may have taken longer than the window was open: its control plane moves in the next one then. */
import { begunAt } from '../../../domain/autoUpgrade.ts';
import { sayOpening } from '../../../domain/maintenance.ts';
import { opensAt } from '../../../domain/weeklyWindow.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { loadCluster, patchCluster } from '../../../store/reconcile.ts';
import type { ClusterScope } from '../scope.ts';

const LOOK_MS = 60_000;

export const windowOpen: Step<ClusterScope> = {
  name: 'MaintenanceWindowOpen',
  title: 'Wait for the maintenance window',
  // Once parts of the control plane have moved the others follow.
  wanted: ({ row }) => row.upgrade?.backupId !== undefined && row.autoUpgrade?.takenOver === false,
  ensure: async (scope) => {
    const { row, clock } = scope;
    const now = clock.now();
    const { maintenance } = row.spec;
    const from = opensAt(maintenance.windows, now);
    const { autoUpgrade } = row;
    // It may be the window after the one in which it was begun.
    if (from === null && autoUpgrade !== null && now >= (autoUpgrade.until ?? now + 1)) {
      const next = begunAt(autoUpgrade.version, maintenance, now);
      await scope.write(async (tx) => {
        // The customer may have taken it over since the pass began.
        if ((await loadCluster(tx.db, row.id))?.generation === row.generation) await patchCluster(tx, row.id, { autoUpgrade: next });
      });
      Object.assign(row, { autoUpgrade: next });
    }
    return from === null ? done() : waiting(sayOpening(from), Math.min(from - now, LOOK_MS), 'NOBODY', 'OutsideWindow');
  },
};
