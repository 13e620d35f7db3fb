/** Logins: shared, renewed after a 401, renewed before they end, and never for a caller's own token. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Unavailable, UserError } from '../../src/domain/errors.ts';
import type { Cloud } from '../../src/openstack/session.ts';
import { entry, type FakeCloud, failing, startFakeCloud, tokenAnswer, tokenBody } from './fakeCloud.ts';

let cloud: FakeCloud;
beforeEach(async () => {
  cloud = await startFakeCloud();
  cloud.on('GET /network/v2.0/networks', { body: { networks: [] } });
});
afterEach(() => cloud.close());

const unauthorized = { status: 401, body: { error: { code: 401, message: 'The request you have made requires authentication.' } } };

test('many calls at once log in once, and a second cloud of the same credential uses that login', async () => {
  await Promise.all(Array.from({ length: 10 }, () => cloud.open().network.listNetworks()));
  expect(cloud.logins).toHaveLength(1);
  expect(cloud.seen).toHaveLength(10);
  expect(JSON.parse(cloud.logins[0]?.body ?? '').auth.scope.project).toEqual({ name: 'demo', domain: { name: 'Default' } });
});

test('a 401 brings one new login and one more try', async () => {
  cloud.on('GET /network/v2.0/networks', (call) =>
    call.headers['x-auth-token'] === 'token-1' ? unauthorized : { body: { networks: [] } },
  );
  await expect(cloud.open().network.listNetworks()).resolves.toEqual([]);
  expect(cloud.logins).toHaveLength(2);
  expect(cloud.seen.map((call) => call.headers['x-auth-token'])).toEqual(['token-1', 'token-2']);
});

test('many calls that meet the same dead token renew it once', async () => {
  cloud.on('GET /network/v2.0/networks', (call) =>
    call.headers['x-auth-token'] === 'token-1' ? unauthorized : { body: { networks: [] } },
  );
  await Promise.all(Array.from({ length: 8 }, () => cloud.open().network.listNetworks()));
  expect(cloud.logins).toHaveLength(2);
});

test('a service that refuses every token gives up after two tries', async () => {
  cloud.on('GET /network/v2.0/networks', unauthorized);
  const error = await failing(cloud.open().network.listNetworks());
  expect(error).toBeInstanceOf(Unavailable);
  expect(error).toMatchObject({ code: 'CLOUD_CREDENTIAL', detail: { openstack: { service: 'network', status: 401, requestId: 'req-1' } } });
  expect(cloud.seen).toHaveLength(2);
});

test('a token dead at the version document is renewed too', async () => {
  cloud.on('GET /volume/v3/', (call) =>
    call.headers['x-auth-token'] === 'token-1' ? unauthorized : { body: { versions: [{ id: 'v3.0', version: '3.70' }] } },
  );
  cloud.on('GET /volume/v3/p1/types', { body: { volume_types: [] } });
  await expect(cloud.open().volume.listVolumeTypes()).resolves.toEqual([]);
  expect(cloud.logins).toHaveLength(2);
});

test('a token is replaced a minute before it ends, not earlier', async () => {
  await cloud.open().network.listNetworks();
  cloud.now += 3_600_000 - 61_000;
  await cloud.open().network.listNetworks();
  expect(cloud.logins).toHaveLength(1);
  cloud.now += 2_000;
  await cloud.open().network.listNetworks();
  expect(cloud.logins).toHaveLength(2);
});

test('tokens that live for seconds only do not make every call log in', async () => {
  cloud.tokenLifetimeMs = 20_000;
  await cloud.open().network.listNetworks();
  cloud.now += 10_000;
  await cloud.open().network.listNetworks();
  expect(cloud.logins).toHaveLength(1);
});

test('a refused login is the cloud admin’s to mend, is tried again next time, and shows no password', async () => {
  cloud.login = (_call, nth) => (nth === 0 ? unauthorized : tokenAnswer(cloud, 'token-9'));
  const error = await failing(cloud.open().network.listNetworks());
  expect(error).toBeInstanceOf(UserError);
  expect(error).toMatchObject({ code: 'CLOUD_CREDENTIAL', retryable: false, detail: { whoMustAct: 'CLOUD_ADMIN' } });
  expect(JSON.stringify(error) + String(error)).not.toContain('hunter2');
  await expect(cloud.open().network.listNetworks()).resolves.toEqual([]);
});

test('a dead trust asks the customer to act', async () => {
  cloud.login = () => unauthorized;
  const trust = { kind: 'trust', username: 'seedbed', password: 'x', userDomainName: 'Default', trustId: 't1' } as const;
  const error = await failing(cloud.open(trust).projectId());
  expect(error).toMatchObject({ code: 'CLOUD_CREDENTIAL', detail: { whoMustAct: 'CUSTOMER' } });
  expect(JSON.parse(cloud.logins[0]?.body ?? '').auth.scope).toEqual({ 'OS-TRUST:trust': { id: 't1' } });
});

test("a caller's token is looked up once and never renewed", async () => {
  cloud.on('GET /identity/v3/auth/tokens', { body: tokenBody(cloud) });
  const mine = cloud.open({ kind: 'token', token: 'callers-token' });
  await mine.network.listNetworks();
  cloud.on('GET /network/v2.0/networks', unauthorized);
  await failing(mine.network.listNetworks());
  expect(cloud.logins).toHaveLength(0);
  expect(cloud.open({ kind: 'token', token: 'callers-token' })).not.toBe(mine);
  expect(cloud.seen.map((call) => `${call.path} ${call.headers['x-auth-token']}`)).toEqual([
    '/identity/v3/auth/tokens callers-token',
    '/network/v2.0/networks callers-token',
    '/network/v2.0/networks callers-token',
  ]);
});

test('calls are counted by service, method and status, failures too', async () => {
  cloud.on('GET /network/v2.0/networks', 'stall');
  await failing(cloud.open().network.listNetworks());
  expect(cloud.calls.map(({ service, method, status }) => `${service} ${method} ${status}`)).toEqual([
    'identity POST 201',
    'network GET 0',
  ]);
});

test('a cloud as a request calls it tells the id to every service, Keystone among them, and shares the login', async () => {
  const id = 'req-00000000-0000-4000-8000-00000000000a';
  cloud.catalog.push(entry('object-store', `${cloud.origin}/swift/v1/AUTH_p1`));
  cloud.on('GET /compute/v2.1/flavors/detail', { body: { flavors: [] } });
  cloud.on('GET /volume/v3/', { body: { versions: [{ id: 'v3.0', version: '3.70' }] } });
  cloud.on('GET /volume/v3/p1/types', { body: { volume_types: [] } });
  cloud.on('GET /image/v2/images', { body: { images: [] } });
  cloud.on('GET /lb/v2/lbaas/loadbalancers', { body: { loadbalancers: [] } });
  cloud.on('HEAD /swift/v1/AUTH_p1/backups', { headers: { 'x-container-meta-temp-url-key': 'k' } });
  cloud.on('PUT /swift/v1/AUTH_p1/backups', { status: 201 });
  cloud.on('GET /identity/v3/auth/tokens', { body: tokenBody(cloud) });
  const whole = cloud.open();
  const calls: ((as: Cloud) => Promise<unknown>)[] = [
    (as) => as.network.listNetworks(),
    (as) => as.compute.listFlavors(),
    (as) => as.volume.listVolumeTypes(),
    (as) => as.image.listImages(),
    (as) => as.loadBalancer.listLoadBalancers(),
    (as) => as.objectStorage.findContainer('backups'),
    (as) => as.objectStorage.putContainer('backups', { slot: 0, value: 'k' }),
    (as) => as.identity.validateToken('theirs'),
  ];
  const mine = whole.as(id);
  for (const call of calls) await call(mine);
  const told = [...cloud.logins, ...cloud.seen].map(({ method, path, headers }) => [
    `${method} ${path}`,
    headers['x-openstack-request-id'],
  ]);
  expect(told).toEqual(
    [
      'POST /identity/v3/auth/tokens',
      'GET /network/v2.0/networks',
      // The versions of a service are asked for on the way, and by the same request.
      'GET /compute/v2.1/',
      'GET /compute/v2.1/flavors/detail',
      'GET /volume/v3/',
      'GET /volume/v3/p1/types',
      'GET /image/v2/images',
      'GET /lb/v2/lbaas/loadbalancers',
      'HEAD /swift/v1/AUTH_p1/backups',
      'PUT /swift/v1/AUTH_p1/backups',
      'GET /identity/v3/auth/tokens',
    ].map((call) => [call, id]),
  );
  cloud.seen.length = 0;
  for (const call of calls) await call(whole);
  expect(cloud.logins).toHaveLength(1);
  expect(cloud.seen.map(({ headers }) => headers['x-openstack-request-id'])).toEqual(calls.map(() => undefined));
});
