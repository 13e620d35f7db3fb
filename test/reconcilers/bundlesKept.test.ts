/** What a customer has in a cluster is not lost with an addon bundle, nor with a new revision of one. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessOf, at, type Client, createClient, type Fields } from '../sandbox/kubernetes/client.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface BundleView {
  name: string;
  revision: number;
  state: string;
  message: string;
}

let world: Living;
let tenant: Client;
let clusterId: string;

const read = async (path: string): Promise<Fields | undefined> => {
  const answer = await tenant.call('GET', path);
  return answer.status === 200 ? answer.body : undefined;
};
const bundlesNow = async () =>
  (
    await world.ask<{ cluster: { bundles: BundleView[] } }>(
      world.member,
      'query($id: ID!) { cluster(id: $id) { bundles { name revision state message } } }',
      { id: clusterId },
    )
  ).cluster.bundles;
const bundleOf = async (name: string) => (await bundlesNow()).find((bundle) => bundle.name === name);
const choose = (bundles: object[]) =>
  world.change(world.member, 'updateCluster', { clusterId, overrides: { bundles } }, 'cluster { spec { bundles { name } } }');
const register = (name: string, manifests: string) =>
  world.change(world.admin, 'registerAddonBundle', { name, manifests }, 'addonBundle { id }');
const ready = (name: string, revision = 1) =>
  until(async () => {
    const seen = await bundleOf(name);
    return seen?.state === 'READY' && seen.revision === revision;
  });
const heldUp = (name: string) =>
  until(async () => {
    const seen = await bundleOf(name);
    return seen !== undefined && seen.state !== 'READY' && seen.message !== '' ? seen.message : null;
  });
/** Until its message says so. */
const heldUpBy = (name: string, words: RegExp) =>
  until(async () => {
    world.wake(clusterId);
    return words.test((await bundleOf(name))?.message ?? '');
  });

const definition = (kind: string, versions: readonly string[]) => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ${kind.toLowerCase()}s.example.org }
spec:
  group: example.org
  scope: Namespaced
  names: { kind: ${kind}, plural: ${kind.toLowerCase()}s, singular: ${kind.toLowerCase()}, listKind: ${kind}List }
  versions:
${versions.map((v, i) => `    - { name: ${v}, served: true, storage: ${i === 0}, schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } } }`).join('\n')}
`;

beforeAll(async () => {
  world = await openLiving();
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

test('an object whose version is raised stays the object that it was', async () => {
  const versions = ['v1', 'v1alpha1'];
  const gear = (version: string) =>
    `${definition('Gear', versions)}---\napiVersion: example.org/${version}\nkind: Gear\nmetadata: { name: own, namespace: default }\nspec: { teeth: 8 }\n`;
  const path = '/apis/example.org/v1/namespaces/default/gears/own';
  await register('gears', gear('v1alpha1'));
  await choose([{ name: 'gears' }]);
  await ready('gears');
  const { uid } = at(await read(path), 'metadata') as { uid: string };
  await world.change(world.admin, 'updateAddonBundle', { addonBundleId: 'gears', manifests: gear('v1') }, 'revision { revision }');
  await choose([{ name: 'gears', revision: 2 }]);
  await ready('gears', 2);
  await world.settled(clusterId);
  expect(at(await read(path), 'metadata', 'uid')).toBe(uid);
  await choose([]);
  await until(async () => (await bundlesNow()).length === 0);
  expect(await read(path)).toBeUndefined();
});

test('a namespace does not go while it holds what somebody else made', async () => {
  await register(
    'room',
    `apiVersion: v1\nkind: Namespace\nmetadata: { name: room }\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: own, namespace: room }\n---
apiVersion: apps/v1
kind: Deployment
metadata: { name: own, namespace: room }
spec:
  selector: { matchLabels: { app: own } }
  template: { metadata: { labels: { app: own } }, spec: { containers: [ { name: own, image: 'example.org/own:v1' } ] } }
`,
  );
  await register('cogs', definition('Cog', ['v1']));
  await choose([{ name: 'cogs' }, { name: 'room' }]);
  await ready('room');
  await ready('cogs');
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'mine', namespace: 'room' }, stringData: { word: 'open' } };
  expect((await tenant.call('POST', '/api/v1/namespaces/room/secrets', secret)).status).toBe(201);
  const cog = { apiVersion: 'example.org/v1', kind: 'Cog', metadata: { name: 'mine', namespace: 'room' } };
  expect((await tenant.call('POST', '/apis/example.org/v1/namespaces/room/cogs', cog)).status).toBe(201);
  await choose([{ name: 'cogs' }]);
  expect(await heldUp('room')).toBe(
    'Secret room/mine to be deleted, or the namespace with all in it: it would be lost with the bundle room',
  );
  expect(await read('/api/v1/namespaces/room/secrets/mine')).toBeDefined();
  await tenant.call('DELETE', '/api/v1/namespaces/room/secrets/mine');
  await heldUpBy('room', /^Cog room\/mine to be deleted/);
  expect(at(await read('/apis/apps/v1/namespaces/room/deployments/own'), 'status', 'readyReplicas')).toBe(1);
  await tenant.call('DELETE', '/apis/example.org/v1/namespaces/room/cogs/mine');
  world.wake(clusterId);
  await until(async () => (await bundleOf('room')) === undefined);
  await until(async () => (await read('/api/v1/namespaces/room')) === undefined);
  await world.settled(clusterId);
});

test('whoever deletes the namespace has given up what is in it', async () => {
  await choose([{ name: 'cogs' }, { name: 'room' }]);
  await ready('room');
  const mine = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'mine', namespace: 'room', finalizers: ['example.org/hold'] } };
  expect((await tenant.call('POST', '/api/v1/namespaces/room/configmaps', mine)).status).toBe(201);
  await choose([{ name: 'cogs' }]);
  expect(await heldUp('room')).toMatch(/^ConfigMap room\/mine to be deleted/);
  await tenant.call('DELETE', '/api/v1/namespaces/room');
  world.wake(clusterId);
  await until(async () => (await bundleOf('room')) === undefined);
  await tenant.call('PATCH', '/api/v1/namespaces/room/configmaps/mine', { metadata: { finalizers: null } }, MERGE);
  await until(async () => (await read('/api/v1/namespaces/room')) === undefined);
});

test('a kind that no version serves is not taken for one that has no objects', async () => {
  const path = '/apis/example.org/v1/namespaces/default/cogs';
  const cog = { apiVersion: 'example.org/v1', kind: 'Cog', metadata: { name: 'hidden', namespace: 'default' } };
  expect((await tenant.call('POST', path, cog)).status).toBe(201);
  const unserved = definition('Cog', ['v1']).replace('served: true', 'served: false');
  await world.change(world.admin, 'updateAddonBundle', { addonBundleId: 'cogs', manifests: unserved }, 'revision { revision }');
  await choose([{ name: 'cogs', revision: 2 }]);
  await ready('cogs', 2);
  await choose([]);
  expect(await heldUp('cogs')).toBe(
    'CustomResourceDefinition cogs.example.org to be served again, or deleted: objects that nobody can see now would be lost with the bundle cogs',
  );
  await choose([{ name: 'cogs', revision: 1 }]);
  await ready('cogs', 1);
  expect(await read(`${path}/hidden`)).toBeDefined();
  await tenant.call('DELETE', `${path}/hidden`);
  await choose([]);
  await until(async () => (await bundlesNow()).length === 0);
});

const MERGE = { 'content-type': 'application/merge-patch+json' };
