/**
 * A cluster goes from one minor release to the next while a customer reads and writes all the time and a Deployment with a PodDisruptionBudget
 * runs on its workers: once in peace, and once while Seedbed is killed ten times. The lab has to have both: `KUBE_VERSIONS="v1.36.3 v1.35.4" lab up`.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ClusterNames, expectNothingLeft, listNamespaces, namespaceOf, serversOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { type Loop, startLoop } from './support/loop.ts';
import { applyObjects, createKubectl, type Kubectl, listThings } from './support/outside.ts';
import { startServer } from './support/server.ts';
import {
  asMember,
  closeStory,
  followToRest,
  issueKubeconfig,
  openStory,
  prepareSeedAndTemplate,
  type Story,
  untilSucceeded,
} from './support/story.ts';
import { echoObjects } from './support/workload.ts';

const NAME = 'lab-upgrade';
const [FROM, TO] = ['v1.35.4', 'v1.36.3'];
const WORKERS = 3;
const NEEDED = 2;
const LONGEST_REFUSAL_MS = 3_000;
const KILLS = 10;

type Cluster = ClusterNames & { id: string };
interface Customer {
  loop: Loop;
  kubectl: Kubectl;
  /** The fewest pods of the Deployment that were healthy at once. */
  fewest(): number;
  stop(): Promise<void>;
}

let story: Story;
let failed = false;
let namespacesBefore: string[];

beforeAll(async () => {
  story = await openStory('upgrade');
  // A seed that is registered has a namespace for a moment, to try its login's rights in.
  namespacesBefore = await listNamespaces(story);
  const template = { kubernetesVersion: FROM, image: imageOf(FROM) };
  await prepareSeedAndTemplate(story, NAME, { tunnel: 'KONNECTIVITY', replicas: 3 }, template);
});
afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});
afterAll(async () => {
  if (story === undefined) return;
  if (failed) await removeAll();
  expect(await closeStory(story, failed)).toBe(0);
});

const imageOf = (version: string): string => `${story.world.image}-${version}`;

const removeAll = async (): Promise<void> => {
  const { clusters } = await asMember(story).ask<{ clusters: { nodes: { id: string; state: string }[] } }>(
    'query { clusters(first: 10) { nodes { id state } } }',
  );
  for (const { id, state } of clusters.nodes)
    if (state !== 'DELETED') {
      await asMember(story).change('deleteCluster', { clusterId: id }, 'cluster { id }');
      await followToRest(story, id, []);
    }
};

/** Reads, writes, and counts the pods of a Deployment that must never be fewer than its budget says. */
const startCustomer = async (cluster: Cluster): Promise<Customer> => {
  const path = `${story.folder}/${cluster.name}.kubeconfig`;
  await issueKubeconfig(story, cluster.id, path, 24 * 3600);
  const kubectl = createKubectl(story.world, path);
  const spec = { minAvailable: NEEDED, selector: { matchLabels: { app: 'echo' } } };
  const budget = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'echo', namespace: 'default' }, spec };
  await applyObjects(story.world, path, [...echoObjects(WORKERS), budget]);
  await kubectl('rollout', 'status', 'deployment/echo', '--timeout=180s', '--request-timeout=0');
  let [fewest, running] = [WORKERS, true];
  const counting = (async () => {
    while (running) {
      const seen = await kubectl('get', 'poddisruptionbudget', 'echo', '-o', 'jsonpath={.status.currentHealthy}').catch(() => undefined);
      if (seen !== undefined) fewest = Math.min(fewest, Number(seen));
      await sleep(500);
    }
  })();
  return {
    loop: startLoop(path),
    kubectl,
    fewest: () => fewest,
    stop: async () => {
      running = false;
      await counting;
    },
  };
};

/** Kills the server at moments that nobody chose, `times` times, and starts it again. */
const harass = async (times: number): Promise<void> => {
  for (let i = 0; i < times; i++) {
    await sleep(randomInt(2_000, 20_000));
    await story.server.kill9();
    story.server = await startServer(story.world, story.folder, story.port);
  }
};

