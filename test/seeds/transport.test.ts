/** The way to an API over both forms of HTTP, when it is cut, falls silent, or is led elsewhere. */
import type { ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { type Kubernetes, type KubernetesDeps, openKubernetes } from '../../src/seeds/connection.ts';
import type { Cache, WatchHandlers } from '../../src/seeds/watch.ts';
import { type Api, json, makeCertificates, type Seen, startApi, until } from './tlsServer.ts';

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

const open = async (http1: boolean, more: Partial<KubernetesDeps> & { maxStreams?: number } = {}): Promise<void> => {
  api = await startApi(
    (seen, response) => {
      if (seen.path.endsWith('/pods') && seen.query.get('watch') !== 'true')
        return json(response, 200, { metadata: { resourceVersion: '5' }, items: [] });
      if (seen.query.get('watch') !== 'true') return answer(seen, response);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      streams.push(response);
    },
    { http1, ...(more.maxStreams !== undefined && { maxStreams: more.maxStreams }) },
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

test('where a connection takes no more streams, another one is dialled', async () => {
  await open(false, { maxStreams: 3 });
  const caches = Array.from({ length: 5 }, () => watch());
  await until('the streams', () => streams.length === 5);
  expect(await Promise.all([k.get(REF), k.get(REF)])).toEqual([MAP, MAP]);
  expect(api.connections()).toBeLessThan(5);
  const before = api.connections();
  for (const cache of caches.slice(0, 4)) cache.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await Promise.all([k.get(REF), k.get(REF), k.get(REF)]);
  expect(api.connections()).toBe(before);
});

test('a server that takes one stream is not dialled without end', async () => {
  await open(false, { maxStreams: 1 });
  const caches = Array.from({ length: 20 }, () => watch());
  await until('the streams', () => streams.length === 8);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(api.connections()).toBe(8);
  for (const cache of caches) cache.close();
});

test('what was left for another connection is closed with the rest', async () => {
  await open(false, { timeoutMs: 150 });
  watch();
  await until('the stream', () => streams.length === 1);
  answer = () => {};
  await expect(k.get(REF)).rejects.toMatchObject({ code: 'SEED_UNAVAILABLE' });
  answer = (_, response) => json(response, 200, MAP);
  await k.get(REF);
  expect([api.connections(), api.open()]).toEqual([2, 2]);
  k.close();
  await until('the ends of both', () => api.open() === 0);
});

const [DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY] = [0, 1, 3, 4, 7];
const [END_STREAM, END_HEADERS] = [1, 4];
const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const frame = (type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer =>
  Buffer.concat([number(payload.length).subarray(1), Buffer.from([type, flags]), number(stream), payload]);
const HEAD = frame(HEADERS, END_HEADERS, 1, Buffer.from([0x88]));
const HALF = frame(DATA, 0, 1, Buffer.from('half a log'));
const TRAILERS = frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.from([0x40, 1, 0x61, 1, 0x62]));
const NO_ERROR = frame(RST_STREAM, 0, 1, number(0));

/** A server that says frames of its own making; Node's says the end of a stream before it resets it. */
const startFrames = async (steps: Buffer[], isCut: boolean): Promise<KubernetesDeps['access']> => {
  const { caPem, server: own, client } = await makeCertificates();
  const server = createTlsServer({ cert: own.certPem, key: own.keyPem, ALPNProtocols: ['h2'] }, (socket) => {
    socket.on('error', () => {});
    socket.write(frame(SETTINGS, 0, 0));
    let taken: Buffer = Buffer.alloc(0);
    socket.on('data', async (chunk: Buffer) => {
      const before = isAsked(taken);
      taken = Buffer.concat([taken, chunk]);
      if (before || !isAsked(taken)) return;
      for (const step of steps) {
        socket.write(step);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      if (isCut) socket.end();
    });
    onTestFinished(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { server: `https://127.0.0.1:${port}`, caPem, clientCertPem: client.certPem, clientKeyPem: client.keyPem };
};

/** Whether the client's first HEADERS is there, behind its greeting. */
const isAsked = (taken: Buffer): boolean => {
  for (let at = 24; at + 9 <= taken.length; at += 9 + taken.readUIntBE(at, 3)) if (taken[at + 3] === HEADERS) return true;
  return false;
};

test.each([
  ['reset without an error', [HEAD, HALF, NO_ERROR], false],
  ['reset without an error at once', [Buffer.concat([HEAD, HALF, NO_ERROR])], false],
  ['reset before its body', [HEAD, NO_ERROR], false],
  ['cut without a word', [HEAD, HALF], true],
  ['cut after a farewell', [HEAD, HALF, frame(GOAWAY, 0, 0, Buffer.concat([number(1), number(0)]))], true],
])('a body without a length that is %s is no answer', async (_, steps, isCut) => {
  const access = await startFrames(steps, isCut);
  k = openKubernetes({ access, clock: systemClock, policy, random: () => 0, timeoutMs: 2_000 });
  onTestFinished(k.close);
  const error = await k.log({ namespace: 'n', name: 'p' }, 'c').catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'SEED_UNAVAILABLE' });
  expect(String(error)).not.toContain('in time');
});

test.each([
  ['with its last frame', [HEAD, HALF, frame(DATA, END_STREAM, 1)]],
  ['and is reset behind it', [Buffer.concat([HEAD, HALF, frame(DATA, END_STREAM, 1), NO_ERROR])]],
  ['with trailers', [HEAD, HALF, TRAILERS]],
])('a body without a length that ends %s is whole', async (_, steps) => {
  k = openKubernetes({ access: await startFrames(steps, false), clock: systemClock, policy, random: () => 0, timeoutMs: 2_000 });
  onTestFinished(k.close);
  expect(await k.log({ namespace: 'n', name: 'p' }, 'c')).toBe('half a log');
});
