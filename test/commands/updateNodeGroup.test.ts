/** updateNodeGroup: bounds, and the count that follows into them. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listEvents } from '../../src/store/events.ts';
import { listLiveNodeGroups, patchCluster } from '../../src/store/reconcile.ts';
import { ANNA, call, errorOf, type House, openHouse, TEMPLATE } from './house.ts';

let house: House;
let clusterId: string;
let groupId: string;
beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
  const { cluster } = await house.commands.createCluster(call(ANNA), { name: 'hello', clusterTemplate: 'standard', nodeCount: 3 });
  clusterId = cluster.id;
  groupId = (await listLiveNodeGroups(house.store.db, clusterId))[0]?.id ?? '';
});
afterEach(() => house.close());

const update = (input: object, more: object = {}) => house.commands.updateNodeGroup(call(ANNA, more), { nodeGroupId: groupId, ...input });
const told = async () => (await listEvents(house.store.db, clusterId, 0, 99)).filter((e) => e.subjectKind === 'NODE_GROUP').at(-1)?.message;

test.each([
  ['around the count', { minCount: 1, maxCount: 5 }, 3, 'Node group default-worker may have 1 to 5 nodes, as anna asked.'],
  ['below it', { maxCount: 2 }, 2, 'Node group default-worker may have 0 to 2 nodes and goes from 3 to 2, as anna asked.'],
  ['above it', { minCount: 4 }, 4, 'Node group default-worker may have 4 nodes or more and goes from 3 to 4, as anna asked.'],
])('bounds %s', async (_where, bounds, count, message) => {
  const { nodeGroup, operation } = await update(bounds);
  expect(nodeGroup).toMatchObject({ spec: { ...bounds, count }, generation: 2 });
  expect(operation).toMatchObject({ kind: 'UPDATE_NODE_GROUP', generation: 2 });
  expect(await told()).toBe(message);
});

test('a maximum is taken away by null, and stays when nothing is said of it', async () => {
  await update({ maxCount: 5 });
  expect((await update({ minCount: 1 })).nodeGroup.spec).toMatchObject({ minCount: 1, maxCount: 5 });
  expect((await update({ maxCount: null })).nodeGroup.spec).toMatchObject({ minCount: 1, maxCount: null });
});

test('of an upgrade strategy what is left out stays', async () => {
  await update({ upgradeStrategy: { maxSurge: '25%', drainTimeoutSeconds: 60 } });
  const { nodeGroup } = await update({ upgradeStrategy: { onBlockedDrain: 'WAIT', drainTimeoutSeconds: null } });
  expect(nodeGroup.spec.upgradeStrategy).toEqual({
    maxSurge: '25%',
    maxUnavailable: '0',
    drainTimeoutSeconds: null,
    onBlockedDrain: 'WAIT',
  });
  expect(await told()).toBe('Node group default-worker gets another upgrade strategy, as anna asked.');
});

test('a group has problems of its own, none, or those of its cluster', async () => {
  const problems = async (healingProblems: string[] | null) => (await update({ healingProblems })).nodeGroup.spec.healingProblems;
  expect(await problems(['example.com/GpuLost', 'KernelDeadlock'])).toEqual(['example.com/GpuLost', 'KernelDeadlock']);
  expect(await told()).toBe('Node group default-worker gets another list of problems to heal, as anna asked.');
  expect((await update({ minCount: 1 })).nodeGroup.spec.healingProblems).toHaveLength(2);
  expect(await problems([])).toEqual([]);
  expect(await problems(null)).toBeNull();
  const { nodeGroup } = await house.commands.createNodeGroup(call(ANNA), { clusterId, name: 'gpu', healingProblems: ['GpuLost'] });
  expect(nodeGroup.spec.healingProblems).toEqual(['GpuLost']);
});

test.each([
  ['Ready', /must not be Ready: it is True on a worker that is well/],
  ['MemoryPressure', /must not be MemoryPressure: the kubelet sets it/],
  ['DiskPressure', /must not be DiskPressure/],
  ['PIDPressure', /must not be PIDPressure/],
  ['NetworkUnavailable', /must not be NetworkUnavailable: the network sets it/],
  ['', /must be the type of a Kubernetes condition/],
  ['-x', /must be the type of a Kubernetes condition/],
  ['Example.com/GpuLost', /must be the type of a Kubernetes condition/],
])('a problem %j is refused with the reason', async (type, message) => {
  const error = await errorOf(update({ healingProblems: [type] }));
  expect(error).toMatchObject({ code: 'INVALID_INPUT', field: ['healingProblems', '0'] });
  expect(String((error as { message?: string }).message)).toMatch(message);
});

test('a resize that it moves is over; one that it leaves goes on', async () => {
  const state = async (id: string) => {
    const { operation } = await house.commands.retryOperation(call(ANNA), { operationId: id });
    return operation.state;
  };
  const { operation } = await house.commands.resizeNodeGroup(call(ANNA), { nodeGroupId: groupId, count: 6 });
  await update({ maxCount: 8 });
  expect(await state(operation.id)).toBe('PENDING');
  await update({ maxCount: 4 });
  expect(await errorOf(state(operation.id))).toMatchObject({ code: 'CONFLICT' });
});

test.each<[string, object, string[]]>([
  ['a minimum above the maximum', { minCount: 5, maxCount: 4 }, ['minCount']],
  ['a maximum below the minimum', { maxCount: 1 }, ['maxCount']],
  ['too many for the range of the nodes', { minCount: 300 }, ['minCount']],
  ['more than there can be', { maxCount: 1001 }, ['maxCount']],
  ['no surge where none may be missing', { upgradeStrategy: { maxSurge: '0' } }, ['upgradeStrategy']],
  ['a surge of no number', { upgradeStrategy: { maxSurge: 'some' } }, ['upgradeStrategy', 'maxSurge']],
  ['more than all', { upgradeStrategy: { maxUnavailable: '101%' } }, ['upgradeStrategy', 'maxUnavailable']],
  ['a drain of days', { upgradeStrategy: { drainTimeoutSeconds: 86_401 } }, ['upgradeStrategy', 'drainTimeoutSeconds']],
  ['nothing', {}, []],
])('%s', async (_what, bounds, field) => {
  await update({ minCount: 2 });
  expect(await errorOf(update(bounds))).toMatchObject({ code: 'INVALID_INPUT', field });
});

test('another generation, and a group that goes', async () => {
  expect(await errorOf(update({ maxCount: 5 }, { expectedGeneration: 9 }))).toMatchObject({ code: 'GENERATION_MISMATCH' });
  const { nodeGroup } = await house.commands.createNodeGroup(call(ANNA), { clusterId, name: 'more' });
  await house.commands.deleteNodeGroup(call(ANNA), { nodeGroupId: nodeGroup.id });
  expect(await errorOf(house.commands.updateNodeGroup(call(ANNA), { nodeGroupId: nodeGroup.id, maxCount: 5 }))).toMatchObject({
    code: 'CONFLICT',
  });
});

test('what its workers are made of changes, and names are looked up anew even when they stay', async () => {
  const { nodeGroup } = await update({ image: 'other', keypair: null, labels: { tier: 'web' }, kubernetesVersion: '1.35.4' });
  expect(nodeGroup).toMatchObject({ spec: { image: 'other', keypair: null, labels: { tier: 'web' } }, kubernetesVersion: 'v1.35.4' });
  expect(nodeGroup.namesGeneration).toBe(2);
  expect(await told()).toBe('Node group default-worker gets another image, key pair, labels, version, as anna asked.');
  expect((await update({ image: 'other' })).nodeGroup.namesGeneration).toBe(3);
  const { nodeGroup: after } = await update({ labels: {}, kubernetesVersion: null });
  expect(after).toMatchObject({ spec: { image: 'other', labels: {} }, kubernetesVersion: null, namesGeneration: 3 });
});

test('cloud-init lies sealed, is kept when nothing is said of it, and goes with null', async () => {
  const sealed = () => house.secrets.find(house.store.db, groupId, 'cloudInit');
  await update({ cloudInit: 'packages: [nfs-common]\n' });
  const { nodeGroup } = await update({ taints: [{ key: 'gpu', effect: 'NoSchedule' }] });
  expect(nodeGroup.spec.cloudInit).toMatchObject({ sizeBytes: 23 });
  expect(await sealed()).toBe('packages: [nfs-common]\n');
  expect((await update({ cloudInit: null })).nodeGroup.spec.cloudInit).toBeNull();
  expect(await sealed()).toBeUndefined();
});

test.each<[string, object, string, string[]]>([
  ['a label that a kubelet must not set', { labels: { 'kubernetes.io/role': 'x' } }, 'INVALID_INPUT', ['labels', 'kubernetes.io/role']],
  ['metadata of ours', { metadata: { 'seedbed-node': 'x' } }, 'INVALID_INPUT', ['metadata', 'seedbed-node']],
  ['a version that is not offered', { kubernetesVersion: 'v1.36.99' }, 'UNSUPPORTED_VERSION', ['kubernetesVersion']],
])('%s', async (_what, input, code, field) => {
  expect(await errorOf(update(input))).toMatchObject({ code, field });
});

test('a version that is newer than what the control plane runs', async () => {
  await house.store.transaction(async (tx) => patchCluster(tx, clusterId, { runningVersion: 'v1.35.4' }));
  expect(await errorOf(update({ kubernetesVersion: 'v1.36.3' }))).toMatchObject({ code: 'INVALID_INPUT', field: ['kubernetesVersion'] });
});
