/** A list that is followed is the server's, whatever becomes of the connections below it. */
import { expect, onTestFinished, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { CLUSTERS } from '../../src/client/documents.ts';
import { followClusters } from '../../src/client/list.ts';
import type { StreamOptions } from '../../src/client/stream.ts';
import type { ClusterSummary } from '../../src/client/types.ts';
import { overSocket, setState } from '../api/live.ts';
import { makeCluster, openWorld } from '../api/world.ts';
import { ANNA } from '../commands/house.ts';
import { openWay } from '../house/way.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Follows until the test ends; `failure` resolves with what ended it before. */
const follow = (url: string, options: StreamOptions & { token?: () => Promise<string> } = {}) => {
  const { token = async () => 'anna', ...more } = options;
  const over = new AbortController();
  onTestFinished(() => over.abort());
  const lists: (readonly ClusterSummary[])[] = [];
  const read = async (): Promise<unknown> => {
    try {
      for await (const list of followClusters(createClient({ url, token }), { signal: over.signal, ...more })) lists.push(list);
      return 'ended';
    } catch (error) {
      return error;
    }
  };
  const failure = read();
  const shows = (names: string[]) =>
    expect.poll(() => lists.at(-1)?.map(({ name }) => name) ?? null, { timeout: 10_000, interval: 10 }).toEqual(names);
  return { lists, shows, failure };
};

const listedBy = async (url: string): Promise<readonly ClusterSummary[]> => {
  const client = createClient({ url, token: async () => 'anna' });
  return (await client.request<{ clusters: { nodes: ClusterSummary[] } }>(CLUSTERS)).clusters.nodes;
};

const openCut = async (settings: Parameters<typeof openWorld>[0] = {}) => {
  const world = await openWorld(settings);
  const way = await openWay(world.url);
  onTestFinished(way.close);
  return { world, way };
};

/** How far a cluster has come; it never goes back. */
const AGES = ['PENDING', 'CREATING', 'READY'];

const checkStep = (list: readonly ClusterSummary[], before: readonly ClusterSummary[], gone: Set<string>): void => {
  expect(new Set(list.map(({ uuid }) => uuid)).size).toBe(list.length);
  for (const { uuid } of before) if (!list.some((one) => one.uuid === uuid)) gone.add(uuid);
  for (const { uuid, name, state } of list) {
    expect([name, gone.has(uuid)]).toEqual([name, false]);
    const earlier = before.find((one) => one.uuid === uuid);
    expect(AGES.indexOf(state), name).toBeGreaterThanOrEqual(earlier === undefined ? 0 : AGES.indexOf(earlier.state));
  }
  expect(list).not.toEqual(before);
};

test('clusters come, change and go while connections are cut: nothing is lost, comes twice or goes back', async () => {
  const { world, way } = await openCut();
  const { lists, shows } = follow(way.url);
  await expect.poll(() => lists.length).toBe(1);
  const living: string[] = [];
  for (let number = 0; number < 24; number += 1) {
    const name = `c${number}`;
    world.time.now += 1;
    const { uuid } = await makeCluster(world, 'anna', name);
    living.push(name);
    if (number % 3 === 0) way.cut();
    await setState(world, uuid, 'CREATING');
    if (number % 4 === 1) way.mend();
    // Some come back in the midst of what happens.
    await pause(number % 5 === 0 ? 150 : number);
    await setState(world, uuid, 'READY');
    if (number % 2 === 0) {
      await setState(world, uuid, 'DELETED');
      living.pop();
    }
    if (number % 6 === 4) {
      way.mend();
      await shows(living);
    }
  }
  way.mend();
  await shows(living);
  await expect.poll(() => lists.at(-1), { timeout: 10_000 }).toEqual(await listedBy(world.url));
  const gone = new Set<string>();
  for (const [at, list] of lists.entries()) if (at > 0) checkStep(list, lists[at - 1] ?? [], gone);
}, 60_000);

test('a connection that was cut while nothing happened shows nobody anything', async () => {
  const { world, way } = await openCut();
  await makeCluster(world, 'anna', 'web');
  const { lists, shows } = follow(way.url);
  await shows(['web']);
  for (const count of [2, 3]) {
    way.cut();
    way.mend();
    await expect.poll(way.count, { timeout: 5_000 }).toBe(count);
    await pause(300);
  }
  expect(lists).toHaveLength(1);
  world.time.now += 1;
  await makeCluster(world, 'anna', 'shop');
  await shows(['web', 'shop']);
});

test('a server that stops and starts again is come back to, and what happened meanwhile is shown', async () => {
  const world = await openWorld();
  const { uuid } = await makeCluster(world, 'anna', 'web');
  world.time.now += 1;
  await makeCluster(world, 'anna', 'shop');
  const { shows } = follow(world.url);
  await shows(['web', 'shop']);
  world.time.now += 1;
  await world.restart(() => setState(world, uuid, 'DELETED'));
  await shows(['shop']);
  world.time.now += 1;
  await makeCluster(world, 'anna', 'blog');
  await shows(['shop', 'blog']);
});

test('a list goes on over one connection with fresh tokens', async () => {
  const { world, way } = await openCut();
  const startedAt = Date.now();
  const clock = setInterval(() => {
    world.time.now = Date.now();
  }, 10);
  onTestFinished(() => clearInterval(clock));
  for (const [token, seconds] of [
    ['first', 2],
    ['second', 3_600],
  ] as const)
    world.tokens.set(token, { ...ANNA, expiresAt: startedAt + seconds * 1000 });
  world.time.now = startedAt;
  const { lists, shows } = follow(way.url, { token: async () => (Date.now() - startedAt < 500 ? 'first' : 'second') });
  await expect.poll(() => lists.length).toBe(1);
  await pause(3_000);
  await makeCluster(world, 'anna', 'late');
  await shows(['late']);
  expect([way.count(), world.asked.includes('second')]).toEqual([1, true]);
}, 20_000);

const LIVE = 'subscription { clusters { what } }';

test('who has too many connections waits until one is free, and is told when none will be', async () => {
  const world = await openWorld({ maxSocketsPerActor: 1 });
  const { uuid } = await makeCluster(world, 'anna', 'web');
  const other = overSocket(world, 'anna', LIVE);
  const isSeated = async () => {
    await setState(world, uuid, 'READY');
    return other.payloads.length > 0;
  };
  await expect.poll(isSeated).toBe(true);
  const impatient = follow(world.url, { patienceMs: 600 });
  expect(await impatient.failure).toMatchObject({
    name: 'ClientError',
    code: 'TOO_MANY_CONNECTIONS',
    message: expect.stringContaining('4429: Too many live connections'),
  });
  const told: boolean[] = [];
  const patient = follow(world.url, { patienceMs: 20_000, onConnection: (lost) => told.push(lost) });
  await expect.poll(() => told, { timeout: 5_000 }).toEqual([true]);
  other.stop();
  await patient.shows(['web']);
  expect(told).toEqual([true, false]);
}, 30_000);

test('a token that is no good is told as such, after one more', async () => {
  const world = await openWorld();
  const tried: string[] = [];
  const token = async () => {
    tried.push(`nobody${tried.length}`);
    return tried.at(-1) ?? '';
  };
  expect(await follow(world.url, { token }).failure).toMatchObject({ name: 'ClientError', code: 'UNAUTHENTICATED' });
  expect(tried).toHaveLength(2);
});

test('whoever stops before there is a connection leaves none', async () => {
  const world = await openWorld();
  const over = new AbortController();
  const token = async () => {
    over.abort();
    return 'anna';
  };
  const { failure, lists } = follow(world.url, { token, signal: over.signal });
  expect(await failure).toMatchObject({ code: 'INTERRUPTED' });
  await pause(100);
  expect([lists, world.asked]).toEqual([[], []]);
});
