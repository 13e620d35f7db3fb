/** Whose token it is, and trusts that are never made twice. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Conflict, Unavailable } from '../../src/domain/errors.ts';
import { type FakeCloud, failing, startFakeCloud, tokenBody } from './fakeCloud.ts';

let cloud: FakeCloud;
beforeEach(async () => {
  cloud = await startFakeCloud();
});
afterEach(() => cloud.close());

test('a valid token says whose it is', async () => {
  cloud.on('GET /identity/v3/auth/tokens', (call) =>
    call.headers['x-subject-token'] === 'theirs' ? { body: tokenBody(cloud) } : { status: 404, body: {} },
  );
  const info = await cloud.open().identity.validateToken('theirs');
  expect(info).toMatchObject({ userId: 'u1', projectId: 'p1', roles: ['member'], isTrustScoped: false, isSystemScoped: false });
  expect(info?.expiresAt).toBe(cloud.now + 3_600_000);
  expect(cloud.seen[0]?.query.has('nocatalog')).toBe(true);
  expect(cloud.seen[0]?.headers['x-auth-token']).toBe('token-1');
});

test('an unknown token is null; one that no header can carry is null without a call', async () => {
  cloud.on('GET /identity/v3/auth/tokens', { status: 404, body: { error: { message: 'Could not find token.' } } });
  expect(await cloud.open().identity.validateToken('theirs')).toBeNull();
  for (const token of ['', 'a\r\nx-evil: 1', 'with space', 'ü', 'x'.repeat(8193)])
    expect(await cloud.open().identity.validateToken(token)).toBeNull();
  expect(cloud.seen).toHaveLength(1);
});

test('a 401 renews our own login before it is held against the subject', async () => {
  cloud.on('GET /identity/v3/auth/tokens', (call) =>
    call.headers['x-auth-token'] === 'token-1' ? { status: 401, body: {} } : { body: tokenBody(cloud) },
  );
  expect(await cloud.open().identity.validateToken('theirs')).toMatchObject({ userId: 'u1' });
  cloud.on('GET /identity/v3/auth/tokens', { status: 401, body: {} });
  expect(await cloud.open().identity.validateToken('theirs')).toBeNull();
});

test('Keystone out of order is an error, never "not valid"', async () => {
  cloud.on('GET /identity/v3/auth/tokens', { status: 500, body: {} });
  expect(await failing(cloud.open().identity.validateToken('theirs'))).toMatchObject({ code: 'CLOUD_UNAVAILABLE' });
  cloud.on('GET /identity/v3/auth/tokens', (call) =>
    call.headers['x-auth-token'] === 'token-1' ? { status: 401, body: {} } : { body: tokenBody(cloud) },
  );
  cloud.login = () => ({ status: 401, body: {} });
  expect(await failing(cloud.open({ kind: 'applicationCredential', id: 'a', secret: 's' }).identity.validateToken('theirs'))).toMatchObject(
    {
      code: 'CLOUD_CREDENTIAL',
    },
  );
});

test('a login is looked at anew, and another made where it does not stand any more', async () => {
  cloud.on('GET /identity/v3/auth/tokens', (call) =>
    call.headers['x-subject-token'] === 'token-1' ? { status: 404, body: {} } : { body: tokenBody(cloud) },
  );
  const { identity } = cloud.open();
  await identity.checkLogin();
  expect([cloud.logins.length, cloud.seen.length]).toEqual([2, 1]);
  await identity.checkLogin();
  expect([cloud.logins.length, cloud.seen.length]).toEqual([2, 2]);
  cloud.on('GET /identity/v3/auth/tokens', { status: 404, body: {} });
  cloud.login = () => ({ status: 401, body: {} });
  expect(await failing(identity.checkLogin())).toMatchObject({ code: 'CLOUD_CREDENTIAL' });
});

const key = { trustorUserId: 'u1', trusteeUserId: 'seedbed', projectId: 'p1', expiresAt: '2036-01-01T00:00:00.123456Z' };
/** As Keystone shows it: the time cut to seconds, our attribute kept (or not). */
const shown = (id: string, expiresAt: string, keepsAttribute = true) => ({
  id,
  trustor_user_id: 'u1',
  trustee_user_id: 'seedbed',
  project_id: 'p1',
  impersonation: true,
  expires_at: `${expiresAt.slice(0, 19)}.000000Z`,
  ...(keepsAttribute ? { seedbed_expires_at: expiresAt } : {}),
});
const conflict = { status: 409, body: { error: { code: 409, message: 'Conflict occurred attempting to store trust' } } };

