import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Claim, Queue } from '../../src/domain/work.ts';
import { createQueue, enqueue, holdsLease } from '../../src/store/workItems.ts';
import { openTestDatabase, type TestDatabase } from './database.ts';

let db: TestDatabase;
let now: number;
let queue: Queue;
beforeEach(() => {
  db = openTestDatabase();
  now = 1_000;
  queue = createQueue({ store: db.store, clock: { now: () => now } });
});
afterEach(() => db.close());

const put = (id: string, dueAt = now) => db.store.transaction((tx) => enqueue(tx, 'CLUSTER', id, dueAt));
const claim = (owner = 'me', limit = 10) => queue.claim({ owner, limit, leaseMs: 100 });
const only = (claims: Claim[]): Claim => {
  const [one] = claims;
  if (claims.length !== 1 || one === undefined) throw new Error(`${claims.length} claims`);
  return one;
};
const holds = (c: Claim) => db.store.transaction((tx) => holdsLease(tx, c));

test('a due key goes to one worker, soonest first, and a later one to nobody yet', async () => {
  await put('late', 5_000);
  await put('b', 900);
  await put('a', 800);
  expect((await claim('one', 1)).map((c) => c.id)).toEqual(['a']);
  expect((await claim('two')).map((c) => c.id)).toEqual(['b']);
  expect(await claim('three')).toEqual([]);
  expect(await queue.nextDueAt()).toBeLessThanOrEqual(1_100);
});

test('a lease that ran out is taken over, and the old holder is fenced off', async () => {
  await put('a');
  const first = only(await claim('one'));
  expect(await holds(first)).toBe(true);
  now += 101;
  const second = only(await claim('two'));
  expect(await holds(first)).toBe(false);
  await queue.settle([{ claim: first, dueAt: 9_999, attempts: 0 }]);
  expect(await holds(second)).toBe(true);
});

test('a renewed lease is not taken over', async () => {
  await put('a');
  const first = only(await claim('one'));
  now += 80;
  await queue.renew('one', [first], 100);
  now += 80;
  expect(await claim('two')).toEqual([]);
});

test('an enqueue during a pass makes the key due again, whatever the pass decides', async () => {
  for (const dueAt of [null, 60_000]) {
    await put('a');
    const held = only(await claim());
    await put('a');
    await queue.settle([{ claim: held, dueAt, attempts: 0 }]);
    const again = only(await claim());
    await queue.settle([{ claim: again, dueAt: null, attempts: 0 }]);
    expect(await claim()).toEqual([]);
  }
});

test('the same key many times is one item, due at the soonest', async () => {
  await put('a', 5_000);
  await put('a', 500);
  await put('a', 7_000);
  expect(await claim()).toHaveLength(1);
});

test('a graceful stop gives leases back at once, and a start frees those of the dead', async () => {
  await put('a');
  await claim('one');
  await queue.release('one');
  expect(await claim('two')).toHaveLength(1);
  await queue.takeOver();
  expect(await claim('three')).toHaveLength(1);
});

test('a start looks at once at what waits for a hint, and leaves what is at rest', async () => {
  await put('waits', now + 60_000);
  await put('rests', now + 400_000);
  await queue.takeOver();
  expect((await claim()).map(({ id }) => id)).toEqual(['waits']);
});

test('one that held a key before it was taken out is fenced off from who holds it once it is put again', async () => {
  await put('a');
  const first = only(await claim('one'));
  now += 101;
  const second = only(await claim('two'));
  await queue.settle([{ claim: second, dueAt: null, attempts: 0 }]);
  await put('a');
  const third = only(await claim('three'));
  expect([await holds(first), await holds(second), await holds(third)]).toEqual([false, false, true]);
  await queue.settle([{ claim: first, dueAt: null, attempts: 0 }]);
  expect(await holds(third)).toBe(true);
});

test('whatever happens in whatever order, no key is held twice and none is lost', async () => {
  const action = fc.oneof(
    fc.record({ do: fc.constant('put' as const), id: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ do: fc.constant('claim' as const), owner: fc.constantFrom('one', 'two') }),
    fc.record({ do: fc.constant('settle' as const) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(50, 150) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
      const held = new Map<string, { claim: Claim; until: number }>();
      const owed = new Set<string>();
      for (const a of actions) {
        if (a.do === 'put') {
          await put(a.id);
          owed.add(a.id);
        } else if (a.do === 'claim') {
          for (const c of await claim(a.owner)) {
            const before = held.get(c.id);
            expect(before === undefined || before.until <= now).toBe(true);
            held.set(c.id, { claim: c, until: now + 100 });
            owed.delete(c.id);
          }
        } else if (a.do === 'wait') now += a.ms;
        else {
          for (const [id, { claim: c }] of held) {
            await queue.settle([{ claim: c, dueAt: null, attempts: 0 }]);
            held.delete(id);
          }
        }
      }
      now += 1_000;
      const rest = new Set((await claim('last')).map((c) => c.id));
      for (const id of owed) expect(rest.has(id)).toBe(true);
      for (const c of [...rest]) expect(c).toBeTruthy();
      await queue.takeOver();
      for (const c of await claim('cleaner')) await queue.settle([{ claim: c, dueAt: null, attempts: 0 }]);
    }),
    { numRuns: 40 },
  );
});
