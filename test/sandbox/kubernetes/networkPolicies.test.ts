/** What the product's policies let through, by the rules of the real API; and that the sandbox's pods keep to them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildNamespace } from '../../../src/controlPlane/namespace.ts';
import { buildNetworkPolicies } from '../../../src/controlPlane/networkPolicies.ts';
import type { Component, KubernetesObject } from '../../../src/controlPlane/object.ts';
import { podLabelsOf } from '../../../src/controlPlane/workload.ts';
import { type Cluster, createCluster } from '../../../src/sandbox/kubernetes/cluster.ts';
import { NAMESPACE, NETWORK_POLICY } from '../../../src/sandbox/kubernetes/kinds.ts';
import { isConnectionAllowed, type Peer } from '../../../src/sandbox/kubernetes/networkPolicies.ts';
import type { KubeObject } from '../../../src/sandbox/kubernetes/objects.ts';
import { cluster as shop } from '../../controlPlane/fixture.ts';
import { until } from './client.ts';
import { type Hosted, logOf, readyz, startHosted } from './hosted.ts';
import { type SeedWorld, startSeedWorld } from './seedWorld.ts';

const bank = { ...shop, id: 'b', shortId: 'bank-a1b2c3d4', namespace: 'kc-bank-a1b2c3d4', name: 'bank' };
const clusters = { shop, bank, open: { ...shop, shortId: 'open-a1b2c3d4', namespace: 'kc-open-a1b2c3d4', tunnel: 'NONE' as const } };

const seedWith = (objects: KubernetesObject[]): Cluster => {
  const seed = createCluster({
    id: 'seed',
    version: 'v1.36.3',
    serviceCidr: '10.96.0.0/12',
    rows: new Map() as never,
    shared: new Map() as never,
    historyLimit: 10,
    now: Date.now,
    latency: () => 0,
    log: console as never,
  });
  for (const object of objects) {
    const kind = object.kind === 'Namespace' ? NAMESPACE : NETWORK_POLICY;
    const labels = { ...object.metadata.labels, ...(kind === NAMESPACE && { 'kubernetes.io/metadata.name': object.metadata.name }) };
    seed.store.put(kind, { ...object, metadata: { ...object.metadata, labels, uid: object.metadata.name } } as unknown as KubeObject);
  }
  return seed;
};
const bare = (name: string): KubernetesObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const seed = seedWith([
  ...Object.values(clusters).flatMap((c) => [buildNamespace(c), ...buildNetworkPolicies(c)]),
  bare('kube-system'),
  bare('default'),
]);

const pod = (namespace: string, labels: Record<string, string>): Peer => ({
  pod: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace, labels, uid: '' }, spec: {} } as unknown as KubeObject,
});
const of = (name: keyof typeof clusters, component: Component): Peer =>
  pod(clusters[name].namespace, podLabelsOf(clusters[name], component));
const stranger = pod('default', {});
const dns = pod('kube-system', { 'k8s-app': 'kube-dns' });
const at = (address: string): Peer => ({ address });
const SEED_API = at('198.51.100.2');

test.each<[string, Peer, Peer, number]>([
  ['API server → its etcd', of('shop', 'kube-apiserver'), of('shop', 'etcd'), 2379],
  ['member → member, as peer', of('shop', 'etcd'), of('shop', 'etcd'), 2380],
  ['member → member, as client', of('shop', 'etcd'), of('shop', 'etcd'), 2379],
  ['task → etcd', of('shop', 'etcd-task'), of('shop', 'etcd'), 2379],
  ['controller manager → API server', of('shop', 'kube-controller-manager'), of('shop', 'kube-apiserver'), 6443],
  ['scheduler → API server', of('shop', 'kube-scheduler'), of('shop', 'kube-apiserver'), 6443],
  ['anybody → API server', at('203.0.113.7'), of('shop', 'kube-apiserver'), 6443],
  ['agents → konnectivity', at('203.0.113.7'), of('shop', 'kube-apiserver'), 8132],
  ['without a tunnel, API server → kubelet', of('open', 'kube-apiserver'), at('10.0.0.5'), 10250],
  ['without a tunnel, API server → pod', of('open', 'kube-apiserver'), at('10.244.3.4'), 8443],
])('%s: let through', (_what, from, to, port) => {
  expect(isConnectionAllowed(seed, { from, to, port })).toBe(true);
});

test('every pod may ask for names', () => {
  for (const component of ['etcd', 'kube-apiserver', 'kube-scheduler', 'etcd-task'] as const)
    expect(isConnectionAllowed(seed, { from: of('shop', component), to: dns, port: 53, protocol: 'UDP' })).toBe(true);
  expect(isConnectionAllowed(seed, { from: of('shop', 'etcd'), to: stranger, port: 53, protocol: 'UDP' })).toBe(false);
});

test.each<[string, Peer, Peer, number]>([
  ["API server → another cluster's etcd", of('shop', 'kube-apiserver'), of('bank', 'etcd'), 2379],
  ["etcd → another cluster's etcd", of('shop', 'etcd'), of('bank', 'etcd'), 2380],
  ["controller manager → another cluster's API server", of('shop', 'kube-controller-manager'), of('bank', 'kube-apiserver'), 6443],
  ['controller manager → its etcd', of('shop', 'kube-controller-manager'), of('shop', 'etcd'), 2379],
  ['scheduler → its etcd', of('shop', 'kube-scheduler'), of('shop', 'etcd'), 2379],
  ['API server → peer port of etcd', of('shop', 'kube-apiserver'), of('shop', 'etcd'), 2380],
  ['a stranger → etcd', stranger, of('shop', 'etcd'), 2379],
  ['outside → etcd', at('203.0.113.7'), of('shop', 'etcd'), 2379],
  ['outside → a port beside the API', at('203.0.113.7'), of('shop', 'kube-apiserver'), 8133],
  ['outside → controller manager', at('203.0.113.7'), of('shop', 'kube-controller-manager'), 10257],
  ["API server → the seed's API", of('shop', 'kube-apiserver'), SEED_API, 6443],
  ["controller manager → the seed's API", of('shop', 'kube-controller-manager'), SEED_API, 6443],
  ["without a tunnel, API server → the seed's API", of('open', 'kube-apiserver'), SEED_API, 6443],
  ['API server → metadata of its node', of('shop', 'kube-apiserver'), at('169.254.169.254'), 80],
  ['without a tunnel, API server → metadata of its node', of('open', 'kube-apiserver'), at('169.254.169.254'), 80],
  ['etcd → the world', of('shop', 'etcd'), at('203.0.113.7'), 443],
])('%s: shut', (_what, from, to, port) => {
  expect(isConnectionAllowed(seed, { from, to, port })).toBe(false);
});

test("in a customer's own network the API server reaches all but the metadata address; without policies everything is open", () => {
  const own = seedWith([buildNamespace(shop), ...buildNetworkPolicies({ ...shop, tunnel: 'NONE', nodeCidr: null })]);
  const allowed = (address: string) => isConnectionAllowed(own, { from: of('shop', 'kube-apiserver'), to: at(address), port: 80 });
  expect([allowed('192.0.2.9'), allowed('169.254.169.254')]).toEqual([true, false]);
  expect(isConnectionAllowed(own, { from: stranger, to: SEED_API, port: 6443 })).toBe(true);
});

test("webhook and issuers of a customer's: the public Internet on their ports, private addresses where the operator says so", () => {
  const urls = { audit: { ...shop.audit, webhook: { url: 'https://audit.example.org:8443/x', caCertificate: null } } };
  const calling = seedWith([buildNamespace(shop), ...buildNetworkPolicies({ ...shop, ...urls, egressCidrs: ['10.11.0.0/16'] })]);
  const allowed = (address: string, port = 8443, from: Component = 'kube-apiserver') =>
    isConnectionAllowed(calling, { from: of('shop', from), to: at(address), port });
  expect(['203.0.113.7', '10.11.3.4'].map((address) => allowed(address))).toEqual([true, true]);
  const inside = ['10.12.0.1', '172.20.0.1', '192.168.1.1', '100.64.0.1', '169.254.169.254', '127.0.0.1'];
  expect(inside.filter((address) => allowed(address))).toEqual([]);
  expect([allowed('203.0.113.7', 443), allowed('203.0.113.7', 8443, 'etcd')]).toEqual([false, false]);
});

let world: SeedWorld;
beforeAll(async () => {
  world = await startSeedWorld();
});
afterAll(() => world.close());

test.each<[string, 'apiServer' | 'controllerManager', RegExp]>([
  ['-etcd', 'apiServer', /-etcd.*i\/o timeout/],
  ['-dns', 'apiServer', /lookup .*i\/o timeout/],
  ['-controller-manager', 'controllerManager', /kube-apiserver.*i\/o timeout/],
])('without the policy %s the pod that needs it waits', async (name, component, words) => {
  const hosted: Hosted = await startHosted(world.limited, `np${name}`, {
    objects: (objects) => objects.filter((o) => o.kind !== 'NetworkPolicy' || !o.metadata.name.endsWith(name)),
  });
  await until(`the log to say ${words}`, async () => words.test(await logOf(world.limited, hosted, component)));
  if (component === 'apiServer') expect(await readyz(hosted.tenant)).toBe(false);
  hosted.close();
});
