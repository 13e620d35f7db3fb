/** What the transport does when the other side is slow, gone, busy, or cuts the line. */
import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Unavailable } from '../../src/domain/errors.ts';
import { entry, type FakeCloud, failing, startFakeCloud } from './fakeCloud.ts';

const NETWORKS = 'GET /network/v2.0/networks';
let cloud: FakeCloud;
beforeEach(async () => {
  cloud = await startFakeCloud();
});
afterEach(() => cloud.close());

const good = { body: { networks: [] } };
const busy = (retryAfter: string, status = 429) => ({
  status,
  headers: { 'retry-after': retryAfter },
  body: { overLimit: { message: 'Slow down.' } },
});

test('a read cut off once is sent again', async () => {
  cloud.on(NETWORKS, (_call, nth) => (nth === 0 ? 'reset' : good));
  await expect(cloud.open().network.listNetworks()).resolves.toEqual([]);
  expect(cloud.seen).toHaveLength(2);
});

test('a read cut off twice is an error that says so', async () => {
  cloud.on(NETWORKS, 'reset');
  const error = await failing(cloud.open().network.listNetworks());
  expect(error).toBeInstanceOf(Unavailable);
  expect(error).toMatchObject({ code: 'CLOUD_UNAVAILABLE', retryable: true, detail: { openstack: { service: 'network', status: 0 } } });
  expect(cloud.seen).toHaveLength(2);
});

test('a create that was cut off is not sent again: it may have happened', async () => {
  cloud.on('POST /network/v2.0/networks', 'reset');
  expect(await failing(cloud.open().network.createNetwork({ name: 'n', description: 'd' }))).toBeInstanceOf(Unavailable);
  expect(cloud.seen).toHaveLength(1);
});

test.each(['stall', 'stallInBody'] as const)('a silent service ends in a time-out and is not asked again: %s', async (how) => {
  cloud.on(NETWORKS, how);
  const startedAt = Date.now();
  expect(await failing(cloud.open().network.listNetworks())).toMatchObject({ message: 'The network service did not answer in time.' });
  expect(Date.now() - startedAt).toBeLessThan(6_000);
  expect(cloud.seen).toHaveLength(1);
});

test('a short Retry-After is waited for, for writes as well', async () => {
  cloud.on('POST /network/v2.0/networks', (_call, nth) =>
    nth === 0 ? busy('0') : { status: 201, body: { network: { id: 'n1', name: 'n', status: 'ACTIVE' } } },
  );
  await expect(cloud.open().network.createNetwork({ name: 'n', description: 'd' })).resolves.toMatchObject({ id: 'n1' });
  expect(cloud.seen).toHaveLength(2);
});

test('Retry-After is really waited for', async () => {
  cloud.on(NETWORKS, (_call, nth) => (nth === 0 ? busy('1', 503) : good));
  const startedAt = Date.now();
  await cloud.open().network.listNetworks();
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(950);
});

test('a long Retry-After goes to the caller, as seconds or as a date', async () => {
  cloud.on(NETWORKS, busy('60'));
  expect(await failing(cloud.open().network.listNetworks())).toMatchObject({ code: 'CLOUD_UNAVAILABLE', retryAfterMs: 60_000 });
  cloud.now += 60_000;
  cloud.on(NETWORKS, busy(new Date(cloud.now + 90_000).toUTCString(), 503));
  expect(await failing(cloud.open().network.listNetworks())).toMatchObject({ code: 'CLOUD_UNAVAILABLE', retryAfterMs: 90_000 });
  expect(cloud.seen).toHaveLength(2);
});

test('three tries are all: a service that stays busy is an error', async () => {
  cloud.on(NETWORKS, busy('0', 503));
  expect(await failing(cloud.open().network.listNetworks())).toMatchObject({ code: 'CLOUD_UNAVAILABLE', retryAfterMs: 0 });
  expect(cloud.seen).toHaveLength(3);
});

test('what may be repeated is, when a service is not there for a moment; a create is not', async () => {
  const away = { status: 503, body: {} };
  const twice = (then: object) => (_call: unknown, nth: number) => (nth < 2 ? away : then);
  cloud.login = (_call, nth) => (nth < 2 ? away : null);
  cloud.on(NETWORKS, twice(good));
  cloud.on('DELETE /network/v2.0/networks/n1', twice({ status: 204 }));
  cloud.on('PUT /network/v2.0/networks/n1/tags/t', twice({ status: 201 }));
  cloud.on('POST /network/v2.0/networks', away);
  const { network } = cloud.open();
  await expect(network.listNetworks()).resolves.toEqual([]);
  await expect(network.deleteNetwork('n1')).resolves.toBe(true);
  await network.addTag('networks', 'n1', 't');
  expect([cloud.logins.length, cloud.seen.length]).toEqual([3, 9]);
  expect(await failing(network.createNetwork({ name: 'n', description: 'd' }))).toMatchObject({ code: 'CLOUD_UNAVAILABLE' });
  expect(cloud.seen).toHaveLength(10);
});

