/** Seedbed's own quota of a project: what would go over it is refused with all that is short, whoever asks and however many at once. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createScaling } from '../../src/commands/scaleNodeGroup.ts';
import { newId } from '../../src/lib/ids.ts';
import { findProjectQuota, loadShares } from '../../src/store/projectQuotas.ts';
import { insertNodes, listLiveNodeGroups, patchNodeGroup } from '../../src/store/reconcile.ts';
import { clusters } from '../../src/store/tables.ts';
import { ADA, ANNA, call, catalogue, type House, OTTO, openHouse, TEMPLATE } from './house.ts';

let house: House;
beforeEach(async () => {
  house = openHouse();
  house.cloud.catalogue = catalogue();
  await house.commands.createClusterTemplate(call(ANNA), { ...TEMPLATE, externalNetwork: 'public' });
});
afterEach(() => house.close());

const limit = (limits: object, projectId = 'blue') => house.commands.setQuota(call(ADA), { projectId, ...limits });
const create = (more: object = {}) =>
  house.commands.createCluster(call(ANNA), { name: 'web', clusterTemplate: 'standard', nodeCount: 3, ...more });
/** What is short, and by how much. */
const shortOf = async (work: Promise<unknown>): Promise<unknown> => {
  const error = await work.then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toMatchObject({ code: 'QUOTA_EXCEEDED' });
  const { quotas, message } = error.toProblem();
  for (const { resource, used, limit: most, requested } of quotas)
    expect(message).toContain(`${resource} (${used} of ${most} used, ${requested} more needed)`);
  return Object.fromEntries(
    quotas.map(({ resource, used, requested }: { resource: string; used: number; requested: number }) => [resource, [used, requested]]),
  );
};
const groupOf = async (clusterId: string) => (await listLiveNodeGroups(house.store.db, clusterId))[0]?.id ?? '';
const node = (clusterId: string, nodeGroupId: string, serverId: string | null) => ({
  id: newId(),
  clusterId,
  nodeGroupId,
  name: `n-${newId()}`,
  state: 'READY' as const,
  serverId,
  createdAt: 1,
  updatedAt: 1,
});

test('a new cluster names every resource that is short, and what just fits is enough; other projects are not asked', async () => {
  await limit({ clusters: 0, nodes: 2, workerVcpus: 5, controlPlaneReplicas: 2 });
  const three = { overrides: { controlPlane: { replicas: 3 } } };
  expect(await shortOf(create(three))).toEqual({
    clusters: [0, 1],
    nodes: [0, 3],
    workerVcpus: [0, 6],
    controlPlaneReplicas: [0, 3],
  });
  expect(await house.store.db.select().from(clusters)).toHaveLength(0);
  await limit({ clusters: 1, nodes: 3, workerVcpus: 6, controlPlaneReplicas: 3 });
  await create(three);
  expect(await shortOf(create({ name: 'second', nodeCount: 0 }))).toEqual({ clusters: [1, 1], controlPlaneReplicas: [3, 1] });
  await house.commands.createClusterTemplate(call(OTTO), { ...TEMPLATE, externalNetwork: 'public' });
  await house.commands.createCluster(call(OTTO), { name: 'web', clusterTemplate: 'standard', nodeCount: 9 });
});

test('of many at once as many pass as there is room for', async () => {
  await limit({ clusters: 10, nodes: 6 });
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, (_, i) => create({ name: `web-${i}` })));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  expect((await loadShares(house.store.db, 'blue')).nodes).toEqual({ used: 0, reserved: 6 });
});

