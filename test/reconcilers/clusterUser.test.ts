/** A Keystone user of the cluster's own: it depends on nobody who asks, is found after a crash, says who must act, and leaves nothing. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askKeystone, cloudConfs, grantOf, hireMember, idIn, listCredentials, logsIn, makeCredential, rolesOf } from './people.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
const CLOUDY = { volumeDriver: 'CINDER', addons: { cloudController: { enabled: true } } };

interface User {
  id: string;
  name: string;
  enabled: boolean;
}
const admin = (method: string, path: string, body?: object) => askKeystone(world, world.admin, method, path, body);
const rowOf = (id: string) => world.rows<{ state: string; short_id: string }>(`select state, short_id from clusters where id = '${id}'`)[0];
const nameOf = (id: string) => `seedbed-${rowOf(id)?.short_id}`;
const usersOf = async (id: string) => ((await admin('GET', `/users?name=${nameOf(id)}`)).body as { users: User[] }).users;
const userOf = async (id: string): Promise<User> => {
  const [user, ...more] = await usersOf(id);
  if (user === undefined || more.length > 0) throw new Error(`not one user: ${JSON.stringify(more)}`);
  return user;
};
const operations = (id: string) =>
  world.rows<{ kind: string; state: string }>(`select kind, state from operations where cluster_id = '${id}' order by requested_at desc`);
const create = async (name: string, token: string, overrides = {}) => {
  const input = { name, clusterTemplate: 'small', nodeCount: 1, overrides };
  return (await world.change<{ cluster: { uuid: string } }>(token, 'createCluster', input, 'cluster { uuid }')).cluster.uuid;
};
const problemOf = (id: string) =>
  JSON.parse(
    world.rows<{ problem: string }>(
      `select problem from conditions where object_id = '${id}' and name = 'CloudCredentialReady' and state = 'FAILED'`,
    )[0]?.problem ?? 'null',
  ) as { message: string } | null;
/** Looked at now; then what the condition says. */
const told = async (id: string, what: RegExp) => {
  world.wake(id);
  return until(() => what.test(problemOf(id)?.message ?? '') && problemOf(id), 120);
};
const heals = async (id: string) => {
  world.wake(id);
  await world.settled(id);
};
const remove = async (id: string, token = world.member) => {
  await world.change(token, 'deleteCluster', { clusterId: id }, 'cluster { id }');
  await until(() => rowOf(id)?.state === 'DELETED');
};
const nothingLeft = async (id: string) => {
  const left = await (await fetch(`${world.sandbox.controlUrl}/world`)).text();
  expect([left.includes(id), left.includes(nameOf(id))]).toEqual([false, false]);
  expect(world.rows(`select 1 from inventory where cluster_id = '${id}' and state <> 'GONE'`)).toEqual([]);
  expect(world.rows(`select 1 from secrets where owner_id = '${id}'`)).toEqual([]);
};
const trusts = async () => ((await admin('GET', '/OS-TRUST/trusts')).body as { trusts: object[] }).trusts;

beforeAll(async () => {
  world = await openLiving({ cutOffSeconds: 1, userDomain: 'Default' });
  const role = (await rolesOf(world)).find(({ name }) => name === 'admin');
  await admin('PUT', `/domains/default/users/${world.sandbox.users.service.userId}/roles/${role?.id}`);
});
afterAll(() => world?.close());

