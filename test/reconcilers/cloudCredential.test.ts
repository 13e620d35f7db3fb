/** An application credential that the customer hands in: what is refused, what acts by it, and that nobody reads its secret. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askKeystone, hireMember, listCredentials, makeCredential, type Person } from './people.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
/** A user of nobody's: credentials for clusters are its own. */
let robot: Person;

const stateOf = (id: string) => world.rows<{ state: string }>(`select state from clusters where id = '${id}'`)[0]?.state;
const operations = (id: string) =>
  world.rows<{ kind: string; state: string; problem: string | null }>(
    `select kind, state, problem from operations where cluster_id = '${id}' order by requested_at desc`,
  );
const conditionOf = (id: string, name: string) =>
  world.rows<{ state: string; message: string; problem: string | null }>(
    `select state, message, problem from conditions where object_id = '${id}' and name = '${name}'`,
  )[0];
const CLOUDY = { volumeDriver: 'CINDER', addons: { cloudController: { enabled: true } } };
const create = async (name: string, credential: object, token = world.member, overrides = {}) => {
  const input = { name, clusterTemplate: 'small', nodeCount: 1, overrides, credential };
  const { cluster } = await world.change<{ cluster: { uuid: string } }>(token, 'createCluster', input, 'cluster { uuid }');
  return cluster.uuid;
};
const remove = async (id: string, token = world.member) => {
  await world.change(token, 'deleteCluster', { clusterId: id }, 'cluster { id }');
  await until(() => stateOf(id) === 'DELETED');
};
const shortIdOf = (id: string) => world.rows<{ short_id: string }>(`select short_id from clusters where id = '${id}'`)[0]?.short_id ?? '';
/** cloud.conf of a controller in the seed. */
const cloudConf = async (id: string) => {
  const { items } = await world.seed.list({ apiVersion: 'v1', kind: 'Secret', namespace: `kc-${shortIdOf(id)}` });
  const files = items.flatMap((item) => (item as unknown as { data?: Record<string, string> }).data?.['cloud.conf'] ?? []);
  return files.map((text) => Buffer.from(text, 'base64').toString());
};
const shownOf = async (id: string) =>
  (
    await world.ask<{ cluster: { cloudCredential: object } }>(
      world.member,
      `{ cluster(id: "${id}") { cloudCredential { kind applicationCredentialId name userId roles expiresAt } } }`,
    )
  ).cluster.cloudCredential;

beforeAll(async () => {
  world = await openLiving();
  robot = await hireMember(world, 'robot');
});
afterAll(() => world?.close());

test('a cluster is made, grown and deleted by the credential alone, whoever asks, and its secret is read nowhere', async () => {
  const creator = await hireMember(world, 'creator');
  const expires = new Date(Date.now() + 90 * 86_400_000).toISOString().slice(0, 19);
  const given = await makeCredential(world, robot, 'for-web', { expires_at: `${expires}Z` });
  const id = await create('web', given, creator.token, CLOUDY);
  await world.settled(id);
  expect((await askKeystone(world, world.admin, 'GET', '/OS-TRUST/trusts')).body).toMatchObject({ trusts: [] });
  expect(conditionOf(id, 'CloudCredentialReady')).toMatchObject({
    state: 'DONE',
    message: `Application credential "for-web" of user ${robot.id}, until ${expires}.000Z.`,
  });
  expect(await shownOf(id)).toEqual({
    kind: 'APPLICATION_CREDENTIAL',
    applicationCredentialId: given.applicationCredentialId,
    name: 'for-web',
    userId: robot.id,
    roles: ['member', 'reader'],
    expiresAt: `${expires}.000Z`,
  });
  const files = await cloudConf(id);
  expect(files).toHaveLength(2);
  for (const text of files) expect(text).toContain(given.applicationCredentialId);
  // Nothing was made in the names of people: the robot has what it handed in, and nobody else has anything.
  expect((await listCredentials(world, robot.id)).map(({ name }) => name)).toEqual(['for-web']);
  await askKeystone(world, world.admin, 'DELETE', `/users/${creator.id}`);
  const [group] = world.rows<{ id: string }>(`select id from node_groups where cluster_id = '${id}'`);
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: group?.id, count: 2 }, 'operation { id }');
  await until(() => operations(id)[0]?.state === 'SUCCEEDED');
  const bytes = ['', '-wal'].map((suffix) => readFileSync(`${world.dbPath}${suffix}`).toString('latin1')).join('');
  expect(bytes).toContain(given.applicationCredentialId);
  expect(bytes).not.toContain(given.applicationCredentialSecret);
  await remove(id);
  const left = await (await fetch(`${world.sandbox.controlUrl}/world`)).text();
  expect([left.includes(id), left.includes(`seedbed-${shortIdOf(id)}`)]).toEqual([false, false]);
  expect(world.rows(`select 1 from clusters where id = '${id}' and credential is not null`)).toEqual([]);
  // It is the customer's.
  expect(await listCredentials(world, robot.id)).toHaveLength(1);
});

