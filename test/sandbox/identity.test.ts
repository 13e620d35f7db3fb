import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, passwordAuth, startCloud, type TestCloud } from './cloud.ts';

let cloud: TestCloud;
let member: Client;
let service: Client;
let admin: Client;

beforeAll(async () => {
  cloud = await startCloud();
  [member, service, admin] = await Promise.all([cloud.login('member'), cloud.login('service'), cloud.login('admin')]);
});
afterAll(() => cloud.close());

let days = 1;
/** A trust document whose expiry differs each time, because that is what tells trusts apart. */
const trustFor = (fields: object = {}): object => {
  days += 1;
  const expires = new Date(Date.now() + days * 86_400_000).toISOString().replace('Z', '456Z');
  return {
    trust: {
      trustor_user_id: member.userId,
      trustee_user_id: service.userId,
      project_id: member.projectId,
      impersonation: true,
      roles: [{ name: 'member' }],
      expires_at: expires,
      ...fields,
    },
  };
};
const TRUSTS = '/identity/v3/OS-TRUST/trusts';

const redeem = async (trustId: string): Promise<string> => {
  const answer = await cloud.authenticate({ identity: passwordAuth(cloud, 'service'), scope: { 'OS-TRUST:trust': { id: trustId } } });
  expect(answer.status).toBe(201);
  return answer.headers.get('x-subject-token') ?? '';
};

test('a wrong password, an unknown user and a project without a role all give the same 401', async () => {
  const { userId, projectId } = cloud.sandbox.handover.users.member;
  const wrong = await cloud.authenticate({ identity: { methods: ['password'], password: { user: { id: userId, password: 'no' } } } });
  const unknown = await cloud.authenticate({ identity: { methods: ['password'], password: { user: { id: 'nobody', password: 'no' } } } });
  const foreign = await cloud.authenticate({ identity: passwordAuth(cloud, 'other'), scope: { project: { id: projectId } } });
  for (const answer of [wrong, unknown, foreign]) {
    expect(answer.status).toBe(401);
    expect(answer.at('error', 'message')).toBe('The request you have made requires authentication.');
  }
});

test('a token carries its implied roles and a catalogue on one host', async () => {
  const answer = await cloud.authenticate({
    identity: passwordAuth(cloud, 'member'),
    scope: { project: { name: 'sandbox', domain: { name: 'Default' } } },
  });
  const roles = answer.at('token', 'roles') as { name: string }[];
  expect(roles.map((r) => r.name)).toEqual(['load-balancer_member', 'load-balancer_observer', 'member', 'reader']);
  const catalog = answer.at('token', 'catalog') as { type: string; endpoints: { url: string }[] }[];
  expect(catalog.map((c) => c.type)).toEqual(['identity', 'compute', 'network', 'image', 'volumev3', 'load-balancer', 'object-store']);
  expect(new Set(catalog.flatMap((c) => c.endpoints.map((e) => new URL(e.url).origin)))).toEqual(new Set([cloud.origin]));
});

test('a service may judge any token, a member only its own, and garbage is not found', async () => {
  const judge = (who: Client, subject: string): Promise<number> =>
    who.call('GET', '/identity/v3/auth/tokens?nocatalog', null, { 'X-Subject-Token': subject }).then((r) => r.status);
  expect(await judge(service, member.token)).toBe(200);
  expect(await judge(member, member.token)).toBe(200);
  expect(await judge(member, service.token)).toBe(403);
  expect(await judge(service, 'garbage')).toBe(404);
  expect(
    await cloud
      .as('garbage')('GET', '/identity/v3/auth/tokens', null, { 'X-Subject-Token': member.token })
      .then((r) => r.status),
  ).toBe(401);
});

test('a revoked token and an expired one are refused by every service', async () => {
  const revoked = await cloud.login('member');
  expect((await revoked.call('DELETE', '/identity/v3/auth/tokens', null, { 'X-Subject-Token': revoked.token })).status).toBe(204);
  expect((await revoked.call('GET', '/compute/v2.1/servers')).status).toBe(401);
  await cloud.control('PATCH', '/dials', { tokenLifetimeSeconds: 0 });
  const expired = await cloud.login('member');
  await cloud.control('PATCH', '/dials', { tokenLifetimeSeconds: 3600 });
  expect(expired.token).not.toBe('');
  expect((await expired.call('GET', '/network/v2.0/ports')).status).toBe(401);
});

