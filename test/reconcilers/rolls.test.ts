/** Workers that are replaced one after the other: what stops that, so that a mistake takes one of them and not all. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HealingWorld, openHealing, pause } from './healingWorld.ts';
import { until } from './story.ts';

const COUNT = 3;

let it: HealingWorld;

beforeAll(async () => {
  it = await openHealing(COUNT);
  const overrides = { autoHealingEnabled: false };
  await it.world.change(it.world.member, 'updateCluster', { clusterId: it.clusterId, overrides }, 'operation { uuid }');
  await until(() => it.condition()?.state === 'REMOVED');
});
afterAll(() => it?.close());

const ids = () => it.liveNodes().map(({ id }) => id);
const going = () => it.world.rows('select 1 from nodes where deleted_at is null and delete_requested_at is not null').length;
const whole = () =>
  until(() => {
    const live = it.liveNodes();
    return live.length === COUNT && live.every(({ state, trouble }) => state === 'READY' && trouble === null);
  }, 90);

test('a rotation whose new worker fails goes no further until that one is well', async () => {
  const old = it.liveNodes();
  it.world.write(`update clusters set nodes_since = ${Date.now()} where id = '${it.clusterId}'`);
  it.world.wake(it.groupId);
  const fresh = await until(() => it.liveNodes().find(({ id, state }) => state === 'READY' && !old.some((node) => node.id === id)), 60);
  await it.kubelets([fresh.name], false);
  await until(() =>
    it
      .liveNodes()
      .find(({ id }) => id === fresh.id)
      ?.trouble?.includes('NOT_READY'),
  );
  // One of the old may have been asked to go before, and then another new one is made beside those that stay.
  await until(() => going() === 0 && ids().length === COUNT + 1);
  const then = ids();
  await pause(4_000);
  expect(ids()).toEqual(then);
  expect(then.filter((id) => old.some((node) => node.id === id)).length).toBeGreaterThanOrEqual(COUNT - 1);
  await it.kubelets([fresh.name], true);
  await until(() => !ids().some((id) => old.some((node) => node.id === id)), 90);
  await whole();
});

test('workers that are to be replaced and fail all at once are not all given up', async () => {
  const old = it.liveNodes();
  const names = old.map(({ name }) => name);
  await it.kubelets(names, false);
  await until(() => it.liveNodes().filter(({ trouble }) => trouble?.includes('NOT_READY')).length === COUNT);
  for (const { id } of old) await it.world.change(it.world.member, 'replaceNode', { nodeId: id }, 'operation { id }');
  await until(() => it.liveNodes().some(({ id, state }) => state === 'READY' && !old.some((node) => node.id === id)), 60);
  // One is made before one goes, and none goes beside it.
  expect(old.filter(({ id }) => !ids().includes(id)).length).toBeLessThanOrEqual(1);
  await it.kubelets(names, true);
  await until(() => !ids().some((id) => old.some((node) => node.id === id)), 120);
  await whole();
});

test('a worker that cannot be made holds up nobody: one whose server is gone is replaced beside it', async () => {
  const old = it.liveNodes();
  const victim = old[0];
  const before = it.heals().length;
  const nodeGroupId = it.groupId;
  await it.world.control('POST', 'serverFaults', { name: '.', trouble: 'noValidHost' });
  await it.world.change(it.world.member, 'resizeNodeGroup', { nodeGroupId, count: COUNT + 1 }, 'operation { id }');
  const stuck = await until(() => it.liveNodes().find(({ state }) => state === 'FAILED'), 60);
  await it.world.control('DELETE', 'serverFaults');
  await it.world.control('POST', 'serverFaults', { name: stuck.name, trouble: 'noValidHost' });
  await it.deleteServer(victim?.server_id ?? '');
  await until(() => it.heals().length === before + 1 && !ids().includes(victim?.id ?? ''), 60);
  expect(it.liveNodes().find(({ id }) => id === stuck.id)?.state).toBe('FAILED');
});