test('one that will not do is refused before anything is made in the project, with what is wrong and who must act', async () => {
  const elsewhere = await hireMember(world, 'elsewhere', { projectId: world.sandbox.users.admin.projectId });
  const looker = await hireMember(world, 'looker', { roles: ['reader'] });
  const boss = await hireMember(world, 'boss', { roles: ['admin', 'member'] });
  const soon = new Date(Date.now() + 6 * 86_400_000).toISOString().slice(0, 19);
  const good = await makeCredential(world, robot, 'good');
  const cases: [string, object, RegExp][] = [
    ['secret', { ...good, applicationCredentialSecret: 'wrong' }, /does not know the application credential .* with this secret/],
    ['absent', { ...good, applicationCredentialId: 'f'.repeat(32) }, /does not know the application credential/],
    ['elsewhere', await makeCredential(world, elsewhere, 'elsewhere'), /belongs to another project/],
    ['roles', await makeCredential(world, looker, 'looking'), /has none of the roles .*member/],
    ['admin', await makeCredential(world, boss, 'bossy'), /has the role admin/],
    ['wide', await makeCredential(world, robot, 'wide', { unrestricted: true }), /is unrestricted/],
    ['soon', await makeCredential(world, robot, 'soon', { expires_at: `${soon}Z` }), /good for 7 days at the least/],
  ];
  for (const [name, credential, message] of cases) {
    const id = await create(name, credential);
    const failed = await until(() => operations(id).find(({ state }) => state === 'FAILED'));
    expect(JSON.parse(failed.problem ?? 'null')).toMatchObject({
      code: 'CLOUD_CREDENTIAL',
      whoMustAct: 'CUSTOMER',
      field: ['credential'],
      message: expect.stringMatching(message),
    });
    expect(conditionOf(id, 'CloudCredentialReady')?.state).toBe('FAILED');
    expect(world.rows(`select 1 from inventory where cluster_id = '${id}' and service not in ('SEED', 'CLUSTER')`)).toEqual([]);
    if (name !== 'secret') await remove(id);
  }
  // Another one is the remedy: the making goes on.
  const [{ id } = { id: '' }] = world.rows<{ id: string }>("select id from clusters where name = 'secret'");
  await world.change(world.member, 'rotateCloudCredential', { clusterId: id, credential: good }, 'operation { id }');
  await world.settled(id);
  expect(operations(id).map(({ kind, state }) => `${kind} ${state}`)).toEqual([
    'ROTATE_CLOUD_CREDENTIAL SUCCEEDED',
    'CREATE_CLUSTER SUCCEEDED',
  ]);
  await remove(id);
});

test('what cannot be one at all is refused at once, and not repeated', async () => {
  const good = { applicationCredentialId: 'f'.repeat(32), applicationCredentialSecret: 'hush-hush' };
  const refused = async (change: object) =>
    create('never', { ...good, ...change }).then(
      () => '',
      (error: Error) => error.message,
    );
  expect(await refused({ applicationCredentialId: 'my credential' })).toMatch(
    /INVALID_INPUT.*must be the id of an application credential.*"credential","applicationCredentialId"/,
  );
  const message = await refused({ applicationCredentialSecret: 'hush\nca-file = x' });
  expect(message).toMatch(/INVALID_INPUT.*"credential","applicationCredentialSecret"/);
  expect(message).not.toContain('hush');
});
