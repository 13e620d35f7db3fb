/** Each network driver against a real API server, without workers: its objects, rights and programs are taken, as they come by default and with options changed. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ProgressEvent } from './support/graphql.ts';
import { applyObjects, createKubectl, type Kubectl } from './support/outside.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';

const NAME = 'lab-network';
const CALICO = 'crd.projectcalico.org';

interface Driver {
  driver: string;
  addon: string;
  first: object;
  later: object;
  /** Kinds that Seedbed makes. */
  kinds: { group: string; count: number };
  /** What a program of it must be allowed to do, each as words after `kubectl auth can-i`. */
  rights: { account: string; may: string[][] };
  /** Something that is there once `later` is: what `kubectl get` reads, and what it then says. */
  shows: { path: string[]; value: RegExp };
}

const DRIVERS: Driver[] = [
  {
    driver: 'CALICO',
    addon: 'calico',
    first: { blockSize: 27, natOutgoing: false },
    later: { mtu: 1400, wireguard: true },
    kinds: { group: CALICO, count: 22 },
    rights: {
      account: 'calico-node',
      may: [
        ['list', `felixconfigurations.${CALICO}`],
        ['list', 'networkpolicies.networking.k8s.io'],
        ['list', 'clusternetworkpolicies.policy.networking.k8s.io'],
        ['create', 'serviceaccounts/calico-cni-plugin', '--subresource=token', '-n', 'kube-system'],
      ],
    },
    shows: {
      path: ['daemonset/calico-node', '-o', 'jsonpath={.spec.template.spec.containers[0].env}'],
      value: /{"name":"FELIX_VXLANMTU","value":"1400"}/,
    },
  },
  {
    driver: 'CILIUM',
    addon: 'cilium',
    first: { mtu: 1450 },
    later: { mtu: 1400, encryption: 'WIREGUARD' },
    // Its operator makes them, which has no node here.
    kinds: { group: 'cilium.io', count: 0 },
    rights: {
      account: 'cilium-operator',
      may: [
        ['create', 'customresourcedefinitions.apiextensions.k8s.io'],
        ['update', 'customresourcedefinitions.apiextensions.k8s.io/ciliumnodes.cilium.io'],
        ['update', 'leases.coordination.k8s.io', '-n', 'kube-system'],
        ['patch', 'nodes', '--subresource=status'],
      ],
    },
    shows: {
      path: ['configmap/cilium-config', '-o', 'jsonpath={.data}'],
      value: /"enable-wireguard":"true".*"mtu":"1400"/,
    },
  },
];

let story: Story;
let failed = false;
const living = new Map<string, ProgressEvent[]>();

const remove = async (clusterId: string): Promise<ProgressEvent> => {
  await asMember(story).change('deleteCluster', { clusterId }, 'cluster { id }');
  const last = await followToRest(story, clusterId, living.get(clusterId) ?? []);
  living.delete(clusterId);
  return last;
};

beforeAll(async () => {
  story = await openStory('network');
  await prepareSeedAndTemplate(story, NAME);
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  if (story === undefined) return;
  for (const clusterId of living.keys()) await remove(clusterId);
  expect(await closeStory(story, failed)).toBe(0);
});

describe.each(DRIVERS)('$driver', ({ driver, addon, first, later, kinds, rights, shows }) => {
  let clusterId: string;
  let kubeconfigPath: string;
  let kubectl: Kubectl;
  const events: ProgressEvent[] = [];

  test('a real API server takes every object of it', async () => {
    const made = await asMember(story).change<{ cluster: { id: string } }>(
      'createCluster',
      {
        name: `${NAME}-${addon}`,
        clusterTemplate: NAME,
        nodeCount: 0,
        overrides: { networkDriver: driver, addons: { [addon]: first } },
      },
      'cluster { id }',
    );
    clusterId = made.cluster.id;
    living.set(clusterId, events);
    expect(await followToRest(story, clusterId, events)).toMatchObject({ settled: true, state: 'READY' });
    const { cluster } = await asMember(story).ask<{ cluster: { addons: { name: string }[] } }>(
      'query($id: ID!) { cluster(id: $id) { addons { name enabled state message } } }',
      { id: clusterId },
    );
    expect(cluster.addons.find(({ name }) => name === addon)).toMatchObject({
      enabled: true,
      state: 'READY',
      message: 'It starts with the first worker.',
    });
    kubeconfigPath = `${story.folder}/kubeconfig-${addon}`;
    await issueKubeconfig(story, clusterId, kubeconfigPath);
    kubectl = createKubectl(story.world, kubeconfigPath);
    const names = (await kubectl('get', 'customresourcedefinitions', '-o', 'name')).split('\n');
    expect(names.filter((name) => name.endsWith(`.${kinds.group}`))).toHaveLength(kinds.count);
  });

  test('its programs may do what they start with', async () => {
    const account = `--as=system:serviceaccount:kube-system:${rights.account}`;
    for (const words of rights.may) expect(await kubectl('auth', 'can-i', ...words, account)).toContain('yes');
  });

  if (driver === 'CALICO')
    test('objects of its kinds keep what they say, and get what they leave out', async () => {
      await applyObjects(story.world, kubeconfigPath, [
        {
          apiVersion: `${CALICO}/v1`,
          kind: 'GlobalNetworkPolicy',
          metadata: { name: 'closed' },
          spec: { selector: 'all()', types: ['Ingress'], ingress: [{ action: 'Deny', source: { nets: ['192.0.2.0/24'] } }] },
        },
      ]);
      const policy = JSON.parse(await kubectl('get', `globalnetworkpolicies.${CALICO}`, 'closed', '-o', 'json'));
      expect(policy.spec).toMatchObject({ tier: 'default', ingress: [{ action: 'Deny', source: { nets: ['192.0.2.0/24'] } }] });
    });

  test('it takes what can be changed, too', async () => {
    await asMember(story).change('updateCluster', { clusterId, overrides: { addons: { [addon]: later } } }, 'cluster { id }');
    expect(await followToRest(story, clusterId, events)).toMatchObject({ settled: true, state: 'READY' });
    expect(await kubectl('-n', 'kube-system', 'get', ...shows.path)).toMatch(shows.value);
  });

  test('it goes with its cluster', async () => {
    expect(await remove(clusterId)).toMatchObject({ settled: true, state: 'DELETED' });
  });
});
