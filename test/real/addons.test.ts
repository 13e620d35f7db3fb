/** Every addon against a real API server: all of them on with what they have by default, every option changed, and all off again. */
import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { buildAutoscalerRights, buildClusterAutoscaler } from '../../src/controlPlane/clusterAutoscaler.ts';
import { ADDON_NAMES, addonInfo } from '../../src/domain/addons.ts';
import { DEFAULT_AUTO_SCALING } from '../../src/domain/autoScaling.ts';
import { pki, provider, cluster as specimen } from '../controlPlane/fixture.ts';
import { createApi, type ProgressEvent } from './support/graphql.ts';
import { applyObjects, createKubectl, type Kubectl } from './support/outside.ts';
import { until } from './support/run.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';

const NAME = 'lab-addons';
const OURS = 'app.kubernetes.io/managed-by=seedbed';
const KINDS = 'deployments,daemonsets,services,configmaps,serviceaccounts,roles,rolebindings,poddisruptionbudgets';
const CLUSTER_WIDE =
  'storageclasses,csidrivers,ingressclasses,namespaces,clusterroles,clusterrolebindings,customresourcedefinitions,apiservices,validatingwebhookconfigurations,mutatingwebhookconfigurations';

interface AddonSeen {
  name: string;
  enabled: boolean;
  state: string;
  message: string;
}

let story: Story;
let failed = false;
let clusterId: string;
let shortId: string;
let kubectl: Kubectl;
let kubeconfigPath: string;
const events: ProgressEvent[] = [];

const addonsNow = async (): Promise<AddonSeen[]> =>
  (
    await asMember(story).ask<{ cluster: { addons: AddonSeen[] } }>(
      'query($id: ID!) { cluster(id: $id) { addons { name enabled state message } } }',
      { id: clusterId },
    )
  ).cluster.addons;

/** For each addon, what `choose` says of its options. */
const settings = (choose: (name: string, option: ReturnType<typeof addonInfo>['options'][string]) => unknown) =>
  Object.fromEntries(
    ADDON_NAMES.filter((name) => addonInfo(name).driver === undefined || name === 'flannel' || name === 'cinderCsi').map((name) => [
      name,
      Object.fromEntries(
        Object.entries(addonInfo(name).options)
          .map(([option, description]) => [option, choose(option, description)])
          .filter(([, value]) => value !== undefined),
      ),
    ]),
  );

const change = async (addons: object): Promise<void> => {
  await asMember(story).change('updateCluster', { clusterId, overrides: { addons } }, 'cluster { id }');
  expect(await followToRest(story, clusterId, events)).toMatchObject({ settled: true, state: 'READY' });
};

const ours = async (): Promise<string[]> => {
  const [inNamespaces, clusterWide] = await Promise.all([
    kubectl('get', KINDS, '-A', '-l', OURS, '-o', 'name'),
    kubectl('get', CLUSTER_WIDE, '-l', OURS, '-o', 'name'),
  ]);
  return `${inNamespaces}\n${clusterWide}`.split('\n').filter(Boolean).sort();
};

beforeAll(async () => {
  story = await openStory('addons');
  await prepareSeedAndTemplate(story, NAME);
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  if (story === undefined) return;
  if (clusterId !== undefined) {
    await asMember(story).change('deleteCluster', { clusterId }, 'cluster { id }');
    await followToRest(story, clusterId, events);
  }
  expect(await closeStory(story, failed)).toBe(0);
});

let before: string[];

test('a cluster without workers is READY with what every cluster has', async () => {
  const made = await asMember(story).change<{ cluster: { id: string; shortId: string } }>(
    'createCluster',
    { name: NAME, clusterTemplate: NAME, nodeCount: 0, overrides: { volumeDriver: 'CINDER' } },
    'cluster { id shortId }',
  );
  ({ id: clusterId, shortId } = made.cluster);
  expect(await followToRest(story, clusterId, events)).toMatchObject({ settled: true, state: 'READY' });
  kubeconfigPath = `${story.folder}/kubeconfig`;
  await issueKubeconfig(story, clusterId, kubeconfigPath);
  kubectl = createKubectl(story.world, kubeconfigPath);
  before = await ours();
  expect(before).toEqual(
    expect.arrayContaining(['deployment.apps/coredns', 'daemonset.apps/kube-proxy', 'daemonset.apps/kube-flannel-ds']),
  );
});

test('a real API server takes every object of every addon, with its defaults', async () => {
  await change(settings((option) => (option === 'enabled' ? true : undefined)));
  const wanted = (await addonsNow()).filter((addon) => addon.enabled);
  expect(wanted.map(({ name }) => name).sort()).toEqual(Object.keys(settings(() => undefined)).sort());
  for (const addon of wanted) expect(addon).toMatchObject({ state: 'READY', message: 'It starts with the first worker.' });
  expect(await ours()).toEqual(
    expect.arrayContaining([
      'deployment.apps/metrics-server',
      'deployment.apps/cert-manager-webhook',
      'customresourcedefinition.apiextensions.k8s.io/certificates.cert-manager.io',
      'daemonset.apps/node-problem-detector',
      'deployment.apps/headlamp',
      'deployment.apps/traefik',
      'ingressclass.networking.k8s.io/traefik',
    ]),
  );
  await until('the kinds of cert-manager are there', 20, async () => (await kubectl('get', 'certificates', '-A')) !== null);
});

