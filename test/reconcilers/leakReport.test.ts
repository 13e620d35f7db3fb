/** What a deletion leaves in the project: looked for by fresh listings, removed where it is ours, and told where it stays. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface Report {
  verifiedAt: string;
  clean: boolean;
  made: number;
  deleted: number;
  leftovers: { service: string; kind: string; externalId: string; name: string; madeBy: string; fate: string; reason: string }[];
  unverified: { service: string; kind: string; reason: string }[];
}

let world: Living;

beforeAll(async () => {
  world = await openLiving();
});
afterEach(() => world.control('DELETE', 'faults'));
afterAll(() => world?.close());

const remove = (clusterId: string) => world.change(world.member, 'deleteCluster', { clusterId }, 'cluster { id }');
const isDeleted = (clusterId: string) => world.rows(`select 1 from clusters where id = '${clusterId}' and state = 'DELETED'`).length === 1;
const said = (clusterId: string): string =>
  world.rows<{ message: string }>(`select message from conditions where object_id = '${clusterId}' and name = 'CloudCredentialReady'`)[0]
    ?.message ?? '';

const reportOf = async (clusterId: string): Promise<Report | null> => {
  const query = `query($id: ID!) { cluster(id: $id) { leakReport { verifiedAt clean made deleted
    leftovers { service kind externalId name madeBy fate reason } unverified { service kind reason } } } }`;
  return (await world.ask<{ cluster: { leakReport: Report | null } }>(world.member, query, { id: clusterId })).cluster.leakReport;
};

/** A security group with the cluster's mark that no note knows: as a request of a process that died would have left it. */
const plant = async (clusterId: string, clusterName: string): Promise<string> => {
  const security_group = { name: 'unnoted', description: `Made by Seedbed for cluster ${clusterName} (${clusterId})` };
  const answer = await fetch(`${groupsUrl()}`, {
    method: 'POST',
    headers: { 'x-auth-token': world.member, 'content-type': 'application/json' },
    body: JSON.stringify({ security_group }),
  });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { security_group: { id: string } }).security_group.id;
};
const groupsUrl = () => `${world.sandbox.authUrl.replace(/\/identity.*$/, '')}/network/v2.0/security-groups`;
const isThere = async (id: string) => (await fetch(`${groupsUrl()}/${id}`, { headers: { 'x-auth-token': world.member } })).status === 200;

test('all that was made is gone, and what no note knew of, too', async () => {
  const clusterId = await world.makeCluster('clean', { nodeCount: 2 });
  const planted = await plant(clusterId, 'clean');
  expect(await reportOf(clusterId)).toBeNull();
  const [noted] = world.rows<{ n: number }>(
    `select count(*) as n from inventory where cluster_id = '${clusterId}' and service not in ('SEED', 'CLUSTER')`,
  );
  const before = Date.now();
  await remove(clusterId);
  await until(() => isDeleted(clusterId));
  const report = await reportOf(clusterId);
  expect(report).toMatchObject({ clean: true, leftovers: [], unverified: [], made: noted?.n, deleted: noted?.n });
  // Two servers with their ports, a group of them, and the network with all that is around it.
  expect(report?.made).toBeGreaterThan(8);
  expect(Date.parse(report?.verifiedAt ?? '')).toBeGreaterThanOrEqual(before);
  expect(await isThere(planted)).toBe(false);
});

