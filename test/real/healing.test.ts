/** Healing beyond one broken worker: most workers in trouble at once, and a worker that never joins. (Single ones: workers.test.ts.) */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { serversOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { applyObjects, createKubectl, type Kubectl } from './support/outside.ts';
import { until } from './support/run.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';
import { stoppingPod } from './support/workload.ts';

const NAME = 'lab-healing';
const WORKERS = 4;
/** Longer than Kubernetes takes to miss a kubelet, and than Seedbed then waits. */
const STOPPED_SECONDS = 120;

interface Seen {
  state: string;
  operations: { nodes: { kind: string; state: string; reason: string | null }[] };
  nodeGroups: {
    nodes: {
      id: string;
      name: string;
      conditions: { name: string; state: string; reason: string; message: string }[];
      nodes: { nodes: { name: string; state: string; trouble: { kind: string } | null }[] };
    }[];
  };
}

let story: Story;
let failed = false;
let cluster: { id: string; uuid: string; shortId: string; name: string };
let kubeconfigPath: string;
let kubectl: Kubectl;
const events: ProgressEvent[] = [];

beforeAll(async () => {
  story = await openStory('healing');
  await prepareSeedAndTemplate(story, NAME);
  const overrides = { autoHealingEnabled: true, healing: { nodeLimitSeconds: 20, joinLimitSeconds: 150, maxUnhealthyPercent: 40 } };
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
  if (cluster !== undefined) {
    await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
    expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'DELETED' });
    expect(await serversOf(story, cluster)).toEqual([]);
  }
  expect(await closeStory(story, failed)).toBe(0);
});

const look = async (): Promise<Seen> => {
  const query = `query($id: ID!) { cluster(id: $id) { state operations(first: 20) { nodes { kind state reason } }
    nodeGroups { nodes { id name conditions { name state reason message } nodes { nodes { name state trouble { kind } } } } } } }`;
  return (await asMember(story).ask<{ cluster: Seen }>(query, { id: cluster.id })).cluster;
};
const workersOf = ({ nodeGroups }: Seen) => nodeGroups.nodes.flatMap(({ nodes }) => nodes.nodes);
const healingsOf = ({ operations }: Seen) => operations.nodes.filter(({ kind }) => kind === 'HEAL_NODE');
const serverIds = async (): Promise<string[]> => (await serversOf(story, cluster)).map(({ id }) => id).sort();

test('three of four workers are lost at once: none is replaced, that is said, and all is as it was when they come back', async () => {
  const before = await serverIds();
  const lost = workersOf(await look()).slice(0, 3);
  await applyObjects(
    story.world,
    kubeconfigPath,
    lost.map(({ name }, i) => stoppingPod(`stop-${i}`, name, STOPPED_SECONDS)),
  );
  const brake = await until('the brake is said', STOPPED_SECONDS, async () =>
    (await look()).nodeGroups.nodes[0]?.conditions.find(({ name, reason }) => name === 'AutoHealing' && reason === 'MassFailure'),
  );
  expect(brake.message).toMatch(/[23] of 4 workers are in trouble at once, more than 40 %/);
  await until(
    'all three are missed',
    STOPPED_SECONDS,
    async () => workersOf(await look()).filter(({ trouble }) => trouble?.kind === 'NOT_READY').length === 3 || undefined,
  );
  await until('all four are back', STOPPED_SECONDS + 120, async () => {
    const seen = await look();
    return (seen.state === 'READY' && workersOf(seen).every(({ state, trouble }) => state === 'READY' && trouble === null)) || undefined;
  });
  expect([await serverIds(), healingsOf(await look())]).toEqual([before, []]);
});

test('a worker that never joins is replaced, with the reason in the history, and what the customer mends leads out', async () => {
  const input = { clusterId: cluster.id, name: 'stuck', count: 1, cloudInit: 'runcmd:\n- sleep 86400\n' };
  const { nodeGroup } = await asMember(story).change<{ nodeGroup: { id: string } }>('createNodeGroup', input, 'nodeGroup { id }');
  const stuck = async () => (await look()).nodeGroups.nodes.find(({ name }) => name === 'stuck')?.nodes.nodes ?? [];
  const first = await until('it has a worker', 60, async () => (await stuck())[0]?.name);
  const healing = await until('it is replaced', 420, async () => {
    const replaced = !(await stuck()).some(({ name }) => name === first);
    return replaced ? healingsOf(await look())[0] : undefined;
  });
  expect(healing.reason).toMatch(new RegExp(`Node ${first} .*join`));
  await asMember(story).change('updateNodeGroup', { nodeGroupId: nodeGroup.id, cloudInit: null }, 'operation { id }');
  await until('another one joins', 420, async () => {
    const [worker, ...more] = await stuck();
    return (worker?.state === 'READY' && more.length === 0) || undefined;
  });
  const ready = await kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}');
  expect(ready.split(' ')).toEqual(Array.from({ length: WORKERS + 1 }, () => 'True'));
});
