/** A cluster that goes back to a backup: what it had then is there again, for the same kubeconfig and the same workers. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freeAddress } from '../autoscaler/freeAddress.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
let clusterId: string;
let namespace: string;
let kubeconfig: string;

beforeAll(async () => {
  const address = await freeAddress();
  living = await openLiving({ backupListen: address, backupAddress: address });
  clusterId = await living.makeCluster('back', { nodeCount: 2, overrides: { controlPlane: { replicas: 3 } } });
  namespace = `kc-${living.rows<{ short_id: string }>(`select short_id from clusters where id = '${clusterId}'`)[0]?.short_id}`;
  const issued = await living.change<{ kubeconfig: string }>(living.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  kubeconfig = issued.kubeconfig;
  await until(() => list('ConfigMap'));
});
afterAll(() => living?.close());

const list = async (kind: 'ConfigMap' | 'Secret'): Promise<string[]> => {
  const { items } = await living.tenant(kubeconfig).list({ apiVersion: 'v1', kind, namespace: 'default' });
  return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('mine-'));
};
const keep = (kind: 'ConfigMap' | 'Secret', name: string) =>
  living.tenant(kubeconfig).apply({ apiVersion: 'v1', kind, metadata: { name, namespace: 'default' }, data: { a: 'Yg==' } });
const backUp = async (): Promise<string> => {
  const { backup } = await living.change<{ backup: { uuid: string } }>(living.member, 'createBackup', { clusterId }, 'backup { uuid }');
  await until(() => living.rows(`select 1 from backups where id = '${backup.uuid}' and state = 'READY'`).length === 1);
  return backup.uuid;
};
const restore = async (backupId: string): Promise<string> => {
  const input = { backupId, confirmClusterName: 'back' };
  return (await living.change<{ operation: { uuid: string } }>(living.member, 'restoreCluster', input, 'operation { uuid }')).operation
    .uuid;
};
const stateOf = (id: string) => living.rows<{ state: string }>(`select state from operations where id = '${id}'`)[0]?.state;
const nodes = () => living.rows(`select name, server_id, created_at from nodes where cluster_id = '${clusterId}' and deleted_at is null`);
const restored = async (operation: string): Promise<void> => {
  await until(() => /SUCCEEDED|FAILED/.test(stateOf(operation) ?? ''));
  expect(stateOf(operation)).toBe('SUCCEEDED');
  await living.settled(clusterId);
};

test('without the name of the cluster nothing is done, and it is said what would be lost', async () => {
  const backupId = await backUp();
  const ask = (more: object) => living.change(living.member, 'restoreCluster', { backupId, ...more }, 'operation { id }');
  await expect(ask({})).rejects.toThrow(
    /INVALID_INPUT.*at revision \d+.*would lose.*: the last (minute|2 minutes).*confirmClusterName: ."back/,
  );
  await living
    .tenant(kubeconfig)
    .apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'other', namespace: 'default' }, data: {} });
  await backUp();
  await expect(ask({})).rejects.toThrow(
    /at revision \d+\..*would lose all that was written since: the last [^,]*, at least \d+ revisions?;/,
  );
  await expect(ask({ confirmClusterName: 'front' })).rejects.toThrow(/INVALID_INPUT/);
  await expect(ask({ backupId: 'none', confirmClusterName: 'back' })).rejects.toThrow(/NOT_FOUND/);
  expect(living.rows("select 1 from operations where kind = 'RESTORE_CLUSTER'")).toEqual([]);
});

test('with every volume of etcd gone, the same objects are there again, after a rotation of their key, too', {
  timeout: 180_000,
}, async () => {
  await keep('ConfigMap', 'mine-1');
  await keep('Secret', 'mine-2');
  const backupId = await backUp();
  await living.change(living.member, 'rotateEncryptionKey', { clusterId }, 'operation { id }');
  await until(() => living.pki(clusterId).encryption.turn === 1);
  await living.settled(clusterId);
  await keep('ConfigMap', 'mine-3');
  const before = nodes();

  const claims = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace };
  const name = `${namespace.slice(3)}-etcd`;
  await living.seed.remove({ apiVersion: 'apps/v1', kind: 'StatefulSet', namespace, name });
  for (const { metadata } of (await living.seed.list(claims)).items) await living.seed.remove({ ...claims, name: metadata.name });
  await restored(await restore(backupId));

  expect([await list('ConfigMap'), await list('Secret')]).toEqual([['mine-1'], ['mine-2']]);
  await until(() => living.pki(clusterId).encryption.keys.length === 1);
  expect(living.pki(clusterId).encryption.turn).toBe(1);
  expect(nodes()).toEqual(before);
  const told = living
    .rows<{ message: string }>("select message from events where step = 'BackupRestored'")
    .map(({ message }) => message)
    .join('\n');
  expect(told).toMatch(/step 2 of 3: the backup on the volume of member/);
  const said = living.rows(
    "select 1 from events where message like '%goes back to backup back-%, as % asked, and loses the last %minute%.'",
  );
  expect(said).toHaveLength(1);
  const shown = await living.ask<{ cluster: { lastRestore: { lostMinutes: number } } }>(
    living.member,
    `{ cluster(id: "${clusterId}") { lastRestore { backup { uuid } filled requestedBy lostMinutes lostRevisions } } }`,
  );
  expect(shown.cluster.lastRestore).toMatchObject({ backup: { uuid: backupId }, filled: true, requestedBy: expect.stringMatching(/./) });
  expect(shown.cluster.lastRestore.lostMinutes).toBeGreaterThanOrEqual(1);
  const ready = async () => (await living.tenant(kubeconfig).list({ apiVersion: 'v1', kind: 'Node' })).items.length;
  expect(await ready()).toBe(2);
});

test('a second restore takes the place of one, a server that dies goes on, and a cluster in full use goes back, too', {
  timeout: 180_000,
}, async () => {
  const older = await backUp();
  await keep('ConfigMap', 'mine-4');
  const newer = await backUp();
  await keep('ConfigMap', 'mine-5');
  const first = await restore(older);
  await until(() => living.rows(`select 1 from clusters where json_extract(restore, '$.phase') = 'FILL'`).length === 1);
  await living.restart();
  const second = await restore(newer);
  await restored(second);
  expect(stateOf(first)).toBe('SUPERSEDED');
  expect(await list('ConfigMap')).toEqual(['mine-1', 'mine-4']);
});

test('one whose keys do not open is called off before anything stops', async () => {
  const backupId = await backUp();
  writeFileSync(join(dirname(living.dbPath), 'backups', clusterId, `${backupId}.keys`), 'spoiled');
  const pods = async () =>
    (await living.seed.list({ apiVersion: 'v1', kind: 'Pod', namespace, labelSelector: 'app.kubernetes.io/name=kube-apiserver' })).items
      .map(({ metadata }) => metadata.name)
      .sort();
  const before = await pods();
  const operation = await restore(backupId);
  await until(() => /CANCELLED|SUCCEEDED/.test(stateOf(operation) ?? ''));
  const [row] = living.rows<{ state: string; problem: string }>(`select state, problem from operations where id = '${operation}'`);
  expect([row?.state, row?.problem]).toEqual(['CANCELLED', expect.stringContaining('nothing was changed; restore another one')]);
  await living.settled(clusterId);
  expect([stateOf(operation), await pods(), await list('ConfigMap')]).toEqual(['CANCELLED', before, ['mine-1', 'mine-4']]);
});

test('a backup is not deleted while its cluster is being restored from it', async () => {
  const backupId = await backUp();
  const name = `${namespace.slice(3)}-etcd-backup-restore-1-0`;
  const left = { apiVersion: 'v1', kind: 'Secret', namespace, name };
  const [other] = (await living.seed.list({ apiVersion: 'v1', kind: 'Pod', namespace, labelSelector: 'app.kubernetes.io/name=etcd' }))
    .items;
  const labels = { ...other?.metadata.labels, 'app.kubernetes.io/component': 'etcd-backup' };
  await living.seed.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name, labels }, type: 'Opaque', data: {} });
  const operation = await restore(backupId);
  const remove = () => living.change(living.member, 'deleteBackup', { backupId }, 'operation { id }');
  await expect(remove()).rejects.toThrow(/IN_USE.*is being restored from backup/);
  // What a restore has left that gave way long ago goes with the next one.
  await until(async () => (await living.seed.get(left)) === undefined);
  await restored(operation);
  await remove();
});
