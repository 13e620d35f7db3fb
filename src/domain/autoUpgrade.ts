/** Upgrades that Seedbed begins by itself, as maintenance.autoUpgrade says: to the newest patch release of the minor one that runs. */
import type { MaintenanceSpec } from './maintenance.ts';
import { isUpgrading, listTargets, runningVersionOf, type Versioned } from './upgrade.ts';
import { parseVersion, type Release } from './version.ts';
import { nextOpening } from './weeklyWindow.ts';

export interface AutoUpgrade {
  version: string;
  /** When it was begun, in milliseconds since the epoch. */
  at: number;
  /** The end of the window in which it was begun, or went on last: no node is replaced after it. null: it was open at any time. */
  until: number | null;
  /** By somebody who wanted it at once, or not at all: it waits for no window any more, and is not begun again. */
  takenOver: boolean;
}

export const AUTO_UPGRADE = 'auto-upgrade';

interface Maintained extends Versioned {
  spec: Versioned['spec'] & { maintenance: MaintenanceSpec };
  autoUpgrade: AutoUpgrade | null;
}

/** What is left of an upgrade by itself is still Seedbed's own doing, and has to wait while no window is open. */
export const isByItself = ({ autoUpgrade, spec }: Pick<Maintained, 'autoUpgrade' | 'spec'>): boolean =>
  autoUpgrade !== null && !autoUpgrade.takenOver && autoUpgrade.version === spec.kubernetesVersion;

/** When nodes are replaced that it has not reached while its window was open, in milliseconds since the epoch; null: now, or there is none. */
export const goesOnAt = (cluster: Pick<Maintained, 'autoUpgrade' | 'spec'>, now: number): number | null => {
  const opening = nextOpening(cluster.spec.maintenance.windows, now);
  if (opening === null || !isByItself(cluster)) return null;
  const until = cluster.autoUpgrade?.until ?? Number.POSITIVE_INFINITY;
  // What goes on in the next window is begun anew, with an operation of its own.
  return now >= until || opening.from > now ? opening.from : null;
};

/** What is noted of one that begins, or goes on. */
export const begunAt = (version: string, { windows }: MaintenanceSpec, now: number): AutoUpgrade => ({
  version,
  at: now,
  until: nextOpening(windows, now)?.to ?? null,
  takenOver: false,
});

/** The release that it is to be upgraded to by itself, whatever stands in the way; undefined: none, or it is on its way already. */
export const nextPatch = (cluster: Maintained): Release | undefined => {
  if (cluster.spec.maintenance.autoUpgrade === 'NONE' || isUpgrading(cluster)) return undefined;
  const running = runningVersionOf(cluster);
  const minor = parseVersion(running ?? '')?.minor;
  if (running === null || minor === undefined) return undefined;
  const newest = listTargets(running, running).find(({ version }) => parseVersion(version)?.minor === minor);
  const { autoUpgrade } = cluster;
  return autoUpgrade?.takenOver === true && autoUpgrade.version === newest?.version ? undefined : newest;
};