test('a cluster is made although whoever asked is deleted meanwhile, and resized, rotated and deleted by a colleague', async () => {
  const creator = await hireMember(world, 'creator');
  const colleague = await hireMember(world, 'colleague');
  const id = await create('web', creator.token, CLOUDY);
  await until(
    () => world.rows(`select 1 from clusters where id = '${id}' and json_extract(credential, '$.current') is not null`).length === 1,
  );
  await admin('DELETE', `/users/${creator.id}`);
  await world.settled(id);
  const user = await userOf(id);
  expect(await trusts()).toEqual([]);
  const [made, ...others] = await listCredentials(world, user.id);
  expect(others).toEqual([]);
  const { cluster } = await world.ask<{ cluster: { cloudCredential: { roles: string[] } } }>(
    colleague.token,
    `{ cluster(id: "${id}") { cloudCredential { kind applicationCredentialId name userId roles expiresAt } } }`,
  );
  expect(cluster.cloudCredential).toMatchObject({
    kind: 'CLUSTER_USER',
    applicationCredentialId: made?.id,
    name: made?.name,
    userId: user.id,
    expiresAt: null,
  });
  expect([...cluster.cloudCredential.roles].sort()).toEqual(['load-balancer_member', 'load-balancer_observer', 'member', 'reader']);
  const before = await cloudConfs(world, id);
  expect(before.map(idIn)).toEqual([made?.id, made?.id]);

  const [group] = world.rows<{ id: string }>(`select id from node_groups where cluster_id = '${id}'`);
  await world.change(colleague.token, 'resizeNodeGroup', { nodeGroupId: group?.id, count: 2 }, 'operation { id }');
  await until(() => operations(id)[0]?.state === 'SUCCEEDED');

  await world.change(colleague.token, 'rotateCloudCredential', { clusterId: id }, 'operation { id }');
  await until(async () => {
    for (const text of await cloudConfs(world, id)) expect(await logsIn(world, text)).toBe(true);
    return operations(id)[0]?.state === 'SUCCEEDED';
  }, 120);
  const [other, ...more] = await listCredentials(world, user.id);
  expect([more, other?.id === made?.id]).toEqual([[], false]);
  const after = await cloudConfs(world, id);
  expect(after.map(idIn)).toEqual([other?.id, other?.id]);
  expect((await userOf(id)).id).toBe(user.id);
  expect(world.rows(`select 1 from secrets where owner_id = '${id}' and name = 'callerToken'`)).toEqual([]);
  const bytes = ['', '-wal'].map((suffix) => readFileSync(`${world.dbPath}${suffix}`).toString('latin1')).join('');
  expect(bytes).toContain(other?.id ?? 'none');
  for (const text of [...before, ...after])
    expect(bytes).not.toContain(/application-credential-secret = "([^"]+)"/.exec(text)?.[1] ?? 'application');

  await remove(id, colleague.token);
  await nothingLeft(id);
}, 300_000);

test('a user that was made and not noted when the server stopped is found again, with its password', async () => {
  await world.control('POST', 'faults', { service: 'identity', method: 'POST', path: '/users$', kind: 'resetAfter', times: 1 });
  await world.control('POST', 'faults', { service: 'identity', method: 'GET', path: '/users\\?', kind: 'resetBefore' });
  const id = await create('cut', world.member);
  // As Keystone shows it to nobody just now.
  await until(async () => (await (await fetch(`${world.sandbox.controlUrl}/world`)).text()).includes(nameOf(id)));
  await world.restart();
  await fetch(`${world.sandbox.controlUrl}/faults`, { method: 'DELETE' });
  world.wake(id);
  await world.settled(id);
  expect(await listCredentials(world, (await userOf(id)).id)).toHaveLength(1);
  await remove(id);
  await nothingLeft(id);
}, 240_000);

test('where Keystone refuses the roles it is told with the setting, no trust takes their place, and the user goes with the cluster', async () => {
  const { domain } = (await admin('POST', '/domains', { domain: { name: 'elsewhere' } })).body as { domain: { id: string } };
  const { project } = (await admin('POST', '/projects', { project: { name: 'elsewhere', domain_id: domain.id } })).body as {
    project: { id: string };
  };
  const stranger = await hireMember(world, 'stranger', { projectId: project.id });
  const id = await create('refused', stranger.token);
  expect(await told(id, /./)).toMatchObject({
    code: 'CLOUD_REFUSED',
    whoMustAct: 'CLOUD_ADMIN',
    message: expect.stringMatching(/does not let Seedbed give the user seedbed-refused-\w+ the role .* SEEDBED_USER_DOMAIN/),
  });
  await until(() => rowOf(id)?.state === 'FAILED' && operations(id)[0]?.state === 'FAILED');
  expect(await trusts()).toEqual([]);
  await userOf(id);
  await remove(id, stranger.token);
  await nothingLeft(id);
}, 120_000);