test('a trust lets the service act as its trustor in the project, and not make more trusts', async () => {
  const made = await member.call('POST', TRUSTS, trustFor());
  expect(made.status).toBe(201);
  expect(made.at('trust', 'expires_at')).toMatch(/\.000000Z$/);
  const token = await redeem(String(made.at('trust', 'id')));
  const shown = await service.call('GET', '/identity/v3/auth/tokens?nocatalog', null, { 'X-Subject-Token': token });
  expect(shown.at('token', 'user', 'id')).toBe(member.userId);
  expect(shown.at('token', 'project', 'id')).toBe(member.projectId);
  expect(shown.at('token', 'OS-TRUST:trust', 'trustee_user', 'id')).toBe(service.userId);
  const asTrustor = cloud.as(token);
  expect((await asTrustor('POST', '/network/v2.0/networks', { network: { name: 'by-trust' } })).at('network', 'project_id')).toBe(
    member.projectId,
  );
  expect((await asTrustor('POST', TRUSTS, trustFor())).status).toBe(403);
  const rescoped = await cloud.authenticate({
    identity: { methods: ['token'], token: { id: token } },
    scope: { project: { id: member.projectId } },
  });
  expect(rescoped.status).toBe(403);
});

test('a trust token can end its own trust, after which it is worth nothing', async () => {
  const id = String((await member.call('POST', TRUSTS, trustFor())).at('trust', 'id'));
  const token = await redeem(id);
  expect((await service.call('DELETE', `${TRUSTS}/${id}`)).status).toBe(403);
  expect((await cloud.as(token)('DELETE', `${TRUSTS}/${id}`)).status).toBe(204);
  expect((await cloud.as(token)('GET', '/compute/v2.1/servers')).status).toBe(401);
  expect((await member.call('GET', `${TRUSTS}/${id}`)).status).toBe(404);
});

test('the unique key of a trust outlives the trust, and does not bind trusts without expiry', async () => {
  const document = trustFor();
  const first = await member.call('POST', TRUSTS, document);
  expect((await member.call('POST', TRUSTS, document)).status).toBe(409);
  await member.call('DELETE', `${TRUSTS}/${String(first.at('trust', 'id'))}`);
  expect((await member.call('POST', TRUSTS, document)).status).toBe(409);
  const endless = trustFor({ expires_at: null });
  expect([await member.call('POST', TRUSTS, endless), await member.call('POST', TRUSTS, endless)].map((r) => r.status)).toEqual([201, 201]);
});

test.each([
  ['a role the trustor has not', { roles: [{ name: 'admin' }] }, 404],
  ['an unknown role', { roles: [{ name: 'nonesuch' }] }, 404],
  ['no role', { roles: [] }, 403],
  ['an expiry in the past', { expires_at: '2020-01-01T00:00:00.000000Z' }, 400],
])('a trust with %s is refused', async (_what, fields, status) => {
  expect((await member.call('POST', TRUSTS, trustFor(fields))).status).toBe(status);
});

test('trusts are listed by trustor or trustee, to those concerned', async () => {
  const id = String((await member.call('POST', TRUSTS, trustFor())).at('trust', 'id'));
  const ids = async (who: Client, query: string): Promise<string[]> =>
    ((await who.call('GET', `${TRUSTS}?${query}`)).at('trusts') as { id: string }[]).map((t) => t.id);
  expect(await ids(member, `trustor_user_id=${member.userId}`)).toContain(id);
  expect(await ids(service, `trustee_user_id=${service.userId}`)).toContain(id);
  expect((await member.call('GET', TRUSTS)).status).toBe(403);
  expect((await service.call('GET', `${TRUSTS}?trustor_user_id=${member.userId}`)).status).toBe(403);
});

test('a trust dies with its trustor', async () => {
  const user = await admin.call('POST', '/identity/v3/users', { user: { name: 'leaver', password: 'pw' } });
  const userId = String(user.at('user', 'id'));
  const roles = await admin.call('GET', '/identity/v3/roles?name=member');
  await admin.call('PUT', `/identity/v3/projects/${member.projectId}/users/${userId}/roles/${String(roles.at('roles', 0, 'id'))}`);
  const login = await cloud.authenticate({
    identity: { methods: ['password'], password: { user: { id: userId, password: 'pw' } } },
    scope: { project: { id: member.projectId } },
  });
  const made = await cloud.as(login.headers.get('x-subject-token') ?? '')('POST', TRUSTS, trustFor({ trustor_user_id: userId }));
  const token = await redeem(String(made.at('trust', 'id')));
  expect((await cloud.as(token)('GET', '/network/v2.0/networks')).status).toBe(200);
  expect((await admin.call('DELETE', `/identity/v3/users/${userId}`)).status).toBe(204);
  expect((await cloud.as(token)('GET', '/network/v2.0/networks')).status).toBe(401);
  const again = await cloud.authenticate({
    identity: passwordAuth(cloud, 'service'),
    scope: { 'OS-TRUST:trust': { id: made.at('trust', 'id') } },
  });
  expect(again.status).toBe(401);
});