test('node groups: another one, more workers, larger ones and the autoscaler’s growth', async () => {
  const { cluster } = await create();
  const nodeGroupId = await groupOf(cluster.id);
  await house.commands.updateNodeGroup(call(ANNA), { nodeGroupId, maxCount: 20 });
  await limit({ nodes: 4, workerVcpus: 8 });
  const { createNodeGroup, resizeNodeGroup, updateNodeGroup } = house.commands;
  const scaling = createScaling(house.deps);
  const both = { nodes: [3, 2], workerVcpus: [6, 4] };
  expect(await shortOf(createNodeGroup(call(ANNA), { clusterId: cluster.id, name: 'more', count: 2 }))).toEqual(both);
  expect(await shortOf(resizeNodeGroup(call(ANNA), { nodeGroupId, count: 5 }))).toEqual(both);
  expect(await shortOf(updateNodeGroup(call(ANNA), { nodeGroupId, minCount: 5 }))).toEqual(both);
  expect(await shortOf(scaling.increase(cluster.id, nodeGroupId, 2))).toEqual(both);
  const known = catalogue();
  house.cloud.catalogue = { ...known, flavors: known.flavors.map((each) => ({ ...each, vcpus: each.name === 'large' ? 4 : 2 })) };
  expect(await shortOf(updateNodeGroup(call(ANNA), { nodeGroupId, flavor: 'large' }))).toEqual({ workerVcpus: [6, 6] });
  await limit({ workerVcpus: 12 });
  await updateNodeGroup(call(ANNA), { nodeGroupId, flavor: 'large' });
  expect((await loadShares(house.store.db, 'blue')).workerVcpus).toEqual({ used: 0, reserved: 12 });
  await limit({ workerVcpus: -1 });
  await scaling.increase(cluster.id, nodeGroupId, 1);
});

test('replicas of a control plane that is there, API servers as well as members of etcd', async () => {
  const { cluster } = await create({ nodeCount: 0 });
  await limit({ controlPlaneReplicas: 2 });
  const change = (controlPlane: object) => house.commands.updateCluster(call(ANNA), { clusterId: cluster.id, overrides: { controlPlane } });
  expect(await shortOf(change({ replicas: 3 }))).toEqual({ controlPlaneReplicas: [1, 2] });
  expect(await shortOf(change({ apiServerReplicas: 3 }))).toEqual({ controlPlaneReplicas: [1, 2] });
  await change({ apiServerReplicas: 2 });
  // What is over a limit that was lowered stays, and other changes of it are none of the quota's.
  await limit({ controlPlaneReplicas: 1 });
  await change({ allowedCidrs: [] });
});

test('workers on their way out count until they are gone, and those of a hibernated cluster are reserved', async () => {
  const { cluster } = await create();
  const nodeGroupId = await groupOf(cluster.id);
  await house.store.transaction((tx) =>
    insertNodes(tx, [node(cluster.id, nodeGroupId, 's1'), node(cluster.id, nodeGroupId, 's2'), node(cluster.id, nodeGroupId, null)]),
  );
  expect((await loadShares(house.store.db, 'blue')).nodes).toEqual({ used: 2, reserved: 1 });
  await limit({ nodes: 3 });
  await house.commands.updateNodeGroup(call(ANNA), { nodeGroupId, minCount: 0 });
  await house.commands.resizeNodeGroup(call(ANNA), { nodeGroupId, count: 0 });
  expect(await shortOf(house.commands.createNodeGroup(call(ANNA), { clusterId: cluster.id, name: 'more', count: 1 }))).toEqual({
    nodes: [3, 1],
  });
  await house.store.transaction((tx) => patchNodeGroup(tx, nodeGroupId, { deletedAt: 2 }));
  await house.commands.createNodeGroup(call(ANNA), { clusterId: cluster.id, name: 'more', count: 3 });
});

test('setQuota: what is left out stays, null is the default again, and a change of what somebody else changed is refused', async () => {
  const limits = () => findProjectQuota(house.store.db, 'blue');
  await limit({ clusters: 2, nodes: 5 });
  await limit({ clusters: null, workerVcpus: -1 });
  expect(await limits()).toMatchObject({ limits: { nodes: 5, workerVcpus: -1 }, generation: 2, updatedBy: 'ada' });
  const stale = house.commands.setQuota(call(ADA, { expectedGeneration: 1 }), { projectId: 'blue', nodes: 9 });
  await expect(stale).rejects.toMatchObject({ code: 'GENERATION_MISMATCH' });
  for (const wrong of [{}, { nodes: -2 }, { nodes: 1.5 }, { projectId: '', nodes: 1 }, { projectId: 'a/b', nodes: 1 }])
    await expect(limit(wrong)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  await expect(house.commands.setQuota(call(ANNA), { projectId: 'blue', nodes: 99 })).rejects.toMatchObject({ code: 'FORBIDDEN' });
});