test('a user that is disabled, loses a role, or is deleted is told, and the cluster heals once that is undone', async () => {
  const id = await world.makeCluster('ill', { overrides: { addons: { cloudController: { enabled: true } } } });
  const user = await userOf(id);
  const ADMIN = { code: 'CLOUD_CREDENTIAL', whoMustAct: 'CLOUD_ADMIN' };
  await admin('PATCH', `/users/${user.id}`, { user: { enabled: false } });
  expect(await told(id, /is disabled/)).toMatchObject(ADMIN);
  await until(() => rowOf(id)?.state === 'DEGRADED');
  await admin('PATCH', `/users/${user.id}`, { user: { enabled: true } });
  await heals(id);
  const readable = async () => {
    const [text] = await cloudConfs(world, id);
    return text !== undefined && (await logsIn(world, text));
  };
  expect(await readable()).toBe(true);

  const role = (await rolesOf(world)).find(({ name }) => name === 'load-balancer_member');
  const grant = grantOf(world.sandbox.users.member.projectId, user.id, role?.id ?? '');
  await admin('DELETE', grant);
  expect(await told(id, /has lost the role load-balancer_member/)).toMatchObject(ADMIN);
  // Who took it away may have meant to: it is not given back unasked.
  await expect(admin('GET', grant)).rejects.toThrow('404');
  await admin('PUT', grant);
  await heals(id);
  expect(await readable()).toBe(true);

  await admin('DELETE', `/users/${user.id}`);
  expect(await told(id, /was deleted/)).toMatchObject(ADMIN);
  await world.change(world.member, 'rotateCloudCredential', { clusterId: id }, 'operation { id }');
  await until(() => operations(id)[0]?.state === 'SUCCEEDED', 120);
  await world.settled(id);
  expect((await userOf(id)).id).not.toBe(user.id);
  expect(await readable()).toBe(true);
  await remove(id);
  await nothingLeft(id);
}, 400_000);

test('a cluster whose user is disabled is deleted by any member, and without the setting the last step waits for it', async () => {
  const dead = await world.makeCluster('dead');
  await admin('PATCH', `/users/${(await userOf(dead)).id}`, { user: { enabled: false } });
  await remove(dead);
  await nothingLeft(dead);
  expect(await trusts()).toEqual([]);

  const id = await world.makeCluster('forgotten');
  world.settings.userDomain = null;
  await world.restart();
  await world.change(world.member, 'deleteCluster', { clusterId: id }, 'cluster { id }');
  const told = await until(() => /set SEEDBED_USER_DOMAIN as it was/.test(problemOf(id)?.message ?? '') && problemOf(id));
  expect(told).toMatchObject({ code: 'CLOUD_CREDENTIAL', whoMustAct: 'CLOUD_ADMIN' });
  world.settings.userDomain = 'default';
  await world.restart();
  world.wake(id);
  await until(() => rowOf(id)?.state === 'DELETED');
  await nothingLeft(id);
}, 240_000);

test('the user takes the place of a credential that was handed in, and goes when one is handed in again', async () => {
  const robot = await hireMember(world, 'robot');
  const overrides = { addons: { cloudController: { enabled: true } } };
  const id = await world.makeCluster('turned', { overrides, credential: await makeCredential(world, robot, 'first') });
  expect(await usersOf(id)).toEqual([]);
  const rotate = async (credential: object | null) => {
    await world.change(world.member, 'rotateCloudCredential', { clusterId: id, credential }, 'operation { id }');
    await until(() => operations(id)[0]?.state === 'SUCCEEDED', 120);
    return (await cloudConfs(world, id)).map(idIn);
  };
  const own = await rotate(null);
  expect((await listCredentials(world, (await userOf(id)).id)).map((credential) => credential.id)).toEqual(own);
  expect((await listCredentials(world, robot.id)).map(({ name }) => name)).toEqual(['first']);
  const given = await makeCredential(world, robot, 'second');
  expect(await rotate(given)).toEqual([given.applicationCredentialId]);
  expect(await usersOf(id)).toEqual([]);
  expect(world.rows(`select 1 from secrets where owner_id = '${id}' and name in ('clusterUserPassword', 'callerToken')`)).toEqual([]);
  await remove(id);
  await nothingLeft(id);
}, 240_000);
