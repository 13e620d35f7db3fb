/** A deletion with a deadline ends although a service of the cloud's stays away: what could not be removed or looked at is told by id, and found later. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { askKeystone, rolesOf, takeKeystoneAway } from './people.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface Left {
  service: string;
  kind: string;
  externalId: string | null;
  fate: string;
  reason: string;
}
interface Report {
  clean: boolean;
  leftovers: Left[];
  unverified: { service: string; kind: string; reason: string }[];
}

let world: Living;

beforeAll(async () => {
  world = await openLiving({ userDomain: 'Default' });
  const role = (await rolesOf(world)).find(({ name }) => name === 'admin');
  await askKeystone(world, world.admin, 'PUT', `/domains/default/users/${world.sandbox.users.service.userId}/roles/${role?.id}`);
  // Lets Seedbed look through the project when the others are gone.
  await world.makeCluster('living', { nodeCount: 0 });
});
afterEach(() => world.control('DELETE', 'faults'));
afterAll(() => world?.close());

const ROOT = { overrides: { rootVolume: { sizeGiB: 20 } } };
const remove = (clusterId: string, policy: object = {}) =>
  world.change(world.member, 'deleteCluster', { clusterId, policy }, 'cluster { id }');
const away = (service: string) => world.control('POST', 'faults', { service, kind: 'status', status: 503 });
const noted = (clusterId: string, kind: string): string[] =>
  world
    .rows<{ id: string }>(
      `select external_id as id from inventory where cluster_id = '${clusterId}' and kind = '${kind}' and state <> 'GONE'`,
    )
    .map(({ id }) => id);
const inCloud = async (id: string | undefined) => JSON.stringify(await world.control('GET', 'world')).includes(`"${id}"`);
const userIds = async () =>
  ((await askKeystone(world, world.admin, 'GET', '/users')).body as { users: { id: string }[] }).users.map(({ id }) => id);
const isDeleted = (clusterId: string) => world.rows(`select 1 from clusters where id = '${clusterId}' and state = 'DELETED'`).length === 1;
const told = (clusterId: string) =>
  until(
    () =>
      world.rows(
        `select 1 from conditions where problem like '%CLOUD_UNAVAILABLE%' and object_id in
         (select id from clusters where id = '${clusterId}' union select id from nodes where cluster_id = '${clusterId}')`,
      ).length > 0,
  );
/** As if it had begun to wait long ago. */
const letPass = async (clusterId: string, stage: 'NODES' | 'CREDENTIAL' | null): Promise<void> => {
  const [column, path] = stage === null ? ['sweep', '$.since'] : ['deletion_stages', `$.${stage}.since`];
  await until(() => world.rows(`select 1 from clusters where id = '${clusterId}' and json_extract(${column}, '${path}') > 0`).length === 1);
  world.write(`update clusters set ${column} = json_set(${column}, '${path}', 0) where id = '${clusterId}'`);
  world.wake(clusterId);
};
const reportOf = async (clusterId: string): Promise<Report> => {
  const query = `query($id: ID!) { cluster(id: $id) { leakReport { clean
    leftovers { service kind externalId fate reason } unverified { service kind reason } } } }`;
  return (await world.ask<{ cluster: { leakReport: Report } }>(world.member, query, { id: clusterId })).cluster.leakReport;
};
const run = async (name: string, input: object): Promise<void> => {
  const { operation } = await world.change<{ operation: { uuid: string } }>(world.admin, name, input, 'operation { uuid }');
  await until(() => world.rows(`select 1 from operations where id = '${operation.uuid}' and state = 'SUCCEEDED'`).length === 1);
};
const orphansOf = async (clusterId: string) => {
  const query = 'query($filter: OrphanFilter) { orphans(first: 100, filter: $filter) { nodes { uuid kind externalId } } }';
  const filter = { clusterId, states: ['FOUND'] };
  return (await world.ask<{ orphans: { nodes: { uuid: string; kind: string; externalId: string }[] } }>(world.admin, query, { filter }))
    .orphans.nodes;
};

test('Nova: a server that nobody can look at keeps its network, all is told by id, and orphans finds and removes it when Nova is back', async () => {
  const clusterId = await world.makeCluster('nova', ROOT);
  const [server, port, router, volume] = ['server', 'port', 'router', 'volume'].map((kind) => noted(clusterId, kind)[0]);
  await away('compute');
  await remove(clusterId);
  await told(clusterId);
  expect(isDeleted(clusterId)).toBe(false);
  // Asked once more, with an end.
  await remove(clusterId, { deadlineSeconds: 600 });
  await letPass(clusterId, 'NODES');
  await letPass(clusterId, null);
  await until(() => isDeleted(clusterId));
  const report = await reportOf(clusterId);
  expect(report.clean).toBe(false);
  expect(report.unverified.map(({ kind }) => kind).sort()).toEqual(['server', 'server-group']);
  const left = (kind: string) => report.leftovers.find((each) => each.kind === kind);
  expect(left('server')).toMatchObject({ externalId: server, fate: 'REMAINS', reason: expect.stringContaining('nobody could look') });
  const itsOwn = `It is left for servers of the cluster that could not be removed: ${server}.`;
  expect(left('port')).toMatchObject({ externalId: port, fate: 'REMAINS', reason: itsOwn });
  expect(left('router')).toMatchObject({ externalId: router, reason: itsOwn });
  expect(left('network')?.reason).toBe(itsOwn);
  expect(left('security-group')?.reason).toBe(itsOwn);
  expect(left('volume')).toMatchObject({ externalId: volume, reason: expect.stringContaining(`It is attached to server ${server}.`) });
  expect(await Promise.all([server, port, router, volume].map(inCloud))).toEqual([true, true, true, true]);

  await world.control('DELETE', 'faults');
  await run('findOrphans', {});
  const orphans = await orphansOf(clusterId);
  expect(orphans.map(({ externalId }) => externalId)).toEqual(expect.arrayContaining([server, port, router, volume]));
  await run('removeOrphans', { orphanIds: orphans.map(({ uuid }) => uuid) });
  expect(await Promise.all([server, port, router, volume].map(inCloud))).toEqual([false, false, false, false]);
});

