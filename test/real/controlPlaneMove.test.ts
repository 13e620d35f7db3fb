/**
 * A control plane moves from one seed to another and, when that is drained, back: the same address, keys and data, and workers that were not made
 * anew. A customer reads and writes all the time, and what the API acknowledged is there at the end.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ClusterNames, expectNothingLeft, listNamespaces, namespaceOf, serversOf } from './support/checks.ts';
import { createApi, type ProgressEvent } from './support/graphql.ts';
import { type Loop, startLoop } from './support/loop.ts';
import { applyObjects, createKubectl, type Kubectl, listThings, type Thing } from './support/outside.ts';
import { until } from './support/run.ts';
import { freePort } from './support/server.ts';
import {
  asMember,
  closeStory,
  followToRest,
  issueKubeconfig,
  openStory,
  prepareSeedAndTemplate,
  registerSeed,
  type Story,
  untilSucceeded,
} from './support/story.ts';
import { echoObjects } from './support/workload.ts';
import { openWorld, type SecondSeed } from './support/world.ts';

const NAME = 'lab-move';
const WORKERS = 1;
/** Of the API, by Seedbed's own clock and by the customer's; etcd and an API server start in half a minute here. */
const LONGEST_DOWNTIME_SECONDS = 180;

let story: Story;
let failed = false;
let second: SecondSeed;
let firstSeedId: string;
let cluster: ClusterNames & { id: string };
let kubectl: Kubectl;
let loop: Loop;
let thingsBefore: Thing[];
let namespacesBefore: string[];
const events: ProgressEvent[] = [];

beforeAll(async () => {
  const { service, secondSeed } = openWorld();
  if (secondSeed === null)
    throw new Error('Control planes move between two seeds: SEEDBED_TEST_SECOND_SEED names the kubeconfig of the other.');
  second = secondSeed;
  await second.up();
  // This machine, as the seeds' pods see it: Keystone is there, too.
  const host = new URL(service.authUrl).hostname;
  const address = `${host}:${await freePort(host)}`;
  story = await openStory('move', undefined, ['member'], { SEEDBED_BACKUP_LISTEN: address, SEEDBED_BACKUP_ADDRESS: address });
  [thingsBefore, namespacesBefore] = [await listThings(story.world), await listNamespaces(story)];
  // While it is the only one, the cluster is made in it.
  await prepareSeedAndTemplate(story, NAME, { tunnel: 'KONNECTIVITY', replicas: 1 }, {}, second.kubeconfigPath);
  const input = { name: NAME, clusterTemplate: NAME, nodeCount: WORKERS };
  cluster = (await asMember(story).change<{ cluster: typeof cluster }>('createCluster', input, 'cluster { id uuid shortId name }')).cluster;
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  const path = `${story.folder}/kubeconfig`;
  await issueKubeconfig(story, cluster.id, path, 24 * 3600);
  kubectl = createKubectl(story.world, path);
  await applyObjects(story.world, path, echoObjects(WORKERS));
  await kubectl('rollout', 'status', 'deployment/echo', '--timeout=180s', '--request-timeout=0');
  loop = startLoop(path);
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  if (story === undefined) return;
  if (failed && cluster !== undefined) {
    await loop?.stop().catch(console.error);
    await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
    await followToRest(story, cluster.id, events);
  }
  expect(await closeStory(story, failed)).toBe(0);
  // It says what went wrong, where something did.
  if (!failed) await second.down();
});

const admin = () => createApi(story.server.url, story.adminToken);
const seedOf = async (): Promise<string> =>
  (await admin().ask<{ cluster: { seed: { name: string } } }>('query($id: ID!) { cluster(id: $id) { seed { name } } }', { id: cluster.id }))
    .cluster.seed.name;
const lookAtMove = async () => {
  const query = 'query($id: ID!) { cluster(id: $id) { controlPlaneMove { phase back refusal downtimeSeconds } } }';
  type Seen = { phase: string; back: boolean; refusal: string | null; downtimeSeconds: number | null };
  return (await admin().ask<{ cluster: { controlPlaneMove: Seen } }>(query, { id: cluster.id })).cluster.controlPlaneMove;
};
const podsOf = (namespace: string, kubeconfigPath: string): Promise<string> =>
  createKubectl(story.world, kubeconfigPath)('get', 'pods', '-n', namespace, '-o', 'name', '--ignore-not-found');
const workload = () =>
  kubectl(
    'get',
    'pods',
    '-l',
    'app=echo',
    '-o',
    'jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount}\n{end}',
  );
const workers = async () => (await serversOf(story, cluster)).map(({ id, name }) => ({ id, name }));

/** What was there before is there after, reached as before: that the customer's kubeconfig goes on says address and keys. */
const expectMoved = async (before: { pods: string; servers: object[] }, to: string): Promise<void> => {
  expect(await seedOf()).toBe(to);
  const move = await lookAtMove();
  expect(move).toMatchObject({ phase: 'DONE', back: false, refusal: null });
  expect(move.downtimeSeconds).toBeGreaterThan(0);
  expect(move.downtimeSeconds).toBeLessThan(LONGEST_DOWNTIME_SECONDS);
  const { longestRefusalMs } = await loop.record();
  console.log(`The API was away for ${move.downtimeSeconds} s, as a customer saw it for ${longestRefusalMs / 1000} s.`);
  expect(longestRefusalMs).toBeLessThan(LONGEST_DOWNTIME_SECONDS * 1000);
  await kubectl('wait', 'nodes', '--all', '--for=condition=Ready', '--timeout=120s', '--request-timeout=0');
  expect(await workers()).toEqual(before.servers);
  expect(await workload()).toBe(before.pods);
  // The tunnel has followed: an API server reaches the worker.
  await until(
    'the tunnel leads to the worker',
    60,
    async () => (await kubectl('exec', 'deployment/echo', '--', 'hostname')).startsWith('echo-') || undefined,
  );
  await loop.reset();
};

test('a control plane moves to the other seed, and its workers with it', async () => {
  const first = await registerSeed(story, `${NAME}-first`, story.world.seedKubeconfigPath);
  const before = { pods: await workload(), servers: await workers() };
  const { operation } = await admin().change<{ operation: { id: string } }>(
    'moveControlPlane',
    { clusterId: cluster.id, seedId: first },
    'operation { id }',
  );
  await untilSucceeded(story, operation.id, cluster.id, 500);
  await expectMoved(before, `${NAME}-first`);
  expect(await podsOf(namespaceOf(cluster), second.adminKubeconfigPath)).toBe('');
  firstSeedId = first;
});

test('the seed is drained, and the control plane goes back', async () => {
  const before = { pods: await workload(), servers: await workers() };
  await admin().change('drainSeed', { seedId: firstSeedId }, 'operation { id }');
  const back = async () => ((await seedOf()) === NAME && (await lookAtMove()).phase === 'DONE') || undefined;
  await until('the control plane is back', 500, back, 1_000);
  await expectMoved(before, NAME);
  expect(await podsOf(namespaceOf(cluster), story.world.seedAdminKubeconfigPath)).toBe('');
});

test('no write that was acknowledged is lost, and nothing is left when the cluster goes', async () => {
  const { written } = await loop.record();
  expect(written.length).toBeGreaterThan(100);
  expect(await loop.stop()).toEqual([]);
  await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'DELETED' });
  await expectNothingLeft(story, cluster, thingsBefore, namespacesBefore);
  const left = createKubectl(story.world, second.adminKubeconfigPath);
  await until(
    'the namespace is gone',
    60,
    async () => !(await left('get', 'namespaces', '-o', 'name')).includes(namespaceOf(cluster)) || undefined,
  );
});
