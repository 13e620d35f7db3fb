/** When Seedbed may next begin by itself what can be felt in a cluster, and what that will be. */
import { isByItself, nextPatch } from '../domain/autoUpgrade.ts';
import { Conflict, type Problem, SeedbedError } from '../domain/errors.ts';
import { hibernationOf } from '../domain/hibernation.ts';
import { pauseOf } from '../domain/pause.ts';
import { checkAutoUpgrade, listLate } from '../domain/upgradeCheck.ts';
import { nextOpening } from '../domain/weeklyWindow.ts';
import type { UpgradeFacts } from './upgradePlan.ts';

export interface NextMaintenance {
  /** In milliseconds since the epoch, and past while it is open; null: there is no window, so at any time. */
  opensAt: number | null;
  closesAt: number | null;
  /** The version that it, or what is left of its nodes, comes to then; null: nothing is to be done. */
  upgradeTo: string | null;
  /** What stands in the way of that; null: nothing. */
  problem: Problem | null;
}

/** null: there is neither a window nor anything to be done by itself. */
export const nextMaintenanceOf = (facts: UpgradeFacts): NextMaintenance | null => {
  const { cluster, now } = facts;
  if (cluster.deleteRequestedAt !== null) return null;
  const { windows } = cluster.spec.maintenance;
  const upgradeTo = versionOf(facts);
  const sleep = hibernationOf(cluster);
  if (sleep?.until === null) return upgradeTo === null ? null : { opensAt: null, closesAt: null, upgradeTo, problem: asleep(cluster.name) };
  // A pause and a hibernation go before: what opens meanwhile opens for nothing.
  const opening = nextOpening(windows, Math.max(now, pauseOf(cluster, now)?.until ?? 0, sleep?.until ?? 0));
  if (opening === null && upgradeTo === null) return null;
  return {
    opensAt: opening?.from ?? null,
    closesAt: opening?.to ?? null,
    upgradeTo,
    problem: upgradeTo === null ? null : problemOf(facts, upgradeTo),
  };
};

const asleep = (name: string): Problem =>
  new Conflict(
    'CONFLICT',
    `Cluster ${name} is hibernated without an end, and nothing is done by itself until it is woken (wakeCluster).`,
  ).toProblem();

const versionOf = (facts: UpgradeFacts): string | null => {
  const { cluster } = facts;
  const { kubernetesVersion } = cluster.spec;
  const underWay = isByItself(cluster) && (cluster.upgrade !== null || listLate(facts, kubernetesVersion).length > 0);
  return underWay ? kubernetesVersion : (nextPatch(cluster)?.version ?? null);
};

const problemOf = (facts: UpgradeFacts, version: string): Problem | null => {
  try {
    checkAutoUpgrade(facts, version);
    return null;
  } catch (error) {
    if (error instanceof SeedbedError) return error.toProblem();
    throw error;
  }
};
