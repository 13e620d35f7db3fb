/** The cluster-autoscaler beside a control plane: what it is given, what it may do, when it comes and goes. */
import { dirname } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildClusterAutoscaler } from '../../src/controlPlane/clusterAutoscaler.ts';
import { DEFAULT_AUTO_SCALING } from '../../src/domain/autoScaling.ts';
import { listReleases } from '../../src/domain/version.ts';
import { loadEncryptionKeys } from '../../src/keyFile.ts';
import { createSealer } from '../../src/store/sealing.ts';
import { pki, provider, cluster as specimen } from '../controlPlane/fixture.ts';
import { until } from '../reconcilers/story.ts';
import { type Living, openLiving } from '../reconcilers/world.ts';
import { type Autoscaler, openAutoscaler } from './client.ts';
import { freeAddress } from './freeAddress.ts';

let world: Living;
let address: string;
let clusterId: string;
let shortId: string;
const open: Autoscaler[] = [];

const NAME = 'system:cluster-autoscaler';
const RBAC = 'rbac.authorization.k8s.io/v1';

interface Told {
  state: string;
  status: string;
  message: string;
}
const told = (): Told | undefined =>
  world.rows<Told>(
    `select state, status, message from conditions where object_id = '${clusterId}' and name = 'AutoScalingServed' and state <> 'REMOVED'`,
  )[0];
const setScaling = async (autoScalingEnabled: boolean) => {
  await world.change(world.member, 'updateCluster', { clusterId, overrides: { autoScalingEnabled } }, 'cluster { id }');
  await world.settled(clusterId);
};
const inSeed = (kind: 'Deployment' | 'Secret' | 'NetworkPolicy', name = `${shortId}-cluster-autoscaler`) => {
  const apiVersion = { Deployment: 'apps/v1', Secret: 'v1', NetworkPolicy: 'networking.k8s.io/v1' }[kind];
  return world.seed.get({ apiVersion, kind, namespace: `kc-${shortId}`, name: kind === 'Secret' ? `${name}-files` : name });
};
const files = async (): Promise<Record<string, string>> => {
  const { data } = (await inSeed('Secret')) as unknown as { data: Record<string, string> };
  return Object.fromEntries(Object.entries(data).map(([name, text]) => [name, Buffer.from(text, 'base64').toString()]));
};
const logIn = async (): Promise<Autoscaler> => {
  const { 'provider-ca.crt': ca = '', 'provider.crt': cert = '', 'provider.key': key = '' } = await files();
  const client = openAutoscaler(address, { ca, cert, key });
  open.push(client);
  return client;
};

beforeAll(async () => {
  address = await freeAddress();
  world = await openLiving({ autoscalerListen: address, autoscalerAddress: address, drainSeconds: 0 });
  clusterId = await world.makeCluster('scaled', { nodeCount: 1, overrides: { autoScalingEnabled: true, maxNodeCount: 3 } });
  shortId = world.rows<{ shortId: string }>(`select short_id as shortId from clusters where id = '${clusterId}'`)[0]?.shortId ?? '';
});

afterAll(async () => {
  for (const client of open) client.close();
  await world?.close();
});

test.each(listReleases().map((release) => [release.version, release] as const))('there is one for Kubernetes %s', (_version, release) => {
  const [deployment] = buildClusterAutoscaler({ ...specimen, release }, pki, provider, DEFAULT_AUTO_SCALING).slice(-1);
  expect(JSON.stringify(deployment)).toContain(`cluster-autoscaler:v${release.minor}.`);
});

test('it runs, leads, and says which groups it scales', async () => {
  expect(told()).toEqual({ state: 'DONE', status: 'TRUE', message: expect.stringContaining('scaled: default-worker') });
  expect((await inSeed('Deployment'))?.status).toMatchObject({ readyReplicas: 1 });
  expect(await inSeed('NetworkPolicy')).toMatchObject({
    spec: {
      egress: [
        { ports: [{ port: expect.any(Number) }] },
        { to: [{ ipBlock: { cidr: '127.0.0.1/32' } }], ports: [{ port: Number(address.split(':')[1]) }] },
      ],
    },
  });
});

test('how soon workers go is the customer’s to say, also later', async () => {
  const command = async () =>
    ((await inSeed('Deployment')) as unknown as { spec: { template: { spec: { containers: { command: string[] }[] } } } }).spec.template
      .spec.containers[0]?.command;
  expect(await command()).toEqual(expect.arrayContaining(['--scale-down-unneeded-time=600s', '--scale-down-utilization-threshold=0.5']));
  const autoScaling = { scaleDownUnneededSeconds: 60, scaleDownUtilizationPercent: 70, scaleDownEnabled: false };
  await world.change(world.member, 'updateCluster', { clusterId, overrides: { autoScaling } }, 'cluster { id }');
  await world.settled(clusterId);
  expect(await command()).toEqual(
    expect.arrayContaining([
      '--scan-interval=10s',
      '--scale-down-enabled=false',
      '--scale-down-delay-after-add=600s',
      '--scale-down-unneeded-time=60s',
      '--unremovable-node-recheck-timeout=60s',
      '--scale-down-utilization-threshold=0.7',
    ]),
  );
});

