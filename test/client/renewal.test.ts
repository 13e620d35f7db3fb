/** A stream outlives the tokens that it rests on, over one socket of the real server. */
import { expect, test } from 'vitest';
import { type Client, createClient } from '../../src/client/client.ts';
import { CLUSTER_PROGRESS } from '../../src/client/documents.ts';
import { happen } from '../api/live.ts';
import { makeCluster, openWorld, type World } from '../api/world.ts';
import { ANNA } from '../commands/house.ts';

const seconds = (count: number) => new Promise((resolve) => setTimeout(resolve, count * 1000));

/** A world in which time passes, with a cluster and Anna's tokens, which end after so many seconds. */
const inTime = async (ends: Record<string, number>, run: (world: World, clusterId: string, startedAt: number) => Promise<void>) => {
  const world = await openWorld();
  world.time.now = Date.now();
  const startedAt = world.time.now;
  const ticking = setInterval(() => {
    world.time.now = Date.now();
  }, 10);
  try {
    const { uuid } = await makeCluster(world, 'anna');
    for (const [token, after] of Object.entries(ends)) world.tokens.set(token, { ...ANNA, expiresAt: startedAt + after * 1000 });
    await run(world, uuid, startedAt);
  } finally {
    clearInterval(ticking);
  }
};

const follow = (client: Client, clusterId: string, onConnected: () => void) =>
  client
    .subscribe<{ clusterProgress: { message: string } }>(CLUSTER_PROGRESS, { clusterId, after: 1, until: null }, { onConnected })
    [Symbol.asyncIterator]();

test('a socket goes on with the tokens that the source has by then, and no event is lost on the way', async () => {
  await inTime({ first: 2, second: 4, third: 3_600 }, async (world, clusterId, startedAt) => {
    let connections = 0;
    const given: string[] = [];
    const token = async () => {
      const age = Date.now() - startedAt;
      // At the first question the source has no other yet.
      const held = given.length < 2 ? 'first' : age < 2_500 ? 'second' : 'third';
      given.push(held);
      return held;
    };
    const stream = follow(createClient({ url: world.url, token }), clusterId, () => {
      connections += 1;
    });
    const next = async () => (await stream.next()).value?.clusterProgress.message;
    const early = next();
    await seconds(1);
    await happen(world, clusterId, ['before']);
    expect(await early).toBe('before');
    await seconds(4);
    await happen(world, clusterId, ['after']);
    expect(await next()).toBe('after');
    expect(connections).toBe(1);
    expect(given.slice(0, 2)).toEqual(['first', 'first']);
    expect(given.at(-1)).toBe('third');
    await stream.return?.();
  });
}, 30_000);

test('a source that fails leaves the socket to its end, which is told', async () => {
  await inTime({ first: 1.5 }, async (world, clusterId) => {
    let asked = 0;
    const token = async () => {
      asked += 1;
      if (asked > 1) throw new Error('Keystone is away.');
      return 'first';
    };
    const stream = follow(createClient({ url: world.url, token }), clusterId, () => {});
    await expect(stream.next()).rejects.toMatchObject({ name: 'ConnectionLost', closeCode: 4403 });
    expect(asked).toBeGreaterThan(1);
  });
}, 30_000);
