/** A cluster is deleted whatever is going on: in the middle of its creation, of a resize, twice, and while one or another service is away. It ends, with nothing left. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { takeKeystoneAway } from './people.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
beforeAll(async () => {
  world = await openLiving({ drainSeconds: '2' });
});
afterAll(() => world?.close());

const begin = async (name: string): Promise<string> => {
  const input = { name, clusterTemplate: 'small', nodeCount: 2 };
  const { cluster } = await world.change<{ cluster: { uuid: string } }>(world.member, 'createCluster', input, 'cluster { uuid }');
  return cluster.uuid;
};
const remove = (clusterId: string) => world.change(world.member, 'deleteCluster', { clusterId }, 'operation { id }');
const begun = (clusterId: string, step: string) =>
  until(
    () =>
      world.rows(
        `select 1 from conditions where name = '${step}' and state <> 'PENDING' and object_id in
         (select id from clusters where id = '${clusterId}' union select id from node_groups where cluster_id = '${clusterId}'
          union select id from nodes where cluster_id = '${clusterId}')`,
      ).length > 0,
  );
/** The problems of the deletion that are told, by code. */
const told = (clusterId: string) =>
  world
    .rows<{ problem: string }>(
      `select problem from conditions where problem is not null and object_id in
       (select id from clusters where id = '${clusterId}' union select id from nodes where cluster_id = '${clusterId}')`,
    )
    .map(({ problem }) => (JSON.parse(problem) as { code: string }).code);

const expectNothingLeft = async (clusterId: string) => {
  await until(() => world.rows<{ state: string }>(`select state from clusters where id = '${clusterId}'`)[0]?.state === 'DELETED', 60);
  const [row] = world.rows<{ short: string }>(`select short_id as short from clusters where id = '${clusterId}'`);
  const left = JSON.stringify(await world.control('GET', 'world'));
  for (const mark of [clusterId, `seedbed-${row?.short}`, `kc-${row?.short}`]) expect(left).not.toContain(mark);
  expect(world.rows(`select 1 from inventory where cluster_id = '${clusterId}' and state <> 'GONE'`)).toEqual([]);
  expect(world.rows(`select 1 from secrets where owner_id = '${clusterId}'`)).toEqual([]);
  expect(world.rows(`select 1 from operations where cluster_id = '${clusterId}' and state in ('PENDING', 'RUNNING')`)).toEqual([]);
  const operations = world.rows<{ state: string }>(
    `select state from operations where cluster_id = '${clusterId}' and kind = 'DELETE_CLUSTER'`,
  );
  expect(operations).toEqual([{ state: 'SUCCEEDED' }]);
};

test.each(['NetworkReady', 'SeedNamespaceReady', 'EtcdReady', 'ApiServerReady', 'ServerActive'])(
  'in the middle of its creation, when %s has begun',
  async (step) => {
    await world.control('PATCH', 'dials', { latencyScale: 1 });
    const clusterId = await begin(`mid-${step.toLowerCase()}`);
    await begun(clusterId, step);
    await remove(clusterId);
    await world.control('PATCH', 'dials', { latencyScale: 0 });
    await expectNothingLeft(clusterId);
    expect(world.rows(`select state from operations where cluster_id = '${clusterId}' and kind = 'CREATE_CLUSTER'`)).toEqual([
      { state: 'SUPERSEDED' },
    ]);
  },
);

test('before anything of it is made, and twice', async () => {
  const clusterId = await begin('at-once');
  const answers = await Promise.all([remove(clusterId), remove(clusterId), remove(clusterId)]);
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  await expectNothingLeft(clusterId);
});

test('while it is resized, up or down', async () => {
  await world.control('PATCH', 'dials', { latencyScale: 0.3 });
  const clusters = await Promise.all([world.makeCluster('grows'), world.makeCluster('shrinks', { nodeCount: 3 })]);
  for (const [i, clusterId] of clusters.entries()) {
    const [{ id: nodeGroupId } = { id: '' }] = world.rows<{ id: string }>(`select id from node_groups where cluster_id = '${clusterId}'`);
    await world.change(world.member, 'resizeNodeGroup', { nodeGroupId, count: i === 0 ? 3 : 1 }, 'operation { id }');
    const moving = i === 0 ? "state <> 'READY'" : 'delete_requested_at is not null';
    await until(() => world.rows(`select 1 from nodes where cluster_id = '${clusterId}' and deleted_at is null and ${moving}`).length > 0);
    await remove(clusterId);
  }
  await world.control('PATCH', 'dials', { latencyScale: 0 });
  for (const clusterId of clusters) await expectNothingLeft(clusterId);
});

test.each([
  ['compute', 'resetBefore'],
  ['network', 'status'],
  ['identity', 'status'],
] as const)('while %s is away (%s): it is told, and goes on by itself', async (service, kind) => {
  const clusterId = await world.makeCluster(`away-${service}-${kind.toLowerCase()}`);
  if (service === 'identity') await takeKeystoneAway(world);
  else await world.control('POST', 'faults', { service, kind, ...(kind === 'status' && { status: 503 }) });
  await remove(clusterId);
  await until(() => told(clusterId).includes('CLOUD_UNAVAILABLE'), 60);
  expect(world.rows<{ state: string }>(`select state from clusters where id = '${clusterId}'`)).toEqual([{ state: 'DELETING' }]);
  await world.control('DELETE', 'faults');
  await expectNothingLeft(clusterId);
});

test('while its own API is dead', async () => {
  const clusterId = await world.makeCluster('dead-api', { nodeCount: 2 });
  await world.control('POST', 'faults', { service: 'hosted', kind: 'resetBefore' });
  await remove(clusterId);
  await expectNothingLeft(clusterId);
  await world.control('DELETE', 'faults');
});
