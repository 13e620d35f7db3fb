/** No route leads from the seed to the workers: all that the API servers want of nodes and pods goes through konnectivity. */
import { spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { namespaceOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { hookObjects } from './support/hook.ts';
import { applyObjects, createKubectl, type Kubectl } from './support/outside.ts';
import { until } from './support/run.ts';
import { freePort } from './support/server.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';
import { echoObjects } from './support/workload.ts';
import { usesLab } from './support/world.ts';

const NAME = 'lab-tunnel';
const WORKERS = 2;
const SERVERS = 2;
/** What one roll of an API server may cost those who reach through it: agents look for a server they lost every second. */
const LONGEST_SILENCE_MS = 6_000;

interface ClusterSeen {
  id: string;
  uuid: string;
  shortId: string;
  name: string;
}

let story: Story;
let failed = false;
let cluster: ClusterSeen;
let kubectl: Kubectl;
let kubeconfigPath: string;
let seed: Kubectl;
const events: ProgressEvent[] = [];

beforeAll(async () => {
  story = await openStory('tunnel');
  seed = createKubectl(story.world, story.world.seedAdminKubeconfigPath);
  await prepareSeedAndTemplate(story, NAME, { tunnel: 'KONNECTIVITY', apiServerReplicas: SERVERS });
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  if (story === undefined) return;
  if (cluster !== undefined) {
    await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
    expect(await followToRest(story, cluster.id, events)).toMatchObject({ state: 'DELETED' });
  }
  expect(await closeStory(story, failed)).toBe(0);
});

const apiServerPods = async (): Promise<string[]> => {
  const pods = JSON.parse(
    await seed('-n', namespaceOf(cluster), 'get', 'pods', '-l', 'app.kubernetes.io/name=kube-apiserver', '-o', 'json'),
  ) as { items: { metadata: { name: string; deletionTimestamp?: string } }[] };
  return pods.items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name);
};

/** How many agents each server has, by its own metrics. */
const agentsOf = async (pod: string): Promise<number> => {
  const metrics = await seed('get', '--raw', `/api/v1/namespaces/${namespaceOf(cluster)}/pods/${pod}:8134/proxy/metrics`);
  return Number(/^konnectivity_network_proxy_server_ready_backend_connections(?:{[^}]*})? (\d+)/m.exec(metrics)?.[1] ?? 0);
};

const everyServerHasItsAgents = () =>
  until('each server has an agent of each worker', 60, async () => {
    const counts = await Promise.all((await apiServerPods()).map(agentsOf));
    if (counts.length === SERVERS && counts.every((count) => count === WORKERS)) return true;
    throw new Error(JSON.stringify(counts));
  });

test('the cluster becomes READY with its tunnel, seen from both ends', async () => {
  const created = await asMember(story).change<{ cluster: ClusterSeen }>(
    'createCluster',
    { name: NAME, clusterTemplate: NAME, nodeCount: WORKERS, overrides: { addons: { metricsServer: { enabled: true } } } },
    'cluster { id uuid shortId name }',
  );
  cluster = created.cluster;
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  const { cluster: seen } = await asMember(story).ask<{ cluster: { conditions: { name: string; status: string }[] } }>(
    'query($id: ID!) { cluster(id: $id) { conditions { name status } } }',
    { id: cluster.id },
  );
  expect(seen.conditions.find(({ name }) => name === 'TunnelReady')?.status).toBe('TRUE');
  kubeconfigPath = `${story.folder}/kubeconfig`;
  await issueKubeconfig(story, cluster.id, kubeconfigPath);
  kubectl = createKubectl(story.world, kubeconfigPath);
  await everyServerHasItsAgents();
});

test('logs and exec come through, again and again, so through either server', async () => {
  await applyObjects(story.world, kubeconfigPath, echoObjects(WORKERS));
  await kubectl('rollout', 'status', 'deployment/echo', '--timeout=180s', '--request-timeout=0');
  for (let i = 0; i < 10; i += 1) {
    expect(await kubectl('exec', 'deployment/echo', '--', 'cat', '/tmp/w/index.html')).toMatch(/^echo-/);
    expect(await kubectl('logs', 'deployment/echo')).toBe('');
  }
  const much = await kubectl('exec', 'deployment/echo', '--', 'sh', '-c', 'head -c 4000000 /dev/zero | tr "\\0" x');
  expect(much).toHaveLength(4_000_000);
});

