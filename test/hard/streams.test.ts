/** The long ones about sockets. SEEDBED_HARD_MINUTES: how long subscribers do not read (10). The figures are printed, for test/RESULTS.md. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { behind, subscribeMany } from '../hostile/audience.ts';
import { startCalm } from '../hostile/calm.ts';
import { watchCrowd } from '../hostile/crowd.ts';
import { dial, p99, type Streams, startStreams } from '../hostile/streams.ts';

const MINUTES = Number(process.env['SEEDBED_HARD_MINUTES'] ?? 10);
const PROJECTS = 10;
let streams: Streams;
beforeAll(async () => {
  streams = await startStreams();
  await streams.order({ projects: PROJECTS, clusters: 2 });
});
afterAll(() => streams.close());

const tell = (text: string) => process.stdout.write(`${text}\n`);

test('100,000 events of ten projects, read with pauses: none comes to a subscriber of another', async () => {
  const subscribers = await subscribeMany(streams, 'any', 100, PROJECTS);
  const heard = () => subscribers.reduce((sum, { events }) => sum + events, 0);
  const pausing = setInterval(() => {
    for (const { socket } of subscribers) {
      if (Math.random() < 0.3) socket.pause();
      else socket.resume();
    }
  }, 20);
  while (heard() < 100_000) await streams.order({ change: 20, pauseMs: 5, padding: 0 });
  clearInterval(pausing);
  for (const { socket } of subscribers) socket.resume();
  expect(await behind(streams, subscribers)).toEqual([]);
  const strays = subscribers.reduce((sum, one) => sum + one.strays, 0);
  tell(`${heard()} events to 100 subscribers of ${PROJECTS} projects: ${strays} to a wrong one`);
  expect(strays).toBe(0);
  for (const { socket } of subscribers) socket.terminate();
});

/** Ten thousand come at once and go at once: what a calm caller, who is a process of his own, and the server's event loop feel of it. */
const storm = async (server: Streams, name: string) => {
  const caller = await startCalm(server.url);
  await caller.waits(Promise.resolve(), 500);
  const calmMs = p99(await caller.waits(Promise.resolve(), 500));
  await server.report();
  const began = performance.now();
  const come = Promise.allSettled(Array.from({ length: 10_000 }, (_, i) => dial(server.url, `u${Math.floor(i / 500)}@p${i % PROJECTS}`)));
  const crowdedMs = p99(await caller.waits(come));
  const seconds = (performance.now() - began) / 1000;
  const callers = (await come).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const { rssMiB, stallMs } = await server.report();
  for (const { socket } of callers) socket.terminate();
  await caller.waits(Promise.all(callers.map(({ closed }) => closed)));
  const goneStallMs = (await server.report()).stallMs;
  caller.close();
  tell(
    `${name}: ${callers.length} of 10,000 sockets back after ${seconds.toFixed(1)} s; another's p99 ${calmMs.toFixed(1)} ms before and ${crowdedMs.toFixed(1)} ms meanwhile; ${rssMiB.toFixed(0)} MiB; longest stall ${stallMs.toFixed(0)} ms, and ${goneStallMs.toFixed(0)} ms when all went at once`,
  );
  return { letIn: callers.length, calmMs, crowdedMs, stallMs };
};

test('10,000 sockets that come back at once are let in, and others are answered meanwhile in half the time of a plain ws server', async () => {
  const plain = await startStreams({ program: 'plainServer.ts' });
  const theirs = await storm(plain, 'plain ws server');
  await plain.close();
  const ours = await storm(streams, 'Seedbed');
  expect(ours.letIn).toBe(10_000);
  // The storm's end computes on the same cores, and so does whoever else is on the machine: then half of what a server that does nothing else comes to.
  expect(ours.crowdedMs).toBeLessThan(Math.max(2 * ours.calmMs, 50, theirs.crowdedMs / 2));
  expect(ours.stallMs).toBeLessThan(Math.max(50, theirs.stallMs / 2));
});

test(`1,000 who do not read and 100 who do, for ${MINUTES} minutes`, async () => {
  const outcome = await watchCrowd(streams, { projects: PROJECTS, stalled: 1_000, healthy: 100, seconds: MINUTES * 60 });
  const { calmMs, crowdedMs, grownMiB, events, strays, behind, gone } = outcome;
  tell(
    `p99 of 100 who read: ${calmMs} ms alone, ${crowdedMs} ms beside 1,000 who do not; ${grownMiB.toFixed(0)} MiB more; ${events} events, ${strays} to a wrong one`,
  );
  expect([behind, gone]).toEqual([[], 0]);
  expect(strays).toBe(0);
  expect(grownMiB).toBeLessThan(64);
  // Both ends compute on the same cores: below a twentieth of a second they cannot be told apart.
  expect(crowdedMs).toBeLessThan(Math.max(2 * calmMs, 50));
});
