/** The cluster-autoscaler's provider as an autoscaler meets it: over TLS, by the published protocol, against a running Seedbed and its cloud. */
import { dirname } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { loadEncryptionKeys } from '../../src/keyFile.ts';
import { createAuthority, type KeyPair } from '../../src/pki/authority.ts';
import { issueProviderClient } from '../../src/pki/provider.ts';
import { createSealer } from '../../src/store/sealing.ts';
import { until } from '../reconcilers/story.ts';
import { type Living, openLiving } from '../reconcilers/world.ts';
import { type Autoscaler, openAutoscaler, readNode } from './client.ts';
import { freeAddress } from './freeAddress.ts';

interface Instance {
  id: string;
  status: { instanceState: string; errorInfo: { errorCode: string; errorMessage: string; instanceErrorClass: number } | null };
}

let world: Living;
let address: string;
let authority: KeyPair;
let clusterId: string;
let group: string;
let mine: Autoscaler;
const open: Autoscaler[] = [];

const readAuthority = (): KeyPair => {
  const sealer = createSealer(loadEncryptionKeys(null, dirname(world.dbPath)));
  const [row] = world.rows<{ sealed: Buffer; key_id: string }>("select sealed, key_id from secrets where name = 'autoscalerAuthority'");
  if (row === undefined) throw new Error('no authority');
  return JSON.parse(sealer.open(row.sealed, row.key_id, 'seedbed/autoscalerAuthority')) as KeyPair;
};

const loginAs = async (name: string, signer = authority): Promise<Autoscaler> => {
  const { cert, key } = await issueProviderClient(signer, name, { now: Date.now });
  const client = openAutoscaler(address, { ca: authority.cert, cert, key });
  open.push(client);
  return client;
};

const groupOf = (id: string, name = 'default-worker'): string =>
  world.rows<{ id: string }>(`select id from node_groups where cluster_id = '${id}' and name = '${name}'`)[0]?.id ?? '';
const instances = async (id = group): Promise<Instance[]> =>
  (await mine.call<{ instances: Instance[] }>('NodeGroupNodes', { id })).instances;
const target = async (): Promise<number> => (await mine.call<{ targetSize: number }>('NodeGroupTargetSize', { id: group })).targetSize;
const running = (count: number, id = group): Promise<Instance[]> =>
  until(async () => {
    const all = await instances(id);
    return all.length === count && all.every(({ status }) => status.instanceState === 'instanceRunning') ? all : undefined;
  });
const resize = (count: number, id = group) =>
  world.change(world.member, 'resizeNodeGroup', { nodeGroupId: id, count }, 'nodeGroup { count } operation { uuid }');
const liveNodes = (id = group) =>
  world.rows<{ id: string; name: string; serverId: string }>(
    `select id, name, server_id as serverId from nodes where node_group_id = '${id}' and deleted_at is null`,
  );

beforeAll(async () => {
  address = await freeAddress();
  world = await openLiving({ autoscalerListen: address, autoscalerAddress: address, drainSeconds: 0 });
  authority = readAuthority();
  const overrides = { autoScalingEnabled: true, minNodeCount: 0, maxNodeCount: 3 };
  clusterId = await world.makeCluster('scaled', { nodeCount: 0, overrides });
  group = groupOf(clusterId);
  mine = await loginAs(clusterId);
});

afterEach(async () => {
  await world.control('DELETE', 'faults');
});

afterAll(async () => {
  for (const client of open) client.close();
  await world?.close();
});

test('the group is there with its bounds; without a maximum it is left alone', async () => {
  await world.change(world.member, 'createNodeGroup', { clusterId, name: 'fixed', count: 0 }, 'nodeGroup { id }');
  const { nodeGroups } = await mine.call<{ nodeGroups: object[] }>('NodeGroups');
  expect(nodeGroups).toEqual([{ id: group, minSize: 0, maxSize: 3, debug: 'default-worker: 0 nodes wanted' }]);
  await expect(mine.call('NodeGroupIncreaseSize', { id: groupOf(clusterId, 'fixed'), delta: 1 })).rejects.toMatchObject({
    code: status.NOT_FOUND,
  });
});

