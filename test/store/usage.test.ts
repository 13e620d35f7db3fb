/** What was used: spans within a time count for their part of it, by project and cluster, and are rounded once. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { figuresOf, workerUse } from '../../src/domain/usage.ts';
import type { Sight } from '../../src/store/sight.ts';
import { endUses, endUsesOfCluster, isCounted, noteUses, sumUsage } from '../../src/store/usage.ts';
import { ANNA, call, type House, openHouse, TEMPLATE } from '../commands/house.ts';

const HOUR = 3_600_000;
const ALL: Sight = { all: true, projectId: null };

let house: House;
let web: { id: string; projectId: string };
let shop: { id: string; projectId: string };
beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
  const make = async (name: string) => (await house.commands.createCluster(call(ANNA), { name, clusterTemplate: 'standard' })).cluster;
  [web, shop] = [await make('web'), await make('shop')];
});
afterEach(() => house.close());

const note = (cluster: { id: string; projectId: string }, subjectId: string, uses: Parameters<typeof noteUses>[2], at: number) =>
  house.store.transaction((tx) => noteUses(tx, { subjectId, clusterId: cluster.id, projectId: cluster.projectId }, uses, at));
const figures = async (from: number, to: number, which: Parameters<typeof sumUsage>[2] = {}, sight = ALL) =>
  Object.fromEntries((await sumUsage(house.store.db, sight, which, { from, to })).map(({ name, sums }) => [name, figuresOf(sums)]));

test('each span counts for the part of it that lies within, with what it was at the time', async () => {
  await note(web, 'server', [workerUse(4)], 1 * HOUR);
  await note(
    web,
    web.id,
    [
      { kind: 'CONTROL_PLANE_CPU', amount: 55 },
      { kind: 'VOLUME', amount: 5 },
    ],
    0,
  );
  // Three members of etcd in the place of one.
  await note(
    web,
    web.id,
    [
      { kind: 'CONTROL_PLANE_CPU', amount: 140 },
      { kind: 'VOLUME', amount: 15 },
    ],
    2 * HOUR,
  );
  await house.store.transaction((tx) => endUses(tx, 'server', 3 * HOUR));
  await house.store.transaction((tx) => endUses(tx, web.id, 4 * HOUR, ['CONTROL_PLANE_CPU']));
  const whole = { workerVcpuHours: 8, controlPlaneVcpuHours: 0.39, volumeGiBHours: 2 * 5 + 8 * 15, addressHours: 0 };
  expect(await figures(0, 10 * HOUR)).toEqual({ web: whole });
  expect(await figures(1.5 * HOUR, 2.5 * HOUR)).toEqual({
    web: { workerVcpuHours: 4, controlPlaneVcpuHours: 0.098, volumeGiBHours: 10, addressHours: 0 },
  });
  expect(await figures(5 * HOUR, 6 * HOUR)).toEqual({
    web: { workerVcpuHours: 0, controlPlaneVcpuHours: 0, volumeGiBHours: 15, addressHours: 0 },
  });
});

test('the same again is one span, an end is an end, and what was counted once is not begun anew', async () => {
  for (const at of [0, HOUR, 2 * HOUR]) await note(web, 'ip', [{ kind: 'ADDRESS', amount: 1 }], at);
  await note(web, 'ip', [{ kind: 'ADDRESS', amount: 0 }], 3 * HOUR);
  expect((await figures(0, 9 * HOUR))['web']?.addressHours).toBe(3);
  expect([await isCounted(house.store.db, 'ip', 0), await isCounted(house.store.db, 'ip', 1)]).toEqual([true, false]);
});

test('a clock that was set back takes nothing off what was used', async () => {
  await note(web, 'server', [workerUse(2)], 0);
  await house.store.transaction((tx) => endUses(tx, 'server', 2 * HOUR));
  // Begun by the clock of before, and ended by that of after.
  await note(web, 'other', [workerUse(8)], 5 * HOUR);
  await house.store.transaction((tx) => endUses(tx, 'other', 3 * HOUR));
  expect((await figures(0, 9 * HOUR))['web']?.workerVcpuHours).toBe(4);
});

test('a project sees its own, one cluster is told alone, and with a cluster all of it ends', async () => {
  await note(web, 'a', [workerUse(1)], 0);
  await note(shop, 'b', [workerUse(2)], 0);
  await house.store.transaction((tx) => endUsesOfCluster(tx, shop.id, HOUR));
  expect(await figures(0, 2 * HOUR)).toMatchObject({ web: { workerVcpuHours: 2 }, shop: { workerVcpuHours: 2 } });
  expect(Object.keys(await figures(0, HOUR, { clusterId: shop.id }))).toEqual(['shop']);
  expect(await figures(0, HOUR, {}, { all: false, projectId: 'another' })).toEqual({});
  expect(await figures(0, HOUR, {}, { all: false, projectId: null })).toEqual({});
  expect(await figures(0, HOUR, { projectId: 'another' })).toEqual({});
});