test('with what it is given it is let in, as its own cluster', async () => {
  expect(parse((await files())['cloud-config'] ?? '')).toMatchObject({ address, cert: '/etc/config/provider.crt' });
  const client = await logIn();
  expect(await client.call('NodeGroups')).toMatchObject({ nodeGroups: [{ minSize: 0, maxSize: 3 }] });
});

test('in the cluster it may do its work and no more', async () => {
  const kube = world.tenant((await files()).kubeconfig?.replace(/server: .*/, `server: ${publicServer()}`) ?? '');
  const can = (verb: string, resource: string, more: { group?: string; namespace?: string; subresource?: string } = {}) =>
    kube.can({ verb, group: '', resource, ...more });
  expect(await can('list', 'pods')).toBe(true);
  expect(await can('update', 'nodes')).toBe(true);
  expect(await can('create', 'pods', { subresource: 'eviction', namespace: 'default' })).toBe(true);
  for (const [verb, resource, namespace] of [
    ['delete', 'nodes', undefined],
    ['delete', 'pods', 'default'],
    ['create', 'pods', 'default'],
    ['list', 'secrets', undefined],
    ['update', 'configmaps', 'default'],
  ] as const)
    expect(await can(verb, resource, namespace === undefined ? {} : { namespace }), `${verb} ${resource}`).toBe(false);
});

const publicServer = (): string => {
  const [row] = world.rows<{ host: string; port: number }>(
    `select endpoint_host as host, endpoint_port as port from clusters where id = '${clusterId}'`,
  );
  return `https://${row?.host}:${row?.port}`;
};

test('what is deleted comes back', async () => {
  await world.seed.remove({ apiVersion: 'apps/v1', kind: 'Deployment', namespace: `kc-${shortId}`, name: `${shortId}-cluster-autoscaler` });
  await until(async () => ((await inSeed('Deployment'))?.status as { readyReplicas?: number } | undefined)?.readyReplicas === 1);
});

test('a certificate that is two thirds through its life is followed by another, and the pod by one that has it', async () => {
  const before = await files();
  const sealer = createSealer(loadEncryptionKeys(null, dirname(world.dbPath)));
  const where = `owner_id = '${clusterId}' and name = 'autoscalerClient'`;
  const [row] = world.rows<{ sealed: Buffer; key_id: string }>(`select sealed, key_id from secrets where ${where}`);
  if (row === undefined) throw new Error('no certificate');
  const place = `${clusterId}/autoscalerClient`;
  const stored = JSON.parse(sealer.open(row.sealed, row.key_id, place)) as { notBeforeMs: number; notAfterMs: number };
  expect(stored.notAfterMs - stored.notBeforeMs).toBeGreaterThan(364 * 86_400_000);
  const old = { ...stored, notBeforeMs: Date.now() - 2_100, notAfterMs: Date.now() + 1_000 };
  world.write(`update secrets set sealed = x'${sealer.seal(JSON.stringify(old), place).toString('hex')}' where ${where}`);
  world.wake(clusterId);
  await until(async () => (await files())['provider.crt'] !== before['provider.crt']);
  const client = await logIn();
  await client.call('Refresh');
});

test('nodes of a time before the autoscaler say which server they are before it comes', async () => {
  const late = await world.makeCluster('late', { nodeCount: 1, overrides: { maxNodeCount: 2 } });
  const { kubeconfig } = await world.change<{ kubeconfig: string }>(
    world.member,
    'issueKubeconfig',
    { clusterId: late, role: 'ADMIN' },
    'kubeconfig',
  );
  const tenant = world.tenant(kubeconfig);
  const named = async () =>
    (await tenant.list({ apiVersion: 'v1', kind: 'Node' })).items.map(({ spec }) => spec as { providerID?: string });
  await until(async () => (await named()).length === 1);
  expect((await named())[0]?.providerID ?? '').toBe('');
  await world.change(world.member, 'updateCluster', { clusterId: late, overrides: { autoScalingEnabled: true } }, 'cluster { id }');
  await world.settled(late);
  const [node] = world.rows<{ serverId: string }>(`select server_id as serverId from nodes where cluster_id = '${late}'`);
  expect((await named())[0]?.providerID).toBe(`openstack:///${node?.serverId}`);
});

test('switched off, all of it goes; switched on again, it is back with another key', async () => {
  const before = await files();
  const client = await logIn();
  const { kubeconfig } = await world.change<{ kubeconfig: string }>(
    world.member,
    'issueKubeconfig',
    { clusterId, role: 'ADMIN' },
    'kubeconfig',
  );
  const tenant = world.tenant(kubeconfig);
  await setScaling(false);
  expect(told()).toBeUndefined();
  await until(async () => (await inSeed('Deployment')) === undefined);
  for (const kind of ['Secret', 'NetworkPolicy'] as const) expect(await inSeed(kind), kind).toBeUndefined();
  for (const kind of ['ClusterRole', 'ClusterRoleBinding'])
    expect(await tenant.get({ apiVersion: RBAC, kind, name: NAME }), kind).toBeUndefined();
  for (const kind of ['Role', 'RoleBinding'])
    expect(await tenant.get({ apiVersion: RBAC, kind, namespace: 'kube-system', name: NAME }), kind).toBeUndefined();
  await expect(client.call('NodeGroups')).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  await setScaling(true);
  expect((await files())['provider.key']).not.toBe(before['provider.key']);
  expect(told()?.status).toBe('TRUE');
});
