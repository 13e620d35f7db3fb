import { expect, test } from 'vitest';
import { createHands } from '../../src/engine/hands.ts';

test('half as many hands while the event loop is full, down to the least; a few more each time it has room, up to the most', () => {
  const loop = { now: 0, share: 0 };
  const hands = createHands({ now: () => loop.now, share: () => loop.share });
  const after = (share: number): number => {
    loop.share = share;
    loop.now += 100;
    hands.ended();
    return hands.count();
  };
  expect(hands.count()).toBe(48);
  expect([0.99, 0.95, 1, 1].map(after)).toEqual([24, 12, 8, 8]);
  // Neither full nor free: it stays.
  expect([0.8, 0.8].map(after)).toEqual([8, 8]);
  expect([0.5, 0.7, 0].map(after)).toEqual([12, 16, 20]);
  expect(Array.from({ length: 9 }, () => after(0)).at(-1)).toBe(48);
});

test('there are more, too, when the loop is full of something else and no pass ends: all of them wait for somebody', () => {
  const loop = { now: 0 };
  const hands = createHands({ now: () => loop.now, share: () => 1 });
  const after = (ends: number): number => {
    loop.now += 100;
    for (let i = 0; i < ends; i += 1) hands.ended();
    return hands.count();
  };
  expect([3, 1, 9].map(after)).toEqual([24, 12, 8]);
  expect([0, 0, 0].map(after)).toEqual([12, 16, 20]);
  expect(after(1)).toBe(10);
});

test('a share is measured over a tenth of a second, however often somebody counts', () => {
  const loop = { now: 0, share: 1 };
  const hands = createHands({ now: () => loop.now, share: () => loop.share });
  hands.ended();
  for (let i = 0; i < 99; i += 1) {
    loop.now += 1;
    expect(hands.count()).toBe(48);
  }
  loop.now += 1;
  expect([hands.count(), hands.count()]).toEqual([24, 24]);
});

test('what computes without a pause takes hands away, and a pause brings them back', async () => {
  const hands = createHands();
  const compute = (ms: number) => {
    for (const until = performance.now() + ms; performance.now() < until; );
  };
  for (let i = 0; i < 8; i += 1) {
    compute(60);
    await new Promise((resolve) => setImmediate(resolve));
    hands.ended();
    hands.count();
  }
  expect(hands.count()).toBe(8);
  for (let i = 0; i < 12; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 110));
    hands.ended();
    hands.count();
  }
  expect(hands.count()).toBeGreaterThan(8);
});
