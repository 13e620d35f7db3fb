/** Backups in stores of others: a cluster is backed up into S3 and into Swift, and goes back to what it had, through pods that dial them. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeS3, startFakeS3 } from '../objectStore/fakeS3.ts';
import { type Settings, until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface Store {
  settings(folder: string): Promise<Settings>;
  /** Names of what is there. */
  names(living: Living): Promise<string[]>;
  /** What an URL that was handed out has. */
  mark: string;
  port(living: Living): number;
  close(): Promise<void>;
}

let s3: FakeS3;
const ofS3: Store = {
  settings: async (folder) => {
    s3 = await startFakeS3();
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, s3.caPem);
    const { endpoint: backupS3Endpoint, bucket: backupS3Bucket, region: backupS3Region, accessKey: backupS3AccessKey, secretKey } = s3;
    return { backupS3Endpoint, backupS3Bucket, backupS3Region, backupS3AccessKey, backupS3SecretKey: secretKey, backupS3Ca: ca };
  },
  names: async () => [...s3.objects.keys()],
  mark: 'X-Amz-Signature',
  port: () => Number(new URL(s3.endpoint).port),
  close: () => s3.close(),
};
const ofSwift: Store = {
  settings: async () => ({ backupSwiftContainer: 'seedbed-backups' }),
  names: async (living) => {
    const world = await living.control<{ openstack: { objectStorage: { objects: string[] } } }>('GET', 'world');
    return world.openstack.objectStorage.objects.map((path) => path.split('/').slice(2).join('/'));
  },
  mark: 'temp_url_sig',
  port: ({ sandbox }) => Number(new URL(sandbox.authUrl).port),
  close: async () => {},
};

describe.each([
  ['S3', ofS3],
  ['Swift', ofSwift],
])('%s', (_kind, store) => {
  let living: Living;
  let clusterId: string;
  let namespace: string;
  let kubeconfig: string;
  const folder = mkdtempSync(join(tmpdir(), 'seedbed-stores-'));

  beforeAll(async () => {
    living = await openLiving(await store.settings(folder));
    clusterId = await living.makeCluster('kept');
    namespace = `kc-${living.rows<{ short_id: string }>(`select short_id from clusters where id = '${clusterId}'`)[0]?.short_id}`;
    const issued = await living.change<{ kubeconfig: string }>(
      living.member,
      'issueKubeconfig',
      { clusterId, role: 'ADMIN' },
      'kubeconfig',
    );
    kubeconfig = issued.kubeconfig;
  });
  afterAll(async () => {
    await living?.close();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const keep = (name: string) =>
    until(() =>
      living
        .tenant(kubeconfig)
        .apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data: { a: 'b' } })
        .then(() => true),
    );
  const kept = async (): Promise<string[]> =>
    (await living.tenant(kubeconfig).list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default' })).items
      .map(({ metadata }) => metadata.name)
      .filter((name) => name.startsWith('mine-'));
  const create = async (): Promise<string> =>
    (await living.change<{ backup: { uuid: string } }>(living.member, 'createBackup', { clusterId }, 'backup { uuid }')).backup.uuid;
  const isReady = (id: string) => living.rows(`select 1 from backups where id = '${id}' and state = 'READY'`).length === 1;
  const namesOf = (id: string): string[] => [`${clusterId}/${id}.db`, `${clusterId}/${id}.keys`];

  test('a cluster is backed up, loses its etcd, goes back, and takes its backups along when it is deleted', {
    timeout: 180_000,
  }, async () => {
    // The probe of the start has gone.
    await until(async () => (await store.names(living)).length === 0);
    await keep('mine-1');
    const id = await create();
    await until(() => isReady(id));
    expect((await store.names(living)).sort()).toEqual(namesOf(id));
    await keep('mine-2');

    const claims = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace };
    await living.seed.remove({ apiVersion: 'apps/v1', kind: 'StatefulSet', namespace, name: `${namespace.slice(3)}-etcd` });
    for (const { metadata } of (await living.seed.list(claims)).items) await living.seed.remove({ ...claims, name: metadata.name });
    const input = { backupId: id, confirmClusterName: 'kept' };
    const { operation } = await living.change<{ operation: { uuid: string } }>(
      living.member,
      'restoreCluster',
      input,
      'operation { uuid }',
    );
    const state = () => living.rows<{ state: string }>(`select state from operations where id = '${operation.uuid}'`)[0]?.state ?? '';
    await until(() => /SUCCEEDED|FAILED/.test(state()));
    expect(state()).toBe('SUCCEEDED');
    await living.settled(clusterId);
    expect(await kept()).toEqual(['mine-1']);

    // The way out is to this machine alone.
    const ref = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', namespace, name: `${namespace.slice(3)}-etcd-backup` };
    type Rule = { to: { ipBlock?: { cidr: string } }[]; ports: { port: number }[] };
    const [, out] = ((await living.seed.get(ref)) as unknown as { spec: { egress: Rule[] } }).spec.egress;
    expect(out?.ports.map(({ port }) => port)).toEqual([store.port(living)]);
    const ranges = out?.to.map(({ ipBlock }) => ipBlock?.cidr) ?? [];
    expect(ranges).toContain('127.0.0.1/32');
    expect(ranges.filter((cidr) => cidr !== '127.0.0.1/32' && cidr !== '::1/128')).toEqual([]);

    // URLs went with the Jobs, and are nowhere else.
    for (const table of ['events', 'conditions', 'backups', 'operations'])
      expect(JSON.stringify(living.rows(`select * from ${table}`))).not.toContain(store.mark);
    const secrets = (await living.seed.list({ apiVersion: 'v1', kind: 'Secret', namespace })).items.map(({ metadata }) => metadata.name);
    expect(secrets.filter((name) => name.includes('etcd-backup'))).toEqual([]);

    await living.change(living.member, 'deleteBackup', { backupId: id }, 'operation { id }');
    await until(async () => (await store.names(living)).length === 0);
  });
});

test('a snapshot that is larger than it can be is removed again, and the backup says why; a store that is away holds no start up', {
  timeout: 120_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'seedbed-stores-'));
  const living = await openLiving(await ofS3.settings(folder));
  try {
    const clusterId = await living.makeCluster('large');
    s3.extraBytes = 2 ** 40;
    const { backup } = await living.change<{ backup: { uuid: string } }>(living.member, 'createBackup', { clusterId }, 'backup { uuid }');
    const failures = () =>
      living.rows<{ failures: string | null }>(`select failures from backups where id = '${backup.uuid}'`)[0]?.failures ?? '';
    await until(() => /it has \d{13} bytes, where etcd's quota leaves room for \d+, and was removed again/.test(failures()));
    expect([...s3.objects.keys()]).toEqual([`${clusterId}/${backup.uuid}.keys`]);
    s3.extraBytes = 0;
    living.write(`update backups set failures = json_set(failures, '$.lastAt', 0) where id = '${backup.uuid}'`);
    living.wake(backup.uuid);
    await until(() => living.rows(`select 1 from backups where id = '${backup.uuid}' and state = 'READY'`).length === 1);
    // A store that does not answer keeps nobody from starting, or from ending.
    s3.instead = () => 'stall';
    const began = performance.now();
    await living.restart();
    await living.restart();
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(await living.ask(living.member, `{ backup(id: "${backup.uuid}") { state } }`)).toEqual({ backup: { state: 'READY' } });
    s3.instead = null;
  } finally {
    await living.close();
    await ofS3.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
