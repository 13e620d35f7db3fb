import { expect, test } from 'vitest';
import { createDriftPace } from '../../src/reconcilers/driftPace.ts';

test('five times at once, then after 1 s, 2 s … and at most a minute; each object for itself, and anew after five quiet minutes', () => {
  let now = 0;
  const paceOf = createDriftPace({ now: () => now });
  const waits = Array.from({ length: 13 }, () => paceOf('a'));
  expect(waits).toEqual([0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1_000));
  expect(paceOf('b')).toBe(0);
  now += 5 * 60_000;
  expect(paceOf('a')).toBe(60_000);
  now += 5 * 60_000 + 1;
  expect(paceOf('a')).toBe(0);
});
