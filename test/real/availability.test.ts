/** A control plane of three: what a customer's program sees while pods die, while everything is rolled, and while members come and go. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { namespaceOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { type Loop, startLoop } from './support/loop.ts';
import { createKubectl, type Kubectl } from './support/outside.ts';
import { until } from './support/run.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';

const NAME = 'lab-three';
const LONGEST_REFUSAL_MS = 3_000;

interface Pod {
  metadata: { name: string; uid: string; deletionTimestamp?: string };
  status: { conditions?: { type: string; status: string }[]; containerStatuses?: { restartCount: number }[] };
}

let story: Story;
let failed = false;
let cluster: { id: string; uuid: string; shortId: string; name: string };
let seed: Kubectl;
let loop: Loop;
const events: ProgressEvent[] = [];

beforeAll(async () => {
  story = await openStory('availability');
  await prepareSeedAndTemplate(story, NAME);
  seed = createKubectl(story.world, story.world.seedAdminKubeconfigPath);
});
afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});
afterAll(async () => {
  if (story === undefined) return;
  if (cluster !== undefined) {
    await loop?.stop();
    await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
    await followToRest(story, cluster.id, events);
  }
  expect(await closeStory(story, failed)).toBe(0);
});

const podsOf = async (component: string): Promise<Pod[]> => {
  const text = await seed('get', 'pods', '-n', namespaceOf(cluster), '-l', `app.kubernetes.io/name=${component}`, '-o', 'json');
  return (JSON.parse(text) as { items: Pod[] }).items;
};
const isReady = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined && status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
const allReady = (component: string, count: number): Promise<Pod[]> =>
  until(`${count} of ${component} are ready`, 180, async () => {
    const pods = (await podsOf(component)).filter(isReady);
    return pods.length === count && (await podsOf(component)).length === count ? pods : undefined;
  });
const WANTED: Record<string, number> = { etcd: 3, 'kube-apiserver': 3, 'kube-controller-manager': 2, 'kube-scheduler': 2 };

const change = async (controlPlane: object): Promise<void> => {
  await asMember(story).change('updateCluster', { clusterId: cluster.id, overrides: { controlPlane } }, 'cluster { id }');
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
};

/** The member whose own metrics say that it leads. */
const leader = async (): Promise<string> => {
  for (const { metadata } of await podsOf('etcd')) {
    const path = `/api/v1/namespaces/${namespaceOf(cluster)}/pods/${metadata.name}:2381/proxy/metrics`;
    if (/^etcd_server_is_leader 1$/m.test(await seed('get', '--raw', path))) return metadata.name;
  }
  throw new Error('no member leads');
};

test('three members and three API servers come up', async () => {
  const created = await asMember(story).change<{ cluster: typeof cluster }>(
    'createCluster',
    { name: NAME, clusterTemplate: NAME, nodeCount: 0, overrides: { controlPlane: { replicas: 3 } } },
    'cluster { id uuid shortId name }',
  );
  cluster = created.cluster;
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  for (const [component, count] of Object.entries(WANTED)) {
    const pods = await allReady(component, count);
    expect(pods.flatMap(({ status }) => status.containerStatuses?.map((c) => c.restartCount))).toEqual(pods.map(() => 0));
  }
  await issueKubeconfig(story, cluster.id, `${story.folder}/kubeconfig`);
  loop = startLoop(`${story.folder}/kubeconfig`);
});

test('the API shows its members as they are', async () => {
  interface Etcd {
    members: { number: number; healthy: boolean; leader: boolean; version: string; dbSizeMiB: number }[];
    leader: { number: number };
    alarms: string[];
  }
  const query = `query($id: ID!) { cluster(id: $id) { controlPlane { etcd {
    members { number healthy leader version dbSizeMiB } leader { number } alarms } } } }`;
  const { etcd } = (await asMember(story).ask<{ cluster: { controlPlane: { etcd: Etcd } } }>(query, { id: cluster.id })).cluster
    .controlPlane;
  expect(etcd.members.map(({ number, healthy }) => [number, healthy])).toEqual([0, 1, 2].map((number) => [number, true]));
  for (const { version, dbSizeMiB } of etcd.members) expect([version, dbSizeMiB > 0]).toEqual([expect.stringMatching(/^3\.6\./), true]);
  expect(await leader()).toBe(`${cluster.shortId}-etcd-${etcd.leader.number}`);
  expect(etcd.alarms).toEqual([]);
});

test.each(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'the leader'])(
  'one pod of %s killed: nothing is refused for more than 3 s',
  async (which) => {
    const component = which === 'the leader' ? 'etcd' : which;
    const victim = which === 'the leader' ? await leader() : ((await podsOf(component))[0]?.metadata.name ?? '');
    await loop.reset();
    await sleep(1_000);
    await seed('delete', 'pod', '-n', namespaceOf(cluster), victim, '--grace-period=0', '--force', '--wait=false');
    await sleep(2_000);
    await allReady(component, WANTED[component] ?? 0);
    await sleep(3_000);
    const { errors, longestRefusalMs } = await loop.record();
    console.log(which, longestRefusalMs, errors.length, errors[0]);
    expect(longestRefusalMs).toBeLessThan(LONGEST_REFUSAL_MS);
  },
);

test('a roll-out of everything refuses nothing', async () => {
  const before = new Set((await Promise.all(Object.keys(WANTED).map(podsOf))).flat().map(({ metadata }) => metadata.uid));
  await loop.reset();
  const share = { cpuMillicores: 7 };
  await change({ resources: { etcd: share, apiServer: share, controllerManager: share, scheduler: share } });
  for (const [component, count] of Object.entries(WANTED))
    for (const { metadata } of await allReady(component, count)) expect(before).not.toContain(metadata.uid);
  const { errors, longestRefusalMs } = await loop.record();
  console.log('rolled', longestRefusalMs);
  expect(errors).toEqual([]);
});

test('three members become one and three again, without a refusal of more than 3 s', async () => {
  for (const replicas of [1, 3]) {
    await loop.reset();
    await change({ replicas });
    await allReady('etcd', replicas);
    const { errors, longestRefusalMs } = await loop.record();
    console.log(`to ${replicas}`, longestRefusalMs, errors.length, errors[0]);
    expect(longestRefusalMs).toBeLessThan(LONGEST_REFUSAL_MS);
  }
});

test('a member whose volume is lost is replaced', async () => {
  await loop.reset();
  const victim = (await podsOf('etcd'))[2]?.metadata.name ?? '';
  await seed('delete', 'pvc', '-n', namespaceOf(cluster), `data-${victim}`, '--wait=false');
  await seed('delete', 'pod', '-n', namespaceOf(cluster), victim);
  await allReady('etcd', 3);
  const { errors, longestRefusalMs } = await loop.record();
  console.log('replaced', longestRefusalMs, errors.length, errors[0]);
  expect(longestRefusalMs).toBeLessThan(LONGEST_REFUSAL_MS);
});

test('no acknowledged write is lost', async () => {
  const { written } = await loop.record();
  expect(await loop.stop()).toEqual([]);
  expect(written.length).toBeGreaterThan(200);
});
