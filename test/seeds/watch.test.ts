import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { type Kubernetes, openKubernetes } from '../../src/seeds/connection.ts';
import type { Cache, WatchHandlers } from '../../src/seeds/watch.ts';
import { type Api, json, type Seen, startApi, until } from './tlsServer.ts';

/** An API of one collection that the test steers by hand. */
let items: { metadata: { name: string; namespace: string; resourceVersion: string } }[];
let version: string;
let streams: ServerResponse[];
let refuse: ((seen: Seen) => { status: number; body: object } | undefined) | undefined;
let api: Api;
let k: Kubernetes;
let events: string[];

beforeEach(async () => {
  items = [];
  version = '1';
  streams = [];
  events = [];
  refuse = undefined;
  api = await startApi((seen, response) => {
    const refusal = refuse?.(seen);
    if (refusal) return json(response, refusal.status, refusal.body);
    if (seen.query.get('watch') !== 'true') return json(response, 200, { metadata: { resourceVersion: version }, items });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    streams.push(response);
  });
  k = openKubernetes({ access: api.access, clock: systemClock, policy: { allowPrivate: false, allowLoopback: true }, random: () => 0 });
});
afterEach(async () => {
  k.close();
  await api.close();
});

const pod = (name: string, resourceVersion: string) => ({ metadata: { name, namespace: 'n', resourceVersion } });
const send = (type: string, object: object): void => void streams.at(-1)?.write(`${JSON.stringify({ type, object })}\n`);
const watch = (handlers: WatchHandlers = {}): Cache =>
  k.watch(
    { apiVersion: 'v1', kind: 'Pod', namespace: 'n', labelSelector: 'a=b' },
    { onChange: ({ metadata }, type) => events.push(`${type} ${metadata.name}`), ...handlers },
  );
const lists = (): Seen[] => api.seen.filter(({ query }) => query.get('watch') === null);
const watches = (): Seen[] => api.seen.filter(({ query }) => query.get('watch') === 'true');

test('lists, then follows, and gives whole objects', async () => {
  items = [pod('one', '1')];
  version = '5';
  const cache = watch();
  expect(cache.synced).toBe(false);
  await until('the stream', () => streams.length === 1);
  expect(cache.synced).toBe(true);
  expect(watches()[0]?.query.get('resourceVersion')).toBe('5');
  expect(watches()[0]?.query.get('allowWatchBookmarks')).toBe('true');
  expect(watches()[0]?.query.get('labelSelector')).toBe('a=b');
  send('ADDED', pod('two', '6'));
  send('MODIFIED', pod('one', '7'));
  send('DELETED', pod('two', '8'));
  await until('four events', () => events.length === 4);
  expect(events).toEqual(['ADDED one', 'ADDED two', 'MODIFIED one', 'DELETED two']);
  expect(cache.get('n', 'one')).toEqual({ apiVersion: 'v1', kind: 'Pod', ...pod('one', '7') });
  expect(cache.get('n', 'two')).toBeUndefined();
  expect(cache.list()).toHaveLength(1);
  expect(cache.heardAt).toBeGreaterThan(Date.now() - 10_000);
});

test('a stream that is cut goes on from the last version, bookmarks included, without a second list or a repeated event', async () => {
  items = [pod('one', '1')];
  const cache = watch();
  await until('the stream', () => streams.length === 1);
  send('MODIFIED', pod('one', '7'));
  send('BOOKMARK', { metadata: { resourceVersion: '20' } });
  await until('the event', () => events.length === 2);
  await new Promise((resolve) => setTimeout(resolve, 20));
  api.cut();
  await until('a second stream', () => streams.length === 2);
  expect(watches()[1]?.query.get('resourceVersion')).toBe('20');
  expect(lists()).toHaveLength(1);
  send('MODIFIED', pod('one', '7'));
  send('MODIFIED', pod('one', '21'));
  await until('the next event', () => cache.get('n', 'one')?.metadata.resourceVersion === '21');
  expect(events).toEqual(['ADDED one', 'MODIFIED one', 'MODIFIED one']);
  expect(cache.problem).toBeUndefined();
});

test.each(['in the stream', 'as the status'])(
  'a version that is gone (%s) leads to a new reading, and what vanished meanwhile is told',
  async (how) => {
    items = [pod('one', '1'), pod('two', '2'), pod('three', '3')];
    const cache = watch();
    await until('the stream', () => streams.length === 1);
    items = [pod('one', '1'), pod('two', '30'), pod('four', '31')];
    version = '40';
    const gone = { kind: 'Status', code: 410, message: 'too old' };
    if (how === 'in the stream') send('ERROR', gone);
    else {
      refuse = ({ query }) => (query.get('resourceVersion') === '1' ? { status: 410, body: gone } : undefined);
      api.cut();
    }
    await until('a new stream', () => watches().at(-1)?.query.get('resourceVersion') === '40');
    expect(lists()).toHaveLength(2);
    expect(events.slice(3)).toEqual(['DELETED three', 'MODIFIED two', 'ADDED four']);
    expect(cache.list().map(({ metadata }) => metadata.name)).toEqual(['one', 'two', 'four']);
    expect(cache.synced).toBe(true);
  },
);

