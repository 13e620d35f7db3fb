/** The backup of an upgrade by itself may have taken longer than the window was open: its control plane moves in the next one then. */
import { begunAt } from '../../../domain/autoUpgrade.ts';
import { opensAt, sayOpening } from '../../../domain/maintenance.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import type { ClusterScope } from '../scope.ts';

const LOOK_MS = 60_000;

export const windowOpen: Step<ClusterScope> = {
  name: 'MaintenanceWindowOpen',
  title: 'Wait for the maintenance window',
  // Once parts of the control plane have moved the others follow.
  wanted: ({ row }) => row.upgrade?.backupId !== undefined && row.autoUpgrade?.takenOver === false,
  ensure: async ({ row, clock, patch }) => {
    const now = clock.now();
    const { maintenance } = row.spec;
    const from = opensAt(maintenance.windows, now);
    const { autoUpgrade } = row;
    // It may be the window after the one in which it was begun.
    if (from === null && autoUpgrade !== null && now >= (autoUpgrade.until ?? now + 1))
      await patch({ autoUpgrade: begunAt(autoUpgrade.version, maintenance, now) });
    return from === null ? done() : waiting(sayOpening(from), Math.min(from - now, LOOK_MS), 'NOBODY', 'OutsideWindow');
  },
};
