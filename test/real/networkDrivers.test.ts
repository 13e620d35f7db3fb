/** Calico against a real API server, without workers: its kinds, rights and programs are taken, as they come by default and with every option changed. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ProgressEvent } from './support/graphql.ts';
import { applyObjects, createKubectl, type Kubectl } from './support/outside.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';

const NAME = 'lab-calico';
const GROUP = 'crd.projectcalico.org';

let story: Story;
let failed = false;
let clusterId: string;
let kubeconfigPath: string;
let kubectl: Kubectl;
const events: ProgressEvent[] = [];

const calicoNow = async () =>
  (
    await asMember(story).ask<{ cluster: { addons: { name: string }[] } }>(
      'query($id: ID!) { cluster(id: $id) { addons { name enabled state message } } }',
      { id: clusterId },
    )
  ).cluster.addons.find(({ name }) => name === 'calico');

beforeAll(async () => {
  story = await openStory('calico');
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

test('a real API server takes every object of it and establishes its kinds', async () => {
  const made = await asMember(story).change<{ cluster: { id: string } }>(
    'createCluster',
    {
      name: NAME,
      clusterTemplate: NAME,
      nodeCount: 0,
      overrides: { networkDriver: 'CALICO', addons: { calico: { blockSize: 27, natOutgoing: false } } },
    },
    'cluster { id }',
  );
  clusterId = made.cluster.id;
  expect(await followToRest(story, clusterId, events)).toMatchObject({ settled: true, state: 'READY' });
  expect(await calicoNow()).toMatchObject({ enabled: true, state: 'READY', message: 'It starts with the first worker.' });
  kubeconfigPath = `${story.folder}/kubeconfig`;
  await issueKubeconfig(story, clusterId, kubeconfigPath);
  kubectl = createKubectl(story.world, kubeconfigPath);
  const kinds = (await kubectl('get', 'customresourcedefinitions', '-o', 'name')).split('\n').filter((name) => name.includes(GROUP));
  expect(kinds).toHaveLength(22);
});

test('objects of its kinds keep what they say, and get what they leave out', async () => {
  await applyObjects(story.world, kubeconfigPath, [
    {
      apiVersion: `${GROUP}/v1`,
      kind: 'GlobalNetworkPolicy',
      metadata: { name: 'closed' },
      spec: { selector: 'all()', types: ['Ingress'], ingress: [{ action: 'Deny', source: { nets: ['192.0.2.0/24'] } }] },
    },
  ]);
  const policy = JSON.parse(await kubectl('get', `globalnetworkpolicies.${GROUP}`, 'closed', '-o', 'json'));
  expect(policy.spec).toMatchObject({ tier: 'default', ingress: [{ action: 'Deny', source: { nets: ['192.0.2.0/24'] } }] });
});

test("the node's program may ask for all that it watches, and for a login of the plugin's alone", async () => {
  const may = (...args: string[]) => kubectl('auth', 'can-i', ...args, '--as=system:serviceaccount:kube-system:calico-node');
  for (const kind of [
    `felixconfigurations.${GROUP}`,
    'networkpolicies.networking.k8s.io',
    'clusternetworkpolicies.policy.networking.k8s.io',
  ])
    expect(await may('list', kind)).toContain('yes');
  expect(await may('create', 'serviceaccounts/calico-cni-plugin', '--subresource=token', '-n', 'kube-system')).toContain('yes');
});

test('it takes what can be changed, too', async () => {
  await asMember(story).change(
    'updateCluster',
    { clusterId, overrides: { addons: { calico: { mtu: 1400, wireguard: true } } } },
    'cluster { id }',
  );
  expect(await followToRest(story, clusterId, events)).toMatchObject({ settled: true, state: 'READY' });
  const env = await kubectl('-n', 'kube-system', 'get', 'daemonset/calico-node', '-o', 'jsonpath={.spec.template.spec.containers[0].env}');
  expect(JSON.parse(env)).toContainEqual({ name: 'FELIX_VXLANMTU', value: '1400' });
});
