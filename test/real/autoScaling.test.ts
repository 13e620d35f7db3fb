/** The cluster-autoscaler as it is released, in a pod beside a real control plane: pods that fit nowhere grow a group from nothing, and it shrinks to nothing after them. */

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { expectNothingLeft, listNamespaces, namespaceOf, serversOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { applyObjects, createKubectl, type Kubectl, listThings, type Thing } from './support/outside.ts';
import { until } from './support/run.ts';
import { freePort } from './support/server.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';
import { echoObjects } from './support/workload.ts';
import { openWorld } from './support/world.ts';

const NAME = 'lab-scaled';
const GROUP = 'batch';
const LABEL = 'example.org/for';

let story: Story;
let failed = false;
let cluster: { id: string; uuid: string; shortId: string; name: string };
let kubectl: Kubectl;
let kubeconfigPath: string;
let thingsBefore: Thing[];
let namespacesBefore: string[];
const events: ProgressEvent[] = [];

beforeAll(async () => {
  // This machine, as the seed's pods see it: Keystone is there, too.
  const host = new URL(openWorld().service.authUrl).hostname;
  const address = `${host}:${await freePort(host)}`;
  const served = { SEEDBED_AUTOSCALER_LISTEN: address, SEEDBED_AUTOSCALER_ADDRESS: address };
  story = await openStory('scaling', undefined, ['member'], served);
  thingsBefore = await listThings(story.world);
  namespacesBefore = await listNamespaces(story);
  await prepareSeedAndTemplate(story, NAME);
  const autoScaling = { scanIntervalSeconds: 5, scaleDownDelaySeconds: 20, scaleDownUnneededSeconds: 20 };
  const input = { name: NAME, clusterTemplate: NAME, nodeCount: 1, overrides: { autoScalingEnabled: true, autoScaling } };
  cluster = (await asMember(story).change<{ cluster: typeof cluster }>('createCluster', input, 'cluster { id uuid shortId name }')).cluster;
  const group = { clusterId: cluster.id, name: GROUP, count: 0, maxCount: 2, labels: [{ key: LABEL, value: GROUP }] };
  await asMember(story).change('createNodeGroup', group, 'nodeGroup { id }');
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  kubeconfigPath = `${story.folder}/kubeconfig`;
  await issueKubeconfig(story, cluster.id, kubeconfigPath);
  kubectl = createKubectl(story.world, kubeconfigPath);
});

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  failed = true;
  // Its own words say best why it does nothing.
  const seed = createKubectl(story.world, story.world.seedAdminKubeconfigPath);
  console.error(
    await seed('-n', namespaceOf(cluster), 'logs', `deployment/${cluster.shortId}-cluster-autoscaler`, '--tail=120').catch(String),
  );
});

afterAll(async () => {
  if (story === undefined) return;
  if (failed && cluster !== undefined && (await group()) !== undefined) {
    await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
    await followToRest(story, cluster.id, events);
  }
  expect(await closeStory(story, failed)).toBe(0);
});

const group = async (): Promise<{ name: string; count: number; nodes: { nodes: { state: string }[] } } | undefined> => {
  const query = 'query($id: ID!) { cluster(id: $id) { nodeGroups { nodes { name count nodes { nodes { state } } } } } }';
  type Seen = NonNullable<Awaited<ReturnType<typeof group>>>;
  const seen = await asMember(story).ask<{ cluster: { nodeGroups: { nodes: Seen[] } } | null }>(query, { id: cluster.id });
  return seen.cluster?.nodeGroups.nodes.find(({ name }) => name === GROUP);
};

/** One pod a worker, on workers of the group alone. */
const workload = (replicas: number): object[] =>
  echoObjects(replicas).map((object) => {
    const made = structuredClone(object) as { kind: string; spec: { template?: { spec: object } } };
    if (made.spec.template !== undefined) Object.assign(made.spec.template.spec, { nodeSelector: { [LABEL]: GROUP } });
    return made;
  });

test('pods that fit nowhere grow the group from nothing, and run', async () => {
  await applyObjects(story.world, kubeconfigPath, workload(2));
  await until('both pods run', 300, async () => {
    const ready = await kubectl('get', 'deployment', 'echo', '-o', 'jsonpath={.status.readyReplicas}');
    return ready === '2' || undefined;
  });
  expect(await group()).toMatchObject({ count: 2, nodes: { nodes: [{ state: 'READY' }, { state: 'READY' }] } });
  expect(await serversOf(story, cluster)).toHaveLength(3);
});

test('without them it shrinks to nothing, and no server is left of it', async () => {
  await kubectl('delete', 'deployment', 'echo');
  await until('the group is empty', 500, async () => {
    const seen = await group();
    return (seen?.count === 0 && seen.nodes.nodes.length === 0) || undefined;
  });
  expect(await serversOf(story, cluster)).toHaveLength(1);
  expect((await kubectl('get', 'nodes', '-o', 'name')).trim().split('\n')).toHaveLength(1);
});

test('with the cluster everything goes', async () => {
  await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'DELETED' });
  await expectNothingLeft(story, cluster, thingsBefore, namespacesBefore);
});
