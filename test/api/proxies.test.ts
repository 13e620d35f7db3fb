/** What stands before the server: proxies with a path of their own, load balancers that keep connections, and TLS of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { createClient } from 'graphql-ws';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { watchTlsFiles } from '../../src/tlsFiles.ts';
import { makeTls } from '../objectStore/tls.ts';
import { overSocket, overSse, PROGRESS } from './live.ts';
import { makeCluster, openWorld, type World } from './world.ts';

const VIEWER = '{ viewer { userName } }';

test('behind a prefix all is served, and to a proxy that takes the prefix off as well', async () => {
  const world = await openWorld({ pathPrefix: '/clouds/kubernetes' });
  expect(world.url).toMatch(/:\d+\/clouds\/kubernetes\/graphql$/);
  const { id } = await makeCluster(world, 'anna');
  for (const url of [world.url, world.page('/graphql')]) {
    const reached: World = { ...world, url };
    for (const subscribe of [overSocket, overSse]) {
      const stream = subscribe(reached, 'anna', PROGRESS, { id });
      await stream.until(1);
      stream.stop();
      expect(stream.payloads[0]).toMatchObject({ data: { clusterProgress: { number: 1 } } });
    }
    const page = await fetch(url, { headers: { accept: 'text/html' } });
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('renderYogaGraphiQL')]);
    const get = await fetch(`${url}?query=${encodeURIComponent(VIEWER)}`, { headers: { 'x-auth-token': 'anna' } });
    expect(await get.json()).toMatchObject({ data: { viewer: { userName: 'anna' } } });
  }
  for (const [path, status] of [
    ['/healthz', 200],
    ['/clouds/kubernetes/healthz', 200],
    ['/clouds/kubernetes/metrics', 200],
    ['/clouds/graphql', 404],
    ['/clouds/kubernetesgraphql', 404],
    ['/clouds/kubernetes', 404],
  ] as const)
    expect([path, (await fetch(world.page(path))).status]).toEqual([path, status]);
  // Whoever makes calls from the OpenAPI document puts this before its paths.
  const openApi = await fetch(world.page('/clouds/kubernetes/v1/openapi.json'), { headers: { 'x-auth-token': 'anna' } });
  expect(await openApi.json()).toMatchObject({ servers: [{ url: '/clouds/kubernetes' }] });
});

test('a connection that a load balancer keeps serves again after it was idle longer than headers may take', async () => {
  const world = await openWorld();
  const { hostname, port } = new URL(world.url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  const ask = () => socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  ask();
  await expect.poll(() => text).toMatch(/^HTTP\/1\.1 200 /);
  expect(Number(/^Keep-Alive: timeout=(\d+)/im.exec(text)?.[1])).toBeGreaterThan(75);
  text = '';
  await new Promise((resolve) => setTimeout(resolve, 12_500));
  ask();
  await expect.poll(() => text).toMatch(/^HTTP\/1\.1 200 /);
  socket.destroy();
});

test('a new certificate is taken while the server runs, and never half of one', async () => {
  const [first, second] = [await makeTls('127.0.0.1'), await makeTls('127.0.0.1')];
  const world = await openWorld({ tls: { cert: first.cert, key: first.key } });
  const { hostname, port } = new URL(world.url);
  const serves = (ca: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connectTls({ host: hostname, port: Number(port), ca, servername: '' }, () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
  const folder = mkdtempSync(join(tmpdir(), 'seedbed-tls-'));
  const paths = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  writeFileSync(paths.cert, first.cert);
  writeFileSync(paths.key, first.key);
  const warned: string[] = [];
  const log = {
    debug() {},
    info() {},
    error() {},
    warn: (_fields: object, message: string) => void warned.push(message),
    child: () => log,
  };
  const watch = watchTlsFiles(paths, first, { take: world.api.renewTls, log, lookMs: 20 });
  try {
    expect([await serves(first.caPem), await serves(second.caPem)]).toEqual([true, false]);
    const open = connectTls({ host: hostname, port: Number(port), ca: first.caPem, servername: '' });
    await new Promise((resolve) => open.once('secureConnect', resolve));
    writeFileSync(paths.cert, second.cert);
    await expect.poll(() => warned.length).toBe(1);
    expect(await serves(first.caPem)).toBe(true);
    writeFileSync(paths.key, second.key);
    await expect.poll(() => serves(second.caPem)).toBe(true);
    expect(await serves(first.caPem)).toBe(false);
    // A connection that was open goes on.
    const answered = new Promise((resolve) => open.once('data', (chunk) => resolve(String(chunk))));
    open.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await answered).toMatch(/^HTTP\/1\.1 200 /);
    open.destroy();
    rmSync(paths.key);
    await expect.poll(() => warned.length).toBeGreaterThan(1);
    expect(await serves(second.caPem)).toBe(true);
    expect(warned.join()).not.toContain('PRIVATE KEY');
  } finally {
    watch.close();
    rmSync(folder, { recursive: true });
  }
});

test('queries and subscriptions come over TLS of its own, by HTTPS, WSS and SSE, and to nobody without', async () => {
  const { cert, key, caPem } = await makeTls('127.0.0.1');
  const world = await openWorld({ tls: { cert, key } });
  expect(world.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/graphql$/);
  // As the house's clients send it, but for the authority that they trust.
  const send = (accept: string, query: string, variables: object = {}) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', accept, 'x-auth-token': 'anna' };
      const call = request(world.url, { method: 'POST', headers, ca: caPem, agent: false }, (response) => {
        let text = '';
        const done = () => resolve({ status: response.statusCode ?? 0, text });
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          // A stream of events has no end of its own.
          if (accept === 'text/event-stream' && /^data: .+\n\n/m.test(text)) {
            done();
            call.destroy();
          }
        });
        response.on('end', done).on('error', reject);
      });
      call.on('error', reject);
      call.end(JSON.stringify({ query, variables }));
    });
  const answered = { data: { viewer: { userName: 'anna' } } };
  const overHttps = await send('application/json', VIEWER);
  expect([overHttps.status, JSON.parse(overHttps.text)]).toMatchObject([200, answered]);

  const template = '{ name: "standard", image: "debian", flavor: "small" }';
  await send('application/json', `mutation { createClusterTemplate(input: ${template}) { __typename } }`);
  const made = await send(
    'application/json',
    'mutation { createCluster(input: { name: "web", clusterTemplate: "standard" }) { ... on CreateClusterPayload { cluster { id } } } }',
  );
  const { id } = (JSON.parse(made.text) as { data: { createCluster: { cluster: { id: string } } } }).data.createCluster.cluster;
  const first = { data: { clusterProgress: { number: 1 } } };
  const eventOf = ({ text }: { text: string }): unknown => JSON.parse(/^data: (.+)$/m.exec(text)?.[1] ?? 'null');
  expect(eventOf(await send('text/event-stream', VIEWER))).toMatchObject(answered);
  expect(eventOf(await send('text/event-stream', PROGRESS, { id }))).toMatchObject(first);

  const trusting = class extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols, { ca: caPem });
    }
  };
  const url = world.url.replace('https', 'wss');
  const client = createClient({ url, webSocketImpl: trusting, connectionParams: { 'X-Auth-Token': 'anna' }, retryAttempts: 0 });
  for (const [order, expected] of [
    [{ query: VIEWER }, answered],
    [{ query: PROGRESS, variables: { id } }, first],
  ] as const) {
    const asked = client.iterate({ ...order });
    expect((await asked.next()).value).toMatchObject(expected);
    await asked.return?.();
  }
  await client.dispose();

  // Without the authority, and without TLS, nothing is said.
  await expect(fetch(world.url, { method: 'POST' })).rejects.toThrow();
  await expect(fetch(world.url.replace('https', 'http'), { method: 'POST' })).rejects.toThrow();
});
