/** Which backup a cluster without its etcd goes back to. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findOnTrial, findWayBack } from '../../src/reconcilers/cluster/wayBack.ts';
import { type BackupRow, insertBackup, newBackup } from '../../src/store/backups.ts';
import { loadCluster, patchCluster } from '../../src/store/reconcile.ts';
import { ANNA, call, type House, openHouse, TEMPLATE } from '../commands/house.ts';

const HOUR = 3_600_000;
const NOW = 100 * HOUR;
let house: House;
let clusterId: string;

beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
  clusterId = (await house.commands.createCluster(call(ANNA), { name: 'blue', clusterTemplate: TEMPLATE.name })).cluster.id;
});
afterEach(() => house.close());

const row = async () => {
  const found = await loadCluster(house.store.db, clusterId);
  if (found === undefined) throw new Error('the cluster is gone');
  return found;
};
const put = async (name: string, takenAt: number, more: Partial<BackupRow> = {}): Promise<void> => {
  const cluster = await row();
  const made = newBackup({ id: name, cluster, reason: 'ON_DEMAND', createdBy: 'anna', now: takenAt });
  const snapshot = { sizeBytes: 1, revision: takenAt / HOUR, sha256: '', takenAt } as NonNullable<BackupRow['snapshot']>;
  await house.store.transaction((tx) => insertBackup(tx, { ...made, state: 'READY', snapshot, verifiedAt: takenAt, ...more }));
};
const way = async () => (await findWayBack(house.store.db, await row(), NOW))?.backup.id;
const onTrial = async () => {
  const current = await row();
  return (await findOnTrial(house.store.db, current, (await findWayBack(house.store.db, current, NOW))?.backup))?.id;
};

test('the one that was taken last and started on trial, whatever its store says of the moment', async () => {
  expect(await way()).toBeUndefined();
  await put('old', 10 * HOUR);
  await put('late', 30 * HOUR, { createdAt: 5 * HOUR, state: 'DEGRADED' });
  await put('younger', 20 * HOUR);
  expect(await way()).toBe('late');
  await put('lost', 40 * HOUR, { loss: { since: 1, what: 'is gone' } });
  await put('going', 41 * HOUR, { deleteRequestedAt: 1 });
  await put('unfinished', 42 * HOUR, { snapshot: null, verifiedAt: null });
  expect([await way(), await onTrial()]).toEqual(['late', undefined]);
  await put('tried', 43 * HOUR, { verifiedAt: null, state: 'PENDING' });
  expect([await way(), await onTrial()]).toEqual(['late', 'tried']);
});

test('what somebody has gone back behind is not brought back', async () => {
  for (const [name, hours] of [
    ['monday', 10],
    ['tuesday', 34],
    ['thursday', 82],
  ] as const)
    await put(name, hours * HOUR);
  const asked = { at: 90 * HOUR, requestedBy: 'anna', loss: { minutes: 1, revisions: null } };
  const restore = { backupId: 'monday', number: 1, phase: 'DONE' as const, filled: [], asked };
  await house.store.transaction((tx) => patchCluster(tx, clusterId, { restore }));
  expect(await way()).toBe('monday');
  await put('friday', 95 * HOUR);
  expect(await way()).toBe('friday');
});
