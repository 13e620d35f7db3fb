/** How long after a failure a node is built again. */
import { expect, test } from 'vitest';
import { buildPauseMs } from '../../src/domain/node.ts';

test('seconds until it is reported, then a minute that doubles up to half an hour and never more', () => {
  const seconds = (tries: number) => buildPauseMs(tries) / 1_000;
  expect([1, 2, 3, 4, 5, 6, 7, 8, 9].map(seconds)).toEqual([2, 8, 60, 120, 240, 480, 960, 1_800, 1_800]);
  expect(seconds(100_000)).toBe(1_800);
});
