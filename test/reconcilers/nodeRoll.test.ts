/** A group's workers follow what it says: those that were made with something else are replaced, and a mistake goes no further than one. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

const COUNT = 2;

interface NodeNow {
  id: string;
  name: string;
  state: string;
  version: string | null;
  image_id: string | null;
  kubelet: string | null;
}

let world: Living;
let clusterId: string;
let groupId: string;

const liveNodes = () =>
  world.rows<NodeNow>(
    `select id, name, state, kubernetes_version as version, image_id, kubelet_version as kubelet from nodes
      where deleted_at is null and node_group_id = '${groupId}' order by created_at, name`,
  );
const group = () =>
  world.rows<{ state: string; generation: number; observed: number; resolved: string }>(
    `select state, generation, observed_generation as observed, resolved from node_groups where id = '${groupId}'`,
  )[0];
const condition = () =>
  world.rows<{ state: string; reason: string; message: string }>(
    `select state, reason, message from conditions where object_id = '${groupId}' and name = 'NodesReady'`,
  )[0];
const update = async (input: object): Promise<string> =>
  (
    await world.change<{ operation: { uuid: string } }>(
      world.member,
      'updateNodeGroup',
      { nodeGroupId: groupId, ...input },
      'operation { uuid }',
    )
  ).operation.uuid;
const ended = (operationId: string, state = 'SUCCEEDED') =>
  until(() => world.rows<{ state: string }>(`select state from operations where id = '${operationId}'`)[0]?.state === state);
/** Each is another than before, and all are well. */
const renewed = (before: readonly NodeNow[]) =>
  until(() => {
    const now = liveNodes();
    return now.length === COUNT && now.every(({ id, state }) => state === 'READY' && !before.some((node) => node.id === id));
  });
const resolved = () => JSON.parse(group()?.resolved ?? '{}') as { imageId: string; flavorId: string; kubeVersion?: string };

beforeAll(async () => {
  world = await openLiving({ drainSeconds: '15' });
  // Its image has no kubelet of its own: nodes run what they are told.
  const overrides = { kubernetesVersion: 'v1.35.4', image: 'debian-12' };
  clusterId = await world.makeCluster('roll', { nodeCount: COUNT, overrides });
  groupId = world.rows<{ id: string }>('select id from node_groups')[0]?.id ?? '';
});
afterAll(() => world?.close());

test('a node remembers what it was made with, and its kubelet is of that version', () => {
  for (const node of liveNodes()) expect(node).toMatchObject({ version: 'v1.35.4', kubelet: 'v1.35.4', image_id: resolved().imageId });
});

test('an image whose kubelet is newer than what runs waits for the control plane, and the old nodes serve; then all follow', async () => {
  const before = liveNodes();
  const held = { service: 'kubernetes', method: 'PATCH', path: '/deployments/[^/]*kube-apiserver', kind: 'status', status: 503 };
  await world.control('POST', 'faults', held);
  await world.change(world.member, 'upgradeCluster', { clusterId, version: 'v1.36.3' }, 'operation { uuid }');
  const operation = await update({ image: 'debian-12-node' });
  await until(() => condition()?.reason === 'VersionSkew');
  expect(condition()?.message).toBe('the control plane to run v1.36.3, before nodes with v1.36.3 can join');
  expect(liveNodes()).toEqual(before);
  await world.control('DELETE', 'faults');
  world.wake(clusterId);
  await ended(operation);
  await renewed(before);
  expect(resolved().kubeVersion).toBe('v1.36.3');
  for (const node of liveNodes()) expect(node).toMatchObject({ version: 'v1.36.3', kubelet: 'v1.36.3' });
  const query = `query($id: ID!) { cluster(id: $id) { nodeGroups(first: 1) { nodes { version outdatedNodes nodes(first: 9) { nodes { version outdated } } } } } }`;
  const asked = await world.ask<{ cluster: { nodeGroups: { nodes: object[] } } }>(world.member, query, { id: clusterId });
  const nodes = Array(COUNT).fill({ version: 'v1.36.3', outdated: false });
  expect(asked.cluster.nodeGroups.nodes).toEqual([{ version: 'v1.36.3', outdatedNodes: 0, nodes: { nodes } }]);
});

test('another image and flavor replace every node, and it is told how far that has come', async () => {
  const before = liveNodes();
  const { imageId, flavorId } = resolved();
  const operation = await update({ image: 'debian-12', flavor: 'm1.medium' });
  await until(() => condition()?.message.includes('nodes are as the group is now'));
  await ended(operation);
  await renewed(before);
  expect(resolved().imageId).not.toBe(imageId);
  expect(resolved().flavorId).not.toBe(flavorId);
  for (const { image_id } of liveNodes()) expect(image_id).toBe(resolved().imageId);
  const { openstack } = await world.control<{ openstack: { compute: { servers: object[] } } }>('GET', 'world');
  for (const server of openstack.compute.servers)
    expect(server).toMatchObject({ flavorId: resolved().flavorId, imageId: resolved().imageId });
});

test('a group that is to stay at another version goes there, and it is told how far it has come', async () => {
  const before = liveNodes();
  const operation = await update({ kubernetesVersion: 'v1.35.4' });
  await until(() => condition()?.message.includes('nodes run v1.35.4'));
  await ended(operation);
  await renewed(before);
  for (const node of liveNodes()) expect(node).toMatchObject({ version: 'v1.35.4', kubelet: 'v1.35.4' });
});

