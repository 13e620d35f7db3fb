import { expect, test } from 'vitest';
import { createBuckets } from '../../src/lib/buckets.ts';

const open = (perMinute: number, mostKept?: number) => {
  const time = { now: 1_800_000_000_000 };
  return { time, buckets: createBuckets({ perMinute, now: () => time.now }, mostKept) };
};

const takeAll = (take: () => number): number => {
  let taken = 0;
  while (take() === 0) taken += 1;
  return taken;
};

test.each([1, 7, 60, 6_000, 1_000_000])('%d at once, and as many again within a minute, one after the other', (perMinute) => {
  const { time, buckets } = open(perMinute);
  const take = () => buckets.take('a');
  expect(takeAll(take)).toBe(perMinute);
  const waitMs = take();
  expect(waitMs).toBe(Math.ceil(60_000 / perMinute));
  time.now += waitMs;
  expect(takeAll(take)).toBeGreaterThanOrEqual(1);
  time.now += 60_000;
  expect(takeAll(take)).toBe(perMinute);
});

test('what is refused takes nothing, and lets nobody wait for longer', () => {
  const { time, buckets } = open(60);
  expect(buckets.take('a', 55)).toBe(0);
  for (let i = 0; i < 100; i += 1) expect(buckets.take('a', 10)).toBe(5_000);
  expect(buckets.take('a', 5)).toBe(0);
  expect(buckets.take('b', 60)).toBe(0);
  time.now += 3_000;
  expect(takeAll(() => buckets.take('a'))).toBe(3);
  // More than a bucket holds is a whole one.
  expect(buckets.take('c', 500)).toBe(0);
  expect(buckets.take('c')).toBe(1_000);
});

test('a clock that is put back lets nobody wait for longer than a token takes', () => {
  const { time, buckets } = open(60);
  takeAll(() => buckets.take('a'));
  time.now -= 3_600_000;
  expect(buckets.take('a')).toBe(1_000);
  time.now += 1_000;
  expect(buckets.take('a')).toBe(0);
});

test('buckets that were not used for a minute are forgotten, and of too many those that were not used the longest', () => {
  const { time, buckets } = open(60, 1_000);
  for (let i = 0; i < 400; i += 1) buckets.take(`early ${i}`);
  for (let i = 0; i < 2; i += 1) {
    time.now += 60_000;
    buckets.take('one');
  }
  expect(buckets.size()).toBeLessThanOrEqual(2);
  takeAll(() => buckets.take('greedy'));
  for (let i = 0; i < 10_000; i += 1) {
    buckets.take(`crowd ${i}`);
    // Who asks on is not forgotten, however many others there are.
    expect(buckets.take('greedy')).toBeGreaterThan(0);
  }
  expect(buckets.size()).toBeLessThanOrEqual(1_000);
  expect(buckets.size()).toBeGreaterThan(400);
});

test('an empty bucket stays so while the minute turns', () => {
  const { time, buckets } = open(60);
  time.now += 59_000;
  takeAll(() => buckets.take('a'));
  for (let i = 1; i <= 20; i += 1) {
    time.now += 100;
    expect(takeAll(() => buckets.take('a'))).toBe(i % 10 === 0 ? 1 : 0);
    for (let k = 0; k < 50; k += 1) buckets.take(`b ${k}`);
  }
});
