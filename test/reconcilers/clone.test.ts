/** A cluster that begins as another's backup has it: all of the customer's objects, and nothing that is the first cluster's in the cloud. */
import { renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kubernetes } from '../../src/seeds/connection.ts';
import type { KubernetesObject } from '../../src/seeds/kinds.ts';
import { freeAddress } from '../autoscaler/freeAddress.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

const MARK = 'loadbalancer.openstack.org/load-balancer-id';
const CINDER = 'cinder.csi.openstack.org';

let living: Living;
let firstId: string;
let first: Kubernetes;
let backupId: string;

beforeAll(async () => {
  const address = await freeAddress();
  living = await openLiving({ backupListen: address, backupAddress: address });
  firstId = await living.makeCluster('first', { nodeCount: 2 });
  first = await enter(firstId);
  // Its key has a name in the data, and the copy's own comes after it.
  await living.change(living.member, 'rotateEncryptionKey', { clusterId: firstId }, 'operation { id }');
  await until(() => living.pki(firstId).encryption.turn === 1);
  await living.settled(firstId);
  for (const object of owned()) await first.apply(object);
  const { backup } = await living.change<{ backup: { uuid: string } }>(
    living.member,
    'createBackup',
    { clusterId: firstId },
    'backup { uuid }',
  );
  backupId = backup.uuid;
  await until(() => living.rows(`select 1 from backups where id = '${backupId}' and state = 'READY'`).length === 1);
});
afterAll(() => living?.close());

const enter = async (clusterId: string): Promise<Kubernetes> => {
  const issued = await living.change<{ kubeconfig: string }>(living.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  const kube = living.tenant(issued.kubeconfig);
  await until(() => kube.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default' }));
  return kube;
};

const volume = (name: string, mode: string, csi: object): KubernetesObject =>
  object('v1', 'PersistentVolume', name, {
    spec: { capacity: { storage: '1Gi' }, accessModes: [mode], persistentVolumeReclaimPolicy: 'Delete', csi },
  });
const object = (apiVersion: string, kind: string, name: string, rest: object, finalizers: string[] = []): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: { name, ...(finalizers.length > 0 && { finalizers }) },
  ...rest,
});
const inDefault = (made: KubernetesObject, more: object = {}): KubernetesObject => ({
  ...made,
  metadata: { ...made.metadata, namespace: 'default', ...more },
});
const webhook = (name: string, clientConfig: object) => ({
  name,
  clientConfig,
  failurePolicy: 'Fail',
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
});

/** What a customer and the controllers of the first cluster have left there. */
const owned = (): KubernetesObject[] => [
  inDefault(object('v1', 'ConfigMap', 'mine', { data: { a: 'b' } })),
  inDefault(object('v1', 'Secret', 'mine', { data: { a: 'Yg==' } })),
  inDefault(object('v1', 'Secret', 'robot', { type: 'kubernetes.io/service-account-token', data: { token: 'b2xk' } }), {
    annotations: { 'kubernetes.io/service-account.name': 'default' },
  }),
  inDefault(object('v1', 'Service', 'front', { spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } }), {
    annotations: { [MARK]: '7c1f', 'example.org/kept': 'yes' },
  }),
  volume('disk', 'ReadWriteOnce', { driver: CINDER, volumeHandle: '11aa' }),
  volume('share', 'ReadWriteMany', { driver: 'nfs.csi.k8s.io', volumeHandle: '22bb' }),
  volume('block', 'ReadWriteOnce', { driver: 'rbd.csi.ceph.com', volumeHandle: '33cc' }),
  object(
    'storage.k8s.io/v1',
    'VolumeAttachment',
    'disk-here',
    { spec: { attacher: CINDER, nodeName: 'w', source: { persistentVolumeName: 'disk' } } },
    [`external-attacher/${CINDER.replaceAll('.', '-')}`],
  ),
  object('admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', 'policy', {
    webhooks: [
      webhook('inside.example.org', { service: { namespace: 'default', name: 'policy' } }),
      webhook('outside.example.org', { url: 'https://policy.example.org/' }),
    ],
  }),
];

const clone = async (name: string, more: object = {}): Promise<string> =>
  (await living.change<{ cluster: { uuid: string } }>(living.member, 'cloneCluster', { backupId, name, ...more }, 'cluster { uuid }'))
    .cluster.uuid;
const nodesOf = async (kube: Kubernetes): Promise<string[]> =>
  (await kube.list({ apiVersion: 'v1', kind: 'Node' })).items.map(({ metadata }) => metadata.name).sort();
const get = (kube: Kubernetes, { apiVersion, kind, metadata: { name, namespace } }: KubernetesObject) =>
  kube.get({ apiVersion, kind, name, ...(namespace !== undefined && { namespace }) });
const phase = (id: string): string | undefined =>
  living.rows<{ phase: string }>(`select json_extract("restore", '$.phase') as phase from clusters where id = '${id}'`)[0]?.phase;

