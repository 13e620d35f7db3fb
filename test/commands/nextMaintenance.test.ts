/** What Seedbed does by itself, as it is announced; and what whoever asks has in his own hands. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { nextMaintenanceOf } from '../../src/commands/nextMaintenance.ts';
import { begunAt } from '../../src/domain/autoUpgrade.ts';
import type { MaintenanceSpec } from '../../src/domain/maintenance.ts';
import {
  insertNodes,
  listLiveNodeGroups,
  listLiveNodesOfCluster,
  loadCluster,
  patchCluster,
  patchNode,
  patchNodeGroup,
} from '../../src/store/reconcile.ts';
import { addRelease, forgetReleases } from '../domain/newerRelease.ts';
import { ANNA, call, errorOf, type House, openHouse, TEMPLATE } from './house.ts';

const [OLD, NEW, NEWEST] = ['v1.35.4', 'v1.35.5', 'v1.36.3'];
const SUNDAY = { days: ['SUNDAY'], startTime: '02:00', durationHours: 2, timeZone: 'UTC' };
const OPENS = Date.parse('2027-01-17T02:00:00Z');
const CLOSES = Date.parse('2027-01-17T04:00:00Z');
let house: House;
let clusterId: string;

beforeAll(() => addRelease(NEW));
afterAll(forgetReleases);
beforeEach(async () => {
  house = openHouse();
  house.time.now = OPENS - 3_600_000;
  const maintenance = { windows: [SUNDAY], autoUpgrade: 'PATCH' };
  await house.commands.createClusterTemplate(call(ANNA), { ...TEMPLATE, kubernetesVersion: OLD, maintenance });
  const { cluster } = await house.commands.createCluster(call(ANNA), { name: 'blue', clusterTemplate: TEMPLATE.name });
  clusterId = cluster.id;
  await patch({ runningVersion: OLD, observedGeneration: 1, state: 'READY' });
});
afterEach(() => house.close());

const patch = (change: Parameters<typeof patchCluster>[2]) => house.store.transaction((tx) => patchCluster(tx, clusterId, change));
const row = async () => {
  const found = await loadCluster(house.store.db, clusterId);
  if (found === undefined) throw new Error('the cluster is gone');
  return found;
};
const next = async () =>
  nextMaintenanceOf({
    cluster: await row(),
    groups: await listLiveNodeGroups(house.store.db, clusterId),
    nodes: await listLiveNodesOfCluster(house.store.db, clusterId),
    catalogue: null,
    now: house.time.now,
  });
const change = (maintenance: Partial<MaintenanceSpec> | object) =>
  house.commands.updateCluster(call(ANNA), { clusterId, overrides: { maintenance } });

test('the window and what is done in it are told, after a pause, and with what stands in the way', async () => {
  expect((await row()).spec.maintenance).toEqual({ windows: [SUNDAY], autoUpgrade: 'PATCH' });
  expect(await next()).toEqual({ opensAt: OPENS, closesAt: CLOSES, upgradeTo: NEW, problem: null });
  house.time.now = CLOSES - 1;
  expect(await next()).toMatchObject({ opensAt: OPENS });
  await house.commands.pauseCluster(call(ANNA), { clusterId, until: CLOSES + 1 });
  expect(await next()).toMatchObject({ opensAt: OPENS + 7 * 86_400_000 });
  const [group] = await listLiveNodeGroups(house.store.db, clusterId);
  const resolved = { flavorId: 'f', imageId: 'i', kubeVersion: '1.35.4' } as NonNullable<typeof group>['resolved'];
  await house.store.transaction((tx) => patchNodeGroup(tx, group?.id ?? '', { resolved }));
  expect((await next())?.problem).toMatchObject({ code: 'UNSUPPORTED_VERSION', message: expect.stringContaining('kubelet is of 1.35.4') });
  await change({ autoUpgrade: 'NONE' });
  expect(await next()).toMatchObject({ upgradeTo: null, problem: null });
  await change({ windows: [] });
  expect(await next()).toBeNull();
  await change({ autoUpgrade: 'PATCH' });
  expect(await next()).toMatchObject({ opensAt: null, closesAt: null, upgradeTo: NEW });
});

test('no window opens for a cluster that sleeps, and without an end of that there is none to tell', async () => {
  const asleep = { since: 1, requestedBy: 'anna', phase: 'ASLEEP' as const };
  await patch({ hibernation: { ...asleep, until: CLOSES } });
  expect(await next()).toEqual({ opensAt: OPENS + 7 * 86_400_000, closesAt: CLOSES + 7 * 86_400_000, upgradeTo: NEW, problem: null });
  await patch({ hibernation: { ...asleep, until: null } });
  expect(await next()).toMatchObject({
    opensAt: null,
    closesAt: null,
    upgradeTo: NEW,
    problem: { code: 'CONFLICT', message: expect.stringContaining('wakeCluster') },
  });
  await change({ autoUpgrade: 'NONE' });
  expect(await next()).toBeNull();
});

test('nodes that are left are told, and whoever asks has them replaced at once, or all of it called off', async () => {
  const { maintenance } = (await row()).spec;
  const spec = { ...(await row()).spec, kubernetesVersion: NEW };
  await patch({ spec, runningVersion: NEW, autoUpgrade: begunAt(NEW, maintenance, OPENS) });
  house.time.now = CLOSES;
  const groups = await listLiveNodeGroups(house.store.db, clusterId);
  const [group] = groups;
  const node = { id: 'n', clusterId, nodeGroupId: group?.id ?? '', name: 'n', state: 'READY' as const, kubernetesVersion: OLD };
  await house.store.transaction((tx) => insertNodes(tx, [{ ...node, createdAt: 1, updatedAt: 1 }]));
  expect(await next()).toMatchObject({ opensAt: OPENS + 7 * 86_400_000, upgradeTo: NEW, problem: null });
  const { cluster } = await house.commands.upgradeCluster(call(ANNA), { clusterId, version: NEW });
  expect(cluster.autoUpgrade).toMatchObject({ takenOver: true });
  // Not done before its nodes are.
  expect((await listLiveNodeGroups(house.store.db, clusterId))[0]?.generation).toBe((group?.generation ?? 0) + 1);
  await house.store.transaction((tx) => patchNode(tx, 'n', { kubernetesVersion: NEW }));
  await patch({ upgrade: null });
  expect(await errorOf(house.commands.upgradeCluster(call(ANNA), { clusterId, version: NEW }))).toMatchObject({ code: 'INVALID_INPUT' });
  await house.commands.upgradeCluster(call(ANNA), { clusterId, version: NEWEST });
  expect((await row()).autoUpgrade).toMatchObject({ version: NEW, takenOver: true });
});
