/** createSeed on machines of a real OpenStack: the seed is made, carries a cluster that answers, and leaves nothing when it is deleted. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createApi, type ProgressEvent } from './support/graphql.ts';
import { createKubectl, listThings, type Thing } from './support/outside.ts';
import { until } from './support/run.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, type Story } from './support/story.ts';

const NAME = 'lab-made';

interface Seed {
  uuid: string;
  state: string;
  apiServerUrl: string;
  conditions: { name: string; state: string; message: string }[];
}

let story: Story;
let failed = false;
let thingsBefore: Thing[];
let seed: Seed | undefined;
let cluster: { id: string; uuid: string } | undefined;

beforeAll(async () => {
  story = await openStory('made-seed', undefined, ['member']);
  thingsBefore = await listThings(story.world);
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

/** A test that failed half-way must not leave machines behind. */
afterAll(async () => {
  if (story === undefined) return;
  if (failed && cluster !== undefined)
    await asMember(story)
      .change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }')
      .then(() => until('the cluster is gone', 300, clusterGone))
      .catch(console.error);
  if (failed && seed !== undefined)
    await admin()
      .change('deleteSeed', { seedId: seed.uuid }, 'seed { uuid }')
      .then(() => until('the seed is gone', 300, seedGone))
      .catch(console.error);
  expect(await closeStory(story, failed)).toBe(0);
});

const admin = () => createApi(story.server.url, story.adminToken);

const lookAtSeed = async (): Promise<Seed | null> =>
  (
    await admin().ask<{ seed: Seed | null }>(
      'query($name: String) { seed(name: $name) { uuid state apiServerUrl conditions { name state message } } }',
      { name: NAME },
    )
  ).seed;

const seedGone = async () => (await lookAtSeed()) === null || undefined;

const clusterGone = async () => {
  const query = 'query($id: ID!) { cluster(id: $id) { state } }';
  const seen = (await asMember(story).ask<{ cluster: { state: string } | null }>(query, { id: cluster?.id })).cluster;
  return seen === null || seen.state === 'DELETED' || undefined;
};

test('an administrator of the cloud asks for a seed, and it is READY by machines that Seedbed made', async () => {
  const { image, flavor, externalNetwork } = story.world;
  const machines = { image, flavor: 'm1.medium', workerFlavor: flavor, externalNetwork, workers: 1 };
  await admin().change('createSeed', { name: NAME, ...machines }, 'seed { uuid }');
  let last: Seed | null = null;
  const ready = async () => {
    last = await lookAtSeed();
    return last?.state === 'READY' ? last : undefined;
  };
  seed = await until('the seed is READY', 580, ready, 2_000).catch((error: unknown) => {
    const open = (last as Seed | null)?.conditions.filter(({ state }) => state !== 'DONE');
    throw new Error(`${String(error)}: ${JSON.stringify(open)}`, { cause: error });
  });
});

test('a cluster in it becomes READY with a worker, and answers at the address of the seed', async () => {
  const { image, flavor, externalNetwork } = story.world;
  const spec = { kubernetesVersion: 'v1.36.3', image, flavor, externalNetwork, networkDriver: 'FLANNEL', nodeCidr: story.nodeCidr };
  await admin().change(
    'createClusterTemplate',
    { name: NAME, visibility: 'PUBLIC', ...spec, controlPlane: { replicas: 1 } },
    'clusterTemplate { id }',
  );
  const made = await asMember(story).change<{ cluster: { id: string; uuid: string } }>(
    'createCluster',
    { name: NAME, clusterTemplate: NAME, nodeCount: 1 },
    'cluster { id uuid }',
  );
  cluster = made.cluster;
  const events: ProgressEvent[] = [];
  expect(await followToRest(story, cluster.id, events, 560)).toMatchObject({ settled: true, state: 'READY' });
  const kubeconfig = `${story.folder}/kubeconfig`;
  await issueKubeconfig(story, cluster.id, kubeconfig);
  const kubectl = createKubectl(story.world, kubeconfig);
  expect(await kubectl('get', '--raw', '/readyz')).toBe('ok');
  const nodes = JSON.parse(await kubectl('get', 'nodes', '-o', 'json')) as {
    items: { status: { conditions: { type: string; status: string }[] } }[];
  };
  expect(nodes.items.map(({ status }) => status.conditions.find(({ type }) => type === 'Ready')?.status)).toEqual(['True']);
  expect(await kubectl('config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}')).toContain(
    new URL(seed?.apiServerUrl ?? '').hostname,
  );
});

test('when the cluster and the seed are deleted, the cloud is as it was before', async () => {
  await asMember(story).change('deleteCluster', { clusterId: cluster?.id }, 'cluster { id }');
  await until('the cluster is gone', 300, clusterGone);
  await admin().change('deleteSeed', { seedId: seed?.uuid }, 'seed { uuid }');
  await until('the seed is gone', 280, seedGone);
  const known = new Set(thingsBefore.map(({ id }) => id));
  const marks = ['seedbed-seed-', seed?.uuid ?? 'none'];
  const left = (await listThings(story.world)).filter(
    (thing) => !known.has(thing.id) && marks.some((mark) => [thing.name, thing.description, ...thing.tags].join(' ').includes(mark)),
  );
  expect(left).toEqual([]);
});