test('Nova, for a while: what was left at the deadline is removed by the last look', async () => {
  const clusterId = await world.makeCluster('back', ROOT);
  const made = ['server', 'port', 'router', 'network', 'volume', 'security-group'].map((kind) => noted(clusterId, kind)[0]);
  await away('compute');
  await remove(clusterId, { deadlineSeconds: 600 });
  await letPass(clusterId, 'NODES');
  await until(() => world.rows(`select 1 from clusters where id = '${clusterId}' and sweep is not null`).length === 1);
  await world.control('DELETE', 'faults');
  world.wake(clusterId);
  await until(() => isDeleted(clusterId));
  expect(await reportOf(clusterId)).toEqual({ clean: true, leftovers: [], unverified: [] });
  expect(await Promise.all(made.map(inCloud))).toEqual(made.map(() => false));
});

test("Cinder: the servers and their network go, the root volume is told, and Keystone has its own time to end the cluster's user", async () => {
  const clusterId = await world.makeCluster('cinder', ROOT);
  const [server, router, volume, user] = ['server', 'router', 'volume', 'user'].map((kind) => noted(clusterId, kind)[0]);
  await away('volume');
  await world.control('POST', 'faults', {
    service: 'identity',
    method: 'DELETE',
    path: `/users/${user}$`,
    kind: 'status',
    status: 500,
    times: 1,
  });
  await remove(clusterId, { deadlineSeconds: 600 });
  await letPass(clusterId, 'NODES');
  await letPass(clusterId, null);
  await until(() => isDeleted(clusterId));
  expect(await reportOf(clusterId)).toMatchObject({
    clean: false,
    leftovers: [{ kind: 'volume', externalId: volume, fate: 'REMAINS', reason: expect.stringContaining('nobody could look') }],
    unverified: [{ service: 'VOLUME', kind: 'volume' }],
  });
  expect(await Promise.all([server, router, volume].map(inCloud))).toEqual([false, false, true]);
  // Cinder remembers by whom the volume was made.
  expect(await userIds()).not.toContain(user);
});

test("Keystone: what a token that is still good can remove goes, and the cluster's own user is told", async () => {
  const clusterId = await world.makeCluster('keystone');
  const [server, router, user] = ['server', 'router', 'user'].map((kind) => noted(clusterId, kind)[0]);
  await takeKeystoneAway(world);
  await remove(clusterId, { deadlineSeconds: 600 });
  await told(clusterId);
  await letPass(clusterId, 'NODES');
  await letPass(clusterId, 'CREDENTIAL');
  await until(() => isDeleted(clusterId));
  await world.control('DELETE', 'faults');
  const report = await reportOf(clusterId);
  expect(report).toMatchObject({ clean: false, unverified: [] });
  expect(new Set(report.leftovers.map(({ service }) => service))).toEqual(new Set(['IDENTITY']));
  expect(report.leftovers.find(({ kind }) => kind === 'user')).toMatchObject({
    externalId: user,
    fate: 'REMAINS',
    reason: expect.stringContaining('before the deadline that deleteCluster was given: The identity service'),
  });
  expect(await Promise.all([server, router, user].map(inCloud))).toEqual([false, false, true]);
  // The living cluster has a user as well.
  await run('findOrphans', {});
  const orphans = await orphansOf(clusterId);
  expect(orphans).toEqual([{ uuid: expect.anything(), kind: 'user', externalId: user }]);
  const query = '{ orphans(first: 100, filter: { states: [FOUND] }) { nodes { kind externalId } } }';
  const { nodes } = (await world.ask<{ orphans: { nodes: { kind: string; externalId: string }[] } }>(world.admin, query)).orphans;
  expect(nodes.filter(({ kind }) => kind === 'user').map(({ externalId }) => externalId)).toEqual([user]);
  await run('removeOrphans', { orphanIds: orphans.map(({ uuid }) => uuid) });
  expect(await userIds()).not.toContain(user);
  expect(world.rows(`select 1 from secrets where owner_id = '${clusterId}'`)).toEqual([]);
});
