/** A pause: nothing is changed on Seedbed's own account, what is asked for waits and says so, and everything goes on at its end. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
let clusterId: string;
beforeAll(async () => {
  world = await openLiving({ drainSeconds: '15' });
  clusterId = await world.makeCluster('still', { nodeCount: 1 });
});
afterAll(() => world?.close());

const pause = (ms: number) => {
  const input = { clusterId, until: new Date(Date.now() + ms).toISOString(), reason: 'sale' };
  return world.change(world.member, 'pauseCluster', input, 'cluster { pause { reason } } operation { state }');
};
const operation = async (id: string) =>
  (
    await world.ask<{ operation: { state: string; steps: { name: string; state: string; waitingFor: { what: string } | null }[] } }>(
      world.member,
      `{ operation(id: "${id}") { state steps { name state waitingFor { what } } } }`,
    )
  ).operation;
const resize = async (count: number) => {
  const [group] = world.rows<{ id: string }>(`select id from node_groups where cluster_id = '${clusterId}'`);
  const input = { nodeGroupId: group?.id, count };
  return (await world.change<{ operation: { uuid: string } }>(world.member, 'resizeNodeGroup', input, 'operation { uuid }')).operation.uuid;
};
const nodeCount = () => world.rows(`select 1 from nodes where cluster_id = '${clusterId}' and deleted_at is null`).length;
const scheduler = async () => {
  const [row] = world.rows<{ shortId: string }>(`select short_id as shortId from clusters where id = '${clusterId}'`);
  return { apiVersion: 'apps/v1', kind: 'Deployment', namespace: `kc-${row?.shortId}`, name: `${row?.shortId}-kube-scheduler` };
};

test('repairs and resizes wait for the end, by name, and come with resumeCluster', async () => {
  expect(await pause(3_600_000)).toMatchObject({ cluster: { pause: { reason: 'sale' } }, operation: { state: 'SUCCEEDED' } });
  expect(await world.seed.remove(await scheduler())).toBe(true);
  world.wake(clusterId);
  const waiting = await resize(2);
  const step = await until(async () => (await operation(waiting)).steps.find(({ name }) => name === 'PauseOver'));
  expect(step).toMatchObject({ state: 'WAITING', waitingFor: { what: expect.stringMatching(/^the pause until .*Z to end \(sale\)$/) } });
  await world.idle();
  expect(nodeCount()).toBe(1);
  expect(await world.seed.get(await scheduler())).toBeUndefined();
  await world.change(world.member, 'resumeCluster', { clusterId }, 'cluster { pause { until } }');
  await until(async () => (await operation(waiting)).state === 'SUCCEEDED');
  await world.settled(clusterId);
  expect(nodeCount()).toBe(2);
  expect(await world.seed.get(await scheduler())).toBeDefined();
  expect((await operation(waiting)).steps.map(({ name }) => name)).not.toContain('PauseOver');
  await expect(world.change(world.member, 'resumeCluster', { clusterId }, 'cluster { uuid }')).rejects.toThrow(/not paused/);
});

test('it holds from the next step of what is under way, and ends by itself', async () => {
  const removing = await resize(1);
  await pause(2_000);
  await until(async () => (await operation(removing)).steps.some(({ name, state }) => name === 'PauseOver' && state === 'WAITING'));
  await until(async () => (await operation(removing)).state === 'SUCCEEDED');
  expect(nodeCount()).toBe(1);
});

test('it is bounded, and a paused cluster can be deleted', async () => {
  await expect(pause(-1)).rejects.toThrow(/INVALID_INPUT.*until/);
  await expect(pause(31 * 86_400_000)).rejects.toThrow(/at most 30 days/);
  await pause(3_600_000);
  await world.change(world.member, 'deleteCluster', { clusterId }, 'operation { uuid }');
  await until(() => world.rows(`select 1 from clusters where id = '${clusterId}' and state = 'DELETED'`).length === 1);
});