test('a stream that falls silent is cut and resumed', async () => {
  const cache = watch({ stallMs: 80 });
  await until('a third stream', () => streams.length >= 3);
  expect(lists()).toHaveLength(1);
  expect(cache.synced).toBe(true);
});

test('a server that keeps ending or refusing watches is asked with growing pauses, and the reason is shown', async () => {
  refuse = ({ query }) => (query.get('watch') === 'true' ? { status: 403, body: { kind: 'Status', code: 403, message: 'no' } } : undefined);
  const cache = watch();
  await until('a problem', () => cache.problem !== undefined);
  expect(cache.problem).toMatchObject({ code: 'SEED_REFUSED', whoMustAct: 'CLOUD_ADMIN' });
  await new Promise((resolve) => setTimeout(resolve, 900));
  // First pauses with random 0: 250, 500 and 1,000 ms.
  expect(watches().length).toBeLessThanOrEqual(3);
  refuse = undefined;
  await until('the stream', () => streams.length === 1);
  await until('no problem', () => cache.problem === undefined);
});

test('events that arrive in pieces, cut inside a character, are whole', async () => {
  const cache = watch();
  await until('the stream', () => streams.length === 1);
  const bytes = Buffer.from(
    `${JSON.stringify({ type: 'ADDED', object: { ...pod('one', '2'), note: 'čaj ☕' } })}\n${JSON.stringify({ type: 'ADDED', object: pod('two', '3') })}\n`,
  );
  for (const byte of bytes) {
    streams[0]?.write(Buffer.from([byte]));
    if (byte === 0xe2) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await until('both', () => events.length === 2);
  expect(cache.get('n', 'one')?.note).toBe('čaj ☕');
});

test('a line that is no JSON ends the stream, not the watch', async () => {
  watch();
  await until('the stream', () => streams.length === 1);
  streams[0]?.write('{"type":\n');
  await until('a second stream', () => streams.length === 2);
});

test('an object without a name, and one out of all measure, leave the others of their watch alone', async () => {
  items = [pod('one', '1'), { spec: {} } as unknown as (typeof items)[number]];
  const cache = watch();
  await until('the stream', () => streams.length === 1);
  send('ADDED', { spec: 'no metadata at all' });
  send('DELETED', { metadata: null });
  send('MODIFIED', { ...pod('huge', '8'), note: 'x'.repeat(17 * 1024 * 1024) });
  send('ADDED', pod('two', '9'));
  await until('two', () => cache.get('n', 'two') !== undefined);
  expect(cache.list().map(({ metadata }) => metadata.name)).toEqual(['one', 'two']);
  expect(watches()).toHaveLength(1);
  expect(cache.problem).toBeUndefined();
});

test('only what is projected is kept; listeners come and go; close is the end', async () => {
  items = [pod('one', '1')];
  const cache = watch({ project: ({ apiVersion, kind, metadata: { name } }) => ({ apiVersion, kind, metadata: { name } }) });
  await until('the stream', () => streams.length === 1);
  expect(cache.get('n', 'one')).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'one' } });
  const heard: string[] = [];
  const off = cache.onChange(({ metadata }) => heard.push(metadata.name));
  send('ADDED', pod('two', '6'));
  await until('two', () => heard.length === 1);
  off();
  send('ADDED', pod('three', '7'));
  await until('three', () => cache.get('n', 'three') !== undefined);
  expect(heard).toEqual(['two']);
  const before = api.seen.length;
  cache.close();
  api.cut();
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(api.seen).toHaveLength(before);
});

test('watches do not take the connections of calls', async () => {
  for (let index = 0; index < 6; index += 1) watch();
  await until('six streams', () => streams.length === 6);
  await k.list({ apiVersion: 'v1', kind: 'Pod', namespace: 'n' });
  expect(lists()).toHaveLength(7);
});

test('who waits for a copy that is closed is told at once, and waits no more', async () => {
  refuse = () => ({ status: 503, body: {} });
  const cache = watch();
  cache.close();
  await expect(Promise.race([cache.firstSync(), new Promise((resolve) => setTimeout(resolve, 200))])).rejects.toMatchObject({
    code: 'SEED_UNAVAILABLE',
  });
});

test('a connection that is closed follows nothing any more, for nobody would ever end that', async () => {
  k.close();
  let problems = 0;
  const cache = watch({
    onProblem: () => {
      problems += 1;
    },
  });
  await expect(cache.firstSync()).rejects.toMatchObject({ code: 'SEED_UNAVAILABLE' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(problems).toBe(0);
});
