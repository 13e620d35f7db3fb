/** Workers that break are replaced by others: a server that somebody deletes, and one whose kubelet stops. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { expectCleanReport, expectNothingLeft, listNamespaces, serversOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { applyObjects, createKubectl, deleteServer, type Kubectl, listThings, type Thing } from './support/outside.ts';
import { until } from './support/run.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';
import { stoppingPod } from './support/workload.ts';

const NAME = 'lab-healing';
const WORKERS = 2;

interface Seen {
  state: string;
  operations: { nodes: { kind: string; state: string }[] };
  nodeGroups: { nodes: { nodes: { nodes: { name: string; state: string }[] } }[] };
}

let story: Story;
let failed = false;
let cluster: { id: string; uuid: string; shortId: string; name: string };
let kubectl: Kubectl;
let kubeconfigPath: string;
let thingsBefore: Thing[];
let namespacesBefore: string[];
const events: ProgressEvent[] = [];

beforeAll(async () => {
  story = await openStory('healing');
  thingsBefore = await listThings(story.world);
  namespacesBefore = await listNamespaces(story);
  await prepareSeedAndTemplate(story, NAME);
  const overrides = { autoHealingEnabled: true, healing: { nodeLimitSeconds: 20, maxUnhealthyPercent: 50 } };
  const input = { name: NAME, clusterTemplate: NAME, nodeCount: WORKERS, overrides };
  cluster = (await asMember(story).change<{ cluster: typeof cluster }>('createCluster', input, 'cluster { id uuid shortId name }')).cluster;
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  kubeconfigPath = `${story.folder}/kubeconfig`;
  await issueKubeconfig(story, cluster.id, kubeconfigPath);
  kubectl = createKubectl(story.world, kubeconfigPath);
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  if (story === undefined) return;
  if (failed && cluster !== undefined) {
    await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
    await followToRest(story, cluster.id, events);
  }
  expect(await closeStory(story, failed)).toBe(0);
});

const look = async (): Promise<Seen> => {
  const query = `query($id: ID!) { cluster(id: $id) { state operations(first: 20) { nodes { kind state } }
    nodeGroups { nodes { nodes { nodes { name state } } } } } }`;
  return (await asMember(story).ask<{ cluster: Seen }>(query, { id: cluster.id })).cluster;
};
const workersOf = ({ nodeGroups }: Seen) => nodeGroups.nodes.flatMap(({ nodes }) => nodes.nodes);

/** Until the worker is gone, as many as wanted are there, and Kubernetes says the same. */
const replaced = async (name: string): Promise<void> => {
  await until(`another worker is there for ${name}`, 300, async () => {
    const seen = await look();
    const workers = workersOf(seen);
    const whole = workers.length === WORKERS && workers.every((worker) => worker.state === 'READY' && worker.name !== name);
    return (whole && seen.state === 'READY') || undefined;
  });
  const nodes = (await kubectl('get', 'nodes', '-o', 'name')).trim().split('\n').sort();
  expect(nodes).toEqual(
    workersOf(await look())
      .map((worker) => `node/${worker.name}`)
      .sort(),
  );
  expect((await serversOf(story, cluster)).map((server) => server.name)).not.toContain(name);
};

test('a server that somebody deletes is missed and replaced', async () => {
  const [server] = await serversOf(story, cluster);
  if (server === undefined) throw new Error('no server');
  await deleteServer(story.world, server.id);
  await replaced(server.name);
});

test('a worker whose kubelet stops is replaced, and its server goes', async () => {
  const [worker] = workersOf(await look());
  if (worker === undefined) throw new Error('no worker');
  await applyObjects(story.world, kubeconfigPath, [stoppingPod('stop', worker.name)]);
  await replaced(worker.name);
});

test('each healing is in the history, and nothing of the cluster is left when it goes', async () => {
  const healings = (await look()).operations.nodes.filter(({ kind }) => kind === 'HEAL_NODE');
  expect(healings).toEqual([
    { kind: 'HEAL_NODE', state: 'SUCCEEDED' },
    { kind: 'HEAL_NODE', state: 'SUCCEEDED' },
  ]);
  await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'DELETED' });
  await expectNothingLeft(story, cluster, thingsBefore, namespacesBefore);
  await expectCleanReport(story, cluster);
});
