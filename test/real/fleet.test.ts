/** Many control planes asked for at once on a small seed: all come up, and none is killed for being slow. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ClusterNames, namespaceOf } from './support/checks.ts';
import { createKubectl } from './support/outside.ts';
import { until } from './support/run.ts';
import { asMember, closeStory, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';

const COUNT = 10;
const NAME = 'lab-fleet';
const CONTROL_PLANE = ['EtcdReady', 'ApiServerReady', 'ControllerManagerReady', 'SchedulerReady', 'TenantBootstrapped'];

interface Seen extends ClusterNames {
  id: string;
  state: string;
  conditions: { name: string; state: string; message: string }[];
}

let story: Story;
let failed = false;
let ids: string[] = [];

beforeAll(async () => {
  story = await openStory('fleet');
  await prepareSeedAndTemplate(story, NAME);
});
afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});
afterAll(async () => {
  if (story === undefined) return;
  for (const clusterId of ids) await asMember(story).change('deleteCluster', { clusterId }, 'cluster { id }');
  await until('all clusters are gone', 400, async () => ((await look()).length === 0 ? true : undefined));
  expect(await closeStory(story, failed)).toBe(0);
});

const look = async (): Promise<Seen[]> =>
  (
    await asMember(story).ask<{ clusters: { nodes: Seen[] } }>(
      '{ clusters(first: 50) { nodes { id uuid name shortId state conditions { name state message } } } }',
    )
  ).clusters.nodes;

test('ten control planes with two API servers each, asked for at once, are all READY, and no container was restarted', async () => {
  const create = async (_: unknown, i: number): Promise<string> => {
    const overrides = { controlPlane: { apiServerReplicas: 2 } };
    const input = { name: `fleet-${i}`, clusterTemplate: NAME, nodeCount: 0, overrides };
    return (await asMember(story).change<{ cluster: { id: string } }>('createCluster', input, 'cluster { id }')).cluster.id;
  };
  ids = await Promise.all(Array.from({ length: COUNT }, create));
  const kubectl = createKubectl(story.world, story.world.seedAdminKubeconfigPath);
  const expectNoRestart = async (clusters: Seen[]): Promise<void> => {
    for (const cluster of clusters) {
      const jsonpath = '{range .items[*]}{.metadata.name}={.status.containerStatuses[*].restartCount}{"\\n"}{end}';
      const pods = (await kubectl('get', 'pods', '-n', namespaceOf(cluster), '-o', `jsonpath=${jsonpath}`)).trim().split('\n');
      expect(pods.length).toBeGreaterThanOrEqual(5);
      const restarted = pods.filter((pod) => !/=(0 ?)+$/.test(pod)).map((pod) => pod.split('=')[0] ?? '');
      const lastWords = (pod: string) => kubectl('logs', '-n', namespaceOf(cluster), pod, '--previous', '--tail=15');
      expect(await Promise.all(restarted.map(async (pod) => `${pod}: ${await lastWords(pod)}`))).toEqual([]);
    }
  };
  const startedAt = Date.now();
  await expectNoRestart(
    await allOf('all control planes are up', ({ conditions }) =>
      CONTROL_PLANE.every((name) => conditions.some((c) => c.name === name && c.state === 'DONE')),
    ),
  );
  console.log(`${COUNT} control planes after ${Math.round((Date.now() - startedAt) / 1000)} s`);
  // Networks and routers of all, which are the cloud's own part.
  await expectNoRestart(await allOf('all are READY', ({ state }) => state === 'READY'));
}, 1_800_000);

const allOf = (what: string, fits: (cluster: Seen) => boolean): Promise<Seen[]> =>
  until(what, 800, async () => {
    const seen = await look();
    const late = seen.filter((cluster) => !fits(cluster));
    if (late.length === 0) return seen;
    throw new Error(JSON.stringify(late.map((c) => [c.shortId, c.state, c.conditions.filter(({ state }) => state !== 'DONE')])));
  });
