/** Subscribers who do not read, and events of many projects: a sample of what test/hard does for longer. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { behind, subscribeMany } from './audience.ts';
import { watchCrowd } from './crowd.ts';
import { type Streams, startStreams } from './streams.ts';

const PROJECTS = 5;
let streams: Streams;
beforeAll(async () => {
  streams = await startStreams();
  await streams.order({ projects: PROJECTS, clusters: 2 });
});
afterAll(() => streams.close());

test('beside 100 who do not read 10 who do are told in time, memory stays, and all are told the last state when they read on', async () => {
  const { crowdedMs, grownMiB, strays, behind, gone } = await watchCrowd(streams, {
    projects: PROJECTS,
    stalled: 100,
    healthy: 10,
    seconds: 3,
  });
  expect([behind, gone]).toEqual([[], 0]);
  expect(strays).toBe(0);
  expect(grownMiB).toBeLessThan(64);
  // Other tests compute beside this one: how much later than without the others is for test/hard to measure.
  expect(crowdedMs).toBeLessThan(2_000);
});

test('5,000 events of five projects, read with pauses: none comes to a subscriber of another', async () => {
  const subscribers = await subscribeMany(streams, 'any', 50, PROJECTS);
  const pausing = setInterval(() => {
    for (const { socket } of subscribers) {
      if (Math.random() < 0.3) socket.pause();
      else socket.resume();
    }
  }, 20);
  while (subscribers.reduce((sum, { events }) => sum + events, 0) < 5_000) await streams.order({ change: 10, pauseMs: 5, padding: 0 });
  clearInterval(pausing);
  for (const { socket } of subscribers) socket.resume();
  expect(await behind(streams, subscribers)).toEqual([]);
  expect(subscribers.filter(({ strays }) => strays > 0)).toEqual([]);
  for (const { socket } of subscribers) socket.terminate();
});
