/** Backups of a living cluster: what is stored, what it is good for, and what goes with it. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freeAddress } from '../autoscaler/freeAddress.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
let clusterId: string;

beforeAll(async () => {
  const address = await freeAddress();
  living = await openLiving({ backupListen: address, backupAddress: address });
  clusterId = await living.makeCluster('kept', { overrides: { controlPlane: { replicas: 3 } } });
});
afterAll(() => living?.close());

interface Backup {
  uuid: string;
  name: string;
  state: string;
  sizeBytes: number | null;
  sha256: string | null;
  revision: number | null;
  keyCount: number | null;
  takenAt: string | null;
  verifiedAt: string | null;
  conditions: { name: string; state: string; problem: { message: string } | null }[];
}
const FIELDS = 'uuid name state sizeBytes sha256 revision keyCount takenAt verifiedAt conditions { name state problem { message } }';
const folder = (): string => join(dirname(living.dbPath), 'backups', clusterId);
const files = (): string[] => {
  try {
    return readdirSync(folder()).sort();
  } catch {
    return [];
  }
};
const shown = async (id: string): Promise<Backup | null> =>
  (await living.ask<{ backup: Backup | null }>(living.member, `{ backup(id: "${id}") { ${FIELDS} } }`)).backup;
const create = async (): Promise<{ id: string; operation: string }> => {
  const { backup, operation } = await living.change<{ backup: Backup; operation: { uuid: string } }>(
    living.member,
    'createBackup',
    { clusterId },
    `backup { ${FIELDS} } operation { uuid }`,
  );
  return { id: backup.uuid, operation: operation.uuid };
};
const ready = (id: string): Promise<Backup> =>
  until(async () => {
    const backup = await shown(id);
    return backup?.state === 'READY' ? backup : null;
  });
const stateOf = (operation: string) => living.rows<{ state: string }>(`select state from operations where id = '${operation}'`)[0]?.state;
const inSeed = async (kind: 'Job' | 'Secret'): Promise<string[]> => {
  const { items } = await living.seed.list({ apiVersion: kind === 'Job' ? 'batch/v1' : 'v1', kind });
  return items.map(({ metadata }) => metadata.name).filter((name) => name.includes('etcd-backup'));
};

test('two that are asked for at once are made one after the other, stored with their keys, and restored on trial', async () => {
  const [first, second] = [await create(), await create()];
  const [one, two] = [await ready(first.id), await ready(second.id)];
  expect(one).toMatchObject({ revision: expect.any(Number), keyCount: expect.any(Number), verifiedAt: expect.any(String) });
  expect(two.revision).toBeGreaterThanOrEqual(one.revision ?? 0);
  expect([stateOf(first.operation), stateOf(second.operation)]).toEqual(['SUCCEEDED', 'SUCCEEDED']);
  expect(files()).toEqual([first.id, second.id].flatMap((id) => [`${id}.db`, `${id}.keys`]).sort());

  const snapshot = readFileSync(join(folder(), `${first.id}.db`));
  expect(one.sizeBytes).toBe(snapshot.length);
  expect(one.sha256).toBe(createHash('sha256').update(snapshot.subarray(0, -32)).digest('hex'));
  const keys = readFileSync(join(folder(), `${first.id}.keys`), 'utf8');
  expect(keys).not.toContain('PRIVATE KEY');
  expect(keys).not.toContain(living.pki(clusterId).encryption.keys[0]?.secret);

  // What opens the store went with the Jobs, and says nothing anywhere else.
  expect([await inSeed('Job'), await inSeed('Secret')]).toEqual([[], []]);
  expect(JSON.stringify(living.rows('select message from events'))).not.toContain('signature=');
  const names = await living.ask<{ cluster: { backups: { nodes: Backup[] } } }>(
    living.member,
    `{ cluster(id: "${clusterId}") { backups(first: 10) { nodes { name } } } }`,
  );
  expect(names.cluster.backups.nodes.map(({ name }) => name)).toEqual([two.name, one.name]);
});

test('a snapshot that is not what was stored is not called verified, and the problem says so', async () => {
  const { id } = await create();
  await until(async () => (await shown(id))?.takenAt);
  const path = join(folder(), `${id}.db`);
  const whole = readFileSync(path);
  const spoiled = Buffer.from(whole);
  spoiled.writeUInt8(spoiled.readUInt8(100) ^ 1, 100);
  await until(async () => {
    writeFileSync(path, spoiled);
    living.write(`update backups set verified_at = null where id = '${id}'`);
    living.wake(id);
    const tried = (await shown(id))?.conditions.find(({ name }) => name === 'SnapshotVerified');
    return /could not be restored on trial: expected sha256/.test(tried?.problem?.message ?? '');
  });
  writeFileSync(path, whole);
  living.wake(id);
  await ready(id);
});

test('one that is deleted leaves nothing, not even half-way', async () => {
  const { id } = await create();
  await until(async () => (await inSeed('Job')).length > 0);
  const remove = () =>
    living.change<{ operation: { uuid: string } }>(living.member, 'deleteBackup', { backupId: id }, 'operation { uuid }');
  const { operation } = await remove();
  expect((await remove()).operation.uuid).toBe(operation.uuid);
  await until(() => stateOf(operation.uuid) === 'SUCCEEDED');
  expect(await shown(id)).toBeNull();
  expect(files().filter((name) => name.startsWith(id))).toEqual([]);
  expect([await inSeed('Job'), await inSeed('Secret')]).toEqual([[], []]);
  await expect(remove()).rejects.toThrow(/NOT_FOUND.*was not found/);
});

test('a server that dies in the middle goes on where it was', async () => {
  const { id } = await create();
  await until(async () => (await inSeed('Job')).length > 0);
  await living.restart();
  await ready(id);
});

test('one that cannot be stored is given up, the next goes on without it, and a retry begins anew', { timeout: 120_000 }, async () => {
  const first = await create();
  await ready(first.id);
  const aside = `${folder()}-aside`;
  renameSync(folder(), aside);
  writeFileSync(folder(), 'in the way');
  const [given, next] = [await create(), await create()];
  const problemOf = async (id: string) =>
    (await shown(id))?.conditions.find(({ name }) => name === 'SnapshotStored')?.problem?.message ?? '';
  await until(async () => /try 1 of 5: the object store did not take its keys\. It is tried again/.test(await problemOf(given.id)));
  await until(async () => (await shown(given.id))?.state === 'CREATING');
  const tried = (id: string, count: number) => {
    living.write(`update backups set failures = json_set(failures, '$.count', ${count}, '$.lastAt', 0) where id = '${id}'`);
    living.wake(id);
  };
  tried(given.id, 4);
  await until(() => stateOf(given.operation) === 'FAILED');
  expect(await problemOf(given.id)).toMatch(/is given up after 5 tries, and others of its cluster go on without it\./);
  expect((await shown(given.id))?.state).toBe('FAILED');
  await until(async () => /try 1 of 5/.test(await problemOf(next.id)));
  expect(living.rows(`select 1 from work_items where id = '${given.id}'`)).toEqual([]);

  rmSync(folder());
  renameSync(aside, folder());
  tried(next.id, 1);
  await ready(next.id);
  await living.change(living.member, 'retryOperation', { operationId: given.operation }, 'operation { id }');
  await ready(given.id);
  expect(stateOf(given.operation)).toBe('SUCCEEDED');
});

test('one that is not in the object store any more is LOST, cannot be restored, and is found again', async () => {
  const { id } = await create();
  await ready(id);
  const path = join(folder(), `${id}.db`);
  const again = () => {
    living.write(`update backups set checked_at = 1 where id = '${id}'`);
    living.wake(id);
  };
  renameSync(path, `${path}-aside`);
  // Until a day has gone by nobody looks.
  living.wake(id);
  await living.idle();
  expect((await shown(id))?.state).toBe('READY');
  again();
  await until(async () => (await shown(id))?.state === 'LOST');
  const lost = (await shown(id))?.conditions.find(({ name }) => name === 'SnapshotKept');
  expect(lost?.problem?.message).toMatch(/is not in the object store any more; put it back/);
  await expect(
    living.change(living.member, 'restoreCluster', { backupId: id, confirmClusterName: 'kept' }, 'operation { id }'),
  ).rejects.toThrow(/CONFLICT.*is not in the object store any more; take another one/);
  renameSync(`${path}-aside`, path);
  again();
  await ready(id);
  const due = () => living.rows<{ due: number }>(`select due_at as due from work_items where id = '${id}'`)[0]?.due ?? 0;
  await until(() => due() > Date.now() + 23 * 3_600_000);
});

test('a cluster has so many backups, and no more', async () => {
  living.write(`insert into backups (id, cluster_id, project_id, name, reason, state, created_by, created_at, updated_at)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 30)
    select 'many-' || i, id, project_id, 'many-' || i, 'ON_DEMAND', 'READY', 'nobody', 1, 1 from n, clusters where id = '${clusterId}'`);
  await expect(create()).rejects.toThrow(/QUOTA_EXCEEDED.*Cluster \S+ has 3\d backups, of at most 30; delete some/);
  living.write("delete from backups where id like 'many-%'");
});

test('with its cluster goes what is not kept by choice; what is kept is listed, and can be deleted', async () => {
  const { id } = await create();
  await ready(id);
  const half = await create();
  await living.change(living.member, 'deleteCluster', { clusterId, policy: { backups: 'KEEP' } }, 'cluster { id }');
  await until(() => living.rows(`select 1 from clusters where id = '${clusterId}' and state = 'DELETED'`).length === 1);
  expect(files().filter((name) => name.startsWith(half.id))).toEqual([]);
  expect(files()).toContain(`${id}.db`);
  const { backups } = await living.ask<{ backups: { nodes: Backup[] } }>(living.member, '{ backups(first: 50) { nodes { uuid state } } }');
  expect(backups.nodes).toContainEqual({ uuid: id, state: 'READY' });
  for (const { uuid } of backups.nodes) await living.change(living.member, 'deleteBackup', { backupId: uuid }, 'operation { id }');
  await until(() => files().length === 0);
});
