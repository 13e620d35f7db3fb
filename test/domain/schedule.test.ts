import { expect, test } from 'vitest';
import { isSchedule, nextTime } from '../../src/domain/schedule.ts';

/** A Thursday. */
const NOW = '2026-11-26T12:34:56.000Z';
const after = (schedule: string, from = NOW): string | null => {
  const next = nextTime(schedule, Date.parse(from));
  return next === null ? null : new Date(next).toISOString().slice(0, 16);
};

test.each([
  ['0 3 * * *', '2026-11-27T03:00'],
  ['35 12 * * *', '2026-11-26T12:35'],
  ['*/20 * * * *', '2026-11-26T12:40'],
  ['15 2,14 * * *', '2026-11-26T14:15'],
  ['0 3 * * 0', '2026-11-29T03:00'],
  ['0 3 * * 7', '2026-11-29T03:00'],
  ['0 3 * * 1-5', '2026-11-27T03:00'],
  ['0 3 1 * *', '2026-12-01T03:00'],
  ['0 3 15 * 5', '2026-11-27T03:00'],
  ['0 0 29 2 *', '2028-02-29T00:00'],
  ['0 3 31 2 *', null],
])('%s comes next at %s', (schedule, next) => {
  expect(after(schedule)).toBe(next);
});

test('the time itself is not the next one', () => {
  expect(after('0 3 * * *', '2026-11-26T03:00:00.000Z')).toBe('2026-11-27T03:00');
});

test.each([
  '',
  '* * * *',
  '60 * * * *',
  '* 24 * * *',
  '0 3 0 * *',
  '0 3 * 13 *',
  '0 3 * * 8',
  '5-2 * * * *',
  '*/0 * * * *',
  'a * * * *',
  '@daily',
  '0 3 * * * *',
])('%j is no schedule', (text) => {
  expect(isSchedule(text)).toBe(false);
});
