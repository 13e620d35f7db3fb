import { once } from 'node:events';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { makeTls } from '../objectStore/tls.ts';
import { type FakeApi, startFakeApi } from './fakeApi.ts';
import { run } from './run.ts';

let api: FakeApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

const EMPTY = { body: { data: { clusters: { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } } } } };
const list = (environment: Record<string, string>, places: { cwd?: string; home?: string } = {}, more: string[] = []) =>
  run(['cluster', 'list', ...more], { SEEDBED_URL: api?.url ?? '', ...environment }, places);
const sent = () => api?.asked.find((asked) => asked.path.endsWith('/auth/tokens'))?.body.auth;
const start = async (tokens?: string[]): Promise<FakeApi> => {
  api = await startFakeApi(() => EMPTY, tokens);
  return api;
};

test('a ready token is used as it is, without a login', async () => {
  await start();
  expect((await list({ OS_TOKEN: 'ready' })).status).toBe(0);
  expect(api?.asked.map((asked) => [asked.path, asked.headers['x-auth-token']])).toEqual([['/graphql', 'ready']]);
});

test('a password with names, and /v3 added to the address', async () => {
  const { authUrl } = await start(['fresh']);
  const environment = {
    OS_AUTH_URL: authUrl.replace('/v3', '/'),
    OS_USERNAME: 'ada',
    OS_PASSWORD: 'secret',
    OS_PROJECT_NAME: 'web',
    OS_USER_DOMAIN_NAME: 'People',
    OS_PROJECT_DOMAIN_ID: 'd1',
  };
  expect((await list(environment)).status).toBe(0);
  expect(sent()).toEqual({
    identity: { methods: ['password'], password: { user: { name: 'ada', domain: { name: 'People' }, password: 'secret' } } },
    scope: { project: { name: 'web', domain: { id: 'd1' } } },
  });
  expect(api?.asked.at(-1)?.headers['x-auth-token']).toBe('fresh');
});

test('an application credential has no scope of its own', async () => {
  const { authUrl } = await start();
  await list({ OS_AUTH_URL: authUrl, OS_APPLICATION_CREDENTIAL_ID: 'i', OS_APPLICATION_CREDENTIAL_SECRET: 's', OS_PROJECT_NAME: 'web' });
  expect(sent()).toEqual({ identity: { methods: ['application_credential'], application_credential: { id: 'i', secret: 's' } } });
});

test('the whole system as scope', async () => {
  const { authUrl } = await start();
  await list({ OS_AUTH_URL: authUrl, OS_USER_ID: 'u', OS_PASSWORD: 'p', OS_SYSTEM_SCOPE: 'all' });
  expect(sent()).toEqual({
    identity: { methods: ['password'], password: { user: { id: 'u', password: 'p' } } },
    scope: { system: { all: true } },
  });
});

const folderWith = (clouds: object, secure?: object): string => {
  const folder = mkdtempSync(join(tmpdir(), 'clouds-'));
  writeFileSync(join(folder, 'clouds.yaml'), stringify({ clouds }));
  if (secure !== undefined) writeFileSync(join(folder, 'secure.yaml'), stringify({ clouds: secure }));
  return folder;
};

test('clouds.yaml of the working directory, its password from secure.yaml; other variables do not mix in', async () => {
  const { authUrl } = await start();
  const cwd = folderWith(
    { here: { auth: { auth_url: authUrl, username: 'ada', project_id: 'p1' } } },
    { here: { auth: { password: 'safe' } } },
  );
  expect((await list({ OS_CLOUD: 'here', OS_PROJECT_NAME: 'another' }, { cwd })).status).toBe(0);
  expect(sent()).toEqual({
    identity: { methods: ['password'], password: { user: { name: 'ada', domain: { name: 'Default' }, password: 'safe' } } },
    scope: { project: { id: 'p1' } },
  });
});

test('OS_CLIENT_CONFIG_FILE is the only place when it is set; --os-cloud wins over OS_CLOUD', async () => {
  const { authUrl } = await start();
  const auth = { auth_url: authUrl, password: 'p', project_id: 'p1' };
  const there = folderWith({ one: { auth: { ...auth, username: 'one' } }, two: { auth: { ...auth, username: 'two' } } });
  const environment = { OS_CLIENT_CONFIG_FILE: join(there, 'clouds.yaml'), OS_CLOUD: 'one' };
  await list(environment, { cwd: folderWith({ two: { auth: { auth_url: 'http://127.0.0.1:9' } } }) }, ['--os-cloud', 'two']);
  expect(sent()).toMatchObject({ identity: { password: { user: { name: 'two' } } } });
});

