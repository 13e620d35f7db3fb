/** Live connections end with their token: in real time, for what is promised is seconds. */
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Unavailable } from '../../src/domain/errors.ts';
import { actorBy } from '../commands/house.ts';
import { happen, numbersOf, overSocket, overSse, PROGRESS, setState, WAYS } from './live.ts';
import { makeCluster, openWorld, type World } from './world.ts';

/** Lets the world's clock run; gives a hand that puts it forward. */
const run = (world: World): ((ms: number) => void) => {
  const began = performance.now();
  let at = world.time.now;
  Object.defineProperty(world.time, 'now', { get: () => at + Math.floor(performance.now() - began) });
  return (ms) => {
    at += ms;
  };
};

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const actorOf = (world: World, token: string) => {
  const actor = world.tokens.get(token);
  if (actor === undefined) throw new Error(`No ${token}.`);
  return actor;
};
const codesOf = (subscriber: ReturnType<typeof overSse>) =>
  subscriber.payloads.flatMap((p) => p.errors ?? []).map((e) => e.extensions.code);

test('one question serves all streams of a token, and when it is revoked all end within 5 s', async () => {
  const world = await openWorld({ maxSocketsPerActor: 200 });
  const { uuid } = await makeCluster(world, 'anna');
  run(world);
  world.asked.length = 0;
  const began = performance.now();
  // A busy machine takes its time to open them all, and the question is asked again meanwhile.
  const timesSince = (at: number) => Math.floor((performance.now() - at) / 2_200);
  const live = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? overSocket : overSse)(world, 'rita', PROGRESS, { id: uuid }));
  const other = overSocket(world, 'anna', PROGRESS, { id: uuid });
  await Promise.all([...live, other].map((s) => s.until(1)));
  const asked = () => world.asked.filter((token) => token === 'rita').length;
  expect(asked()).toBeLessThanOrEqual(2 + timesSince(began));
  const before = asked();
  const openAt = performance.now();
  await pause(9_000);
  expect(asked() - before).toBeGreaterThanOrEqual(2);
  expect(asked() - before).toBeLessThanOrEqual(timesSince(openAt));
  world.tokens.delete('rita');
  const revokedAt = performance.now();
  const talk = setInterval(() => void happen(world, uuid, ['news']), 200);
  await Promise.all(live.map((s) => s.ended));
  clearInterval(talk);
  expect(performance.now() - revokedAt).toBeLessThan(5_000);
  expect(asked() - before).toBeLessThanOrEqual(2 + timesSince(openAt));
  const heard = live.map((s) => numbersOf(s).length);
  await happen(world, uuid, ['secret of the future']);
  await other.until(Math.max(...heard) + 1);
  expect(live.map((s) => numbersOf(s).length)).toEqual(heard);
  expect(JSON.stringify(live.map((s) => s.payloads))).not.toContain('secret of the future');
  other.stop();
}, 30_000);

