/** What updateNodeGroup would change, and which workers others would take the places of. */
import { permit } from '../domain/actor.ts';
import { findByNameOrId, type ProjectCatalogue } from '../domain/cloud.ts';
import { type Size, workersDemand } from '../domain/demand.ts';
import { isHibernating } from '../domain/hibernation.ts';
import { machineOf, type ResolvedGroup, warningsOf } from '../domain/nodeGroup.ts';
import type { PlannedChange } from '../domain/plan.ts';
import { workerObjects } from '../domain/plannedObjects.ts';
import { type Demand, sumOf } from '../domain/quota.ts';
import { isReplaced, settingsDigestOf } from '../domain/roll.ts';
import { rollLimitsOf } from '../domain/upgradeStrategy.ts';
import { chooseVictims } from '../domain/victims.ts';
import { stableJson } from '../lib/json.ts';
import { listClusterInventory } from '../store/inventory.ts';
import { type ClusterRow, listLiveNodes, type NodeGroupRow, type NodeRow } from '../store/reconcile.ts';
import { ownInput, parseInput } from './parse.ts';
import { add, NAMES_UNKNOWN, planCommand } from './planFrame.ts';
import { nodeObjects } from './planUpgradeCluster.ts';
import { growthDemand, machineSize, roomDemand } from './quotaChecks.ts';
import { checkNotDeleting, getNodeGroup } from './targets.ts';
import { type GroupAfter, groupAfter, namesOf, updateGroupChecks, updateGroupInput } from './updateNodeGroup.ts';

export const planUpdateNodeGroup = planCommand('UPDATE_NODE_GROUP', async (deps, call, raw, sketch) => {
  const { nodeGroupId, ...change } = parseInput(updateGroupInput, ownInput(raw));
  const { db } = deps.store;
  const { plan } = sketch;
  const found = await getNodeGroup(db, call, nodeGroupId);
  const { cluster, nodeGroup: row } = found;
  sketch.about(cluster);
  sketch.permit(() => permit(call.actor, 'updateNodeGroup', cluster));
  sketch.permit(() => checkNotDeleting(cluster));
  const after = groupAfter(deps, call, found, change);
  for (const check of updateGroupChecks(deps, call, deps.store, found, { change, after })) await sketch.check(check);
  plan.changes.push(...changesBetween(row, after));
  const owner = { projectId: cluster.projectId, userId: call.actor.userId };
  const catalogue = deps.peekCatalogue(owner.projectId, owner.userId);
  const isNamed = namesOf(change).length > 0;
  if (isNamed && catalogue === null) plan.warnings.push(NAMES_UNKNOWN);
  const next: NodeGroupRow = { ...row, ...after, resolved: isNamed ? resolvedAfter(row, after, catalogue) : row.resolved };
  if (change.flavor !== undefined && next.resolved?.machine !== undefined) plan.warnings.push(...warningsOf(next.resolved.machine));
  const { count } = after.spec;
  const staying = (await listLiveNodes(db, row.id)).filter((node) => node.deleteRequestedAt === null);
  // Asleep it has none, and is given all when it wakes.
  const before = isHibernating(cluster) ? row.spec.count : staying.length;
  const old = staying.filter((node) => isOldAfter(node, row, next, cluster));
  // What is missing, surplus or replaced already is no work of this change.
  const [more, fewer] = [count > row.spec.count ? count - before : 0, count < row.spec.count ? before - count : 0];
  const victims = chooseVictims(staying, Math.max(0, fewer), row.nodesToRemove, old);
  const rolled = old.filter((node) => !victims.includes(node) && !isReplaced(node, row, cluster));
  const leaving = [...victims, ...rolled];
  add(plan, {
    creates: workerObjects(row.name, after.spec, Math.max(0, more) + rolled.length),
    deletes: leaving.length === 0 ? [] : nodeObjects(row, leaving, await listClusterInventory(db, cluster.id)),
  });
  const [size, was] = [machineSize(deps, owner, next), machineSize(deps, owner, row)];
  const growth = count > row.spec.count ? await growthDemand(deps, deps.store, owner, next, count) : {};
  const own = roomDemand(row, { count, vcpus: after.vcpus });
  await sketch.need({ own, cloud: sumOf([growth, largerDemand(rolled.length, { was, size })]) });
  const surge = Math.min(rollLimitsOf(after.spec.upgradeStrategy, count).surge, rolled.length);
  await sketch.need({ cloud: workersDemand(after.spec, size, surge), temporary: true });
});

/** What so many workers take more, or less, by being of another size. */
const largerDemand = (workers: number, { was, size }: { was: Size | null; size: Size | null }): Demand =>
  was === null || size === null ? {} : { cores: workers * (size.vcpus - was.vcpus), ram: workers * (size.ramMiB - was.ramMiB) };

/** By their names in the input; of cloud-init, which may hold secrets, what is known in the open. */
const SETTINGS = [
  'count',
  'minCount',
  'maxCount',
  'flavor',
  'image',
  'keypair',
  'labels',
  'taints',
  'cloudInit',
  'metadata',
  'upgradeStrategy',
  'healingProblems',
] as const;

const changesBetween = (row: NodeGroupRow, after: GroupAfter): PlannedChange[] => {
  const changes: Omit<PlannedChange, 'possible'>[] = [
    ...SETTINGS.map((path) => ({ path, from: row.spec[path], to: after.spec[path] })),
    { path: 'kubernetesVersion', from: row.kubernetesVersion, to: after.kubernetesVersion },
  ];
  return changes.filter(({ from, to }) => stableJson(from) !== stableJson(to)).map((change) => ({ ...change, possible: true }));
};

/**
 * As the group's first pass will look names up: all of them once one is named, for others may have them by now. Of what is not known, another
 * name is taken for another thing, and the same one for the same.
 */
const resolvedAfter = (row: NodeGroupRow, { spec }: GroupAfter, catalogue: ProjectCatalogue | null): ResolvedGroup | null => {
  if (row.resolved === null) return null;
  const { formerImageIds: _images, formerFlavorIds: _flavors, kubeVersion, machine, flavorId, imageId, ...kept } = row.resolved;
  const flavor = findByNameOrId(catalogue?.flavors ?? [], spec.flavor);
  const image = findByNameOrId(catalogue?.images ?? [], spec.image);
  const [sameFlavor, sameImage] = [spec.flavor === row.spec.flavor, spec.image === row.spec.image];
  const made = flavor === undefined ? (sameFlavor ? machine : undefined) : machineOf(flavor);
  const version = image === undefined ? (sameImage ? kubeVersion : undefined) : (image.kubeVersion ?? undefined);
  return {
    ...kept,
    flavorId: flavor?.id ?? (sameFlavor ? flavorId : spec.flavor),
    imageId: image?.id ?? (sameImage ? imageId : spec.image),
    ...(made !== undefined && { machine: made }),
    ...(version !== undefined && { kubeVersion: version }),
  };
};

/** Nodes from before their settings were kept are taken for what the group has said until now, once it says something else. */
const isOldAfter = (node: NodeRow, row: NodeGroupRow, next: NodeGroupRow, cluster: ClusterRow): boolean =>
  isReplaced({ ...node, settingsDigest: node.settingsDigest ?? settingsDigestOf(row.spec) }, next, cluster);