test('a trust is asked for with roles by name, impersonation and the whole time', async () => {
  cloud.on('POST /identity/v3/OS-TRUST/trusts', {
    status: 201,
    body: { trust: { ...shown('t1', key.expiresAt), roles: [{ id: 'r', name: 'member' }] } },
  });
  expect(await cloud.open().identity.createTrust({ ...key, roles: ['member'] })).toEqual({
    ...key,
    id: 't1',
    roles: ['member'],
    impersonation: true,
  });
  expect(JSON.parse(cloud.seen[0]?.body ?? '').trust).toMatchObject({
    trustor_user_id: 'u1',
    trustee_user_id: 'seedbed',
    project_id: 'p1',
    impersonation: true,
    expires_at: key.expiresAt,
    roles: [{ name: 'member' }],
  });
});

test('a trust made before a crash is found by its microseconds among others of the same second', async () => {
  const others = [shown('t0', '2036-01-01T00:00:00.123455Z'), shown('t1', key.expiresAt), shown('t2', '2036-01-01T00:00:00.999999Z')];
  cloud.on('POST /identity/v3/OS-TRUST/trusts', conflict);
  cloud.on('GET /identity/v3/OS-TRUST/trusts', { body: { trusts: others } });
  expect((await cloud.open().identity.createTrust({ ...key, roles: ['member'] })).id).toBe('t1');
  expect(cloud.seen.at(-1)?.query.toString()).toBe('trustor_user_id=u1');
  cloud.on('GET /identity/v3/OS-TRUST/trusts', { body: { trusts: others.filter((trust) => trust.id !== 't1') } });
  expect(await cloud.open().identity.findTrust(key)).toBeUndefined();
});

test('where Keystone drops our attribute the second decides', async () => {
  cloud.on('GET /identity/v3/OS-TRUST/trusts', {
    body: { trusts: [shown('t0', '2036-01-01T00:00:01.0Z', false), shown('t1', key.expiresAt, false)] },
  });
  expect((await cloud.open().identity.findTrust(key))?.id).toBe('t1');
});

test('another pair, another project or no impersonation is another trust', async () => {
  const twins = [
    { ...shown('a', key.expiresAt), trustee_user_id: 'other' },
    { ...shown('b', key.expiresAt), project_id: 'other' },
    { ...shown('c', key.expiresAt), impersonation: false },
  ];
  cloud.on('GET /identity/v3/OS-TRUST/trusts', { body: { trusts: twins } });
  expect(await cloud.open().identity.findTrust(key)).toBeUndefined();
});

test('a trustee looks on his own side', async () => {
  cloud.on('GET /identity/v3/OS-TRUST/trusts', { body: { trusts: [] } });
  await cloud.open().identity.findTrust({ ...key, trustorUserId: 'customer', trusteeUserId: 'u1' });
  expect(cloud.seen[0]?.query.toString()).toBe('trustee_user_id=u1');
});

test('a trustee finds what was lent for a project, whoever lent it', async () => {
  const lent = (id: string, more: object = {}) => ({
    ...shown(id, key.expiresAt),
    trustor_user_id: 'gone',
    trustee_user_id: 'u1',
    ...more,
  });
  const twins = [
    lent('a', { project_id: 'p2' }),
    lent('b', { seedbed_expires_at: '2036-01-01T00:00:00.2Z' }),
    lent('c'),
    shown('d', key.expiresAt),
  ];
  cloud.on('GET /identity/v3/OS-TRUST/trusts', { body: { trusts: twins } });
  expect(await cloud.open().identity.findLentTrust(key)).toMatchObject({ id: 'c', trustorUserId: 'gone' });
  expect(cloud.seen.at(-1)?.query.toString()).toBe('trustee_user_id=u1');
});

test("a deleted trust's key stays taken: the conflict is told", async () => {
  cloud.on('POST /identity/v3/OS-TRUST/trusts', conflict);
  cloud.on('GET /identity/v3/OS-TRUST/trusts', { body: { trusts: [] } });
  expect(await failing(cloud.open().identity.createTrust({ ...key, roles: ['member'] }))).toBeInstanceOf(Conflict);
});

test('deleting what is gone is done', async () => {
  cloud.on('DELETE /identity/v3/OS-TRUST/trusts/t1', (_call, nth) => (nth === 0 ? { status: 204 } : { status: 404, body: {} }));
  expect([await cloud.open().identity.deleteTrust('t1'), await cloud.open().identity.deleteTrust('t1')]).toEqual([true, false]);
});

test('a trust that is not found to be deleted, and is there, is not taken for gone', async () => {
  cloud.on('DELETE /identity/v3/OS-TRUST/trusts/t1', { status: 404, body: {} });
  cloud.on('GET /identity/v3/OS-TRUST/trusts/t1', { body: { trust: {} } });
  const error = await failing(cloud.open().identity.deleteTrust('t1'));
  expect(error).toBeInstanceOf(Unavailable);
  expect(error).toMatchObject({
    message: 'The identity service does not find OS-TRUST/trusts/t1 to delete it, and shows it all the same.',
  });
});
