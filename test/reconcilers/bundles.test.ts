/** Addon bundles on the sandbox, from their registration to their end. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessOf, at, type Client, createClient, type Fields } from '../sandbox/kubernetes/client.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface BundleView {
  name: string;
  revision: number;
  enabled: boolean;
  state: string;
  message: string;
  problem: { whoMustAct: string } | null;
}

const MERGE = { 'content-type': 'application/merge-patch+json' };
const PAGE = `
apiVersion: v1
kind: Namespace
metadata: { name: page }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: page, namespace: page, labels: { app: page } }
data:
  text: "\${options.greeting} from \${cluster.name} in \${cluster.podCidr}"
  port: \${options.port|text}
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: page, namespace: page }
spec:
  replicas: \${options.replicas}
  selector: { matchLabels: { app: page } }
  template:
    metadata: { labels: { app: page } }
    spec: { containers: [ { name: page, image: 'example.org/page:v1', ports: [ { containerPort: "\${options.port}" } ] } ] }
`;
const PAGE_SCHEMA = JSON.stringify({
  type: 'object',
  properties: {
    greeting: { type: 'string', default: 'Hello' },
    replicas: { type: 'integer', minimum: 1, maximum: 3, default: 1 },
    port: { type: 'integer', default: 8080 },
  },
});
const CONFIG = '/api/v1/namespaces/page/configmaps/page';
const DEPLOYMENT = '/apis/apps/v1/namespaces/page/deployments/page';
const DEFINITION = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.org';
const WIDGETS = '/apis/example.org/v1/namespaces/default/widgets';

let world: Living;
let tenant: Client;
let clusterId: string;

const read = async (path: string): Promise<Fields | undefined> => {
  const answer = await tenant.call('GET', path);
  return answer.status === 200 ? answer.body : undefined;
};
const clusterOf = async () =>
  (
    await world.ask<{ cluster: { state: string; bundles: BundleView[] } }>(
      world.member,
      'query($id: ID!) { cluster(id: $id) { state bundles { name revision enabled state message problem { whoMustAct } } } }',
      { id: clusterId },
    )
  ).cluster;
const bundleOf = async (name: string) => (await clusterOf()).bundles.find((bundle) => bundle.name === name);
const choose = (bundles: object[]) =>
  world.change(
    world.member,
    'updateCluster',
    { clusterId, overrides: { bundles } },
    'cluster { spec { bundles { name revision options { key value } } } }',
  );
const register = (name: string, manifests: string, optionsSchema?: string) =>
  world.change(world.admin, 'registerAddonBundle', { name, manifests, ...(optionsSchema && { optionsSchema }) }, 'addonBundle { id }');

beforeAll(async () => {
  world = await openLiving();
  await register('page', PAGE, PAGE_SCHEMA);
  clusterId = await world.makeCluster('shop', { overrides: { bundles: [{ name: 'page', options: [{ key: 'greeting', value: 'Hi' }] }] } });
  const issued = await world.change<{ kubeconfig: string }>(world.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  tenant = createClient(accessOf(issued.kubeconfig));
  // Its rights come with the next pass.
  await until(async () => (await tenant.call('GET', '/api/v1/nodes')).status === 200);
});

afterAll(async () => {
  tenant?.close();
  await world?.close();
});

test('a new cluster has the bundle that it chose, with its options and its own facts', async () => {
  expect((await clusterOf()).bundles).toEqual([{ name: 'page', revision: 1, enabled: true, state: 'READY', message: '', problem: null }]);
  expect(at(await read(CONFIG), 'data')).toEqual({ text: 'Hi from shop in 10.200.0.0/16', port: '8080' });
  expect(at(await read(CONFIG), 'metadata', 'labels')).toMatchObject({
    app: 'page',
    'app.kubernetes.io/managed-by': 'seedbed',
    'seedbed.io/bundle': 'page',
    'seedbed.io/cluster': clusterId,
  });
  const deployment = await read(DEPLOYMENT);
  expect(at(deployment, 'spec', 'replicas')).toBe(1);
  expect(at(deployment, 'spec', 'template', 'spec', 'containers', 0, 'ports', 0, 'containerPort')).toBe(8080);
  expect(at(deployment, 'status', 'readyReplicas')).toBe(1);
});

test('everybody sees what there is; its manifests are for those who administer it', async () => {
  const query = '{ addonBundles { nodes { name revision newestRevision { kinds objectCount manifests optionsSchema } } } }';
  type Page = { addonBundles: { nodes: { newestRevision: { manifests: string | null } }[] } };
  const seen = await world.ask<Page>(world.member, query);
  expect(seen.addonBundles.nodes).toMatchObject([
    {
      name: 'page',
      revision: 1,
      newestRevision: { kinds: ['v1 Namespace', 'v1 ConfigMap', 'apps/v1 Deployment'], objectCount: 3, manifests: null },
    },
  ]);
  expect((await world.ask<Page>(world.admin, query)).addonBundles.nodes[0]?.newestRevision.manifests).toBe(PAGE);
});

test('drift is repaired by a watch, and changed options are carried out', async () => {
  await tenant.call('PATCH', CONFIG, { data: { text: 'spoilt' } }, MERGE);
  await until(async () => at(await read(CONFIG), 'data', 'text') === 'Hi from shop in 10.200.0.0/16');
  const { uid } = at(await read(DEPLOYMENT), 'metadata') as { uid: string };
  await tenant.call('DELETE', DEPLOYMENT);
  await until(async () => (at(await read(DEPLOYMENT), 'metadata', 'uid') ?? uid) !== uid);
  await choose([{ name: 'page', options: [{ key: 'replicas', value: '2' }] }]);
  await until(async () => at(await read(DEPLOYMENT), 'status', 'readyReplicas') === 2);
  expect(at(await read(CONFIG), 'data', 'text')).toBe('Hello from shop in 10.200.0.0/16');
  await world.settled(clusterId);
});

test('a revision comes when it is chosen; what it has no more goes', async () => {
  const manifests = PAGE.split('---')
    .filter((document) => !document.includes('kind: ConfigMap'))
    .join('---');
  await world.change(world.admin, 'updateAddonBundle', { addonBundleId: 'page', manifests }, 'revision { revision }');
  world.wake(clusterId);
  await world.settled(clusterId);
  expect(await read(CONFIG)).toBeDefined();
  await choose([{ name: 'page', revision: 2 }]);
  await until(async () => (await bundleOf('page'))?.revision === 2 && (await bundleOf('page'))?.state === 'READY');
  expect(await read(CONFIG)).toBeUndefined();
  expect(await read(DEPLOYMENT)).toBeDefined();
  await world.settled(clusterId);
});

const widgets = (size: string) => `
apiVersion: example.org/v1
kind: Widget
metadata: { name: own, namespace: default }
spec: { size: "${size}" }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.org }
spec:
  group: example.org
  scope: Namespaced
  names: { kind: Widget, plural: widgets, singular: widget, listKind: WidgetList }
  versions:
    - name: v1
      served: true
      storage: true
      schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
`;

test('a kind and an object of it come together; the kind does not go while there is something of it that would be lost', async () => {
  await register(
    'widgets',
    widgets(`\${options.size}`),
    JSON.stringify({ type: 'object', properties: { size: { type: 'integer', default: 4 } } }),
  );
  await choose([{ name: 'page', revision: 2 }, { name: 'widgets' }]);
  await until(async () => (await bundleOf('widgets'))?.state === 'READY');
  expect(at(await read(`${WIDGETS}/own`), 'spec', 'size')).toBe(4);
  await world.settled(clusterId);

  // No watch is on kinds of others; the next full look sees it.
  await tenant.call('PATCH', `${WIDGETS}/own`, { spec: { size: 9 } }, MERGE);
  world.wake(clusterId);
  await until(async () => at(await read(`${WIDGETS}/own`), 'spec', 'size') === 4);
  await world.settled(clusterId);

  const mine = { apiVersion: 'example.org/v1', kind: 'Widget', metadata: { name: 'mine' }, spec: {} };
  expect((await tenant.call('POST', WIDGETS, mine)).status).toBe(201);
  await choose([{ name: 'page', revision: 2 }]);
  const going = await until(async () => {
    const seen = await bundleOf('widgets');
    return seen?.state === 'REMOVING' && seen.message !== '' ? seen : null;
  });
  expect(going).toMatchObject({
    enabled: false,
    message: 'Widget default/mine to be deleted: it would be lost with the bundle widgets',
  });
  await expect(world.change(world.admin, 'deleteAddonBundle', { addonBundleId: 'widgets' }, 'addonBundle { id }')).rejects.toThrow(
    /IN_USE.*1 cluster has the bundle widgets/,
  );
  expect(await read(`${WIDGETS}/own`)).toBeDefined();
  await tenant.call('DELETE', `${WIDGETS}/mine`);
  world.wake(clusterId);
  await until(async () => (await bundleOf('widgets')) === undefined);
  expect(await read(DEFINITION)).toBeUndefined();
  await world.settled(clusterId);
  await world.change(world.admin, 'deleteAddonBundle', { addonBundleId: 'widgets' }, 'addonBundle { id }');
});

test('what the API does not take is told of its bundle with the object and who must act, and others go on', async () => {
  const bad = `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: broken, namespace: default }\nspec: { replicas: 1 }\n`;
  await register('broken', bad);
  await choose([{ name: 'broken' }, { name: 'page', revision: 2, options: [{ key: 'replicas', value: '3' }] }]);
  await until(async () => at(await read(DEPLOYMENT), 'spec', 'replicas') === 3);
  const failed = await until(async () => {
    const seen = await bundleOf('broken');
    return seen?.state === 'FAILED' ? seen : null;
  });
  expect(failed).toMatchObject({
    message: expect.stringMatching(/^Deployment default\/broken of the bundle broken: /),
    problem: { whoMustAct: 'CLOUD_ADMIN' },
  });
  await until(async () => (await bundleOf('page'))?.state === 'READY');
  await choose([{ name: 'page', revision: 2 }]);
  await world.settled(clusterId);
});

const WORK = `
apiVersion: batch/v1
kind: Job
metadata: { name: prepare, namespace: default }
spec:
  template:
    spec: { restartPolicy: Never, containers: [ { name: prepare, image: 'example.org/prepare:v1', args: [ "\${options.what}" ] } ] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: keep, namespace: default }
spec:
  replicas: 1
  serviceName: keep
  selector: { matchLabels: { app: keep } }
  template:
    metadata: { labels: { app: keep } }
    spec: { containers: [ { name: keep, image: 'example.org/keep:v1' } ] }
`;

test('a bundle is ready when its Jobs have ended and its StatefulSets run; a Job with other options runs anew', async () => {
  await register('work', WORK, JSON.stringify({ type: 'object', properties: { what: { type: 'string', default: 'all' } } }));
  await choose([{ name: 'page', revision: 2 }, { name: 'work' }]);
  await until(async () => (await bundleOf('work'))?.state === 'READY');
  const job = '/apis/batch/v1/namespaces/default/jobs/prepare';
  expect(at(await read(job), 'status', 'succeeded')).toBe(1);
  expect(at(await read('/apis/apps/v1/namespaces/default/statefulsets/keep'), 'status', 'readyReplicas')).toBe(1);
  const { uid } = at(await read(job), 'metadata') as { uid: string };
  await choose([
    { name: 'page', revision: 2 },
    { name: 'work', options: [{ key: 'what', value: 'more' }] },
  ]);
  await until(async () => at(await read(job), 'spec', 'template', 'spec', 'containers', 0, 'args', 0) === 'more');
  expect(at(await read(job), 'metadata', 'uid')).not.toBe(uid);
  await world.settled(clusterId);
  await choose([{ name: 'page', revision: 2 }]);
  await until(async () => (await bundleOf('work')) === undefined);
  expect(await read(job)).toBeUndefined();
  await world.settled(clusterId);
});

test("what the customer made is not taken over, and a volume's data keeps its namespace", async () => {
  const mine = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'mine', namespace: 'default' }, data: { a: 'own' } };
  await tenant.call('POST', '/api/v1/namespaces/default/configmaps', mine);
  await register('taker', 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: mine, namespace: default }\ndata: { a: taken }\n');
  await choose([{ name: 'taker' }, { name: 'page', revision: 2 }]);
  const failed = await until(async () => {
    const seen = await bundleOf('taker');
    return seen?.state === 'FAILED' ? seen : null;
  });
  expect(failed).toMatchObject({
    message: expect.stringMatching(/is in the cluster already, and not Seedbed's/),
    problem: { whoMustAct: 'CUSTOMER' },
  });
  expect(at(await read('/api/v1/namespaces/default/configmaps/mine'), 'data', 'a')).toBe('own');

  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: 'page' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  };
  expect((await tenant.call('POST', '/api/v1/namespaces/page/persistentvolumeclaims', claim)).status).toBe(201);
  await choose([]);
  const kept = await until(async () => {
    const seen = await bundleOf('page');
    return seen?.state === 'REMOVING' && seen.message !== '' ? seen : null;
  });
  expect(kept.message).toBe('PersistentVolumeClaim page/data to be deleted: its data would be lost with the bundle page');
  expect(await bundleOf('taker')).toBeUndefined();
  expect(at(await read('/api/v1/namespaces/default/configmaps/mine'), 'data', 'a')).toBe('own');
  expect(await read(DEPLOYMENT)).toBeDefined();
  await tenant.call('DELETE', '/api/v1/namespaces/page/persistentvolumeclaims/data');
  world.wake(clusterId);
  await until(async () => (await clusterOf()).bundles.length === 0);
  expect(await read(DEPLOYMENT)).toBeUndefined();
  await world.settled(clusterId);
});
