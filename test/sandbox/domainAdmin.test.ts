/** Users and roles of the sandbox's Keystone in the hands of a domain's administrator, held to what Keystone's secure defaults allow. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, passwordAuth, startCloud, type TestCloud } from './cloud.ts';

let cloud: TestCloud;
let admin: Client;
let member: Client;
/** The service user, with the role admin on the default domain. */
let keeper: Client['call'];

const V3 = '/identity/v3';
const roleId = async (name: string): Promise<string> => String((await admin.call('GET', `${V3}/roles?name=${name}`)).at('roles', 0, 'id'));
const makeUser = (fields: object, as = keeper) => as('POST', `${V3}/users`, { user: { domain_id: 'default', ...fields } });
const grantOf = (projectId: string, userId: string, role: string) => `${V3}/projects/${projectId}/users/${userId}/roles/${role}`;
const logIn = (userId: string, password: string, projectId = member.projectId) =>
  cloud.authenticate({
    identity: { methods: ['password'], password: { user: { id: userId, password } } },
    scope: { project: { id: projectId } },
  });
const domainLogin = (domain: object) => cloud.authenticate({ identity: passwordAuth(cloud, 'service'), scope: { domain } });

beforeAll(async () => {
  cloud = await startCloud();
  admin = await cloud.login('admin');
  member = await cloud.login('member');
});
afterAll(() => cloud.close());

test('a login to a domain needs a role on it, and by its name it is the same', async () => {
  expect((await domainLogin({ id: 'default' })).status).toBe(401);
  const { userId } = cloud.sandbox.handover.users.service;
  const grant = `${V3}/domains/default/users/${userId}/roles/${await roleId('admin')}`;
  expect([(await admin.call('PUT', grant)).status, (await admin.call('GET', grant)).status]).toEqual([204, 204]);
  expect((await domainLogin({ id: 'nonesuch' })).status).toBe(401);
  const login = await domainLogin({ name: 'Default' });
  expect(login.at('token', 'domain')).toEqual({ id: 'default', name: 'Default' });
  expect(login.at('token', 'project')).toBeUndefined();
  keeper = cloud.as(login.headers.get('x-subject-token') ?? '');
});

test('users of the domain are made once by name, listed, changed and deleted', async () => {
  const made = await makeUser({ name: 'seedbed-web', password: 'pw', description: 'of web' });
  expect(made.status).toBe(201);
  const id = String(made.at('user', 'id'));
  expect((await makeUser({ name: 'seedbed-web' })).status).toBe(409);
  const listed = await keeper('GET', `${V3}/users?name=seedbed-web&domain_id=default`);
  expect(listed.at('users')).toEqual([expect.objectContaining({ id, description: 'of web', domain_id: 'default', enabled: true })]);
  expect((await keeper('GET', `${V3}/users?name=nobody&domain_id=default`)).at('users')).toEqual([]);
  expect((await keeper('PATCH', `${V3}/users/${id}`, { user: { enabled: false } })).at('user', 'enabled')).toBe(false);
  expect((await keeper('DELETE', `${V3}/users/${id}`)).status).toBe(204);
  expect((await admin.call('GET', `${V3}/users/${id}`)).status).toBe(404);
  for (const method of ['GET', 'POST'])
    expect((await member.call(method, `${V3}/users`, method === 'POST' ? { user: { name: 'x' } } : null)).status).toBe(403);
});

test('a role is given twice without harm, looked for, and taken away once; with it go tokens and credentials', async () => {
  const id = String((await makeUser({ name: 'seedbed-roles', password: 'pw' })).at('user', 'id'));
  const [role, other] = [await roleId('member'), await roleId('load-balancer_member')];
  const grant = grantOf(member.projectId, id, role);
  expect((await keeper('HEAD', grant)).status).toBe(404);
  expect((await logIn(id, 'pw')).status).toBe(401);
  const statuses = [await keeper('PUT', grant), await keeper('PUT', grant), await keeper('HEAD', grant)].map(({ status }) => status);
  expect(statuses).toEqual([204, 204, 204]);
  await keeper('PUT', grantOf(member.projectId, id, other));
  const token = (await logIn(id, 'pw')).headers.get('x-subject-token') ?? '';
  const base = `${V3}/users/${id}/application_credentials`;
  const made = await cloud.as(token)('POST', base, { application_credential: { name: 'one', secret: 's' } });
  const credential = { id: made.at('application_credential', 'id'), secret: 's' };
  const byCredential = () => cloud.authenticate({ identity: { methods: ['application_credential'], application_credential: credential } });
  expect((await byCredential()).status).toBe(201);
  expect([(await keeper('DELETE', grant)).status, (await keeper('DELETE', grant)).status]).toEqual([204, 404]);
  expect((await byCredential()).status).toBe(401);
  expect((await keeper('DELETE', `${V3}/users/${id}`)).status).toBe(204);
  expect((await cloud.as(token)('GET', '/network/v2.0/networks')).status).toBe(401);
  expect((await keeper('PUT', grant)).status).toBe(404);
});

test('what is of another domain, and what an administrator of the cloud may, is refused', async () => {
  const { domain } = { domain: await admin.call('POST', `${V3}/domains`, { domain: { name: 'elsewhere' } }) };
  const elsewhere = String(domain.at('domain', 'id'));
  expect((await makeUser({ name: 'theirs', domain_id: elsewhere })).status).toBe(403);
  const theirs = await makeUser({ name: 'seedbed-web', password: 'pw', domain_id: elsewhere }, admin.call);
  expect(theirs.status).toBe(201);
  expect((await keeper('DELETE', `${V3}/users/${String(theirs.at('user', 'id'))}`)).status).toBe(403);
  expect((await keeper('GET', `${V3}/users?domain_id=${elsewhere}`)).status).toBe(403);
  const project = await admin.call('POST', `${V3}/projects`, { project: { name: 'sandbox', domain_id: elsewhere } });
  expect(project.status).toBe(201);
  const ours = String((await makeUser({ name: 'seedbed-ours' })).at('user', 'id'));
  const role = await roleId('member');
  expect((await keeper('PUT', grantOf(String(project.at('project', 'id')), ours, role))).status).toBe(403);
  expect((await keeper('PUT', grantOf(member.projectId, String(theirs.at('user', 'id')), role))).status).toBe(403);
  for (const path of ['/projects', '/services']) expect((await keeper('GET', V3 + path)).status).toBe(403);
  expect((await keeper('POST', '/network/v2.0/networks', { network: { name: 'x' } })).status).toBe(403);
  // Names are a domain's own.
  const login = await cloud.authenticate({
    identity: { methods: ['password'], password: { user: { name: 'seedbed-web', domain: { name: 'elsewhere' }, password: 'pw' } } },
    scope: 'unscoped',
  });
  expect(login.at('token', 'user', 'domain')).toEqual({ id: elsewhere, name: 'elsewhere' });
});