// Its program cannot be had everywhere (test/real/autoScaling.test.ts runs it where it is at hand).
test('both API servers take the cluster-autoscaler, and the namespace its pod', async () => {
  const namespace = `kc-${shortId}`;
  const seedAdmin = createKubectl(story.world, story.world.seedAdminKubeconfigPath);
  const priorityClass = await seedAdmin('-n', namespace, 'get', 'pods', '-o', 'jsonpath={.items[0].spec.priorityClassName}');
  const cluster = { ...specimen, shortId, namespace, priorityClass };
  const dryRun = (path: string, objects: readonly object[]) => applyObjects(story.world, path, objects, '--dry-run=server');
  await dryRun(kubeconfigPath, buildAutoscalerRights(cluster));
  const inSeed = buildClusterAutoscaler(cluster, pki, provider, DEFAULT_AUTO_SCALING);
  const taken = await dryRun(story.world.seedKubeconfigPath, inSeed);
  expect(taken.match(/serverside-applied \(server dry run\)/g)).toHaveLength(inSeed.length);
  const { template } = (inSeed.at(-1) as unknown as { spec: { template: { metadata: object; spec: object } } }).spec;
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...template.metadata, name: 'dry', namespace }, spec: template.spec };
  expect(await dryRun(story.world.seedAdminKubeconfigPath, [pod])).toContain('pod/dry serverside-applied');
});

test('what somebody changes is put back within a minute', async () => {
  await kubectl('-n', 'kube-system', 'scale', 'deployment/metrics-server', '--replicas=0');
  await kubectl('delete', 'clusterrole', 'system:metrics-server');
  await until('both are as they were', 60, async () => {
    const replicas = await kubectl('-n', 'kube-system', 'get', 'deployment/metrics-server', '-o', 'jsonpath={.spec.replicas}');
    await kubectl('get', 'clusterrole', 'system:metrics-server');
    return replicas === '1' ? true : undefined;
  });
});

test('it takes them with every option changed, too', async () => {
  await change(
    settings((option, description) => {
      if (option === 'enabled') return undefined;
      if (description.kind === 'choice') return Object.keys(description.values).find((value) => value !== description.default);
      return description.kind === 'whole' ? description.most : !description.default;
    }),
  );
});

test('all that came with them goes, and nothing else', async () => {
  await change(settings((option) => (option === 'enabled' ? false : undefined)));
  await until('their namespaces have ended', 60, async () => ((await ours()).join() === before.join() ? true : undefined));
});

const BUNDLE = `
apiVersion: example.org/v1
kind: Widget
metadata: { name: own, namespace: lab-widgets }
spec: { size: "\${options.size}", owner: "\${cluster.name}" }
---
apiVersion: v1
kind: Namespace
metadata: { name: lab-widgets }
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
      schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: { size: { type: integer }, owner: { type: string } } } } } }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: widgets, namespace: lab-widgets }
spec:
  replicas: 0
  serviceName: widgets
  selector: { matchLabels: { app: widgets } }
  template:
    metadata: { labels: { app: widgets } }
    spec: { containers: [ { name: w, image: "example.org/w:v1", env: [ { name: SIZE, value: "\${options.size|text}" } ] } ] }
`;
const BUNDLE_SCHEMA = '{"type":"object","properties":{"size":{"type":"integer","minimum":1,"default":2}}}';

interface BundleSeen {
  name: string;
  state: string;
  message: string;
}

const choose = (bundles: object[]) => asMember(story).change('updateCluster', { clusterId, overrides: { bundles } }, 'cluster { id }');
const bundlesNow = async (): Promise<BundleSeen[]> =>
  (
    await asMember(story).ask<{ cluster: { bundles: BundleSeen[] } }>(
      'query($id: ID!) { cluster(id: $id) { bundles { name state message } } }',
      { id: clusterId },
    )
  ).cluster.bundles;
const widget = (path: string) => kubectl('-n', 'lab-widgets', 'get', 'widget', 'own', '-o', `jsonpath={${path}}`);

test('a bundle brings a kind with an object of it, keeps both, and goes when nothing of the customer would be lost', async () => {
  const admin = createApi(story.server.url, story.adminToken);
  const named = { name: 'lab-widgets', manifests: BUNDLE, optionsSchema: BUNDLE_SCHEMA };
  await admin.change('registerAddonBundle', named, 'addonBundle { id }');
  await choose([{ name: 'lab-widgets', options: [{ key: 'size', value: '3' }] }]);
  expect(await followToRest(story, clusterId, events)).toMatchObject({ settled: true, state: 'READY' });
  expect([await widget('.spec.size'), await widget('.spec.owner')]).toEqual(['3', NAME]);

  await kubectl('-n', 'lab-widgets', 'delete', 'statefulset', 'widgets');
  await until(
    'it is back',
    60,
    async () => (await kubectl('-n', 'lab-widgets', 'get', 'statefulset', 'widgets', '-o', 'name')) || undefined,
  );
  await choose([{ name: 'lab-widgets' }]);
  await until('the option is the default again', 60, async () => ((await widget('.spec.size')) === '2' ? true : undefined));

  const path = `${story.folder}/widget.yaml`;
  writeFileSync(path, 'apiVersion: example.org/v1\nkind: Widget\nmetadata: { name: mine, namespace: default }\nspec: { size: 1 }\n');
  await kubectl('apply', '-f', path);
  await choose([]);
  await until('it says what would be lost', 60, async () =>
    (await bundlesNow()).some(({ message }) => message.startsWith('Widget default/mine to be deleted')) ? true : undefined,
  );
  await kubectl('delete', '-f', path);
  await until('it has gone', 120, async () => ((await bundlesNow()).length === 0 ? true : undefined));
  await until('its namespace has ended', 60, async () => ((await ours()).join() === before.join() ? true : undefined));
  await admin.change('deleteAddonBundle', { addonBundleId: 'lab-widgets' }, 'addonBundle { id }');
});