test('clouds.yaml of the home directory', async () => {
  const { authUrl } = await start();
  const home = mkdtempSync(join(tmpdir(), 'home-'));
  mkdirSync(join(home, '.config', 'openstack'), { recursive: true });
  const auth = { auth_url: authUrl, user_id: 'u', password: 'p', project_id: 'p1' };
  writeFileSync(join(home, '.config', 'openstack', 'clouds.yaml'), stringify({ clouds: { home: { auth } } }));
  expect((await list({ OS_CLOUD: 'home' }, { home })).status).toBe(0);
});

test('a refused login is denied, and does not show the password', async () => {
  const { authUrl } = await start([]);
  const ran = await list({ OS_AUTH_URL: authUrl, OS_USERNAME: 'ada', OS_PASSWORD: 'hunter2', OS_PROJECT_ID: 'p' });
  expect(ran.status).toBe(3);
  expect(ran.err).not.toContain('hunter2');
});

test('a token that was revoked is replaced by one more login', async () => {
  api = await startFakeApi(
    ({ headers }) =>
      headers['x-auth-token'] === 'old'
        ? { status: 401, body: { errors: [{ message: 'No.', extensions: { code: 'UNAUTHENTICATED' } }] } }
        : EMPTY,
    ['old', 'new'],
  );
  const ran = await list({ OS_AUTH_URL: api.authUrl, OS_USER_ID: 'u', OS_PASSWORD: 'p', OS_PROJECT_ID: 'p' });
  expect(ran).toEqual({ status: 0, out: 'No clusters in this project.\n', err: '' });
});

test.each([
  [{}, 'No login'],
  [{ OS_AUTH_URL: 'http://127.0.0.1:9' }, 'lacks a user name'],
  [{ OS_CLOUD: 'gone', OS_CLIENT_CONFIG_FILE: '/nonexistent/clouds.yaml' }, 'looked for /nonexistent/clouds.yaml'],
  [
    { OS_AUTH_URL: 'http://127.0.0.1:9', OS_USER_ID: 'u', OS_PASSWORD: 'p', OS_CACERT: '/nonexistent.pem' },
    '/nonexistent.pem cannot be read',
  ],
])('a login that cannot be made is wrong usage: %j', async (environment, message) => {
  const ran = await run(['cluster', 'list'], environment as Record<string, string>);
  expect(ran.status).toBe(2);
  expect(ran.err).toContain(message);
});

test("a server whose certificate nobody vouches for is told with how to name its authority, Keystone's and the API's", async () => {
  const tls = await makeTls('127.0.0.1');
  const server = createServer(tls, (_request, response) => response.end('{}')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const keystone = await run(['cluster', 'list'], { OS_AUTH_URL: url, OS_USER_ID: 'u', OS_PASSWORD: 'p', OS_PROJECT_ID: 'p' });
    expect([keystone.status, keystone.err]).toEqual([1, expect.stringMatching(/cannot be reached: .*certificate.* by OS_CACERT/)]);
    const api = await run(['cluster', 'list'], { SEEDBED_URL: `${url}/graphql`, OS_TOKEN: 'ready' });
    expect([api.status, api.err]).toEqual([1, expect.stringMatching(/cannot be reached: .*certificate.* by SEEDBED_CACERT/)]);
    const known = join(mkdtempSync(join(tmpdir(), 'authority-')), 'ca.pem');
    writeFileSync(known, tls.caPem);
    const trusted = await run(['cluster', 'list'], { SEEDBED_URL: `${url}/graphql`, OS_TOKEN: 'ready', SEEDBED_CACERT: known });
    expect(trusted.err).not.toContain('cannot be reached');
  } finally {
    server.close();
  }
});

test('a cloud that the file does not have is named with those that it has', async () => {
  const cwd = folderWith({ one: { auth: {} }, two: { auth: {} } });
  const ran = await run(['cluster', 'list'], { OS_CLOUD: 'three' }, { cwd });
  expect(ran).toMatchObject({ status: 2, err: expect.stringContaining('it has: one, two.') });
});
