/** Users of a domain: what is asked of Keystone, and how they log in. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Conflict, UserError } from '../../src/domain/errors.ts';
import { type FakeCloud, failing, startFakeCloud, tokenBody } from './fakeCloud.ts';

let cloud: FakeCloud;
beforeEach(async () => {
  cloud = await startFakeCloud();
  cloud.login = () => {
    const { token } = tokenBody(cloud) as { token: object };
    const scoped = { ...token, project: undefined, domain: { id: 'd1', name: 'seedbed' } };
    return { status: 201, headers: { 'x-subject-token': 'of-the-domain' }, body: { token: scoped } };
  };
});
afterEach(() => cloud.close());

const keeper = () =>
  cloud.open({ kind: 'password', username: 'seedbed', password: 'pw', userDomainName: 'Default', domain: { name: 'seedbed' } }).users;
const shown = { id: 'u9', name: 'seedbed-web', domain_id: 'd1', enabled: true };

test('the login is for the domain, and users are found in it alone by their whole name', async () => {
  cloud.on('GET /identity/v3/users', {
    body: {
      users: [
        { ...shown, id: 'u8', name: 'SEEDBED-WEB' },
        { ...shown, description: 'of web' },
      ],
    },
  });
  expect(await keeper().findUser('seedbed-web')).toEqual({ id: 'u9', name: 'seedbed-web', description: 'of web', enabled: true });
  expect(JSON.parse(cloud.logins[0]?.body ?? '').auth.scope).toEqual({ domain: { name: 'seedbed' } });
  expect(cloud.seen[0]?.query.toString()).toBe('name=seedbed-web&domain_id=d1');
});

test('a user is made in the domain with a password that does not end; one of the same name is a conflict', async () => {
  cloud.on('POST /identity/v3/users', { status: 201, body: { user: shown } });
  const spec = { name: 'seedbed-web', description: 'of web', password: 'hush' };
  expect(await keeper().createUser(spec)).toMatchObject({ id: 'u9', description: null });
  expect(JSON.parse(cloud.seen[0]?.body ?? '').user).toEqual({
    ...spec,
    domain_id: 'd1',
    enabled: true,
    options: { ignore_password_expiry: true, ignore_change_password_upon_first_use: true },
  });
  cloud.on('POST /identity/v3/users', { status: 409, body: { error: { message: 'Conflict occurred attempting to store user' } } });
  const error = await failing(keeper().createUser(spec));
  expect(error).toBeInstanceOf(Conflict);
  expect(String(error)).not.toContain('hush');
});

test('roles are found by name and given on a project', async () => {
  const grant = { projectId: 'p1', userId: 'u9', roleId: 'r2' };
  const path = '/identity/v3/projects/p1/users/u9/roles/r2';
  cloud.on('GET /identity/v3/roles', {
    body: {
      roles: [
        { id: 'r1', name: 'admin' },
        { id: 'r2', name: 'member' },
      ],
    },
  });
  expect(await keeper().findRoles(['member', 'creator'])).toEqual([{ id: 'r2', name: 'member' }]);
  cloud.on(`PUT ${path}`, { status: 204 });
  await keeper().assignRole(grant);
  expect(cloud.seen.at(-1)).toMatchObject({ method: 'PUT', path });
  cloud.on(`PUT ${path}`, { status: 403, body: { error: { message: 'You are not authorized' } } });
  expect(await failing(keeper().assignRole(grant))).toMatchObject({ code: 'CLOUD_REFUSED' });
});

test('a login for the domain that is refused names the setting, and that of a user says who must act', async () => {
  cloud.login = () => ({ status: 401, body: { error: { message: 'The request you have made requires authentication.' } } });
  const refused = await failing(keeper().findUser('x'));
  expect(refused).toBeInstanceOf(UserError);
  expect(refused).toMatchObject({ code: 'CLOUD_CREDENTIAL', detail: { whoMustAct: 'CLOUD_ADMIN' } });
  expect(String(refused)).toMatch(/domain seedbed of SEEDBED_USER_DOMAIN, in which it needs the role admin/);
  const own = cloud.open({ kind: 'user', userId: 'u9', password: 'hush', projectId: 'p1' });
  expect(await failing(own.identity.whoAmI())).toMatchObject({ code: 'CLOUD_CREDENTIAL', detail: { whoMustAct: 'CLOUD_ADMIN' } });
  expect(JSON.parse(cloud.logins.at(-1)?.body ?? '').auth).toEqual({
    identity: { methods: ['password'], password: { user: { id: 'u9', password: 'hush' } } },
    scope: { project: { id: 'p1' } },
  });
  const credential = cloud.open({ kind: 'applicationCredential', id: 'a', secret: 's', ofCluster: true });
  expect(await failing(credential.identity.whoAmI())).toMatchObject({ detail: { whoMustAct: 'CLOUD_ADMIN' } });
});
