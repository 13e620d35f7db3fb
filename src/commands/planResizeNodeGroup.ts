/** What resizeNodeGroup would make, and who would go. */
import { permit } from '../domain/actor.ts';
import { isHibernating } from '../domain/hibernation.ts';
import { workerObjects } from '../domain/plannedObjects.ts';
import { isReplaced } from '../domain/roll.ts';
import { chooseVictims, namedAfter } from '../domain/victims.ts';
import { listClusterInventory } from '../store/inventory.ts';
import { listLiveNodes } from '../store/reconcile.ts';
import { ownInput, parseInput } from './parse.ts';
import { add, planCommand } from './planFrame.ts';
import { nodeObjects } from './planUpgradeCluster.ts';
import { growthDemand, roomDemand, vcpusOf } from './quotaChecks.ts';
import { resizeChecks, resizeInput } from './resizeNodeGroup.ts';
import { checkNotDeleting, getNodeGroup } from './targets.ts';

export const planResizeNodeGroup = planCommand('RESIZE_NODE_GROUP', async (deps, call, raw, sketch) => {
  const input = parseInput(resizeInput, ownInput(raw));
  const { count, nodesToRemove = [] } = input;
  const { db } = deps.store;
  const found = await getNodeGroup(db, call, input.nodeGroupId);
  const { cluster, nodeGroup: row } = found;
  sketch.about(cluster);
  sketch.permit(() => permit(call.actor, 'resizeNodeGroup', cluster));
  sketch.permit(() => checkNotDeleting(cluster));
  for (const check of resizeChecks(deps, call, deps.store, found, input)) await sketch.check(check);
  if (row.spec.count !== count) sketch.plan.changes.push({ path: 'count', from: row.spec.count, to: count, possible: true });
  const staying = (await listLiveNodes(db, row.id)).filter((node) => node.deleteRequestedAt === null);
  // Asleep it has none, and is given all when it wakes.
  const before = isHibernating(cluster) ? row.spec.count : staying.length;
  const old = staying.filter((node) => isReplaced(node, row, cluster));
  const victims = chooseVictims(staying, Math.max(0, before - count), namedAfter(row, count, nodesToRemove), old);
  add(sketch.plan, {
    creates: workerObjects(row.name, row.spec, Math.max(0, count - before)),
    deletes: victims.length === 0 ? [] : nodeObjects(row, victims, await listClusterInventory(db, cluster.id)),
  });
  if (count <= row.spec.count) return;
  const owner = { projectId: cluster.projectId, userId: call.actor.userId };
  await sketch.need({
    own: roomDemand(row, { count, vcpus: vcpusOf(deps, owner, row) }),
    cloud: await growthDemand(deps, deps.store, owner, row, count),
  });
});
