import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Unavailable } from '../../src/domain/errors.ts';
import type { Queue } from '../../src/domain/work.ts';
import type { Hands } from '../../src/engine/hands.ts';
import { createWorker, type Handler, type Worker } from '../../src/engine/worker.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createQueue, enqueue } from '../../src/store/workItems.ts';
import { openTestDatabase, type TestDatabase } from '../store/database.ts';

let db: TestDatabase;
let workers: Worker[] = [];
beforeEach(() => {
  db = openTestDatabase();
});
afterEach(async () => {
  for (const worker of workers) await worker.stop(1_000);
  workers = [];
  await db.close();
});

const fixed = (count: number): Hands => ({ most: count, count: () => count, ended: () => {} });

const start = (handler: Handler, given: { hands?: Hands; leaseMs?: number; queue?: Queue } = {}) => {
  const queue = given.queue ?? createQueue({ store: db.store, clock: systemClock });
  const handlers = { SEED: handler, CLUSTER: handler, NODE_GROUP: handler, NODE: handler, ORPHANS: handler, BACKUP: handler };
  const { hands = fixed(4), leaseMs = 60_000 } = given;
  const worker = createWorker({ queue, handlers, clock: systemClock, random: () => 0, log: silentLog, hands, leaseMs });
  workers.push(worker);
  worker.start();
  return worker;
};
const put = (id: string) => db.store.transaction((tx) => enqueue(tx, 'CLUSTER', id, Date.now()));
const until = async (what: () => boolean) => {
  for (let i = 0; i < 500 && !what(); i += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(what()).toBe(true);
};

test('a commit wakes the worker: no poll in between', async () => {
  const seen: number[] = [];
  start(async () => {
    seen.push(performance.now());
    return { dueInMs: null, failed: false };
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  await put('a');
  const committed = performance.now();
  await until(() => seen.length === 1);
  // Polling alone would take half a second on average.
  expect((seen[0] ?? 0) - committed).toBeLessThan(250);
});

test('every key is worked on, never one twice at a time, never more than allowed', async () => {
  const busy = new Set<string>();
  const done = new Set<string>();
  let most = 0;
  start(
    async ({ claim }) => {
      expect(busy.has(claim.id)).toBe(false);
      busy.add(claim.id);
      most = Math.max(most, busy.size);
      await new Promise((resolve) => setTimeout(resolve, 1));
      busy.delete(claim.id);
      done.add(claim.id);
      return { dueInMs: null, failed: false };
    },
    { hands: fixed(5) },
  );
  const ids = Array.from({ length: 60 }, () => randomUUID());
  await Promise.all(ids.map(put));
  await until(() => done.size === 60);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(5);
});

test('a pass that throws is tried again, and does not stop the others', async () => {
  const tries: string[] = [];
  start(async ({ claim }) => {
    tries.push(claim.id);
    if (claim.id === 'poison' && tries.filter((t) => t === 'poison').length < 3) throw new Unavailable('CLOUD_UNAVAILABLE', 'later');
    return { dueInMs: null, failed: false };
  });
  await put('poison');
  await put('healthy');
  await until(() => tries.includes('healthy') && tries.filter((t) => t === 'poison').length === 3);
});

test('a key that settles for later comes back then', async () => {
  const at: number[] = [];
  start(async () => {
    at.push(performance.now());
    return { dueInMs: at.length === 1 ? 60 : null, failed: false };
  });
  await put('a');
  await until(() => at.length === 2);
  expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(45);
});

test('a pass whose lease was lost, and that ends at last, takes nothing from the one that took its place', async () => {
  const queue = createQueue({ store: db.store, clock: systemClock });
  let away = true;
  const renew: Queue['renew'] = async (...args) => {
    if (away) throw new Error('The database is locked.');
    return queue.renew(...args);
  };
  const begun: (() => void)[] = [];
  const woken: number[] = [];
  const handler: Handler = async ({ onWake }) => {
    const number = begun.length;
    const unlisten = onWake(() => woken.push(number));
    await new Promise<void>((end) => begun.push(end));
    unlisten();
    return { dueInMs: null, failed: false };
  };
  start(handler, { queue: { ...queue, renew }, leaseMs: 150 });
  await put('a');
  await until(() => begun.length === 2);
  away = false;
  begun[0]?.();
  // Longer than a lease: it is renewed, or it would be begun a third time.
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(begun).toHaveLength(2);
  await put('a');
  await until(() => woken.includes(1));
  begun[1]?.();
  await until(() => begun.length === 3);
  begun[2]?.();
});

test('when there are fewer hands than a moment ago no more keys are taken than there are hands', async () => {
  const counts = [6, 6, 8, 3];
  let active = 0;
  let most = 0;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await db.store.transaction(async (tx) => {
    for (let i = 0; i < 40; i += 1) await enqueue(tx, 'CLUSTER', `k${i}`, Date.now());
  });
  start(
    async () => {
      active += 1;
      most = Math.max(most, active);
      await released;
      active -= 1;
      return { dueInMs: null, failed: false };
    },
    { hands: { most: 8, count: () => counts.shift() ?? 3, ended: () => {} } },
  );
  await until(() => active >= 6);
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(most).toBeLessThanOrEqual(8);
  release();
});

test('when there are more hands than before they are used, though no pass ends meanwhile', async () => {
  let count = 2;
  const held: string[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  start(
    async ({ claim }) => {
      held.push(claim.id);
      await released;
      return { dueInMs: null, failed: false };
    },
    { hands: { most: 6, count: () => count, ended: () => {} } },
  );
  for (let i = 0; i < 5; i += 1) await put(`k${i}`);
  await until(() => held.length === 2);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(held).toHaveLength(2);
  count = 5;
  await until(() => held.length === 5);
  release();
});
