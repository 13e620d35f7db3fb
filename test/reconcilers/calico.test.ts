/** A cluster with Calico for its pod network: from nothing to nodes that are ready, drift, what stays fixed, and gone again. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessOf, at, type Client, createClient, type Fields } from '../sandbox/kubernetes/client.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

const DAEMONS = '/apis/apps/v1/namespaces/kube-system/daemonsets/calico-node';
const CONTROLLERS = '/apis/apps/v1/namespaces/kube-system/deployments/calico-kube-controllers';
const CONFIG = '/api/v1/namespaces/kube-system/configmaps/calico-config';
const POOLS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/ippools.crd.projectcalico.org';
const FLANNEL = '/apis/apps/v1/namespaces/kube-flannel/daemonsets/kube-flannel-ds';
const MERGE = { 'content-type': 'application/merge-patch+json' };

let world: Living;
let tenant: Client;
let clusterId: string;

const read = async (path: string): Promise<Fields | undefined> => {
  const answer = await tenant.call('GET', path);
  return answer.status === 200 ? answer.body : undefined;
};
const uidOf = async (path: string) => at(await read(path), 'metadata', 'uid');
const envOf = async (): Promise<Record<string, string>> => {
  const env = at(await read(DAEMONS), 'spec', 'template', 'spec', 'containers', 0, 'env') as { name: string; value: string }[];
  return Object.fromEntries(env.map(({ name, value }) => [name, value]));
};
const update = (overrides: object) => world.change(world.member, 'updateCluster', { clusterId, overrides }, 'cluster { id }');

beforeAll(async () => {
  world = await openLiving();
  clusterId = await world.makeCluster('calico', {
    nodeCount: 2,
    overrides: { networkDriver: 'CALICO', addons: { calico: { mtu: 1400, blockSize: 27 } } },
  });
  const issued = await world.change<{ kubeconfig: string }>(world.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  tenant = createClient(accessOf(issued.kubeconfig));
  // What was issued a moment ago is bound by a pass to come.
  await until(async () => (await read(DAEMONS)) !== undefined);
});

afterAll(async () => {
  tenant?.close();
  await world?.close();
});

test('it becomes READY with its nodes, by Calico alone', async () => {
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
  expect(addons.calico).toMatchObject({ enabled: true, state: 'READY', version: 'v3.32.1' });
  expect(addons.flannel).toMatchObject({ enabled: false, state: 'DISABLED' });
  expect(at(await read(DAEMONS), 'status', 'numberReady')).toBe(2);
  expect(at(await read(CONTROLLERS), 'status', 'readyReplicas')).toBe(1);
  expect(await read(FLANNEL)).toBeUndefined();
});

test('its programs are told what the cluster was asked to have', async () => {
  expect(await envOf()).toMatchObject({
    CALICO_IPV4POOL_CIDR: '10.200.0.0/16',
    CALICO_IPV4POOL_BLOCK_SIZE: '27',
    CALICO_IPV4POOL_VXLAN: 'Always',
    FELIX_VXLANMTU: '1400',
    FELIX_WIREGUARDENABLED: 'false',
    FELIX_NFTABLESMODE: 'Enabled',
  });
  const config = at(await read(CONFIG), 'data', 'cni_network_config') as string;
  expect(JSON.parse(config).plugins[0]).toMatchObject({ type: 'calico', mtu: 1400, ipam: { type: 'calico-ipam' } });
});

test('what somebody changes or deletes is as it was a moment later', async () => {
  const before = await read(CONFIG);
  await tenant.call('PATCH', CONFIG, { data: { cni_network_config: 'spoilt' } }, MERGE);
  await until(async () => at(await read(CONFIG), 'data', 'cni_network_config') === at(before, 'data', 'cni_network_config'));
  for (const path of [CONTROLLERS, POOLS]) {
    const uid = await uidOf(path);
    await tenant.call('DELETE', path);
    await until(async () => ((await uidOf(path)) ?? uid) !== uid);
  }
  await world.settled(clusterId);
});

test('what can be changed later is carried out, and the rest is refused by the name of the field', async () => {
  await update({ addons: { calico: { wireguard: true }, kubeProxy: { mode: 'IPTABLES' } } });
  await until(async () => {
    const env = await envOf();
    return env.FELIX_WIREGUARDENABLED === 'true' && env.FELIX_NFTABLESMODE === 'Disabled';
  });
  await world.settled(clusterId);
  for (const option of [{ blockSize: 26 }, { natOutgoing: false }])
    await expect(update({ addons: { calico: option } })).rejects.toThrow(
      new RegExp(`INVALID_INPUT.*living cluster.*"field":\\["overrides","addons","calico","${Object.keys(option)[0]}"\\]`),
    );
  await update({ addons: { calico: { blockSize: 27 } } });
  for (const networkDriver of ['FLANNEL', 'NONE'])
    await expect(update({ networkDriver })).rejects.toThrow(/INVALID_INPUT.*"field":\["overrides","networkDriver"\]/);
  await world.settled(clusterId);
});

test('a network that is not asked for has no options, and a range for pods holds a block at least', async () => {
  await expect(world.makeCluster('two', { overrides: { addons: { calico: { mtu: 1400 } } } })).rejects.toThrow(
    /INVALID_INPUT.*networkDriver CALICO.*"field":\["overrides","addons","calico","mtu"\]/,
  );
  await expect(
    world.makeCluster('small', { overrides: { networkDriver: 'CALICO', podCidr: '10.200.0.0/25', addons: { calico: { blockSize: 24 } } } }),
  ).rejects.toThrow(/INVALID_INPUT.*no block of \/24/);
});

test('deleted, it leaves nothing in the cloud and in the seed', async () => {
  await world.change(world.member, 'deleteCluster', { clusterId }, 'cluster { id }');
  await until(() => world.rows(`select 1 from clusters where id = '${clusterId}' and state = 'DELETED'`).length === 1);
  expect(world.rows("select 1 from inventory where state <> 'GONE'")).toEqual([]);
});
