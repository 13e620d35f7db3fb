import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCommands } from '../../src/commands/commands.ts';
import { listLiveBackups, patchBackup } from '../../src/store/backups.ts';
import { patchCluster } from '../../src/store/reconcile.ts';
import { ANNA, call, errorOf, type House, openHouse, TEMPLATE } from './house.ts';

const [OLD, NEW] = ['v1.35.4', 'v1.36.3'];
let house: House;
let clusterId: string;

beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), { ...TEMPLATE, kubernetesVersion: OLD, backup: { enabled: true } });
  const { cluster } = await house.commands.createCluster(call(ANNA), { name: 'careful', clusterTemplate: TEMPLATE.name });
  clusterId = cluster.id;
  await house.store.transaction((tx) => patchCluster(tx, clusterId, { runningVersion: OLD, observedGeneration: 1, state: 'READY' }));
});
afterEach(() => house.close());

const upgrade = async (more: object = {}) =>
  (await house.commands.upgradeCluster(call(ANNA), { clusterId, version: NEW, ...more })).cluster.upgrade?.backupId;
const backups = () => listLiveBackups(house.store.db, clusterId);

test('an upgrade waits for a backup, for the same when it is asked again, and for another when that one has failed', async () => {
  const first = await upgrade();
  expect((await backups()).map(({ id, reason }) => [id, reason])).toEqual([[first, 'BEFORE_UPGRADE']]);
  expect(await upgrade()).toBe(first);
  await house.store.transaction((tx) => patchBackup(tx, first ?? '', { state: 'FAILED' }));
  const second = await upgrade();
  expect(second).not.toBe(first);
  expect(await backups()).toHaveLength(2);
});

test('ways out make no backup, and one that is under way is waited for no more', async () => {
  await upgrade();
  expect(await upgrade({ skipBackup: true })).toBeUndefined();
  // It has begun by then.
  expect(await upgrade()).toBeUndefined();
  expect(await upgrade({ version: OLD })).toBeUndefined();
  expect(await backups()).toHaveLength(1);
});

test('where there is nowhere to put it, it is refused, and goes without', async () => {
  const commands = createCommands({ ...house.deps, settings: { ...house.deps.settings, backupsAreKept: false } });
  const ask = (more: object = {}) => commands.upgradeCluster(call(ANNA), { clusterId, version: NEW, ...more });
  expect(await errorOf(ask())).toMatchObject({ code: 'SEED_REFUSED' });
  expect((await ask({ skipBackup: true })).cluster.upgrade?.backupId).toBeUndefined();
});
