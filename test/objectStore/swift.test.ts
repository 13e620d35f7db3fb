/** Swift as the sandbox's cloud has it, behind TLS of its own: TempURLs by a key of the container's. */
import { createHmac } from 'node:crypto';
import { request as plainRequest } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Unavailable, UserError } from '../../src/domain/errors.ts';
import { openSwiftStore, signTempUrl } from '../../src/objectStore/swift.ts';
import { tryStore } from '../../src/objectStore/trial.ts';
import { type CloudFactory, createCloudFactory } from '../../src/openstack/session.ts';
import type { LoginName } from '../../src/sandbox/openstack/furnish.ts';
import { startCloud, type TestCloud } from '../sandbox/cloud.ts';
import { carry, expectNoRedirect, expectToKeep, failureOf, listeningLog, newName, textOf } from './shared.ts';
import { makeTls, type TestTls } from './tls.ts';

let cloud: TestCloud;
let front: Server;
let origin: string;
let tls: TestTls;
/** What the front answers by itself to calls whose URL this matches. */
let redirect: { url: RegExp; status: number; location: string } | null = null;
const opened: { close(): Promise<void> }[] = [];

/** TLS before the sandbox's cloud, which goes by the name that its clients use. */
beforeAll(async () => {
  [cloud, tls] = [await startCloud(), await makeTls()];
  const { port } = new URL(cloud.origin);
  front = createServer({ cert: tls.cert, key: tls.key }, (incoming, outgoing) => {
    const { method, url, headers } = incoming;
    if (redirect?.url.test(url ?? '') === true) {
      incoming.resume();
      return void outgoing.writeHead(redirect.status, { location: redirect.location }).end();
    }
    const inner = plainRequest({ port, host: '127.0.0.1', method, path: url, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const body = Buffer.concat(chunks);
        const isJson = answer.headers['content-type'] === 'application/json';
        // As a cloud behind a proxy names itself in its catalogue.
        const text = isJson ? Buffer.from(body.toString().replaceAll(`http://localhost:${portOf()}`, origin)) : body;
        const { 'transfer-encoding': _, ...kept } = answer.headers;
        outgoing.writeHead(answer.statusCode ?? 500, { ...kept, 'content-length': String(text.length) }).end(text);
      });
    });
    inner.on('error', () => outgoing.destroy());
    incoming.pipe(inner);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  origin = `https://localhost:${portOf()}`;
});
afterAll(async () => {
  for (const one of opened) await one.close();
  front.closeAllConnections();
  await new Promise((resolve) => front.close(resolve));
  await cloud.close();
});

const portOf = (): number => (front.address() as AddressInfo).port;

const open = (given: { login?: LoginName; container?: string; urlKey?: string; caPem?: string | null; now?: () => number } = {}) => {
  const caPem = given.caPem === undefined ? tls.caPem : given.caPem;
  const settings = { authUrl: `${origin}/identity/v3`, region: null, interface: 'public', caPem: tls.caPem, timeoutMs: 2_000 } as const;
  const clock = { now: Date.now };
  const factory: CloudFactory = createCloudFactory({ settings, clock });
  const { username, password, projectName } = cloud.sandbox.handover.users[given.login ?? 'service'];
  const names = { userDomainName: 'Default', projectDomainName: 'Default' };
  const account = factory.open({ kind: 'password', username, password, projectName, ...names }).objectStorage;
  const { container = 'backups', urlKey = 'the-key-of-seedbed' } = given;
  const store = openSwiftStore({ account, container, urlKey, caPem, clock: { now: given.now ?? Date.now }, timeoutMs: 2_000 });
  opened.push(store, factory);
  return { store, account };
};

test("Swift's own recipe of a signature is what is made, over the path as Swift sees it", () => {
  // https://docs.openstack.org/swift/latest/api/temporary_url_middleware.html#hmac-signature-for-temporary-urls
  const signed = (path: string) =>
    `?temp_url_sig=${createHmac('sha256', 'mykey').update(`GET\n1440619048\n${path}`).digest('hex')}&temp_url_expires=1440619048`;
  const path = '/v1/AUTH_account/container/object';
  const order = { method: 'GET', key: 'mykey', until: 1_440_619_048_000 };
  for (const before of ['https://swift.example', 'https://cloud.example/object-store', 'https://ceph.example:8080/swift'])
    expect(signTempUrl({ ...order, url: `${before}${path}` })).toBe(`${before}${path}${signed(path)}`);
});

test('the container is made with the key, objects are kept, and each URL is good for one object and one way', async () => {
  const { store, account } = open();
  await expectToKeep(store, (url) => url.replace('.db?', '.keys?'));
  expect(await account.findContainer('backups')).toEqual({ keys: ['the-key-of-seedbed', ''], readers: '' });
  const over = await open({ now: () => Date.now() - 120_000 }).store.upload(newName(), { ttlMs: 60_000, maxBytes: 1 });
  expect(await carry('PUT', over, Buffer.alloc(1))).toMatchObject({ status: 401 });
});

