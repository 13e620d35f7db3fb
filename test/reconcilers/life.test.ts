/** A cluster's life on the sandbox: made, settled, resized, deleted; what a settled cluster costs, and what is left at the end. */
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStory, type Story, until } from './story.ts';

let world: Story;
let clusterId: string;
let groupId: string;

const stateIs = (table: string, state: string) =>
  until(() =>
    world
      .rows<{ state: string; due: number }>(
        `select state, generation = observed_generation as due from ${table} where deleted_at is null or state = 'DELETED'`,
      )
      .every((r) => r.state === state),
  );
/** All that passes write, but for the work items themselves. */
const written = () =>
  ['conditions', 'events', 'inventory', 'operations', 'clusters', 'node_groups', 'nodes', 'secrets'].map((table) =>
    JSON.stringify(world.rows(`select * from ${table} order by rowid`)),
  );
const counters = (method = 'GET') => world.control<{ writes: number; total: number }>(method, 'counters');
/** No pass is under way, and none is due. */
const resting = () =>
  until(() => world.rows('select 1 from work_items where lease_until is not null or due_at < unixepoch() * 1000').length === 0);

beforeAll(async () => {
  world = await openStory();
});

afterAll(() => world?.close());

test('a cluster becomes READY, and its events are numbered without gaps', async () => {
  const input = { name: 'life', clusterTemplate: 'small', nodeCount: 2 };
  const made = await world.change<{ cluster: { uuid: string } }>(world.member, 'createCluster', input, 'cluster { uuid }');
  clusterId = made.cluster.uuid;
  await until(() => world.rows<{ state: string }>('select state from clusters')[0]?.state === 'READY');
  const numbers = world
    .rows<{ number: number }>(`select number from events where stream_id = '${clusterId}' order by number`)
    .map((row) => row.number);
  expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  expect(world.rows("select 1 from secrets where name in ('callerToken', 'bootstrapToken')")).toEqual([]);
  expect(world.rows('select seed_turn from clusters')).toEqual([{ seed_turn: 'DONE' }]);
  groupId = world.rows<{ id: string }>('select id from node_groups')[0]?.id ?? '';
});

test('a second pass over everything, looking in full, writes nothing: not here, not in the cloud, not in the seed', async () => {
  await resting();
  const before = written();
  await counters('DELETE');
  const db = new Database(world.dbPath);
  const { changes } = db.prepare('update work_items set due_at = 0').run();
  db.close();
  expect(changes).toBe(5);
  await resting();
  expect(written()).toEqual(before);
  expect(await counters()).toMatchObject({ writes: 0 });
  expect((await counters()).total).toBeGreaterThan(0);
});

test('a group grows and shrinks to what was asked for', async () => {
  for (const count of [3, 1]) {
    await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: groupId, count }, 'nodeGroup { id }');
    await until(
      () =>
        world.rows("select 1 from nodes where deleted_at is null and state = 'READY'").length === count &&
        world.rows('select 1 from nodes where deleted_at is null').length === count,
    );
    await stateIs('clusters', 'READY');
  }
});

test('the tunnel is seen from both ends, can be given up on a living cluster, and comes back', async () => {
  const tunnel = () =>
    world.rows<{ status: string; state: string }>("select status, state from conditions where name = 'TunnelReady'")[0] ?? {
      status: '',
      state: '',
    };
  expect(tunnel()).toEqual({ status: 'TRUE', state: 'DONE' });
  for (const [wanted, state] of [
    ['NONE', 'REMOVED'],
    ['KONNECTIVITY', 'DONE'],
  ]) {
    const overrides = { controlPlane: { tunnel: wanted } };
    // An administrator's: whoever has no tunnel is let into networks from the seed.
    await world.change(world.admin, 'updateCluster', { clusterId, overrides }, 'cluster { id }');
    await until(() => tunnel().state === state);
    await stateIs('clusters', 'READY');
    const applied = world.rows<{ kind: string }>(
      "select kind from inventory where service = 'CLUSTER' and kind = 'konnectivity' and state = 'PRESENT'",
    );
    expect(applied).toHaveLength(wanted === 'NONE' ? 0 : 3);
  }
});

test('a node that meets a used-up quota fails its operation in the words of the quota, and a retry goes on from there', async () => {
  const setPorts = (port: number) => world.control('PUT', `quotas/${world.sandbox.users.member.projectId}`, { port });
  await setPorts(0);
  const wish = { nodeGroupId: groupId, count: 2 };
  const { operation } = await world.change<{ operation: { id: string } }>(world.member, 'resizeNodeGroup', wish, 'operation { id }');
  const newest = () =>
    world.rows<{ state: string; problem: string }>('select state, problem from operations order by requested_at desc limit 1')[0];
  const failed = await until(() => (newest()?.state === 'FAILED' ? newest() : null));
  expect(JSON.parse(failed.problem)).toMatchObject({ code: 'QUOTA_EXCEEDED', retryable: false });
  await setPorts(500);
  await world.change(world.member, 'retryOperation', { operationId: operation.id }, 'operation { id }');
  await until(() => newest()?.state === 'SUCCEEDED');
  expect(world.rows("select 1 from nodes where deleted_at is null and state = 'READY' and (fault is null or fault = 'null')").length).toBe(
    2,
  );
});

test('a deletion leaves nothing of the cluster, in no service and not in the seed', async () => {
  await world.change(world.member, 'deleteCluster', { clusterId }, 'cluster { id }');
  await until(() => world.rows<{ state: string }>('select state from clusters')[0]?.state === 'DELETED');
  const left = JSON.stringify(await world.control('GET', 'world'));
  const { short_id } = world.rows<{ short_id: string }>('select short_id from clusters')[0] ?? { short_id: '' };
  expect(left).not.toContain(`seedbed-${short_id}`);
  expect(left).not.toContain(clusterId);
  expect(world.rows("select 1 from inventory where state <> 'GONE'")).toEqual([]);
  expect(world.rows(`select 1 from secrets where owner_id = '${clusterId}'`)).toEqual([]);
});
