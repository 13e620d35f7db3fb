/** What a seed that enforces NetworkPolicies shuts: tried from pods with a shell, which the seed takes for pods of the control plane. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { namespaceOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { applyObjects, createKubectl, type Kubectl } from './support/outside.ts';
import { asMember, closeStory, followToRest, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';
import { IMAGE } from './support/workload.ts';

const NAME = 'lab-policies';
/** Without policies of its own. */
const STRANGERS = 'seedbed-test-strangers';
const SCHEDULER = 'kube-scheduler';

interface ClusterSeen {
  id: string;
  uuid: string;
  shortId: string;
  name: string;
}
interface Place {
  namespace: string;
  pod: string;
}

let story: Story;
let failed = false;
let seed: Kubectl;
const clusters: ClusterSeen[] = [];
const events = new Map<string, ProgressEvent[]>();
const stranger: Place = { namespace: STRANGERS, pod: 'probe' };
const within = (cluster: ClusterSeen): Place => ({ namespace: namespaceOf(cluster), pod: 'probe' });

const probe = ({ namespace, pod }: Place, labels: Record<string, string>): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: pod, namespace, labels },
  spec: {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 0,
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'shell',
        image: IMAGE,
        command: ['sleep', '3600'],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
});

const followAll = async (state: string): Promise<void> => {
  await Promise.all(
    clusters.map(async ({ id }) => {
      const seen = events.get(id) ?? [];
      events.set(id, seen);
      expect(await followToRest(story, id, seen)).toMatchObject({ state });
    }),
  );
};

beforeAll(async () => {
  story = await openStory('policies');
  seed = createKubectl(story.world, story.world.seedAdminKubeconfigPath);
  await prepareSeedAndTemplate(story, NAME, { tunnel: 'KONNECTIVITY' });
  for (const name of ['one', 'two']) {
    const { cluster } = await asMember(story).change<{ cluster: ClusterSeen }>(
      'createCluster',
      { name: `${NAME}-${name}`, clusterTemplate: NAME, nodeCount: 1 },
      'cluster { id uuid shortId name }',
    );
    clusters.push(cluster);
  }
  await followAll('READY');
  await applyObjects(story.world, story.world.seedAdminKubeconfigPath, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: STRANGERS } },
    probe(stranger, {}),
    ...clusters.map((cluster) =>
      probe(within(cluster), { 'app.kubernetes.io/name': SCHEDULER, 'app.kubernetes.io/instance': cluster.shortId, probe: 'true' }),
    ),
  ]);
  for (const { namespace, pod } of [stranger, ...clusters.map(within)])
    await seed('-n', namespace, 'wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s');
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  if (story === undefined) return;
  await seed('delete', 'namespace', STRANGERS, '--ignore-not-found', '--wait=false');
  for (const { id } of clusters) await asMember(story).change('deleteCluster', { clusterId: id }, 'cluster { id }');
  await followAll('DELETED');
  expect(await closeStory(story, failed)).toBe(0);
});

const addressOf = async (namespace: string, component: string): Promise<string> =>
  (
    await seed(
      '-n',
      namespace,
      'get',
      'pods',
      '-l',
      `app.kubernetes.io/name=${component},probe!=true`,
      '-o',
      'jsonpath={.items[0].status.podIP}',
    )
  ).trim();

/** Whether a TCP connection comes about, whatever is said over it. */
const connects = async ({ namespace, pod }: Place, host: string, port: number): Promise<boolean> => {
  const ask = `curl -sk -o /dev/null --connect-timeout 3 -m 5 -w '%{time_connect}' https://${host}:${port}/ || true`;
  return Number(await seed('-n', namespace, 'exec', pod, '--', 'sh', '-c', ask)) > 0;
};

test("from one cluster's namespace neither the other's etcd nor its managers can be reached, nor its own etcd by a scheduler", async () => {
  const [one, two] = clusters.map(within) as [Place, Place];
  // The probe can do what a scheduler may, or the rest would prove nothing.
  expect(await connects(one, await addressOf(one.namespace, 'kube-apiserver'), 6443)).toBe(true);
  expect(await connects(one, await addressOf(two.namespace, 'etcd'), 2379)).toBe(false);
  expect(await connects(one, await addressOf(two.namespace, 'etcd'), 2380)).toBe(false);
  expect(await connects(one, await addressOf(two.namespace, 'kube-controller-manager'), 10_257)).toBe(false);
  expect(await connects(one, await addressOf(one.namespace, 'etcd'), 2379)).toBe(false);
});

test("the seed's API, its nodes and the metadata address are shut", async () => {
  const [one] = clusters.map(within) as [Place, Place];
  const service = (await seed('-n', 'default', 'get', 'service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}')).trim();
  const node = (await seed('get', 'nodes', '-o', 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')).trim();
  expect(await connects(stranger, service, 443)).toBe(true);
  expect(await connects(stranger, node, 10_250)).toBe(true);
  for (const [host, port] of [
    [service, 443],
    [node, 6443],
    [node, 10_250],
    ['169.254.169.254', 80],
  ] as const)
    expect(await connects(one, host, port), `${host}:${port}`).toBe(false);
});

test('from elsewhere in the seed the API is reached, and etcd is not', async () => {
  const { namespace } = within(clusters[0] as ClusterSeen);
  expect(await connects(stranger, await addressOf(namespace, 'kube-apiserver'), 6443)).toBe(true);
  expect(await connects(stranger, await addressOf(namespace, 'etcd'), 2379)).toBe(false);
});
