/** The way to an API over both forms of HTTP, when it is cut, falls silent, or is led elsewhere. */
import type { ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { type Kubernetes, type KubernetesDeps, openKubernetes } from '../../src/seeds/connection.ts';
import type { Cache, WatchHandlers } from '../../src/seeds/watch.ts';
import { type Api, json, type Seen, startApi, until } from './tlsServer.ts';

const REF = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'n', name: 'a' };
const QUERY = { apiVersion: 'v1', kind: 'Pod' };
const MAP = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'n' } };
const POD = { type: 'ADDED', object: { metadata: { name: 'one', resourceVersion: '7' } } };

const policy = { allowPrivate: false, allowLoopback: true };

let api: Api;
let k: Kubernetes;
let streams: ServerResponse[];
/** How calls that are no watches are answered. */
let answer: (seen: Seen, response: ServerResponse) => void;

const open = async (http1: boolean, more: Partial<KubernetesDeps> = {}): Promise<void> => {
  api = await startApi(
    (seen, response) => {
      if (seen.path.endsWith('/pods') && seen.query.get('watch') !== 'true')
        return json(response, 200, { metadata: { resourceVersion: '5' }, items: [] });
      if (seen.query.get('watch') !== 'true') return answer(seen, response);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      streams.push(response);
    },
    { http1 },
  );
  k = openKubernetes({ access: api.access, clock: systemClock, policy, random: () => 0, ...more });
};
beforeEach(() => {
  streams = [];
  answer = (_, response) => json(response, 200, MAP);
});
afterEach(async () => {
  vi.useRealTimers();
  k.close();
  await api.close();
});

const watch = (handlers: WatchHandlers = {}): Cache => k.watch(QUERY, handlers);
const watches = () => api.seen.filter(({ query }) => query.get('watch') === 'true');

describe.each([
  ['HTTP/2', false],
  ['HTTP/1.1', true],
])('over %s', (_, http1) => {
  test('calls, bodies and watches go their ways side by side', async () => {
    await open(http1);
    const caches = Array.from({ length: 20 }, () => watch());
    await until('the streams', () => streams.length === 20);
    answer = (seen, response) => json(response, 200, JSON.parse(seen.body));
    const big = { ...MAP, data: { x: 'é'.repeat(900_000) } };
    expect(await k.apply(big)).toEqual(big);
    expect(api.seen.at(-1)?.headers['content-type']).toBe('application/apply-patch+yaml');
    for (const stream of streams) stream.write(`${JSON.stringify(POD)}\n`);
    await until('each has it', () => caches.every((cache) => cache.get(undefined, 'one') !== undefined));
    if (http1) expect(api.connections()).toBeGreaterThan(20);
    else expect(api.connections()).toBe(1);
  });

  test('an answer that breaks off is no answer', async () => {
    await open(http1);
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"kind":"ConfigMap"');
      setTimeout(() => response.destroy(), 20);
    };
    await expect(k.get(REF)).rejects.toMatchObject({ code: 'SEED_UNAVAILABLE' });
    answer = (_, response) => json(response, 200, MAP);
    expect(await k.get(REF)).toEqual(MAP);
  });

  test('watches whose connection is cut go on, and so do calls', async () => {
    await open(http1);
    const cache = watch();
    await until('the stream', () => streams.length === 1);
    await k.get(REF);
    api.cut();
    expect(await k.get(REF)).toEqual(MAP);
    await until('a second stream', () => streams.length === 2);
    streams[1]?.write(`${JSON.stringify(POD)}\n`);
    await until('the event', () => cache.get(undefined, 'one') !== undefined);
    expect(watches()[1]?.query.get('resourceVersion')).toBe('5');
  });
});

test('who is sent away opens a second connection for what comes, and hears on the first what is under way', async () => {
  await open(false);
  const cache = watch();
  await until('the stream', () => streams.length === 1);
  api.goAway();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await k.get(REF);
  await k.get(REF);
  expect(api.connections()).toBe(2);
  streams[0]?.write(`${JSON.stringify(POD)}\n`);
  await until('the event', () => cache.get(undefined, 'one') !== undefined);
  expect(watches()).toHaveLength(1);
});

test('what follows a call or a watch without an answer takes another connection', async () => {
  await open(false, { timeoutMs: 150 });
  answer = () => {};
  await expect(k.get(REF)).rejects.toMatchObject({ code: 'SEED_UNAVAILABLE' });
  answer = (_, response) => json(response, 200, MAP);
  await k.get(REF);
  expect(api.connections()).toBe(2);
  watch({ stallMs: 80 });
  await until('a second stream', () => streams.length === 2);
  expect(api.connections()).toBe(3);
});

/** A way to the API that can swallow all that is on it from one moment on; what comes after goes through. */
const startWay = async (): Promise<{ port: number; swallow: () => void; close: () => void }> => {
  const ends = new Set<Socket>();
  const way = createServer((near) => {
    const far = connect(api.port, '127.0.0.1');
    for (const end of [near, far]) ends.add(end.on('error', () => {}));
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => void way.listen(0, '127.0.0.1', resolve));
  return {
    port: (way.address() as AddressInfo).port,
    swallow: () => {
      for (const end of ends) end.unpipe().pause();
    },
    close: () => {
      way.close();
      for (const end of ends) end.destroy();
    },
  };
};

test('a peer that is gone without a word is noticed between two pings, by its watches, too', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  await open(false);
  const way = await startWay();
  onTestFinished(way.close);
  k.close();
  k = openKubernetes({ access: { ...api.access, server: `https://127.0.0.1:${way.port}` }, clock: systemClock, policy, random: () => 0 });
  const cache = watch();
  await until('the stream', () => streams.length === 1);
  await vi.advanceTimersByTimeAsync(30_000);
  await k.get(REF);
  expect(api.connections()).toBe(1);
  way.swallow();
  await vi.advanceTimersByTimeAsync(30_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(watches()).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(30_000);
  await until('a second stream', () => streams.length === 2);
  streams[1]?.write(`${JSON.stringify(POD)}\n`);
  await until('the event', () => cache.get(undefined, 'one') !== undefined);
});

test('a connection that nobody uses is closed', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  await open(false);
  await k.get(REF);
  await vi.advanceTimersByTimeAsync(60_000);
  await k.get(REF);
  expect(api.connections()).toBe(2);
});
