/** For how long a seed may be silent before its clusters are given up as unknown. */
import { expect, test } from 'vitest';
import { isLost } from '../../src/domain/seed.ts';

test.each([
  [10, { upgraded: false, several: false }],
  // The address has to lead to each of the other machines first.
  [90, { upgraded: false, several: true }],
  [300, { upgraded: true, several: false }],
  [300, { upgraded: true, several: true }],
])('%i seconds: %o', (seconds, how) => {
  expect(isLost(5_000, 5_000 + seconds * 1000 - 1, how)).toBe(false);
  expect(isLost(5_000, 5_000 + seconds * 1000, how)).toBe(true);
});
