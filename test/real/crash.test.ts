/** The server is killed again and again while a cluster is made and while it is deleted: the end is the same, and nothing is there twice. */
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ClusterNames, countNew, expectNothingLeft, listNamespaces, namespaceOf, serversOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { createKubectl, listThings, type Thing } from './support/outside.ts';
import { until } from './support/run.ts';
import { startServer } from './support/server.ts';
import { asMember, closeStory, followToRest, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';

const WORKERS = 2;
const NAME = 'lab-crash';
/**
 * Each life ends after so many milliseconds of being ready, or after so many commits, whichever comes first: the moments are spread, so that each
 * step is hit between two commits in some run, and no machine is so fast that all is done before the last life.
 */
const LIVES_OF_CREATE = [30, 150, 400, 800, 1300, 1900, 2600, 700, 3400, 1100, 4300, 250, 2200, 5200];
const LIVES_OF_DELETE = [20, 60, 120, 200, 300, 450, 80, 600, 40, 700, 150, 900, 30, 400, 250, 1100];
const COMMITS = [4, 9, 3, 14, 6, 2];

let story: Story;
let failed = false;
let thingsBefore: Thing[];
let namespacesBefore: string[];
let cluster: (ClusterNames & { id: string; state: string }) | undefined;

beforeAll(async () => {
  story = await openStory('crash');
  thingsBefore = await listThings(story.world);
  namespacesBefore = await listNamespaces(story);
  await prepareSeedAndTemplate(story, NAME);
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  if (story === undefined) return;
  await closeStory(story, failed);
});

const stateOf = async (id: string): Promise<string> => {
  const { cluster: seen } = await asMember(story).ask<{ cluster: { state: string } | null }>(
    'query($id: ID!) { cluster(id: $id) { state } }',
    { id },
  );
  return seen?.state ?? 'GONE';
};

/** Kills and starts the server anew, as often as there are lives; returns how often an operation was under way then. */
const killThrough = async (lives: readonly number[]): Promise<number> => {
  let during = 0;
  for (const [i, life] of lives.entries()) {
    if (i > 0) story.server = await startServer(story.world, story.folder, story.port, 'debug', COMMITS[i % COMMITS.length]);
    await Promise.race([sleep(life), until('it dies', 60, () => Promise.resolve(story.server.alive() ? undefined : true), 5)]);
    await story.server.kill9();
    if (unfinished() > 0) during += 1;
  }
  story.server = await startServer(story.world, story.folder, story.port);
  return during;
};

/** Operations under way, from the database that a killed server has left. */
const unfinished = (): number => {
  const db = new Database(`${story.folder}/seedbed.db`, { readonly: true });
  try {
    return Number(db.prepare('select count(*) from operations where finished_at is null').pluck().get());
  } finally {
    db.close();
  }
};

const readEvents = async (id: string): Promise<number[]> => {
  const events: ProgressEvent[] = [];
  await followToRest(story, id, events);
  return events.map((event) => event.number);
};

test('a create that is killed at least twelve times ends READY with nothing doubled', async () => {
  const created = await asMember(story).change<{ cluster: ClusterNames & { id: string; state: string } }>(
    'createCluster',
    { name: NAME, clusterTemplate: NAME, nodeCount: WORKERS },
    'cluster { id uuid shortId name state }',
  );
  const { id } = created.cluster;
  cluster = created.cluster;
  expect(await killThrough(LIVES_OF_CREATE)).toBeGreaterThanOrEqual(12);
  await until('the cluster is READY', 400, async () => ((await stateOf(id)) === 'READY' ? true : undefined));
  const numbers = await readEvents(id);
  expect(numbers).toEqual(numbers.map((_, i) => i + 1));

  const servers = await serversOf(story, created.cluster);
  expect(servers.map((server) => server.status)).toEqual(servers.map(() => 'ACTIVE'));
  expect(new Set(servers.map((server) => server.name)).size).toBe(WORKERS);
  const fresh = countNew(thingsBefore, await listThings(story.world), story.memberProjectId);
  // The router's two legs and the DHCP agent's are ports beside the workers'; the gateway's belongs to no project.
  expect(fresh).toMatchObject({ server: WORKERS, 'server group': 1, network: 1, subnet: 1, router: 1, trust: 1 });
  expect(fresh['security group']).toBe(1);
  expect(fresh.port).toBeLessThanOrEqual(WORKERS + 3);
  const namespaces = (await listNamespaces(story)).filter((name) => !namespacesBefore.includes(name));
  expect(namespaces).toEqual([`namespace/${namespaceOf(created.cluster)}`]);
  const seed = createKubectl(story.world, story.world.seedAdminKubeconfigPath);
  const workloads = await seed('-n', namespaceOf(created.cluster), 'get', 'deployments,statefulsets', '-o', 'name');
  expect(workloads.trim().split('\n')).toHaveLength(4);
});

test('a delete that is killed at least twelve times leaves nothing', async () => {
  if (cluster === undefined) throw new Error('there is no cluster to delete');
  const { id } = cluster;
  await asMember(story).change('deleteCluster', { clusterId: id }, 'cluster { id }');
  expect(await killThrough(LIVES_OF_DELETE)).toBeGreaterThanOrEqual(12);
  await until('the cluster is DELETED', 400, async () => ((await stateOf(id)) === 'DELETED' ? true : undefined));
  await expectNothingLeft(story, cluster, thingsBefore, namespacesBefore);
});
