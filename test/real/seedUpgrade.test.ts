/**
 * A seed that Seedbed made goes to the next minor release of Kubernetes, its machines one after another and in place, while a customer reads and writes in
 * a cluster on it and Seedbed is killed in the middle. The lab has to have both releases: `KUBE_VERSIONS="v1.36.3 v1.35.4" lab up`; from where machines install
 * the newer one is a repository that this test makes and serves at the address of OpenStack's APIs.
 */
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createApi } from './support/graphql.ts';
import { type Loop, startLoop } from './support/loop.ts';
import { createKubectl, listThings, type Thing } from './support/outside.ts';
import { run, until } from './support/run.ts';
import { startServer } from './support/server.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, type Story } from './support/story.ts';
import { labFolder, openWorld } from './support/world.ts';

const NAME = 'lab-seed-upgrade';
const [FROM, TO] = ['v1.35.4', 'v1.36.3'];
const MACHINES = 2;
/** The way to the cluster is a port of the machine whose kube-proxy is replaced. */
const LONGEST_REFUSAL_MS = 15_000;

interface Seed {
  uuid: string;
  state: string;
  lastProbe: { kubernetesVersion: string; kubeletVersions: string[] } | null;
  conditions: { name: string; state: string; message: string }[];
}

let story: Story;
/** For the server, and for those that take its place. */
let packages: Record<string, string>;
let repository: { server: HttpServer; folder: string };
let failed = false;
let thingsBefore: Thing[];
let seed: Seed | undefined;
let cluster: { id: string; uuid: string } | undefined;

