import { expect, test } from 'vitest';
import { isTimeZone, nextOpening, openingAt, opensAt, WEEKDAYS, type WeeklyWindow } from '../../src/domain/weeklyWindow.ts';

const HOUR = 3_600_000;
const at = (text: string) => Date.parse(text);
const shown = (window: WeeklyWindow, time: string) => {
  const { from, to } = openingAt(window, at(time));
  return `${new Date(from).toISOString()} ${new Date(to).toISOString()}`;
};
const isOpen = (window: WeeklyWindow, time: number) => opensAt([window], time) === null;
const BERLIN: WeeklyWindow = { days: ['SUNDAY'], startTime: '02:30', durationHours: 2, timeZone: 'Europe/Berlin' };

test('summer and winter, over midnight, and the end is outside', () => {
  expect(shown(BERLIN, '2026-07-01T00:00:00Z')).toBe('2026-07-05T00:30:00.000Z 2026-07-05T02:30:00.000Z');
  expect(shown(BERLIN, '2026-01-01T00:00:00Z')).toBe('2026-01-04T01:30:00.000Z 2026-01-04T03:30:00.000Z');
  expect(isOpen(BERLIN, at('2026-07-05T00:30:00Z'))).toBe(true);
  expect(isOpen(BERLIN, at('2026-07-05T02:29:59Z'))).toBe(true);
  expect(isOpen(BERLIN, at('2026-07-05T02:30:00Z'))).toBe(false);
  const late: WeeklyWindow = { days: ['SATURDAY'], startTime: '23:00', durationHours: 24, timeZone: 'Pacific/Kiritimati' };
  expect(isOpen(late, at('2026-07-04T09:00:00Z'))).toBe(true);
  expect(isOpen(late, at('2026-07-05T08:59:59Z'))).toBe(true);
  expect(isOpen(late, at('2026-07-05T09:00:00Z'))).toBe(false);
});

test('where clocks are put forward over its start it opens then, and where they are put back it opens once', () => {
  // 02:00 becomes 03:00 on 29 March 2026, and 03:00 becomes 02:00 on 25 October.
  expect(shown(BERLIN, '2026-03-28T00:00:00Z')).toBe('2026-03-29T01:00:00.000Z 2026-03-29T03:00:00.000Z');
  expect(shown(BERLIN, '2026-10-24T00:00:00Z')).toBe('2026-10-25T00:30:00.000Z 2026-10-25T02:30:00.000Z');
  expect(shown(BERLIN, '2026-10-25T02:30:00Z')).toBe('2026-11-01T01:30:00.000Z 2026-11-01T03:30:00.000Z');
});

test('in every zone, at any time: it lasts as long as it says, opens on its day, and the next is never more than a week and a day away', () => {
  const zones = ['UTC', 'America/New_York', 'America/St_Johns', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Pacific/Apia', 'Pacific/Chatham'];
  for (const timeZone of zones)
    for (let i = 0; i < 400; i += 1) {
      const time = at('2026-01-01T00:00:00Z') + i * 22 * HOUR + i * 61_000;
      const day = WEEKDAYS[i % 7] ?? 'MONDAY';
      const window: WeeklyWindow = {
        days: [day],
        startTime: `${String(i % 24).padStart(2, '0')}:15`,
        durationHours: 1 + (i % 24),
        timeZone,
      };
      const { from, to } = openingAt(window, time);
      expect(to - from).toBe(window.durationHours * HOUR);
      expect(to).toBeGreaterThan(time);
      expect(from - time).toBeLessThanOrEqual(8 * 24 * HOUR);
      expect(new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'long' }).format(from).toUpperCase()).toBe(day);
      expect(openingAt(window, from)).toEqual({ from, to });
      expect(openingAt(window, to - 1)).toEqual({ from, to });
      expect(openingAt(window, to).from).toBeGreaterThanOrEqual(to);
    }
});

test('of several windows the one that is open counts, and else the one that opens first; without a window it is always open', () => {
  const saturday: WeeklyWindow = { days: ['SATURDAY'], startTime: '22:00', durationHours: 10, timeZone: 'UTC' };
  const windows = [BERLIN, saturday];
  // Both are open: the longer one is still open when Berlin's is over.
  expect(nextOpening(windows, at('2026-07-05T01:00:00Z'))?.to).toBe(at('2026-07-05T08:00:00Z'));
  expect(opensAt(windows, at('2026-07-05T03:00:00Z'))).toBeNull();
  expect(opensAt(windows, at('2026-07-05T08:00:00Z'))).toBe(at('2026-07-11T22:00:00Z'));
  expect([nextOpening([], 0), opensAt([], 0)]).toEqual([null, null]);
});

test('names of time zones are known from others', () => {
  expect(['UTC', 'Europe/Berlin', 'Mars/Olympus', ''].map(isTimeZone)).toEqual([true, true, false, false]);
});
