import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { openKubernetes } from '../../src/seeds/connection.ts';
import { credentialEndsAt, probeSeed, type SeedProbe } from '../../src/seeds/probe.ts';
import { parseQuantity } from '../../src/seeds/quantity.ts';
import { NEEDED_RIGHTS } from '../../src/seeds/rights.ts';
import { type Api, json, startApi } from './tlsServer.ts';

let api: Api | undefined;
afterEach(() => api?.close());

const node = (name: string, spec: object, ready = 'True') => ({
  metadata: { name, labels: { 'topology.kubernetes.io/zone': 'z1' } },
  spec: { podCIDRs: ['10.0.0.0/24'], ...spec },
  status: {
    allocatable: { cpu: '3920m', memory: '8Gi' },
    conditions: [{ type: 'Ready', status: ready }],
    addresses: [
      { type: 'InternalIP', address: '10.9.0.1' },
      { type: 'Hostname', address: 'x' },
    ],
    nodeInfo: { kubeletVersion: 'v1.36.1' },
  },
});
const storageClass = (name: string, created: string, isDefault: string) => ({
  metadata: { name, creationTimestamp: created, annotations: { 'storageclass.kubernetes.io/is-default-class': isDefault } },
  provisioner: 'p',
  allowVolumeExpansion: true,
  volumeBindingMode: 'WaitForFirstConsumer',
});

interface World {
  rules: object[] | undefined;
  allows: (attributes: { verb: string; resource: string }) => boolean;
  /** Its namespaces are; true by default. */
  readable?: boolean;
}

const probe = async ({ rules, allows, readable = true }: World): Promise<{ facts: SeedProbe; requests: number }> => {
  const started = await startApi(({ path, body }, response) => {
    const at = (end: string): boolean => path.endsWith(end);
    if (at('/version')) return json(response, 200, { gitVersion: 'v1.36.3', major: '1', minor: '36' });
    if (at('/nodes')) {
      const items = [
        node('a', {}),
        node('b', { unschedulable: true }),
        node('c', { taints: [{ effect: 'NoSchedule' }] }),
        node('d', {}, 'Unknown'),
        node('e', { taints: [{ effect: 'PreferNoSchedule' }] }),
      ];
      return json(response, 200, { metadata: {}, items });
    }
    if (at('/storageclasses'))
      return json(response, 200, {
        metadata: {},
        items: [
          storageClass('old', '2020-01-01T00:00:00Z', 'true'),
          storageClass('young', '2024-01-01T00:00:00Z', 'true'),
          storageClass('none', '2025-01-01T00:00:00Z', 'false'),
        ],
      });
    if (at('/services/kubernetes')) return json(response, 200, { spec: { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'fd00::1'] } });
    if (at('/namespaces/kube-system'))
      return readable ? json(response, 200, { metadata: { name: 'kube-system', uid: 'u-1' } }) : json(response, 403, {});
    if (at('/selfsubjectrulesreviews')) return rules ? json(response, 201, { status: { resourceRules: rules } }) : json(response, 403, {});
    const { spec } = JSON.parse(body) as { spec: { resourceAttributes: { verb: string; resource: string } } };
    json(response, 201, { status: { allowed: allows(spec.resourceAttributes) } });
  });
  api = started;
  const k = openKubernetes({ access: started.access, clock: systemClock, policy: { allowPrivate: true, allowLoopback: true } });
  const facts = await probeSeed(k);
  k.close();
  return { facts, requests: k.requests };
};

test('the facts of a seed whose credential may do everything, in six requests', async () => {
  const { facts, requests } = await probe({ rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }], allows: () => false });
  expect(requests).toBe(6);
  expect(facts.clusterUid).toBe('u-1');
  expect(facts).toMatchObject({
    version: 'v1.36.3',
    defaultStorageClass: { name: 'young', expandable: true, bindingMode: 'WaitForFirstConsumer' },
    schedulableNodes: 2,
    allocatableCpuMillis: 7840,
    allocatableMemoryMiB: 16_384,
    serviceAddresses: ['10.96.0.1', 'fd00::1'],
  });
  expect(facts.nodes.filter(({ schedulable }) => schedulable).map(({ name }) => name)).toEqual(['a', 'e']);
  expect(facts.nodes[0]).toMatchObject({ podCidrs: ['10.0.0.0/24'], internalAddresses: ['10.9.0.1'], externalAddresses: [], zone: 'z1' });
  expect(facts.rights.flatMap(({ missing }) => missing)).toEqual([]);
});

test('rights that the rules do not show are asked for, and those refused are named by verb', async () => {
  const rules = [
    { verbs: ['*'], apiGroups: ['', 'batch', 'policy', 'networking.k8s.io', 'storage.k8s.io'], resources: ['*'] },
    { verbs: ['get', 'list', 'watch', 'create'], apiGroups: ['apps'], resources: ['deployments'] },
    { verbs: ['*'], apiGroups: ['apps'], resources: ['statefulsets'], resourceNames: ['one'] },
  ];
  const { facts, requests } = await probe({ rules, allows: ({ resource }) => resource === 'statefulsets' });
  const missing = facts.rights.filter((right) => right.missing.length > 0);
  expect(missing).toMatchObject([{ resource: 'deployments', missing: ['patch', 'update', 'delete'] }]);
  expect(requests).toBe(8);
});

test('without a rules review every right is asked for, within 26 requests', async () => {
  const { facts, requests } = await probe({ rules: undefined, allows: ({ resource }) => resource !== 'secrets', readable: false });
  expect(facts.clusterUid).toBeNull();
  expect(requests).toBe(6 + NEEDED_RIGHTS.length);
  expect(requests).toBeLessThanOrEqual(26);
  expect(facts.rights.filter((right) => right.missing.length > 0).map(({ resource }) => resource)).toEqual(['secrets']);
  expect(facts.rights[0]?.estimated).toBe(true);
});

test('the end of a client certificate is known, that of a token is not', async () => {
  api = await startApi((_, response) => json(response, 200, {}));
  const end = credentialEndsAt(api.access);
  expect(end).toBeGreaterThan(Date.now() + 3_000_000);
  expect(end).toBeLessThan(Date.now() + 4_000_000);
  expect(credentialEndsAt({ server: '', caPem: '', token: 't' })).toBeNull();
});

test.each([
  ['4', 4],
  ['3920m', 3.92],
  ['7936Ki', 7936 * 1024],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['129e6', 129e6],
  ['1E3', 1000],
  ['2E', 2e18],
  ['.5', 0.5],
  ['100k', 100_000],
  ['', undefined],
  ['abc', undefined],
  ['1 Gi', undefined],
  [undefined, undefined],
])('the quantity %s is %s', (text, expected) => {
  expect(parseQuantity(text)).toBe(expected);
});