test('new nodes that cannot be made stop the roll, the old ones serve, and changing back leads out', async () => {
  const before = liveNodes();
  await world.control('POST', 'serverFaults', { name: '.', trouble: 'noValidHost' });
  const operation = await update({ labels: [{ key: 'tier', value: 'web' }] });
  await ended(operation, 'FAILED');
  expect(condition()).toMatchObject({ state: 'FAILED', reason: 'NoValidHost' });
  expect(liveNodes().filter(({ state }) => state === 'READY')).toEqual(before);
  await world.control('DELETE', 'serverFaults');
  await ended(await update({ labels: [] }));
  await until(() => liveNodes().length === COUNT);
  expect(liveNodes()).toEqual(before);
});

test('a surge that the quota refuses stops the roll and names the way out, by which old workers go first', async () => {
  const quotas = (instances: number) =>
    world.control('PUT', `quotas/${world.sandbox.users.member.projectId}`, { instances, cores: 100, ram: 500_000 });
  const before = liveNodes();
  await quotas(COUNT);
  await ended(await update({ labels: [{ key: 'tier', value: 'web' }] }), 'FAILED');
  expect(condition()).toMatchObject({ state: 'FAILED', reason: 'QuotaExceeded' });
  expect(condition()?.message).toMatch(/instances.*maxUnavailable/);
  expect(liveNodes().filter(({ state }) => state === 'READY')).toEqual(before);
  const operation = await update({ upgradeStrategy: { maxUnavailable: '1' } });
  await until(() => condition()?.message.includes('old ones go first'));
  await ended(operation);
  await renewed(before);
  expect(group()?.resolved).not.toContain('surgeRefused');
  await quotas(50);
  await update({ upgradeStrategy: { maxUnavailable: '0' } });
});

test('of three groups two are rolled at a time, and the third says whom it waits for', async () => {
  const groups = () =>
    world.rows<{ id: string; name: string }>('select id, name from node_groups where deleted_at is null order by created_at, id');
  for (const name of ['second', 'third']) {
    const { operation } = await world.change<{ operation: { uuid: string } }>(
      world.member,
      'createNodeGroup',
      { clusterId, name, count: 1, serverGroupPolicy: 'NONE' },
      'operation { uuid }',
    );
    await ended(operation.uuid);
  }
  await world.control('POST', 'faults', { service: 'compute', method: 'POST', path: '/servers$', kind: 'status', status: 503 });
  const labels = [{ key: 'tier', value: 'all' }];
  const operations: string[] = [];
  for (const { id } of groups()) operations.push(await update({ nodeGroupId: id, labels }));
  const [first, second, third] = groups();
  const waits = () =>
    world.rows<{ reason: string; message: string }>(
      `select reason, message from conditions where object_id = '${third?.id}' and name = 'NodesReady'`,
    )[0];
  await until(() => waits()?.reason === 'RollWaits');
  expect(waits()?.message).toContain(
    [first, second]
      .map((one) => one?.name)
      .sort()
      .join(', '),
  );
  expect(world.rows(`select 1 from nodes where node_group_id = '${third?.id}'`)).toHaveLength(1);
  await world.control('DELETE', 'faults');
  world.wake(clusterId);
  for (const operation of operations) await ended(operation);
  for (const one of [second, third]) await world.change(world.member, 'deleteNodeGroup', { nodeGroupId: one?.id }, 'operation { uuid }');
  await until(() => groups().length === 1);
  await until(() => world.rows('select 1 from nodes where deleted_at is null').length === COUNT);
});

test("Seedbed's own quota holds no roll up, counts its surge while it lasts, and lets nothing else grow meanwhile", async () => {
  const { projectId } = world.sandbox.users.member;
  const limit = (nodes: number | null) => world.change(world.admin, 'setQuota', { projectId, nodes }, 'projectQuota { generation }');
  const shares = async () => {
    const { quota } = await world.ask<{ quota: { nodes: { used: number; reserved: number } } }>(
      world.member,
      '{ quota { nodes { used reserved } } }',
    );
    return quota.nodes.used + quota.nodes.reserved;
  };
  await until(() => liveNodes().length === COUNT);
  const before = liveNodes();
  await limit(COUNT);
  expect(await shares()).toBe(COUNT);
  await world.control('POST', 'faults', { service: 'compute', method: 'POST', path: '/servers$', kind: 'status', status: 503 });
  const operation = await update({ labels: [{ key: 'tier', value: 'own' }] });
  await until(() => liveNodes().length === COUNT + 1);
  expect(await shares()).toBe(COUNT + 1);
  const grow = `mutation { resizeNodeGroup(input: { nodeGroupId: "${groupId}", count: ${COUNT + 1} }) { __typename ... on QuotaError { quotas { source resource } } } }`;
  expect(await world.ask(world.member, grow)).toEqual({
    resizeNodeGroup: { __typename: 'QuotaError', quotas: [{ source: 'SEEDBED', resource: 'nodes' }] },
  });
  await world.control('DELETE', 'faults');
  world.wake(clusterId);
  await ended(operation);
  await renewed(before);
  expect(await shares()).toBe(COUNT);
  await limit(null);
});

test('a server that dies in the middle of a roll goes on with it, and makes no worker twice', async () => {
  const before = liveNodes();
  const made = () => world.rows<{ id: string }>(`select id from nodes where node_group_id = '${groupId}'`).length;
  const already = made();
  const operation = await update({ metadata: [{ key: 'cost centre', value: '4711' }], upgradeStrategy: { maxSurge: '2' } });
  await until(() => liveNodes().length === COUNT + 2);
  await world.restart();
  await ended(operation);
  await renewed(before);
  expect(made()).toBe(already + COUNT);
  const { openstack } = await world.control<{ openstack: { compute: { servers: object[] } } }>('GET', 'world');
  expect(openstack.compute.servers).toHaveLength(COUNT);
});
