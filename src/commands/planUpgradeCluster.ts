/** What upgradeCluster would restart and replace; versions of single components are in `upgradeTargets`. */

import { workersDemand } from '../domain/demand.ts';
import { backupObjects, notedObjects, workerObjects } from '../domain/plannedObjects.ts';
import { sumOf } from '../domain/quota.ts';
import { GROUPS_AT_ONCE } from '../domain/roll.ts';
import { checkUpgrade, getRunningVersion } from '../domain/upgradeCheck.ts';
import { rollLimitsOf } from '../domain/upgradeStrategy.ts';
import { findRelease } from '../domain/version.ts';
import { checkNewBackup } from '../store/begun.ts';
import { type InventoryRow, listClusterInventory } from '../store/inventory.ts';
import type { NodeGroupRow, NodeRow } from '../store/reconcile.ts';
import { beginsWithBackup, findBackupAsked } from '../store/upgrades.ts';
import { checkMayChange } from './clusterCommand.ts';
import { checkStore } from './createBackup.ts';
import { ownInput, parseInput } from './parse.ts';
import { add, planCommand } from './planFrame.ts';
import { planPods } from './planUpdateCluster.ts';
import { machineSize } from './quotaChecks.ts';
import { getCluster } from './targets.ts';
import { readUpgradeFacts, upgradeInput } from './upgradeCluster.ts';
import { nodesBehind, targetOf } from './upgradePlan.ts';

export const planUpgradeCluster = planCommand('UPGRADE_CLUSTER', async (deps, call, raw, sketch) => {
  const { clusterId, version, controlPlaneOnly = false, skipBackup = false } = parseInput(upgradeInput, ownInput(raw));
  const { plan } = sketch;
  const row = await getCluster(deps.store.db, call, clusterId);
  sketch.about(row);
  sketch.permit(() => checkMayChange(call, 'upgradeCluster', row));
  const facts = await readUpgradeFacts(deps, call, deps.store, row);
  const release = await sketch.check(() => checkUpgrade(facts, version, controlPlaneOnly));
  if (release === undefined) return;
  const running = getRunningVersion(row);
  const to = release.version;
  if (row.spec.kubernetesVersion !== to)
    plan.changes.push({ path: 'kubernetesVersion', from: row.spec.kubernetesVersion, to, possible: true });
  const from = findRelease(running);
  if (from !== undefined) plan.warnings.push(...targetOf(facts, from, release).warnings);
  if (!skipBackup && beginsWithBackup(row, { running, wanted: to })) {
    await sketch.check(() => checkStore(deps));
    if ((await findBackupAsked(deps.store, row)) === undefined) {
      await sketch.check(() => checkNewBackup(deps.store, row));
      add(plan, { creates: backupObjects(1) });
    }
  }
  const specAt = (kubernetesVersion: string) => ({ ...row.spec, kubernetesVersion });
  await planPods(deps, row, { before: specAt(running), after: specAt(to) }, plan);
  if (controlPlaneOnly) return;
  const rolls = facts.groups
    .map((group) => ({ group, old: nodesBehind(group, facts.nodes, running, to) }))
    .filter(({ group, old }) => group.deleteRequestedAt === null && old.length > 0);
  const inventory = rolls.length === 0 ? [] : await listClusterInventory(deps.store.db, row.id);
  for (const { group, old } of rolls)
    add(plan, { creates: workerObjects(group.name, group.spec, old.length), deletes: nodeObjects(group, old, inventory) });
  // The largest that can roll beside each other.
  const owner = { projectId: row.projectId, userId: call.actor.userId };
  const surges = rolls
    .map(({ group, old }) => ({ group, more: Math.min(rollLimitsOf(group.spec.upgradeStrategy, group.spec.count).surge, old.length) }))
    .toSorted((a, b) => b.more - a.more)
    .slice(0, GROUPS_AT_ONCE);
  const cloud = sumOf(surges.map(({ group, more }) => workersDemand(group.spec, machineSize(deps, owner, group), more)));
  await sketch.need({ cloud, temporary: true });
});

const OF_THE_CLOUD: ReadonlySet<string> = new Set(['COMPUTE', 'NETWORK', 'VOLUME']);

/** What goes with some workers of a group, by the inventory. */
export const nodeObjects = (group: NodeGroupRow, nodes: readonly Pick<NodeRow, 'id'>[], inventory: readonly InventoryRow[]) => {
  const ids = new Set(nodes.map(({ id }) => id));
  const notes = inventory.filter(({ ownerId, service, state }) => ids.has(ownerId) && state !== 'GONE' && OF_THE_CLOUD.has(service));
  return notedObjects(notes.map((note) => ({ ...note, of: group.name })));
};