test('it has the objects and none of the ties, keys and workers of its own, and the first one is left alone', {
  timeout: 180_000,
}, async () => {
  const before = await Promise.all(owned().map((it) => get(first, it)));
  const servers = () =>
    living.rows(`select name, server_id from nodes where cluster_id = '${firstId}' and deleted_at is null order by name`);
  const serversBefore = servers();
  const id = await clone('second');
  await until(() => phase(id) === 'FILL');
  await living.restart();
  await living.settled(id);
  const second = await enter(id);
  const told = living.rows<{ step: string; state: string }>(`select step, state from events where stream_id = '${id}' order by number`);
  const separated = told.findIndex(({ step, state }) => step === 'CloneSeparated' && state === 'DONE');
  const acting = told.findIndex(({ step }) => /ControllerManager|Scheduler|Bootstrapped|Addon/.test(step ?? ''));
  expect([separated >= 0, separated < acting]).toEqual([true, true]);

  const [map, secret, robot, service, disk, share, block, attachment, policy] = await Promise.all(owned().map((it) => get(second, it)));
  expect([map, secret]).toMatchObject([{ data: { a: 'b' } }, { data: { a: 'Yg==' } }]);
  expect((robot as { data?: { token?: string } } | undefined)?.data?.token).not.toBe('b2xk');
  expect(service?.metadata.annotations).toEqual({ 'example.org/kept': 'yes' });
  expect([disk, block, attachment]).toEqual([undefined, undefined, undefined]);
  expect(share).toMatchObject({ spec: { persistentVolumeReclaimPolicy: 'Retain', csi: { volumeHandle: '22bb' } } });
  expect(policy).toMatchObject({ webhooks: [{ failurePolicy: 'Ignore' }, { failurePolicy: 'Fail' }] });

  const [pki, theirs] = [living.pki(id), living.pki(firstId)];
  expect(pki.trust.ca).not.toBe(theirs.trust.ca);
  await until(() => living.pki(id).encryption.keys.length === 1);
  expect(living.pki(id).encryption).toMatchObject({ turn: 0, plain: false });
  expect(living.pki(id).encryption.keys[0]?.secret).not.toBe(theirs.encryption.keys[0]?.secret);
  expect(await get(second, inDefault(object('v1', 'Secret', 'mine', {})))).toMatchObject({ data: { a: 'Yg==' } });

  const own = living.rows<{ name: string }>(`select name from nodes where cluster_id = '${id}' and deleted_at is null order by name`);
  expect(own).toHaveLength(2);
  expect(await nodesOf(second)).toEqual(own.map(({ name }) => name));
  expect([await Promise.all(owned().map((it) => get(first, it))), servers()]).toEqual([before, serversBefore]);
  expect(await nodesOf(first)).toEqual(serversBefore.map((row) => (row as { name: string }).name));
});

test('what cannot be copied is refused by name, and a backup that is being copied stays', async () => {
  const ask = (more: object, who = living.member) =>
    living.change(who, 'cloneCluster', { backupId, name: 'third', ...more }, 'cluster { uuid }');
  await expect(ask({ backupId: 'none' })).rejects.toThrow(/NOT_FOUND/);
  await expect(ask({ name: 'first' })).rejects.toThrow(/NAME_TAKEN/);
  await expect(ask({ nodeCount: 1, nodeGroups: [{ name: 'a' }] })).rejects.toThrow(/INVALID_INPUT.*not both/);
  await expect(ask({}, living.admin)).rejects.toThrow(/FORBIDDEN.*another project/);
  const id = await clone('third', { nodeCount: 0 });
  await expect(living.change(living.member, 'deleteBackup', { backupId }, 'operation { id }')).rejects.toThrow(
    /IN_USE.*third is being made of backup/,
  );
  await deleted(id);
});

test('one whose backup is lost says so, and holds the first one up until it goes', async () => {
  const file = join(dirname(living.dbPath), 'backups', firstId, `${backupId}.db`);
  renameSync(file, `${file}.away`);
  const id = await clone('fourth', { nodeCount: 0 });
  const said = (clusterId: string, text: string) =>
    until(() => living.rows(`select 1 from conditions where object_id = '${clusterId}' and message like '%${text}%'`).length > 0);
  await said(id, 'delete this cluster, and clone another backup');
  await living.change(living.member, 'deleteCluster', { clusterId: firstId }, 'cluster { id }');
  await said(firstId, 'cluster fourth to be made of one of its backups, or to be deleted');
  expect(living.rows(`select 1 from backups where id = '${backupId}' and delete_requested_at is null`)).toHaveLength(1);
  await deleted(id);
  await deleted(firstId);
});

const deleted = async (clusterId: string): Promise<void> => {
  await living.change(living.member, 'deleteCluster', { clusterId }, 'cluster { id }');
  await until(() => living.rows(`select 1 from clusters where id = '${clusterId}' and state = 'DELETED'`).length === 1);
};
