/** A newer patch release, by itself and in the window alone: begun when it opens, held when it closes, ended in the next one. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WEEKDAYS } from '../../src/domain/weeklyWindow.ts';
import { freeAddress } from '../autoscaler/freeAddress.ts';
import { run } from '../cli/run.ts';
import { addRelease, forgetReleases } from '../domain/newerRelease.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

const [OLD, NEW] = ['v1.35.4', 'v1.35.5'];
const HOUR_MS = 3_600_000;
let living: Living;
let clusterId: string;

/** Two hours of today from that many hours from now on. */
const windowIn = (hours: number) => {
  const from = new Date(Date.now() + hours * HOUR_MS);
  const day = WEEKDAYS[(from.getUTCDay() + 6) % 7];
  return { days: [day], startTime: `${String(from.getUTCHours()).padStart(2, '0')}:00`, durationHours: 2 };
};
const CLOSED = () => ({ windows: [windowIn(5)] });
const OPEN = () => ({ windows: [windowIn(0)] });

beforeAll(async () => {
  const address = await freeAddress();
  const template = { image: 'debian-12', kubernetesVersion: OLD, backup: { enabled: true }, maintenance: { autoUpgrade: 'PATCH' } };
  living = await openLiving({ backupListen: address, backupAddress: address }, template);
  clusterId = await living.makeCluster('blue', { overrides: { maintenance: CLOSED() } });
});
afterAll(() => living?.close());
afterAll(forgetReleases);

const change = (maintenance: object) =>
  living.change(living.member, 'updateCluster', { clusterId, overrides: { maintenance } }, 'cluster { id }');
interface Upgrade {
  state: string;
  by: string;
  reason: string;
}
const upgrades = () =>
  living.rows<Upgrade>("select state, requested_by as 'by', reason from operations where kind = 'UPGRADE_CLUSTER' order by requested_at");
const nodeVersions = () =>
  living
    .rows<{ version: string }>('select kubernetes_version as version from nodes where deleted_at is null')
    .map(({ version }) => version);
const conditionOf = (name: string) =>
  living.rows<{ message: string }>(`select message from conditions where object_id = '${clusterId}' and name = '${name}'`)[0]?.message;
interface Next {
  opensAt: string;
  upgradeTo: string | null;
  problem: object | null;
}
const next = async () =>
  (
    await living.ask<{ cluster: { nextMaintenance: Next | null } }>(
      living.member,
      `{ cluster(id: "${clusterId}") { nextMaintenance { opensAt upgradeTo problem { message } } } }`,
    )
  ).cluster.nextMaintenance;

test('it waits for the window, begins with a backup, leaves what is not done for the next window, and ends there', {
  timeout: 300_000,
}, async () => {
  expect(await next()).toMatchObject({ upgradeTo: null, problem: null });
  addRelease(NEW);
  living.wake(clusterId);
  await until(() => conditionOf('UpgradedByItself')?.startsWith(`${NEW} waits for the maintenance window that opens at `));
  const announced = await next();
  expect(announced).toMatchObject({ upgradeTo: NEW, problem: null });
  expect(Date.parse(announced?.opensAt ?? '')).toBeGreaterThan(Date.now());
  expect(upgrades()).toEqual([]);
  const { out } = await run(['cluster', 'show', 'blue'], { SEEDBED_URL: living.served.url, OS_TOKEN: living.member });
  expect(out).toMatch(/^maintenance +from \S+Z until \S+Z: by itself to v1\.35\.5$/m);

  // The backup that it begins with takes longer than the window is open, and the control plane stays as it is.
  const folder = join(dirname(living.dbPath), 'backups', clusterId);
  mkdirSync(dirname(folder), { recursive: true });
  writeFileSync(folder, 'in the way');
  await change(OPEN());
  const [{ id: backupId }] = await until(() => {
    const rows = living.rows<{ id: string }>('select id from backups');
    return rows.length === 1 ? (rows as [{ id: string }]) : null;
  });
  await change(CLOSED());
  rmSync(folder);
  await until(() => {
    living.wake(backupId);
    return living.rows("select 1 from backups where state = 'READY'").length === 1;
  });
  await until(() => conditionOf('MaintenanceWindowOpen')?.startsWith('the maintenance window that opens at '));
  await living.idle();
  expect(living.rows('select running_version as version from clusters')).toEqual([{ version: OLD }]);

  // No new node comes up, so that the window closes before the nodes are done.
  const { id: fault } = await living.control<{ id: string }>('POST', 'serverFaults', { name: '', trouble: 'neverActive' });
  await change(OPEN());
  await until(() => nodeVersions().includes(NEW));
  expect(upgrades()).toEqual([
    {
      state: 'RUNNING',
      by: 'auto-upgrade',
      reason: `${NEW} is a newer patch release than ${OLD}, and maintenance.autoUpgrade of cluster blue is PATCH.`,
    },
  ]);
  expect(living.rows('select reason, state from backups')).toEqual([{ reason: 'BEFORE_UPGRADE', state: 'READY' }]);
  await change(CLOSED());
  await living.settled(clusterId);
  expect(nodeVersions()).toEqual([OLD]);
  expect(upgrades().map(({ state }) => state)).toEqual(['SUCCEEDED']);
  expect(conditionOf('NodeGroupsReady')).toMatch(
    /^Nodes of group default-worker come to v1\.35\.5 in the maintenance window that opens at /,
  );
  expect(await next()).toMatchObject({ upgradeTo: NEW, problem: null });

  await living.control('DELETE', `serverFaults/${fault}`);
  await change(OPEN());
  await until(() => upgrades().length === 2);
  await until(() => upgrades().every(({ state }) => state === 'SUCCEEDED'));
  await living.settled(clusterId);
  expect(upgrades()[1]).toMatchObject({
    by: 'auto-upgrade',
    reason: expect.stringMatching(/^Nodes are left that the upgrade to v1\.35\.5/),
  });
  expect(nodeVersions()).toEqual([NEW]);
  expect(await next()).toMatchObject({ upgradeTo: null });
  await living.idle();
  expect(upgrades()).toHaveLength(2);
});