beforeAll(async () => {
  const host = new URL(openWorld().service.authUrl).hostname;
  repository = await serveRepository(host);
  const { port } = repository.server.address() as AddressInfo;
  packages = {
    SEEDBED_PACKAGE_REPOSITORY: `http://${host}:${port}/v{minor}/deb/`,
    SEEDBED_PACKAGE_KEY_FILE: join(repository.folder, 'key.asc'),
  };
  story = await openStory('seed-upgrade', undefined, ['member'], packages);
  thingsBefore = await listThings(story.world);
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

/** A test that failed half-way must not leave machines behind; what they said last is worth keeping. */
afterAll(async () => {
  if (story !== undefined) {
    if (failed) await tellConsoles().catch(console.error);
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
  }
  repository?.server.close();
  if (repository !== undefined) await rm(repository.folder, { recursive: true });
});

const admin = () => createApi(story.server.url, story.adminToken);

/** Packages of the newer release, for whoever asks at the address. */
const serveRepository = async (host: string): Promise<typeof repository> => {
  const folder = await mkdtemp(join(tmpdir(), 'seedbed-packages-'));
  await run(new URL('../lab/machine/packages', import.meta.url).pathname, [folder, TO], { env: { LAB: labFolder } });
  const server = createServer((request, response) => {
    const path = join(folder, normalize(`/${new URL(request.url ?? '/', 'http://x').pathname}`));
    stat(path)
      .then((found) => {
        if (!found.isFile()) throw new Error('no file');
        response.writeHead(200, { 'content-length': found.size });
        createReadStream(path).pipe(response);
      })
      .catch(() => response.writeHead(404).end());
  }).listen(0, host);
  await once(server, 'listening');
  return { server, folder };
};

const lookAtSeed = async (): Promise<Seed | null> =>
  (
    await admin().ask<{ seed: Seed | null }>(
      'query($name: String) { seed(name: $name) { uuid state lastProbe { kubernetesVersion kubeletVersions } conditions { name state message } } }',
      { name: NAME },
    )
  ).seed;

const seedGone = async () => (await lookAtSeed()) === null || undefined;

const clusterState = async (): Promise<string> => {
  const query = 'query($id: ID!) { cluster(id: $id) { state } }';
  const seen = (await asMember(story).ask<{ cluster: { state: string } | null }>(query, { id: cluster?.id })).cluster;
  return seen?.state ?? 'DELETED';
};
const clusterGone = async () => (await clusterState()) === 'DELETED' || undefined;

const tellConsoles = async (): Promise<void> => {
  const open = (await lookAtSeed())?.conditions.filter(({ state }) => state !== 'DONE');
  console.error(JSON.stringify(open, null, 1));
};

test('a seed of two machines is READY at the release before', async () => {
  const { image, flavor, externalNetwork } = story.world;
  const machines = { image: `${image}-${FROM}`, flavor: 'm1.medium', workerFlavor: flavor, externalNetwork, workers: MACHINES - 1 };
  await admin().change('createSeed', { name: NAME, ...machines, kubernetesVersion: FROM }, 'seed { uuid }');
  let last: Seed | null = null;
  const ready = async () => {
    last = await lookAtSeed();
    return last?.state === 'READY' ? last : undefined;
  };
  seed = await until('the seed is READY', 580, ready, 2_000).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify((last as Seed | null)?.conditions.filter(({ state }) => state !== 'DONE'))}`, {
      cause: error,
    });
  });
  expect(seed.lastProbe).toEqual({ kubernetesVersion: FROM, kubeletVersions: [FROM] });
});

test('it goes to the next release while a customer of a cluster on it reads and writes, and Seedbed is killed twice', {
  timeout: 2_400_000,
}, async () => {
  const { image, flavor, externalNetwork } = story.world;
  const spec = { kubernetesVersion: TO, image, flavor, externalNetwork, networkDriver: 'FLANNEL', nodeCidr: story.nodeCidr };
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
  expect(await followToRest(story, cluster.id, [], 560)).toMatchObject({ settled: true, state: 'READY' });
  const kubeconfig = `${story.folder}/kubeconfig`;
  await issueKubeconfig(story, cluster.id, kubeconfig, 24 * 3600);
  const loop: Loop = startLoop(kubeconfig);
  const seenStates = new Set<string>();
  const began = Date.now();

  const { operation } = await admin().change<{ operation: { id: string } }>(
    'upgradeSeed',
    { seedId: seed?.uuid, version: TO },
    'operation { id }',
  );
  const finished = async () => {
    const query = 'query($id: ID!) { node(id: $id) { ... on Operation { state problem { message } } } }';
    const { node } = await admin().ask<{ node: { state: string; problem: { message: string } | null } }>(query, { id: operation.id });
    seenStates.add(await clusterState());
    if (node.state === 'FAILED') throw new Error(node.problem?.message);
    return node.state === 'SUCCEEDED' || undefined;
  };
  for (const machine of ['-0', '-1']) {
    const works = async () => {
      const step = (await lookAtSeed())?.conditions.find(({ name }) => name === 'MachinesUpgraded');
      if (step?.state === 'FAILED') console.error(step.message);
      return step?.message.includes(machine) || undefined;
    };
    await until(`machine ${machine} is being upgraded`, 900, works, 1_000);
    await sleep(5_000);
    await story.server.kill9();
    story.server = await startServer(story.world, story.folder, story.port, 'debug', undefined, packages);
  }
  await until('the seed is upgraded', 1_200, finished, 2_000);

  const { longestRefusalMs, errors, written } = await loop.record();
  console.log(`${Math.round((Date.now() - began) / 1000)} s`, { longestRefusalMs, errors: errors.slice(0, 5), written: written.length });
  expect((await lookAtSeed())?.lastProbe).toEqual({ kubernetesVersion: TO, kubeletVersions: [TO] });
  expect([...seenStates]).toEqual(['READY']);
  expect(await loop.stop()).toEqual([]);
  expect(longestRefusalMs).toBeLessThan(LONGEST_REFUSAL_MS);
  expect(await createKubectl(story.world, kubeconfig)('get', '--raw', '/readyz')).toBe('ok');
});

test('a machine that is added joins it, whatever its image holds, and comes to its release', async () => {
  await admin().change('scaleSeed', { seedId: seed?.uuid, workers: MACHINES }, 'seed { uuid }');
  await until(
    'all machines are there',
    580,
    async () => {
      const seen = await lookAtSeed();
      const open = seen?.conditions.filter(({ state }) => state !== 'DONE' && state !== 'REMOVED') ?? [];
      return (open.length === 0 && seen?.lastProbe?.kubeletVersions.join() === TO) || undefined;
    },
    2_000,
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