test('a pause that a service asks for is kept by all who would call it, and by nobody else', async () => {
  cloud.on(NETWORKS, busy('60', 503));
  await failing(cloud.open().network.listNetworks());
  cloud.now += 20_000;
  const other = cloud.open({ kind: 'applicationCredential', id: 'a', secret: 's' });
  expect(await failing(other.network.listNetworks())).toMatchObject({ code: 'CLOUD_UNAVAILABLE', retryAfterMs: 40_000 });
  expect(cloud.seen).toHaveLength(1);
  cloud.on('GET /compute/v2.1/flavors/detail', { body: { flavors: [] } });
  await expect(other.compute.listFlavors()).resolves.toEqual([]);
  cloud.now += 40_000;
  cloud.on(NETWORKS, busy('60', 429));
  await failing(other.network.listNetworks());
  cloud.on(NETWORKS, good);
  await expect(cloud.open().network.listNetworks()).resolves.toEqual([]);
});

test('a gateway error is repeated for a read, not for a write', async () => {
  cloud.on(NETWORKS, (_call, nth) => (nth === 0 ? { status: 502, text: '<html><h1>Bad Gateway</h1></html>' } : good));
  await expect(cloud.open().network.listNetworks()).resolves.toEqual([]);
  cloud.on('POST /network/v2.0/networks', { status: 502, text: '<html><body><h1>Bad Gateway</h1></body></html>' });
  expect(await failing(cloud.open().network.createNetwork({ name: 'n', description: 'd' }))).toMatchObject({
    code: 'CLOUD_UNAVAILABLE',
    message: 'The network service failed with status 502: Bad Gateway.',
  });
  expect(cloud.seen).toHaveLength(3);
});

test('an answer cut short or of another shape is unreadable, not a crash', async () => {
  for (const text of ['{"networks": [', '[]', '', '{"networks": [{"id": 7}]}', '<html>login</html>']) {
    cloud.on(NETWORKS, { text });
    const error = await failing(cloud.open().network.listNetworks());
    expect(error).toBeInstanceOf(Unavailable);
    expect(error).toMatchObject({ code: 'CLOUD_UNAVAILABLE', detail: { openstack: { status: 200 } } });
  }
});

const CALLS: [string, string, (cloud: FakeCloud) => Promise<unknown>][] = [
  ['identity', 'POST /identity/v3/auth/tokens', ({ open }) => open().projectId()],
  ['identity', 'GET /identity/v3/auth/tokens', ({ open }) => open().identity.validateToken('theirs')],
  ['network', NETWORKS, ({ open }) => open().network.listNetworks()],
  ['network', 'POST /network/v2.0/networks', ({ open }) => open().network.createNetwork({ name: 'n', description: 'd' })],
  ['network', 'DELETE /network/v2.0/networks/n1', ({ open }) => open().network.deleteNetwork('n1')],
  ['image', 'GET /image/v2/images', ({ open }) => open().image.listImages()],
  ['compute', 'GET /compute/v2.1/', ({ open }) => open().compute.listServers({})],
  ['volume', 'GET /volume/v3/', ({ open }) => open().volume.listVolumeTypes()],
  ['load-balancer', 'GET /lb/v2/lbaas/loadbalancers', ({ open }) => open().loadBalancer.listLoadBalancers()],
  ['object-store', 'HEAD /swift/v1/AUTH_p1/backups', ({ open }) => open().objectStorage.findContainer('backups')],
];
test.each(CALLS)('a redirect carries no credential anywhere, and is told as one: %s, %s', async (service, route, call) => {
  const other = await startFakeCloud();
  cloud.catalog.push(entry('object-store', `${cloud.origin}/swift/v1/AUTH_p1`));
  // Writes take turns.
  for (const status of route.startsWith('GET') ? [301, 302, 303, 307, 308] : [302, 307]) {
    const away = { status, headers: { location: `${other.origin}/elsewhere?temp_url_sig=secret` }, body: { error: { message: 'secret' } } };
    if (route === 'POST /identity/v3/auth/tokens') cloud.login = () => away;
    else cloud.on(route, away);
    const error = await failing(call(cloud));
    expect(error).toBeInstanceOf(Unavailable);
    expect(error).toMatchObject({
      code: 'CLOUD_UNAVAILABLE',
      message: expect.stringMatching(
        new RegExp(`^The ${service} service answered with a redirect \\(status ${status}\\), which is never followed: .* own address\\.$`),
      ),
      detail: { whoMustAct: 'CLOUD_ADMIN', openstack: { service, status, requestId: 'req-1' } },
    });
    expect(JSON.stringify(error) + String(error)).not.toContain('secret');
  }
  expect([...other.seen, ...other.logins]).toEqual([]);
  await other.close();
});

test('no listener at all', async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const address = closed.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  await new Promise((resolve) => closed.close(resolve));
  const other = await startFakeCloud({ authUrl: `http://127.0.0.1:${port}` });
  expect(await failing(other.open().projectId())).toMatchObject({
    code: 'CLOUD_UNAVAILABLE',
    message: 'The identity service could not be reached (ECONNREFUSED).',
  });
  await other.close();
});
