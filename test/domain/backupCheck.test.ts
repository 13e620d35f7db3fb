import { expect, test } from 'vitest';
import { nextCheckAt } from '../../src/domain/backup.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const loss = { since: 100 * HOUR, what: 'is not in the object store any more' };

test('a backup is looked for once a day, and soon again where it was missing not long ago', () => {
  expect(nextCheckAt({ checkedAt: null, verifiedAt: HOUR, loss: null })).toBe(25 * HOUR);
  expect(nextCheckAt({ checkedAt: 100 * HOUR, verifiedAt: HOUR, loss: null })).toBe(124 * HOUR);
  expect(nextCheckAt({ checkedAt: 100 * HOUR, verifiedAt: HOUR, loss })).toBe(100 * HOUR + 10 * MINUTE);
  expect(nextCheckAt({ checkedAt: 106 * HOUR, verifiedAt: HOUR, loss })).toBe(130 * HOUR);
});