test('an application credential dies when its user is disabled or loses any role in the project, and rests with its project', async () => {
  const user = await admin.call('POST', '/identity/v3/users', { user: { name: 'robot', password: 'pw' } });
  const userId = String(user.at('user', 'id'));
  const grantOf = (roleId: string) => `/identity/v3/projects/${member.projectId}/users/${userId}/roles/${roleId}`;
  const roleNamed = async (name: string) => String((await admin.call('GET', `/identity/v3/roles?name=${name}`)).at('roles', 0, 'id'));
  const [lasting, passing] = [await roleNamed('member'), await roleNamed('load-balancer_member')];
  const base = `/identity/v3/users/${userId}/application_credentials`;
  const make = async () => {
    await admin.call('PUT', grantOf(lasting));
    await admin.call('PUT', grantOf(passing));
    const login = await cloud.authenticate({
      identity: { methods: ['password'], password: { user: { id: userId, password: 'pw' } } },
      scope: { project: { id: member.projectId } },
    });
    const fields = { name: 'made', secret: 'pw', roles: [{ name: 'member' }] };
    const made = await cloud.as(login.headers.get('x-subject-token') ?? '')('POST', base, { application_credential: fields });
    return String(made.at('application_credential', 'id'));
  };
  const logIn = async (id: string) =>
    (await cloud.authenticate({ identity: { methods: ['application_credential'], application_credential: { id, secret: 'pw' } } })).status;
  const count = async () => ((await admin.call('GET', base)).at('application_credentials') as object[]).length;
  const enable = (path: string, word: string, enabled: boolean) => admin.call('PATCH', `/identity/v3/${path}`, { [word]: { enabled } });
  const first = await make();
  await enable(`projects/${member.projectId}`, 'project', false);
  expect(await logIn(first)).toBe(401);
  await enable(`projects/${member.projectId}`, 'project', true);
  expect(await logIn(first)).toBe(201);
  // Not one of its own roles.
  await admin.call('DELETE', grantOf(passing));
  expect([await logIn(first), await count()]).toEqual([401, 0]);
  const second = await make();
  await enable(`users/${userId}`, 'user', false);
  await enable(`users/${userId}`, 'user', true);
  expect([await logIn(second), await count()]).toEqual([401, 0]);
});

test('an application credential with an empty list of roles has all that its maker has', async () => {
  const base = `/identity/v3/users/${member.userId}/application_credentials`;
  const rolesOf = async (name: string, roles?: object[]) => {
    const made = await member.call('POST', base, { application_credential: { name, ...(roles && { roles }) } });
    return (made.at('application_credential', 'roles') as { name: string }[]).map((role) => role.name).sort();
  };
  const all = await rolesOf('none-named');
  expect(all).toContain('member');
  expect(await rolesOf('empty', [])).toEqual(all);
  expect(await rolesOf('one', [{ name: 'member' }])).toEqual(['member']);
});

test('an application credential is held to its access rules and cannot breed', async () => {
  const base = `/identity/v3/users/${member.userId}/application_credentials`;
  const fields = { name: 'narrow', secret: 's3cret', access_rules: [{ service: 'network', method: 'GET', path: '/v2.0/networks**' }] };
  const made = await member.call('POST', base, { application_credential: fields });
  expect(made.at('application_credential', 'secret')).toBe('s3cret');
  expect((await member.call('POST', base, { application_credential: fields })).status).toBe(409);
  const id = String(made.at('application_credential', 'id'));
  const login = (secret: string) =>
    cloud.authenticate({ identity: { methods: ['application_credential'], application_credential: { id, secret } } });
  expect((await login('wrong')).status).toBe(401);
  const narrow = cloud.as((await login('s3cret')).headers.get('x-subject-token') ?? '');
  expect((await narrow('GET', '/network/v2.0/networks')).status).toBe(200);
  expect((await narrow('GET', '/network/v2.0/ports')).status).toBe(401);
  expect((await narrow('POST', base, { application_credential: { name: 'child' } })).status).toBe(403);
  expect((await member.call('DELETE', `${base}/${id}`)).status).toBe(204);
  expect((await narrow('GET', '/network/v2.0/networks')).status).toBe(401);
});
