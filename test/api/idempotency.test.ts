/** How long an idempotency key is good for: what is promised, beside what the housekeeping keeps. */
import { afterEach, expect, test, vi } from 'vitest';
import { startHousekeeping } from '../../src/housekeeping.ts';
import { silentLog } from '../../src/lib/log.ts';
import { idempotencyKeys } from '../../src/store/tables.ts';
import { run } from './run.ts';
import { openWorld, type World } from './world.ts';

const HOUR_MS = 3_600_000;

afterEach(() => void vi.useRealTimers());

/** Makes a template of this name, by a key of the same name. */
const make = async (world: World, name: string): Promise<{ uuid: string; replayed: boolean }> => {
  const input = { name, image: 'debian', flavor: 'small', idempotencyKey: name };
  const { replayed, clusterTemplate, ...rest } = await run(
    world,
    'anna',
    'createClusterTemplate',
    input,
    'replayed clusterTemplate { uuid }',
  );
  if (clusterTemplate === undefined) throw new Error(JSON.stringify(rest));
  return { uuid: (clusterTemplate as { uuid: string }).uuid, replayed: replayed === true };
};

const keysOf = async (world: World): Promise<string[]> =>
  (await world.store.db.select({ key: idempotencyKeys.key }).from(idempotencyKeys)).map(({ key }) => key).sort();

test('a key gives the first answer for as long as is promised, and is forgotten an hour later', async () => {
  const world = await openWorld();
  const { serverInfo } = await world.data<{ serverInfo: { limits: { idempotencyKeyHours: number } } }>(
    'anna',
    '{ serverInfo { limits { idempotencyKeyHours } } }',
  );
  const promised = serverInfo.limits.idempotencyKeyHours;
  expect(promised).toBe(24);
  // Its hours alone are the test's; nothing else is begun from here on that counts by intervals.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const stop = startHousekeeping({ store: world.store, clock: { now: () => world.time.now }, log: silentLog, auditDays: 0 });

  const early = await make(world, 'early');
  world.time.now += HOUR_MS + 1;
  const late = await make(world, 'late');
  expect([early.replayed, late.replayed]).toEqual([false, false]);
  world.time.now += promised * HOUR_MS;
  // The one is older than 25 hours, the other 24 hours old: until the housekeeping comes, both are kept.
  for (const [name, { uuid }] of Object.entries({ early, late })) expect(await make(world, name)).toEqual({ uuid, replayed: true });
  vi.advanceTimersByTime(HOUR_MS);
  await expect.poll(() => keysOf(world)).toEqual(['late']);
  expect(await make(world, 'late')).toEqual({ uuid: late.uuid, replayed: true });

  const again = { name: 'early', image: 'debian', flavor: 'small', idempotencyKey: 'early' };
  expect(await run(world, 'anna', 'createClusterTemplate', again, 'replayed')).toMatchObject({ code: 'NAME_TAKEN' });
  await run(world, 'anna', 'deleteClusterTemplate', { clusterTemplateId: early.uuid }, '__typename');
  const anew = await make(world, 'early');
  expect([anew.replayed, anew.uuid === early.uuid]).toEqual([false, false]);
  world.time.now += HOUR_MS + 1;
  vi.advanceTimersByTime(HOUR_MS);
  await expect.poll(() => keysOf(world)).toEqual(['early']);
  stop();
});