const upgrade = async (cluster: Cluster, kills: number): Promise<void> => {
  const begun = await asMember(story).change<{ operation: { id: string } }>(
    'upgradeCluster',
    { clusterId: cluster.id, version: TO, controlPlaneOnly: true },
    'operation { id }',
  );
  const half = Math.ceil(kills / 2);
  await Promise.all([harass(half), untilSucceeded(story, begun.operation.id, cluster.id, 900)]);
  const { cluster: seen } = await asMember(story).ask<{ cluster: { nodeGroups: { nodes: { id: string }[] } } }>(
    'query($id: ID!) { cluster(id: $id) { nodeGroups { nodes { id } } } }',
    { id: cluster.id },
  );
  // The machines have the kubelet of their image, so the other version is another image.
  const rolled = await asMember(story).change<{ operation: { id: string } }>(
    'updateNodeGroup',
    { nodeGroupId: seen.nodeGroups.nodes[0]?.id ?? '', image: imageOf(TO) },
    'operation { id }',
  );
  await Promise.all([harass(kills - half), untilSucceeded(story, rolled.operation.id, cluster.id, 900)]);
};

/** The programs of the control plane, of the addons and of the workers, as the seed and the cluster itself tell. */
const expectUpgraded = async (cluster: Cluster, kubectl: Kubectl): Promise<void> => {
  const images = '{range .items[*]}{range .spec.containers[*]}{.image}{"\\n"}{end}{end}';
  const seed = createKubectl(story.world, story.world.seedAdminKubeconfigPath);
  const hosted = await seed('get', 'pods', '-n', namespaceOf(cluster), '-o', `jsonpath=${images}`);
  const inside = await kubectl('get', 'pods', '-n', 'kube-system', '-o', `jsonpath=${images}`);
  for (const program of ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler']) expect(hosted).toContain(`/${program}:${TO}\n`);
  expect(inside).toContain(`/kube-proxy:${TO}\n`);
  // Kubernetes' own number is in those of konnectivity and of the cloud controllers, too.
  expect(`${hosted}${inside}`).not.toMatch(/:v[01]\.35\./);
  expect(JSON.parse(await kubectl('version', '-o', 'json'))).toMatchObject({ serverVersion: { gitVersion: TO } });
  const kubelets = await kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].status.nodeInfo.kubeletVersion}');
  expect(kubelets.split(' ')).toEqual(Array.from({ length: WORKERS }, () => TO));
  expect(await serversOf(story, cluster)).toHaveLength(WORKERS);
};

test.each([0, KILLS])(
  'to the next minor release with Seedbed killed %i times: nothing lost, nothing refused for long, no budget broken',
  {
    timeout: 2_400_000,
  },
  async (kills) => {
    const thingsBefore = await listThings(story.world);
    const events: ProgressEvent[] = [];
    const { cluster } = await asMember(story).change<{ cluster: Cluster }>(
      'createCluster',
      { name: `${NAME}-${kills}`, clusterTemplate: NAME, nodeCount: WORKERS },
      'cluster { id uuid shortId name }',
    );
    expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
    const customer = await startCustomer(cluster);
    const [began, before] = [Date.now(), new Set((await serversOf(story, cluster)).map(({ id }) => id))];

    await upgrade(cluster, kills);

    const { longestRefusalMs, errors, written } = await customer.loop.record();
    await customer.stop();
    console.log(`${Math.round((Date.now() - began) / 1000)} s`, { longestRefusalMs, errors: errors.slice(0, 5), written: written.length });
    await expectUpgraded(cluster, customer.kubectl);
    expect((await serversOf(story, cluster)).filter(({ id }) => before.has(id))).toEqual([]);
    expect(await customer.loop.stop()).toEqual([]);
    expect(longestRefusalMs).toBeLessThan(LONGEST_REFUSAL_MS);
    expect(customer.fewest()).toBeGreaterThanOrEqual(NEEDED);

    await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
    expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'DELETED' });
    await expectNothingLeft(story, cluster, thingsBefore, namespacesBefore);
  },
);