describe.each(WAYS)('over %s', (way, subscribe) => {
  test('within a second of its end, also while Keystone does not answer, nothing more is told', async () => {
    const world = await openWorld();
    const { uuid } = await makeCluster(world, 'anna');
    run(world);
    world.tokens.set('short', { ...actorOf(world, 'rita'), expiresAt: world.time.now + 1_500 });
    const live = subscribe(world, 'short', PROGRESS, { id: uuid });
    await live.until(1);
    world.keystone.down = new Unavailable('CLOUD_UNAVAILABLE', 'Keystone does not answer.');
    const left = actorOf(world, 'short').expiresAt - world.time.now;
    await Promise.race([live.ended, pause(left + 1_000).then(() => Promise.reject(new Error('It goes on.')))]);
    expect(world.time.now).toBeGreaterThanOrEqual(actorOf(world, 'short').expiresAt);
    if (way === 'SSE') expect(codesOf(live)).toEqual(['UNAUTHENTICATED']);
  });

  test('whoever loses the role is told so within 5 s, though nothing happens', async () => {
    const world = await openWorld();
    const { uuid, operation } = await makeCluster(world, 'anna');
    run(world);
    const live = [
      subscribe(world, 'rita', PROGRESS, { id: uuid }),
      subscribe(world, 'rita', 'subscription ($id: ID!) { operationProgress(operationId: $id) { missed } }', { id: operation.id }),
    ];
    await Promise.all(live.map((s) => s.until(1)));
    world.tokens.set('rita', actorBy({ ...actorOf(world, 'rita'), roles: ['creator'] }));
    const at = performance.now();
    await Promise.all(live.map((s) => s.ended));
    expect(performance.now() - at).toBeLessThan(5_000);
    expect(live.map(codesOf)).toEqual([['FORBIDDEN'], ['FORBIDDEN']]);
  });

  test('what the newest roles do not show is not told', async () => {
    const world = await openWorld();
    const [mine, theirs] = [await makeCluster(world, 'anna'), await makeCluster(world, 'otto', 'theirs')];
    world.tokens.set('boss', actorBy({ ...actorOf(world, 'anna'), roles: ['admin'] }));
    const query = 'subscription { clusters { cluster { name } } }';
    const live = subscribe(world, 'boss', query);
    while (live.payloads.length === 0) {
      await setState(world, theirs.uuid, 'READY');
      await pause(20);
    }
    const before = live.payloads.length;
    world.tokens.set('boss', { ...actorOf(world, 'anna') });
    world.time.now += 6_000;
    await setState(world, theirs.uuid, 'CREATING');
    await setState(world, mine.uuid, 'READY');
    await live.until(before + 1);
    expect(live.payloads.slice(before)).toMatchObject([{ data: { clusters: { cluster: { name: 'web' } } } }]);
    live.stop();
  });

  test('a Keystone that is away for a while ends nothing; one that is away for over a minute does', async () => {
    const world = await openWorld();
    const { uuid } = await makeCluster(world, 'anna');
    const forward = run(world);
    const live = subscribe(world, 'rita', PROGRESS, { id: uuid });
    await live.until(1);
    world.keystone.down = new Unavailable('CLOUD_UNAVAILABLE', 'Keystone does not answer.');
    forward(50_000);
    await happen(world, uuid, ['while it is away']);
    await live.until(2);
    world.keystone.down = null;
    forward(6_000);
    await happen(world, uuid, ['it is back']);
    await live.until(3);
    world.keystone.down = new Unavailable('CLOUD_UNAVAILABLE', 'Keystone does not answer.');
    forward(61_000);
    await happen(world, uuid, ['too late']);
    const end = await live.ended;
    expect(numbersOf(live)).toEqual([1, 2, 3]);
    if (way === 'SSE') expect(codesOf(live)).toEqual(['UNAVAILABLE']);
    else expect(['1013', 'complete']).toContain(end);
  });

  test('a Keystone that takes a call and says nothing holds no event up for long', async () => {
    const world = await openWorld();
    const { uuid } = await makeCluster(world, 'anna');
    const forward = run(world);
    const live = subscribe(world, 'rita', PROGRESS, { id: uuid });
    await live.until(1);
    world.keystone.hangs = true;
    forward(6_000);
    const at = performance.now();
    await happen(world, uuid, ['one', 'two', 'three']);
    await live.until(4);
    expect(performance.now() - at).toBeLessThan(4_000);
    live.stop();
  });
});

test('a token that is revoked gets no new stream, whatever was known of it', async () => {
  const world = await openWorld();
  const { uuid } = await makeCluster(world, 'anna');
  const forward = run(world);
  await world.data('rita', '{ viewer { userName } }');
  world.tokens.delete('rita');
  forward(1_500);
  const sse = overSse(world, 'rita', PROGRESS, { id: uuid });
  await sse.ended;
  expect(codesOf(sse)).toEqual(['UNAUTHENTICATED']);
  const socket = new WebSocket(world.url.replace('http', 'ws'), 'graphql-transport-ws');
  socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { 'X-Auth-Token': 'rita' } })));
  expect(await new Promise((resolve) => socket.on('close', resolve))).toBe(4403);
});
