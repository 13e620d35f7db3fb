/** Workers of two groups: they join, come and go as a customer says, and those that break are replaced. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { expectCleanReport, expectNothingLeft, listNamespaces, serversOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { applyObjects, createKubectl, deleteServer, type Kubectl, listThings, type Thing } from './support/outside.ts';
import { expectWorkersReach } from './support/reach.ts';
import { until } from './support/run.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';
import { echoObjects, stoppingPod } from './support/workload.ts';

const NAME = 'lab-workers';
const SPARE = 'spare';

interface Seen {
  state: string;
  operations: { nodes: { kind: string; state: string }[] };
  nodeGroups: { nodes: GroupSeen[] };
}
interface GroupSeen {
  id: string;
  name: string;
  nodes: { nodes: WorkerSeen[] };
}
interface WorkerSeen {
  id: string;
  name: string;
  state: string;
  trouble: { kind: string } | null;
  conditions: { name: string; message: string }[];
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
  story = await openStory('workers');
  thingsBefore = await listThings(story.world);
  namespacesBefore = await listNamespaces(story);
  await prepareSeedAndTemplate(story, NAME);
  const overrides = { autoHealingEnabled: true, healing: { nodeLimitSeconds: 20, maxUnhealthyPercent: 50 } };
  const input = { name: NAME, clusterTemplate: NAME, nodeCount: 2, overrides };
  cluster = (await asMember(story).change<{ cluster: typeof cluster }>('createCluster', input, 'cluster { id uuid shortId name }')).cluster;
  await asMember(story).change('createNodeGroup', { clusterId: cluster.id, name: SPARE, count: 1 }, 'nodeGroup { id }');
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
    nodeGroups { nodes { id name nodes { nodes { id name state trouble { kind } conditions { name message } } } } } } }`;
  return (await asMember(story).ask<{ cluster: Seen }>(query, { id: cluster.id })).cluster;
};
const workersOf = ({ nodeGroups }: Seen) => nodeGroups.nodes.flatMap(({ nodes }) => nodes.nodes);
const groupOf = ({ nodeGroups }: Seen, isSpare: boolean): GroupSeen => {
  const found = nodeGroups.nodes.find(({ name }) => (name === SPARE) === isSpare);
  if (found === undefined) throw new Error('no such group');
  return found;
};
const namesOf = (workers: readonly WorkerSeen[]): string[] => workers.map(({ name }) => name).sort();
const nodesNow = async (): Promise<string[]> =>
  (await kubectl('get', 'nodes', '-o', 'name')).trim().replaceAll('node/', '').split('\n').sort();

/** As many as wanted, and the same for Seedbed, Kubernetes and Nova. */
const expectWorkers = async (count: number): Promise<void> => {
  const workers = workersOf(await look());
  expect(workers).toHaveLength(count);
  expect(workers.filter(({ state }) => state !== 'READY')).toEqual([]);
  expect(await nodesNow()).toEqual(namesOf(workers));
  expect((await serversOf(story, cluster)).map(({ name }) => name).sort()).toEqual(namesOf(workers));
};

const resize = (nodeGroupId: string, count: number, nodesToRemove: string[] = []) =>
  asMember(story).change('resizeNodeGroup', { nodeGroupId, count, nodesToRemove }, 'operation { id }');
const budget = (minAvailable: number) => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'echo', namespace: 'default' },
  spec: { minAvailable, selector: { matchLabels: { app: 'echo' } } },
});
const runningEchoes = async (): Promise<number> =>
  Number(await kubectl('get', 'deployment', 'echo', '-o', 'jsonpath={.status.readyReplicas}'));

test('three workers of two groups are Ready, and reach each other and a Service', async () => {
  await expectWorkers(3);
  await expectWorkersReach(story, kubectl, kubeconfigPath, 3);
});

test('three become five, and five two: the chosen one goes, and a PodDisruptionBudget holds the last', async () => {
  const { id, nodes } = groupOf(await look(), false);
  const [chosen] = nodes.nodes;
  if (chosen === undefined) throw new Error('no worker');
  await resize(id, 4);
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  await expectWorkers(5);
  await applyObjects(story.world, kubeconfigPath, [...echoObjects(5), budget(3)]);
  await kubectl('rollout', 'status', 'deployment/echo', '--timeout=180s', '--request-timeout=0');
  await resize(id, 1, [chosen.id]);
  await until('the budget holds the last', 120, async () => {
    const workers = workersOf(await look());
    const held = workers.some(({ conditions }) =>
      conditions.some(({ message }) => /PodDisruptionBudget default\/echo allows no more disruptions now/.test(message)),
    );
    return (held && workers.length === 3) || undefined;
  });
  expect(await runningEchoes()).toBe(3);
  await applyObjects(story.world, kubeconfigPath, [budget(2)]);
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  await expectWorkers(2);
  expect(namesOf(workersOf(await look()))).not.toContain(chosen.name);
  expect(await runningEchoes()).toBe(2);
});

test('another worker takes the place of one, before that goes', async () => {
  const [old] = groupOf(await look(), true).nodes.nodes;
  if (old === undefined) throw new Error('no worker');
  await asMember(story).change('replaceNode', { nodeId: old.id }, 'operation { id }');
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  await expectWorkers(2);
  expect(namesOf(workersOf(await look()))).not.toContain(old.name);
  // The budget still counts two, so both were there all the time.
  expect(await runningEchoes()).toBe(2);
  await kubectl('delete', 'deployment/echo', 'poddisruptionbudget/echo');
});

/** Until the worker is gone and another is there. */
const replaced = async (name: string): Promise<void> => {
  await until(`another worker is there for ${name}`, 300, async () => {
    const seen = await look();
    const workers = workersOf(seen);
    const whole = workers.length === 2 && workers.every((worker) => worker.state === 'READY' && worker.name !== name);
    return (whole && seen.state === 'READY') || undefined;
  });
  await expectWorkers(2);
};

test('a server that somebody deletes is missed and replaced', async () => {
  const [server] = await serversOf(story, cluster);
  if (server === undefined) throw new Error('no server');
  await deleteServer(story.world, server.id);
  await replaced(server.name);
});

test('a worker whose kubelet stops is reported and replaced, and its server goes', async () => {
  const [worker] = workersOf(await look());
  if (worker === undefined) throw new Error('no worker');
  await applyObjects(story.world, kubeconfigPath, [stoppingPod('stop', worker.name)]);
  await until('it is reported', 120, async () => {
    const seen = workersOf(await look()).find(({ name }) => name === worker.name);
    return seen?.trouble?.kind === 'NOT_READY' || undefined;
  });
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
