/** A cluster with Cilium for its pod network: from nothing to nodes that are ready, drift, what changes later, and gone again. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessOf, at, type Client, createClient, type Fields } from '../sandbox/kubernetes/client.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

const AGENTS = '/apis/apps/v1/namespaces/kube-system/daemonsets/cilium';
const OPERATOR = '/apis/apps/v1/namespaces/kube-system/deployments/cilium-operator';
const CONFIG = '/api/v1/namespaces/kube-system/configmaps/cilium-config';
const RIGHTS = '/apis/rbac.authorization.k8s.io/v1/clusterroles/cilium-operator';
const FLANNEL = '/apis/apps/v1/namespaces/kube-flannel/daemonsets/kube-flannel-ds';
const PROXY = '/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy';
const MERGE = { 'content-type': 'application/merge-patch+json' };

let world: Living;
let tenant: Client;
let clusterId: string;

const read = async (path: string): Promise<Fields | undefined> => {
  const answer = await tenant.call('GET', path);
  return answer.status === 200 ? answer.body : undefined;
};
const uidOf = async (path: string) => at(await read(path), 'metadata', 'uid');
const settings = async () => at(await read(CONFIG), 'data') as Record<string, string>;
const mountedBy = async (path: string) => at(await read(path), 'spec', 'template', 'metadata', 'annotations', 'seedbed.io/mounted');
const update = (overrides: object) => world.change(world.member, 'updateCluster', { clusterId, overrides }, 'cluster { id }');

beforeAll(async () => {
  world = await openLiving();
  clusterId = await world.makeCluster('cilium', {
    nodeCount: 2,
    overrides: { networkDriver: 'CILIUM', addons: { cilium: { mtu: 1450 } } },
  });
  const issued = await world.change<{ kubeconfig: string }>(world.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  tenant = createClient(accessOf(issued.kubeconfig));
  // What was issued a moment ago is bound by a pass to come.
  await until(async () => (await read(AGENTS)) !== undefined);
});

afterAll(async () => {
  tenant?.close();
  await world?.close();
});

test('it becomes READY with its nodes, by Cilium alone', async () => {
  const { cluster } = await world.ask<{
    cluster: {
      state: string;
      addons: { name: string; version: string; enabled: boolean; state: string }[];
      conditions: { reason: string | null }[];
      nodes: { nodes: { state: string }[] };
    };
  }>(
    world.member,
    'query($id: ID!) { cluster(id: $id) { state addons { name version enabled state } conditions { reason } nodes { nodes { state } } } }',
    { id: clusterId },
  );
  expect(cluster.state).toBe('READY');
  expect(cluster.nodes.nodes.map(({ state }) => state)).toEqual(['READY', 'READY']);
  expect(cluster.conditions.filter(({ reason }) => reason === 'NotServedYet')).toEqual([]);
  const addons = Object.fromEntries(cluster.addons.map((addon) => [addon.name, addon]));
  expect(addons.cilium).toMatchObject({ enabled: true, state: 'READY', version: 'v1.20.2' });
  for (const other of ['flannel', 'calico']) expect(addons[other]).toMatchObject({ enabled: false, state: 'DISABLED' });
  expect(at(await read(AGENTS), 'status', 'numberReady')).toBe(2);
  expect(at(await read(OPERATOR), 'status', 'readyReplicas')).toBe(1);
  expect(at(await read(PROXY), 'status', 'numberReady')).toBe(2);
  expect(await read(FLANNEL)).toBeUndefined();
});

test('its programs are told what the cluster was asked to have, and where the API server really is', async () => {
  expect(await settings()).toMatchObject({
    ipam: 'kubernetes',
    'routing-mode': 'tunnel',
    'kube-proxy-replacement': 'false',
    mtu: '1450',
    'enable-wireguard': 'false',
  });
  for (const path of [AGENTS, OPERATOR]) {
    const env = at(await read(path), 'spec', 'template', 'spec', 'containers', 0, 'env') as { name: string; value: string }[];
    expect(env.find(({ name }) => name === 'KUBERNETES_SERVICE_HOST')?.value).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
  }
});

test('what somebody changes or deletes is as it was a moment later', async () => {
  const before = await settings();
  await tenant.call('PATCH', CONFIG, { data: { ipam: 'cluster-pool' } }, MERGE);
  await until(async () => (await settings()).ipam === before.ipam);
  for (const path of [OPERATOR, RIGHTS]) {
    const uid = await uidOf(path);
    await tenant.call('DELETE', path);
    await until(async () => ((await uidOf(path)) ?? uid) !== uid);
  }
  await world.settled(clusterId);
});

test('its options change on a living cluster, and both programs start anew with them', async () => {
  const before = [await mountedBy(AGENTS), await mountedBy(OPERATOR)];
  await update({ addons: { cilium: { encryption: 'WIREGUARD', mtu: 0 } } });
  await until(async () => (await settings())['enable-wireguard'] === 'true');
  await world.settled(clusterId);
  expect(await settings()).not.toHaveProperty('mtu');
  const after = [await mountedBy(AGENTS), await mountedBy(OPERATOR)];
  expect(after[0]).toBe(after[1]);
  expect(before).not.toContain(after[0]);
  await expect(update({ networkDriver: 'CALICO' })).rejects.toThrow(/INVALID_INPUT.*"field":\["overrides","networkDriver"\]/);
});

test('a network that is not asked for has no options', async () => {
  await expect(
    world.makeCluster('two', { overrides: { networkDriver: 'CALICO', addons: { cilium: { encryption: 'WIREGUARD' } } } }),
  ).rejects.toThrow(/INVALID_INPUT.*networkDriver CILIUM.*"field":\["overrides","addons","cilium","encryption"\]/);
});

test('deleted, it leaves nothing in the cloud and in the seed', async () => {
  await world.change(world.member, 'deleteCluster', { clusterId }, 'cluster { id }');
  await until(() => world.rows(`select 1 from clusters where id = '${clusterId}' and state = 'DELETED'`).length === 1);
  expect(world.rows("select 1 from inventory where state <> 'GONE'")).toEqual([]);
});
