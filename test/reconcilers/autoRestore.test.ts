/** A cluster that goes back to its newest backup by itself when a majority of etcd has lost its volumes, and not twice in a day. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freeAddress } from '../autoscaler/freeAddress.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
let clusterId: string;

beforeAll(async () => {
  const address = await freeAddress();
  const template = { backup: { autoRestore: true } };
  living = await openLiving({ backupListen: address, backupAddress: address }, template);
  clusterId = await living.makeCluster('self', { overrides: { controlPlane: { replicas: 3 } } });
});
afterAll(() => living?.close());

const namespaceOf = (id: string): string =>
  `kc-${living.rows<{ short_id: string }>(`select short_id from clusters where id = '${id}'`)[0]?.short_id}`;
const tenant = () => living.tenant(living.pki(clusterId).kubeconfigs.superAdmin);
const keep = (name: string) => tenant().apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } });
const kept = async (): Promise<string[]> => {
  const { items } = await tenant().list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default' });
  return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('mine-'));
};
const dropVolumes = async (numbers: number[], namespace = namespaceOf(clusterId)): Promise<void> => {
  for (const number of numbers) {
    const name = `${namespace.slice('kc-'.length)}-etcd-${number}`;
    await living.seed.remove({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: `data-${name}` });
    await living.seed.remove({ apiVersion: 'v1', kind: 'Pod', namespace, name });
  }
};
const restores = () =>
  living.rows<{ state: string; requested_by: string; reason: string }>(
    "select state, requested_by, reason from operations where kind = 'RESTORE_CLUSTER'",
  );

test('volumes that others have made anew, with what they held, are no loss', { timeout: 120_000 }, async () => {
  const claims = () =>
    living.rows<{ claims: string }>(`select json_extract(quorum, '$.claims') as claims from clusters where id = '${clusterId}'`)[0]?.claims;
  const known = await until(claims);
  living.write(
    `update clusters set quorum = json_set(quorum, '$.claims', json_array('other', 'ones', 'before'), '$.notedAt', 0) where id = '${clusterId}'`,
  );
  living.wake(clusterId);
  await until(() => claims() === known);
  expect(restores()).toEqual([]);
});

/** Longer than a cluster looks before it goes back by itself. */
const SURE_MS = 45_000;

test('the volumes of two of three members gone: while another cluster of the seed has lost its own people look first; then it goes back to the newest backup, and says what is lost', {
  timeout: 300_000,
}, async () => {
  await keep('mine-1');
  const { backup } = await living.change<{ backup: { uuid: string } }>(living.member, 'createBackup', { clusterId }, 'backup { uuid }');
  await until(() => living.rows(`select 1 from backups where id = '${backup.uuid}' and state = 'READY'`).length === 1);
  await keep('mine-2');
  // It has no backup to go back to, so it stays as it is.
  const other = await living.makeCluster('other');
  const isLost = (id: string) =>
    living.rows(`select 1 from clusters where id = '${id}' and json_extract(quorum, '$.missing.goneSince') is not null`).length === 1;
  await dropVolumes([0], namespaceOf(other));
  await until(() => isLost(other));
  await dropVolumes([0, 2]);
  await until(() => isLost(clusterId));
  await new Promise((resolve) => setTimeout(resolve, SURE_MS));
  living.wake(clusterId);
  await living.idle();
  expect([isLost(other), isLost(clusterId)]).toEqual([true, true]);
  expect(restores()).toEqual([]);
  await living.change(living.member, 'deleteCluster', { clusterId: other }, 'operation { uuid }');
  await until(() => restores()[0]?.state === 'SUCCEEDED');
  expect(restores()).toEqual([
    {
      state: 'SUCCEEDED',
      requested_by: 'auto-restore',
      reason: "2 of etcd's 3 members have lost their volumes, and backup.autoRestore of cluster self is set.",
    },
  ]);
  await living.settled(clusterId);
  expect(await kept()).toEqual(['mine-1']);
  const said = living.rows(
    `select 1 from events where message like 'Cluster self goes back to backup self-% by itself, %, and loses the last %minute%'`,
  );
  expect(said).toHaveLength(1);
  const { cluster } = await living.ask<{ cluster: object }>(
    living.member,
    `{ cluster(id: "${clusterId}") { lastRestore { backup { uuid } requestedBy } } }`,
  );
  expect(cluster).toEqual({ lastRestore: { backup: { uuid: backup.uuid }, requestedBy: 'auto-restore' } });
});

test('when they are lost again within a day, it waits for its owner, and says why', { timeout: 180_000 }, async () => {
  await until(
    () => living.rows(`select 1 from clusters where id = '${clusterId}' and json_array_length(quorum, '$.claims') = 3`).length === 1,
  );
  await dropVolumes([0, 1, 2]);
  const [condition] = await until(() => {
    const found = living.rows<{ problem: string }>(
      `select problem from conditions where object_id = '${clusterId}' and name = 'EtcdReady' and reason = 'QuorumLost'`,
    );
    return found.length === 1 ? found : undefined;
  });
  expect(JSON.parse(condition?.problem ?? '')).toMatchObject({
    whoMustAct: 'CUSTOMER',
    message: expect.stringMatching(/Call restoreCluster with backupId .* It was restored by itself at .*Z, and is not again within a day/),
  });
  expect(restores()).toHaveLength(1);
});