test('what is optional is left out as the protocol has it', async () => {
  await expect(mine.call('PricingNodePrice')).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
  await expect(mine.call('PricingPodPrice')).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
  expect(await mine.call('GPULabel')).toEqual({ label: '' });
  expect(await mine.call('GetAvailableGPUTypes')).toEqual({ gpuTypes: {} });
  expect(await mine.call('NodeGroupGetOptions', { id: group, defaults: { scaleDownUtilizationThreshold: 0.5 } })).toEqual({
    nodeGroupAutoscalingOptions: null,
  });
  expect(await mine.call('Refresh')).toEqual({});
  expect(await mine.call('Cleanup')).toEqual({});
});

test('a group with no worker says what its next one will be', async () => {
  const { nodeGroup } = await world.change<{ nodeGroup: { uuid: string } }>(
    world.member,
    'createNodeGroup',
    {
      clusterId,
      name: 'special',
      count: 0,
      maxCount: 1,
      labels: [{ key: 'example.org/disk', value: 'fast' }],
      taints: [{ key: 'example.org/only', value: 'batch', effect: 'NO_SCHEDULE' }],
    },
    'nodeGroup { uuid }',
  );
  const answer = await until(() => mine.call<{ nodeInfo: Buffer; nodeBytes: Buffer }>('NodeGroupTemplateNodeInfo', { id: nodeGroup.uuid }));
  expect(answer.nodeInfo).toEqual(answer.nodeBytes);
  // m1.small of the sandbox: 2 vCPUs, 2048 MiB and 20 GiB, of which not all is for pods.
  expect(readNode(answer.nodeBytes)).toEqual({
    metadata: {
      name: 'template-special',
      labels: {
        'kubernetes.io/hostname': 'template-special',
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'example.org/disk': 'fast',
      },
    },
    spec: {
      providerID: `seedbed:///template/${nodeGroup.uuid}`,
      unschedulable: false,
      taints: [{ key: 'example.org/only', value: 'batch', effect: 'NoSchedule' }],
    },
    status: {
      capacity: { cpu: { string: '2' }, memory: { string: '1925Mi' }, pods: { string: '110' }, 'ephemeral-storage': { string: '20480Mi' } },
      allocatable: {
        cpu: { string: '2' },
        memory: { string: '1825Mi' },
        pods: { string: '110' },
        'ephemeral-storage': { string: '18432Mi' },
      },
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  });
});

test('from zero to two and back: each instance is the one that its node says it is', async () => {
  expect(await instances()).toEqual([]);
  await mine.call('NodeGroupIncreaseSize', { id: group, delta: 2 });
  expect(await target()).toBe(2);
  const made = await running(2);
  const nodes = liveNodes();
  expect(made.map(({ id }) => id).toSorted()).toEqual(nodes.map(({ serverId }) => `openstack:///${serverId}`).toSorted());
  // What the nodes say themselves, in the cluster.
  const { kubeconfig } = await world.change<{ kubeconfig: string }>(
    world.member,
    'issueKubeconfig',
    { clusterId, role: 'ADMIN' },
    'kubeconfig',
  );
  const tenant = world.tenant(kubeconfig);
  const said = await until(async () => {
    const { items } = await tenant.list({ apiVersion: 'v1', kind: 'Node' });
    const ids = items.map(({ spec }) => (spec as { providerID?: string }).providerID ?? '');
    return ids.every((id) => id !== '') ? ids : undefined;
  });
  expect(said.toSorted()).toEqual(made.map(({ id }) => id).toSorted());

  for (const node of [
    { providerID: made[0]?.id, name: 'whatever' },
    { providerID: '', name: nodes[0]?.name },
  ])
    expect(await mine.call('NodeGroupForNode', { node })).toMatchObject({ nodeGroup: { id: group, minSize: 0, maxSize: 3 } });
  expect(
    await mine.call('NodeGroupForNode', {
      node: { providerID: 'openstack:///00000000-0000-4000-8000-000000000000', name: nodes[0]?.name },
    }),
  ).toMatchObject({ nodeGroup: { id: '' } });

  for (const { id } of made) await mine.call('NodeGroupDeleteNodes', { id: group, nodes: [{ providerID: id, name: '' }] });
  expect(await target()).toBe(0);
  await until(async () => (await instances()).length === 0);
  await until(async () => (await tenant.list({ apiVersion: 'v1', kind: 'Node' })).items.length === 0);
});

test('exactly the named node goes, and a repeated call takes no other', async () => {
  await resize(3);
  const [first, second, third] = await running(3);
  const nodes = [{ providerID: second?.id, name: '' }];
  await mine.call('NodeGroupDeleteNodes', { id: group, nodes });
  await mine.call('NodeGroupDeleteNodes', { id: group, nodes });
  expect(await target()).toBe(2);
  await until(async () => (await instances()).length === 2);
  await mine.call('NodeGroupDeleteNodes', { id: group, nodes });
  expect(await target()).toBe(2);
  expect((await running(2)).map(({ id }) => id).toSorted()).toEqual([first?.id, third?.id].toSorted());
  const [operation] = world.rows<{ requested_by: string }>(
    `select requested_by from operations where target_id = '${group}' order by requested_at desc limit 1`,
  );
  expect(operation).toEqual({ requested_by: 'cluster-autoscaler' });
  await expect(
    mine.call('NodeGroupDeleteNodes', {
      id: group,
      nodes: [
        { providerID: first?.id, name: '' },
        { providerID: 'aws:///x', name: 'x' },
      ],
    }),
  ).rejects.toMatchObject({ code: status.NOT_FOUND });
  expect(await target()).toBe(2);
});

test('a manual count is the new target, and the autoscaler goes on from there', async () => {
  await resize(1);
  expect(await target()).toBe(1);
  await mine.call('NodeGroupIncreaseSize', { id: group, delta: 1 });
  expect(await target()).toBe(2);
  await resize(3);
  await expect(mine.call('NodeGroupIncreaseSize', { id: group, delta: 1 })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  await expect(resize(4)).rejects.toThrow('at most 3');
  await running(3);
  expect(await world.settled(clusterId)).toBe(true);
});

test.each([0, -1])('a growth by %i is none', async (delta) => {
  await expect(mine.call('NodeGroupIncreaseSize', { id: group, delta })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
});

test('bounds that are changed hold at once', async () => {
  const bound = (minCount: number, maxCount: number) =>
    world.change(world.member, 'updateNodeGroup', { nodeGroupId: group, minCount, maxCount }, 'nodeGroup { count }');
  await resize(3);
  expect(await bound(2, 2)).toMatchObject({ nodeGroup: { count: 2 } });
  const { nodeGroups } = await mine.call<{ nodeGroups: { id: string }[] }>('NodeGroups');
  expect(nodeGroups.find(({ id }) => id === group)).toMatchObject({ minSize: 2, maxSize: 2 });
  const [one] = await running(2);
  await expect(mine.call('NodeGroupIncreaseSize', { id: group, delta: 1 })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  await expect(mine.call('NodeGroupDeleteNodes', { id: group, nodes: [{ providerID: one?.id, name: '' }] })).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
  });
  await bound(0, 3);
  expect(await target()).toBe(2);
});

test('a worker that cannot be made is a placeholder with its error, which can be given up by name or by number', async () => {
  await resize(0);
  await until(async () => (await instances()).length === 0);
  await world.control('POST', 'faults', {
    service: 'compute',
    method: 'POST',
    path: '^/v2.1/servers',
    kind: 'status',
    status: 403,
    body: JSON.stringify({
      forbidden: { code: 403, message: 'Quota exceeded for instances: Requested 1, but already used 10 of 10 instances' },
    }),
  });
  await mine.call('NodeGroupIncreaseSize', { id: group, delta: 2 });
  const stuck = await until(async () => {
    const all = await instances();
    return all.length === 2 && all.every(({ status }) => status.errorInfo !== null) ? all : undefined;
  });
  expect(stuck[0]).toMatchObject({
    id: expect.stringMatching(/^seedbed:\/\/\/node\//),
    status: { instanceState: 'instanceCreating', errorInfo: { errorCode: 'QUOTA_EXCEEDED', instanceErrorClass: 1 } },
  });
  await mine.call('NodeGroupDeleteNodes', { id: group, nodes: [{ providerID: stuck[0]?.id, name: stuck[0]?.id }] });
  await until(async () => (await instances()).length === 1);
  await expect(mine.call('NodeGroupDecreaseTargetSize', { id: group, delta: 1 })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  await mine.call('NodeGroupDecreaseTargetSize', { id: group, delta: -1 });
  expect(await target()).toBe(0);
  await until(async () => (await instances()).length === 0);
});

test('a target falls below no server that is there', async () => {
  await resize(1);
  await running(1);
  await expect(mine.call('NodeGroupDecreaseTargetSize', { id: group, delta: -1 })).rejects.toMatchObject({
    code: status.FAILED_PRECONDITION,
  });
  expect(await target()).toBe(1);
});

test('nobody but the cluster itself: another one, a stranger, a certificate of another authority', async () => {
  const other = await world.makeCluster('other', { nodeCount: 0, overrides: { autoScalingEnabled: true, maxNodeCount: 2 } });
  const theirs = await loginAs(other);
  expect(await theirs.call('NodeGroups')).toMatchObject({ nodeGroups: [{ id: groupOf(other) }] });
  const [one] = await instances();
  for (const [method, request] of [
    ['NodeGroupNodes', {}],
    ['NodeGroupTargetSize', {}],
    ['NodeGroupTemplateNodeInfo', {}],
    ['NodeGroupIncreaseSize', { delta: 1 }],
    ['NodeGroupDecreaseTargetSize', { delta: -1 }],
    ['NodeGroupDeleteNodes', { nodes: [{ providerID: one?.id, name: '' }] }],
  ] as const)
    await expect(theirs.call(method, { ...request, id: group }), method).rejects.toMatchObject({ code: status.NOT_FOUND });
  await expect(
    theirs.call('NodeGroupDeleteNodes', { id: groupOf(other), nodes: [{ providerID: one?.id, name: '' }] }),
  ).rejects.toMatchObject({ code: status.NOT_FOUND });
  expect(await theirs.call('NodeGroupForNode', { node: { providerID: one?.id, name: '' } })).toMatchObject({ nodeGroup: { id: '' } });
  expect(await target()).toBe(1);

  const stranger = await loginAs('00000000-0000-4000-8000-000000000000');
  await expect(stranger.call('NodeGroups')).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  // Its own authority's certificate is no better: what counts is who signed it.
  const forged = await loginAs(clusterId, await createAuthority('seedbed-autoscaler', { now: Date.now }));
  await expect(forged.call('NodeGroups')).rejects.toMatchObject({ code: status.UNAVAILABLE });
  const fromCluster = await loginAs(clusterId, world.pki(clusterId).authorities.ca);
  await expect(fromCluster.call('NodeGroups')).rejects.toMatchObject({ code: status.UNAVAILABLE });
});

test('a cluster that is not to be scaled is refused, and served again when it is', async () => {
  const setScaling = (autoScalingEnabled: boolean) =>
    world.change(world.member, 'updateCluster', { clusterId, overrides: { autoScalingEnabled } }, 'cluster { id }');
  await setScaling(false);
  await expect(mine.call('NodeGroups')).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  await expect(mine.call('NodeGroupIncreaseSize', { id: group, delta: 1 })).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  await setScaling(true);
  expect(await target()).toBe(1);
});
