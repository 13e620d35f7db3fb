/** A cluster that sleeps in the windows of its schedule, and that is awake when somebody wants it to be. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WEEKDAYS } from '../../src/domain/weeklyWindow.ts';
import { run } from '../cli/run.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

const HOUR_MS = 3_600_000;
/** Five hours from the one that has begun on. */
const HOURS = 5;
const NOW = new Date();
const ends = Math.floor(NOW.getTime() / HOUR_MS) * HOUR_MS + HOURS * HOUR_MS;
const OPEN = {
  days: [WEEKDAYS[(NOW.getUTCDay() + 6) % 7]],
  startTime: `${String(NOW.getUTCHours()).padStart(2, '0')}:00`,
  durationHours: HOURS,
};
const SCHEDULE = { hibernationSchedule: { windows: [OPEN] } };

let world: Living;
beforeAll(async () => {
  world = await openLiving({ drainSeconds: '5' });
});
afterAll(() => world?.close());

interface Shown {
  state: string;
  hibernation: { until: string | null; requestedBy: string } | null;
  nextHibernation: { from: string; until: string } | null;
}
const show = async (id: string): Promise<Shown> =>
  (
    await world.ask<{ cluster: Shown }>(
      world.member,
      `{ cluster(id: "${id}") { state hibernation { until requestedBy } nextHibernation { from until } } }`,
    )
  ).cluster;
const change = (mutation: string, input: object) => world.change(world.member, mutation, input, 'operation { uuid }');
const stateIs = (id: string, state: string) => until(async () => (await show(id)).state === state);
const operations = (id: string) =>
  world
    .rows<{ kind: string; by: string }>(
      `select kind, requested_by as 'by' from operations where target_id = '${id}' and kind in ('HIBERNATE_CLUSTER', 'WAKE_CLUSTER') order by requested_at`,
    )
    .map(({ kind, by }) => `${kind} by ${by}`);

test('it falls asleep in its window, and whoever wakes it has it awake until the next one', { timeout: 300_000 }, async () => {
  const clusterId = await world.makeCluster('owl', { nodeCount: 1 });
  await change('updateCluster', { clusterId, overrides: SCHEDULE });
  await stateIs(clusterId, 'HIBERNATED');
  const asleep = await show(clusterId);
  expect(asleep.hibernation).toEqual({ until: new Date(ends).toISOString(), requestedBy: 'hibernation-schedule' });
  expect(Date.parse(asleep.nextHibernation?.from ?? '')).toBe(ends + (7 * 24 - HOURS) * HOUR_MS);
  expect(world.rows(`select 1 from nodes where cluster_id = '${clusterId}' and deleted_at is null`)).toEqual([]);
  expect(operations(clusterId)).toEqual(['HIBERNATE_CLUSTER by hibernation-schedule']);

  await change('wakeCluster', { clusterId });
  await stateIs(clusterId, 'READY');
  world.wake(clusterId);
  await until(() => world.rows(`select 1 from work_items where id = '${clusterId}' and due_at > ${Date.now()}`).length === 1);
  expect((await show(clusterId)).state).toBe('READY');
  expect(operations(clusterId).at(-1)).toMatch(/^WAKE_CLUSTER/);
  expect(operations(clusterId)).toHaveLength(2);
  const { out } = await run(['cluster', 'show', 'owl'], { SEEDBED_URL: world.served.url, OS_TOKEN: world.member });
  expect(out).toMatch(new RegExp(`^sleeps +from ${new Date(ends + (7 * 24 - HOURS) * HOUR_MS).toISOString()} until`, 'm'));

  // Slept through again as if nobody had woken it, and over: it wakes at the end, by itself.
  await change('hibernateCluster', { clusterId, until: new Date(Date.now() + 1_500).toISOString() });
  await until(() => operations(clusterId).includes('WAKE_CLUSTER by hibernation'));
  await stateIs(clusterId, 'READY');
});

test('a pause goes before, and a hibernation without an end outlasts the window', { timeout: 300_000 }, async () => {
  const clusterId = await world.makeCluster('lark', { nodeCount: 0 });
  await change('pauseCluster', { clusterId, until: new Date(Date.now() + HOUR_MS).toISOString() });
  await change('updateCluster', { clusterId, overrides: SCHEDULE });
  world.wake(clusterId);
  await until(async () => (await show(clusterId)).nextHibernation !== null);
  expect(Date.parse((await show(clusterId)).nextHibernation?.from ?? '')).toBe(ends - HOURS * HOUR_MS);
  expect(operations(clusterId)).toEqual([]);
  await change('hibernateCluster', { clusterId });
  await change('resumeCluster', { clusterId });
  await stateIs(clusterId, 'HIBERNATED');
  expect(await show(clusterId)).toMatchObject({ hibernation: { until: null }, nextHibernation: null });
  expect(operations(clusterId)).toHaveLength(1);
});

test('a sleep by the schedule ends with the window that is taken away', { timeout: 300_000 }, async () => {
  const clusterId = await world.makeCluster('wren', { nodeCount: 0 });
  await change('updateCluster', { clusterId, overrides: SCHEDULE });
  await stateIs(clusterId, 'HIBERNATED');
  await change('updateCluster', { clusterId, overrides: { hibernationSchedule: { windows: [] } } });
  await stateIs(clusterId, 'READY');
  expect(await show(clusterId)).toMatchObject({ hibernation: null, nextHibernation: null });
});

test('a schedule under which it would never wake is refused, by name', async () => {
  const everyDay = { hibernationSchedule: { windows: [{ days: WEEKDAYS, startTime: '00:00', durationHours: 24 }] } };
  const input = { name: 'dormouse', clusterTemplate: 'small', overrides: everyDay };
  await expect(change('createCluster', input)).rejects.toThrow(/never wake/);
});
