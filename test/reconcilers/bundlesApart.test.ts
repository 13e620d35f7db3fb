/** One addon bundle does not stand in the way of another, of its cluster's making, or of what merely has the same name. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessOf, at, type Client, createClient, type Fields } from '../sandbox/kubernetes/client.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface ClusterView {
  state: string;
  bundles: { name: string; state: string; message: string; problem: { whoMustAct: string } | null }[];
}

let world: Living;
let tenant: Client;
let clusterId: string;

const read = async (path: string): Promise<Fields | undefined> => {
  const answer = await tenant.call('GET', path);
  return answer.status === 200 ? answer.body : undefined;
};
const clusterOf = async (id: string) =>
  (
    await world.ask<{ cluster: ClusterView }>(
      world.member,
      'query($id: ID!) { cluster(id: $id) { state bundles { name state message problem { whoMustAct } } } }',
      { id },
    )
  ).cluster;
const stateOf = async (name: string) => (await clusterOf(clusterId)).bundles.find((bundle) => bundle.name === name)?.state;
const choose = (bundles: object[]) =>
  world.change(world.member, 'updateCluster', { clusterId, overrides: { bundles } }, 'cluster { spec { bundles { name } } }');
const register = (name: string, manifests: string) =>
  world.change(world.admin, 'registerAddonBundle', { name, manifests }, 'addonBundle { id }');

const definition = (group: string, kind: string, plural: string) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
});
const BROKEN = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: broken, namespace: default }\nspec: { replicas: 1 }\n';

beforeAll(async () => {
  world = await openLiving();
  await register('broken', BROKEN);
  clusterId = await world.makeCluster('shop');
  const issued = await world.change<{ kubeconfig: string }>(world.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  tenant = createClient(accessOf(issued.kubeconfig));
  // Its rights come with the next pass.
  await until(async () => (await tenant.call('GET', '/api/v1/nodes')).status === 200);
});

afterAll(async () => {
  tenant?.close();
  await world?.close();
});

test('a kind that has the name of one of Kubernetes is not taken for it', async () => {
  const job = (queue: string) =>
    [
      definition('batch.volcano.sh', 'Job', 'jobs'),
      { apiVersion: 'batch.volcano.sh/v1alpha1', kind: 'Job', metadata: { name: 'own', namespace: 'default' }, spec: { queue } },
    ]
      .map((one) => JSON.stringify(one))
      .join('\n---\n');
  const path = '/apis/batch.volcano.sh/v1alpha1/namespaces/default/jobs/own';
  await register('volcano', job('first'));
  await choose([{ name: 'volcano' }]);
  await until(async () => (await stateOf('volcano')) === 'READY');
  const { uid } = at(await read(path), 'metadata') as { uid: string };
  await world.change(world.admin, 'updateAddonBundle', { addonBundleId: 'volcano', manifests: job('second') }, 'revision { revision }');
  await choose([{ name: 'volcano', revision: 2 }]);
  await until(async () => at(await read(path), 'spec', 'queue') === 'second');
  expect(at(await read(path), 'metadata', 'uid')).toBe(uid);
  await choose([]);
  await until(async () => (await clusterOf(clusterId)).bundles.length === 0);
  await world.settled(clusterId);
});

test('while one has failed, another that waits is looked at as soon as it asks for it', async () => {
  await register('things', 'apiVersion: e.example.org/v1alpha1\nkind: Thing\nmetadata: { name: t, namespace: default }\n');
  await choose([{ name: 'things' }, { name: 'broken' }]);
  await until(async () => (await stateOf('broken')) === 'FAILED' && (await stateOf('things')) === 'INSTALLING');
  await until(async () => (await clusterOf(clusterId)).state === 'DEGRADED');
  await world.idle();
  const since = Date.now();
  await tenant.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition('e.example.org', 'Thing', 'things'));
  await until(async () => (await stateOf('things')) === 'READY');
  // What waits for somebody is looked at after 30 s at the soonest.
  expect(Date.now() - since).toBeLessThan(20_000);
  await choose([]);
  await world.settled(clusterId);
});

test('what a bundle waits for is told with the name of the object', async () => {
  const pod = { containers: [{ name: 'c', image: 'example.org/c:v1' }], volumes: [{ name: 'key', secret: { secretName: 'counter-key' } }] };
  const labels = { app: 'counter' };
  const spec = { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod } };
  const manifests = [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'counter', namespace: 'default' }, spec },
    { apiVersion: 'm.example.org/v1alpha1', kind: 'Meter', metadata: { name: 'counter', namespace: 'default' } },
  ];
  await register('counter', manifests.map((one) => JSON.stringify(one)).join('\n---\n'));
  await choose([{ name: 'counter' }]);
  const step = () =>
    world.rows<{ state: string; message: string }>(
      `select state, message from conditions where object_id = '${clusterId}' and name = 'BundlesInstalled'`,
    )[0];
  const waitsFor = async (what: string) => {
    await until(async () => (await clusterOf(clusterId)).bundles.find(({ name }) => name === 'counter')?.message === what);
    expect((await clusterOf(clusterId)).bundles).toMatchObject([{ name: 'counter', state: 'INSTALLING', problem: null }]);
    await until(() => step()?.message === `counter: ${what}`);
    expect(step()?.state).toBe('WAITING');
  };
  await waitsFor('the kind or the namespace of Meter default/counter of the bundle counter');
  await tenant.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition('m.example.org', 'Meter', 'meters'));
  await waitsFor('the pod of counter to be ready');
  await tenant.call('POST', '/api/v1/namespaces/default/secrets', { metadata: { name: 'counter-key' } });
  await until(async () => (await stateOf('counter')) === 'READY');
  await choose([]);
  await world.settled(clusterId);
});

test('a secret option comes into its Secret, and is seen nowhere else', async () => {
  const password = 'correct-horse-battery';
  const manifests = `apiVersion: v1\nkind: Secret\nmetadata: { name: door, namespace: default }\nstringData: { key: "\${options.key}" }\n`;
  const optionsSchema = JSON.stringify({ type: 'object', properties: { key: { type: 'string', writeOnly: true } }, required: ['key'] });
  await world.change(world.admin, 'registerAddonBundle', { name: 'door', manifests, optionsSchema }, 'addonBundle { id }');
  await choose([{ name: 'door', options: [{ key: 'key', value: password }] }]);
  const path = '/api/v1/namespaces/default/secrets/door';
  const key = async () => Buffer.from(String(at(await read(path), 'data', 'key')), 'base64').toString();
  await until(async () => (await key()) === password);
  await until(async () => (await stateOf('door')) === 'READY');
  const shown = await world.ask<{ cluster: object }>(
    world.member,
    `query($id: ID!) { cluster(id: $id) {
      spec { bundles { name options { key value } secretOptions } } overrides { field value templateValue }
      bundles { message } conditions { message } operations { nodes { problem { message } steps { message } } } } }`,
    { id: clusterId },
  );
  expect(shown.cluster).toMatchObject({ spec: { bundles: [{ name: 'door', options: [], secretOptions: ['key'] }] } });
  expect(shown.cluster).toMatchObject({ overrides: [{ field: 'bundles', value: expect.stringContaining('"secretOptions":["key"]') }] });
  expect(JSON.stringify(shown)).not.toMatch(new RegExp(`${password}|sealed`));
  for (const { name } of world.rows<{ name: string }>("select name from sqlite_master where type = 'table'"))
    expect(JSON.stringify(world.rows(`select * from "${name}"`))).not.toContain(password);
  // A change of something else keeps it.
  await choose([{ name: 'door' }, { name: 'counter' }]);
  await world.settled(clusterId);
  expect(await key()).toBe(password);
  await choose([]);
  await world.settled(clusterId);
});

test('a cluster is made although a bundle of it cannot be', async () => {
  const { cluster } = await world.change<{ cluster: { uuid: string } }>(
    world.member,
    'createCluster',
    { name: 'second', clusterTemplate: 'small', nodeCount: 1, overrides: { bundles: [{ name: 'broken' }] } },
    'cluster { uuid }',
  );
  const row = () =>
    world.rows<{ state: string; seen: number }>(`select state, observed_generation as seen from clusters where id = '${cluster.uuid}'`)[0];
  const seen = new Set<string>();
  await until(() => {
    seen.add(row()?.state ?? '');
    return row()?.seen === 1;
  });
  expect([...seen]).not.toContain('FAILED');
  expect(row()).toEqual({ state: 'DEGRADED', seen: 1 });
  expect(world.rows(`select state, percent, problem from operations where cluster_id = '${cluster.uuid}'`)).toEqual([
    { state: 'SUCCEEDED', percent: 100, problem: null },
  ]);
  expect((await clusterOf(cluster.uuid)).bundles).toMatchObject([
    { name: 'broken', state: 'FAILED', problem: { whoMustAct: 'CLOUD_ADMIN' } },
  ]);
  await world.change(
    world.member,
    'updateCluster',
    { clusterId: cluster.uuid, overrides: { bundles: [] } },
    'cluster { spec { bundles { name } } }',
  );
  await world.settled(cluster.uuid);
});
