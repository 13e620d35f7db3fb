/** An upgrade begins with a backup: without one nothing moves, and there is a way out. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freeAddress } from '../autoscaler/freeAddress.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

const OLD = 'v1.35.4';
const NEW = 'v1.36.3';
let living: Living;
let clusterId: string;

beforeAll(async () => {
  const address = await freeAddress();
  const template = { image: 'debian-12', kubernetesVersion: OLD, backup: { enabled: true } };
  living = await openLiving({ backupListen: address, backupAddress: address }, template);
  clusterId = await living.makeCluster('careful', { nodeCount: 0 });
});
afterAll(() => living?.close());

const upgrade = async (version: string): Promise<string> =>
  (await living.change<{ operation: { uuid: string } }>(living.member, 'upgradeCluster', { clusterId, version }, 'operation { uuid }'))
    .operation.uuid;
const status = async (): Promise<string> =>
  (await living.ask<{ cluster: { upgradeStatus: string | null } }>(living.member, `{ cluster(id: "${clusterId}") { upgradeStatus } }`))
    .cluster.upgradeStatus ?? '';
const stateOf = (id: string) => living.rows<{ state: string }>(`select state from operations where id = '${id}'`)[0]?.state;
const backups = () =>
  living.rows<{ id: string; reason: string; state: string; version: string | null }>(
    "select id, reason, state, json_extract(snapshot, '$.kubernetesVersion') as version from backups order by created_at",
  );
const serverImages = async (): Promise<string> => {
  const { items } = await living.seed.list({ apiVersion: 'v1', kind: 'Pod', labelSelector: 'app.kubernetes.io/name=kube-apiserver' });
  return JSON.stringify(items);
};

test('while the backup fails nothing moves, who must act is told, and the way back is open', { timeout: 120_000 }, async () => {
  const folder = join(dirname(living.dbPath), 'backups', clusterId);
  mkdirSync(dirname(folder), { recursive: true });
  writeFileSync(folder, 'in the way');
  const asked = await upgrade(NEW);
  const [backup] = await until(() => (backups().length === 1 ? backups() : null));
  expect(backup?.reason).toBe('BEFORE_UPGRADE');
  await until(async () => /it is at "Back up before the upgrade": waiting for backup careful-/.test(await status()));
  // Asked again, it waits for the same one.
  const again = await upgrade(NEW);
  expect(stateOf(asked)).toBe('SUPERSEDED');
  expect(backups()).toHaveLength(1);

  await until(() => living.rows(`select 1 from backups where json_extract(failures, '$.count') = 1`).length === 1);
  living.write(`update backups set failures = json_set(failures, '$.count', 4, '$.lastAt', 0)`);
  living.wake(backup?.id ?? '');
  await until(async () => /waits for a backup\. Backup \S+ is given up .* call upgradeCluster with skipBackup/.test(await status()));
  expect(await serverImages()).not.toContain(`:${NEW}`);
  const back = await upgrade(OLD);
  await until(() => stateOf(back) === 'SUCCEEDED');
  expect([stateOf(again), await status()]).toEqual(['SUPERSEDED', '']);
  rmSync(folder);
});

test('it begins when its backup was restored on trial, and the backup is of the version before', { timeout: 120_000 }, async () => {
  const asked = await upgrade(NEW);
  await until(() => stateOf(asked) === 'SUCCEEDED');
  const [, second] = backups();
  expect(second).toMatchObject({ reason: 'BEFORE_UPGRADE', state: 'READY', version: OLD });
  expect(await serverImages()).toContain(`:${NEW}`);
  await living.settled(clusterId);
});
