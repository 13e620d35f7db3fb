/** Maintenance: what Seedbed begins by itself that can be felt, and the windows in which it may. */
import type { WeeklyWindow } from './weeklyWindow.ts';

/** NONE: nothing is upgraded by itself. PATCH: to a newer patch release of the same minor one. */
export type AutoUpgradePolicy = 'NONE' | 'PATCH';

export interface MaintenanceSpec {
  /** None: it is open at any time. */
  windows: WeeklyWindow[];
  autoUpgrade: AutoUpgradePolicy;
}

export const DEFAULT_MAINTENANCE: MaintenanceSpec = { windows: [], autoUpgrade: 'NONE' };

/** What is waited for. */
export const sayOpening = (from: number): string => `the maintenance window that opens at ${new Date(from).toISOString().slice(0, 16)}Z`;