test('what does not go is waited for, and after a quarter of an hour told with the reason', async () => {
  const clusterId = await world.makeCluster('stuck', { nodeCount: 0 });
  const planted = await plant(clusterId, 'stuck');
  const fault = { service: 'network', method: 'DELETE', path: `security-groups/${planted}$`, kind: 'status', status: 409 };
  await world.control('POST', 'faults', fault);
  await remove(clusterId);
  await until(() => said(clusterId) === `security group ${planted} to go`);
  expect(await reportOf(clusterId)).toBeNull();
  world.write(`update clusters set sweep = json_set(sweep, '$.since', 0) where id = '${clusterId}'`);
  world.wake(clusterId);
  await until(() => isDeleted(clusterId));
  const report = await reportOf(clusterId);
  expect(report).toMatchObject({ clean: false, unverified: [] });
  const leftover = { service: 'NETWORK', kind: 'security-group', externalId: planted, name: 'unnoted', madeBy: 'SEEDBED', fate: 'REMAINS' };
  expect(report?.leftovers).toEqual([{ ...leftover, reason: 'The network service reports a conflict.' }]);
});

test('what cannot be listed any more is told as not verified', async () => {
  const clusterId = await world.makeCluster('blind', { nodeCount: 0 });
  const planted = await plant(clusterId, 'blind');
  await world.control('POST', 'faults', {
    service: 'network',
    method: 'DELETE',
    path: `security-groups/${planted}$`,
    kind: 'status',
    status: 409,
  });
  await remove(clusterId);
  await until(() => said(clusterId) === `security group ${planted} to go`);
  await world.control('POST', 'faults', { service: 'network', method: 'GET', path: 'security-groups', kind: 'status', status: 403 });
  world.wake(clusterId);
  await until(() => isDeleted(clusterId));
  const report = await reportOf(clusterId);
  expect(report).toMatchObject({ clean: false, leftovers: [] });
  expect(report?.unverified).toEqual([{ service: 'NETWORK', kind: 'security-group', reason: 'The network service does not allow this.' }]);
});

test('a volume with the mark that nobody noted is told and left: it may be a copy that somebody restored', async () => {
  const clusterId = await world.makeCluster('copied', { overrides: { rootVolume: { sizeGiB: 20 } } });
  const { projectId } = world.sandbox.users.member;
  const volumes = `${world.sandbox.authUrl.replace(/\/identity.*$/, '/volume')}/v3/${projectId}/volumes`;
  const headers = { 'content-type': 'application/json', 'x-auth-token': world.member };
  const volume = { name: 'copy', size: 1, metadata: { 'seedbed-cluster': clusterId } };
  const answer = await fetch(volumes, { method: 'POST', headers, body: JSON.stringify({ volume }) });
  const made = (await answer.json()) as { volume: { id: string } };
  await remove(clusterId);
  await until(() => isDeleted(clusterId));
  expect(await reportOf(clusterId)).toMatchObject({
    clean: false,
    leftovers: [{ kind: 'volume', externalId: made.volume.id, fate: 'REMAINS', reason: expect.stringContaining('restored from a backup') }],
  });
  expect((await fetch(`${volumes}/${made.volume.id}`, { headers })).status).toBe(200);
});

test('what a second deleteCluster leaves out stays as it was asked before', async () => {
  const clusterId = await world.makeCluster('twice', { nodeCount: 0 });
  const planted = await plant(clusterId, 'twice');
  const fault = { service: 'network', method: 'DELETE', path: `security-groups/${planted}$`, kind: 'status', status: 409 };
  await world.control('POST', 'faults', fault);
  const ask = (policy: object) => world.change(world.member, 'deleteCluster', { clusterId, policy }, 'cluster { id }');
  const kept = () =>
    JSON.parse(world.rows<{ json: string }>(`select delete_policy as json from clusters where id = '${clusterId}'`)[0]?.json ?? '{}');
  await ask({ volumes: 'KEEP' });
  const unsaid = { backups: null, loadBalancers: null, snapshots: null, deadlineSeconds: null };
  expect(kept()).toEqual({ ...unsaid, volumes: 'KEEP', floatingIps: null });
  await ask({ floatingIps: 'DELETE' });
  expect(kept()).toEqual({ ...unsaid, volumes: 'KEEP', floatingIps: 'DELETE' });
  await world.control('DELETE', 'faults');
  world.wake(clusterId);
  await until(() => isDeleted(clusterId));
});