test('port-forward carries a request to a pod', async () => {
  const port = await freePort();
  const forward = spawn(story.world.kubectl, ['--kubeconfig', kubeconfigPath, 'port-forward', 'deployment/echo', `${port}:8080`]);
  try {
    const text = await until('an answer through the forwarded port', 20, async () => (await fetch(`http://127.0.0.1:${port}/`)).text());
    expect(text).toMatch(/^echo-/);
  } finally {
    forward.kill();
  }
});

test('a webhook is asked and an aggregated API answers', async ({ skip }) => {
  if (!usesLab) return skip("the server's image is the lab's own");
  const { server, registrations } = await hookObjects(story.folder);
  await applyObjects(story.world, kubeconfigPath, server);
  await kubectl('rollout', 'status', 'deployment/hook', '--timeout=180s', '--request-timeout=0');
  await applyObjects(story.world, kubeconfigPath, registrations);
  const greeting = await until('the aggregated API', 60, () => kubectl('get', '--raw', '/apis/lab.seedbed.test/v1/greetings/hello'));
  expect(JSON.parse(greeting)).toMatchObject({ kind: 'Greeting', asked: expect.stringContaining(story.world.member.username) });
  const configMap = (name: string, labels: object) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', labels },
  });
  await applyObjects(story.world, kubeconfigPath, [configMap('welcome', {})]);
  await expect(applyObjects(story.world, kubeconfigPath, [configMap('unwelcome', { 'lab.seedbed.test/refuse': 'yes' })])).rejects.toThrow(
    /the lab's webhook refuses it/,
  );
});

test('metrics-server, asked through the tunnel, tells what nodes and pods use', async () => {
  const nodes = await until('kubectl top nodes', 120, async () => {
    const lines = (await kubectl('top', 'nodes', '--no-headers')).trim().split('\n');
    return lines.length === WORKERS ? lines : undefined;
  });
  for (const line of nodes) expect(line).toMatch(/^\S+\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%/);
  await until('kubectl top pods', 60, async () => (await kubectl('top', 'pods', '-A', '--no-headers')).includes('coredns-') || undefined);
});

test('while an API server is replaced others reach pods through the one that stays', async () => {
  const asked: { at: number; ms: number; refused: string | null }[] = [];
  let ended = false;
  const loop = async (): Promise<void> => {
    while (!ended) {
      const at = Date.now();
      const refused = await kubectl('exec', 'deployment/echo', '--', 'true').then(
        () => null,
        (error: Error) => error.message,
      );
      asked.push({ at: at - began, ms: Date.now() - at, refused });
    }
  };
  const [first] = await apiServerPods();
  const began = Date.now();
  const loops = [loop(), loop()];
  await seed('-n', namespaceOf(cluster), 'delete', 'pod', first ?? '', '--wait=false');
  await until('another pod serves', 120, async () => {
    const pods = await apiServerPods();
    return pods.length === SERVERS && !pods.includes(first ?? '') ? true : undefined;
  });
  await everyServerHasItsAgents();
  ended = true;
  await Promise.all(loops);
  const refused = asked.filter((one) => one.refused !== null);
  // A stream is cut with its server, and the new one has no agent for a moment: what counts is how long nobody got through.
  const through = asked.filter((one) => one.refused === null).map(({ at, ms }) => at + ms);
  const moments = [0, ...through, Date.now() - began].toSorted((a, b) => a - b);
  const silence = Math.max(...moments.slice(1).map((moment, i) => moment - (moments[i] ?? 0)));
  expect(silence, JSON.stringify(asked)).toBeLessThan(LONGEST_SILENCE_MS);
  expect(through.length, JSON.stringify(asked)).toBeGreaterThan(Math.max(5, refused.length));
});