test("keys of others' stay; where there is no room for another it is said; one that was taken away is set again", async () => {
  const { store, account } = open({ container: 'shared' });
  await account.putContainer('shared', { slot: 0, value: 'of-somebody' });
  const name = newName();
  await store.put(name, Buffer.from('x'));
  expect(await account.findContainer('shared')).toEqual({ keys: ['of-somebody', 'the-key-of-seedbed'], readers: '' });
  await account.putContainer('shared', { slot: 1, value: 'of-another' });
  const full = await failureOf(store.get(name));
  expect(full).toBeInstanceOf(UserError);
  expect((full as Error).message).toMatch(/two keys for TempURLs, neither of them Seedbed's: .*SEEDBED_BACKUP_SWIFT_CONTAINER/);
  expect(textOf(full)).not.toMatch(/the-key-of-seedbed|of-another/);
  await account.putContainer('shared', { slot: 1, value: '' });
  expect(await store.get(name)).toEqual(Buffer.from('x'));
});

test('a user who may not, a certificate that nobody knows and a cloud that fails are told apart, without any signature', async () => {
  const name = newName();
  const reader = await failureOf(open({ login: 'reader' }).store.get(name));
  expect(reader).toBeInstanceOf(UserError);
  expect(reader).toMatchObject({ detail: { whoMustAct: 'CLOUD_ADMIN' } });
  expect((reader as Error).message).toMatch(/SEEDBED_KEYSTONE_USERNAME .*operator roles/);
  const untrusted = await failureOf(open({ caPem: null }).store.get(name));
  expect(untrusted).toBeInstanceOf(UserError);
  expect((untrusted as Error).message).toMatch(/is not trusted .*SEEDBED_CLOUD_CA_FILE/);

  const { store } = open();
  const { log, said } = listeningLog();
  await cloud.control('POST', '/faults', { kind: 'status', status: 503, service: 'object-store', path: 'temp_url_sig' });
  const down = await failureOf(store.get(name));
  await tryStore(store, { log, signal: new AbortController().signal });
  await cloud.control('DELETE', '/faults');
  expect(down).toBeInstanceOf(Unavailable);
  // A clock that is an hour behind makes URLs that are over.
  const late = open({ now: () => Date.now() - 3_600_000 }).store;
  const refused = await failureOf(late.get(name));
  await tryStore(late, { log, signal: new AbortController().signal });
  expect(refused).toBeInstanceOf(Unavailable);
  expect((refused as Error).message).toMatch(/the clock of this machine must be right/);
  expect(said()).toMatch(/'error'.*failed \(status 503\).*It is tried again/s);
  for (const text of [textOf(down), textOf(refused), said()]) expect(text).not.toMatch(/temp_url_sig|the-key-of-seedbed/);
});

test("a redirect is not followed: neither an object's signed URL nor the container's token goes anywhere", async () => {
  const { store } = open();
  await store.put(newName(), Buffer.from('x'));
  const signed = await expectNoRedirect(store, (location, status) => {
    redirect = { url: /temp_url_sig/, status, location };
  });
  redirect = null;
  for (const error of signed) {
    expect(error).toMatchObject({ code: 'CLOUD_REFUSED', detail: { whoMustAct: 'CLOUD_ADMIN' } });
    expect(error.message).toMatch(
      /\(Swift\) answered with a redirect \(status 30[27]\), which is never followed: its endpoint in .* catalogue/,
    );
  }
  const unprepared = open({ container: 'elsewhere' });
  const own = await expectNoRedirect(unprepared.store, (location, status) => {
    redirect = { url: /AUTH_[^/]+\/elsewhere$/, status, location };
  });
  redirect = null;
  for (const error of own) expect(error.message).toMatch(/^The object-store service answered with a redirect \(status 30[27]\)/);
  expect(await unprepared.account.findContainer('elsewhere')).toBeUndefined();
});

test('a URL that is signed with another key, or over sha1, is worth nothing', async () => {
  const { store } = open();
  const up = await store.upload(newName(), { ttlMs: 60_000, maxBytes: 1 });
  const { origin: at, pathname } = new URL(up.url);
  const until = Date.now() + 60_000;
  const foreign = signTempUrl({ method: 'PUT', url: `${at}${pathname}`, key: 'guessed', until });
  const sha1 = createHmac('sha1', 'the-key-of-seedbed').update(
    `PUT\n${Math.ceil(until / 1000)}\n${pathname.slice('/object-store'.length)}`,
  );
  const old = `${at}${pathname}?temp_url_sig=${sha1.digest('hex')}&temp_url_expires=${Math.ceil(until / 1000)}`;
  for (const url of [foreign, old, `${at}${pathname}`])
    expect((await carry('PUT', { ...up, url }, Buffer.alloc(1))).status).toBeGreaterThanOrEqual(401);
});

test('a container that everybody may read takes no snapshot', async () => {
  const account = {
    accountUrl: async () => `${origin}/object-store/v1/AUTH_of-somebody`,
    findContainer: async () => ({ keys: ['the-key-of-seedbed', ''] as const, readers: '.r:*,.rlistings' }),
    putContainer: () => Promise.reject(new Error('nothing is to be changed')),
  };
  const store = openSwiftStore({
    account,
    container: 'open',
    urlKey: 'the-key-of-seedbed',
    caPem: null,
    clock: { now: Date.now },
    timeoutMs: 2_000,
  });
  opened.push(store);
  expect(await failureOf(store.put(newName(), Buffer.from('x')))).toMatchObject({
    code: 'CLOUD_REFUSED',
    message: expect.stringContaining('X-Container-Read'),
  });
});
