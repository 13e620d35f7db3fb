import { setImmediate as aTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createOneAtATime } from '../../src/lib/oneAtATime.ts';

test('each piece begins after the one before it has ended, in a turn of its own, in the order in which they were asked for', async () => {
  const oneAtATime = createOneAtATime();
  const told: string[] = [];
  const piece = (name: string) =>
    oneAtATime(async () => {
      told.push(`${name} begins`);
      await aTurn();
      told.push(`${name} ends`);
      return name;
    });
  const all = Promise.all(['a', 'b', 'c'].map(piece));
  await aTurn();
  await aTurn();
  expect(told).toEqual(['a begins']);
  expect(await all).toEqual(['a', 'b', 'c']);
  expect(told).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});

test('pieces that could all go on at once leave a turn to everybody else between them', async () => {
  const oneAtATime = createOneAtATime();
  let turns = 0;
  let counting = true;
  const count = (): void => {
    turns += 1;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  const at = await Promise.all(Array.from({ length: 5 }, () => oneAtATime(async () => turns)));
  counting = false;
  expect(new Set(at).size).toBe(5);
});

test('a piece that fails holds up nothing', async () => {
  const oneAtATime = createOneAtATime();
  const failed = oneAtATime(() => Promise.reject(new Error('no')));
  const next = oneAtATime(async () => 'yes');
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe('yes');
});
