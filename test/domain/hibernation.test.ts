import { expect, test } from 'vitest';
import { isWithoutWaking, nextSleep, openSleep } from '../../src/domain/hibernation.ts';
import type { WeeklyWindow } from '../../src/domain/weeklyWindow.ts';

const at = (text: string): number => Date.parse(`2026-06-${text}:00Z`);
/** 1 June 2026 is a Monday. */
const NIGHTS: WeeklyWindow = {
  days: ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY'],
  startTime: '20:00',
  durationHours: 10,
  timeZone: 'UTC',
};
const WEEKEND: WeeklyWindow = { days: ['FRIDAY'], startTime: '20:00', durationHours: 58, timeZone: 'UTC' };
const SUNDAY: WeeklyWindow = { days: ['SUNDAY'], startTime: '05:00', durationHours: 25, timeZone: 'UTC' };
const cluster = (windows: WeeklyWindow[], sleepsFrom: number | null = null) => ({
  spec: { hibernationSchedule: { windows } },
  sleepsFrom,
  hibernation: null,
  deleteRequestedAt: null,
});

test('nights and weekends; those that follow without a gap are one', () => {
  const windows = [NIGHTS, WEEKEND, SUNDAY];
  expect(nextSleep(cluster(windows), at('01T12:00'))).toEqual({ from: at('01T20:00'), to: at('02T06:00') });
  expect(nextSleep(cluster(windows), at('05T12:00'))).toEqual({ from: at('05T20:00'), to: at('08T06:00') });
  // In the last of its hours the weekend is still the one that began on Friday.
  expect(nextSleep(cluster([WEEKEND]), at('08T05:00'))).toEqual({ from: at('05T20:00'), to: at('08T06:00') });
  expect(nextSleep(cluster([]), at('01T12:00'))).toBeNull();
  expect(nextSleep({ ...cluster(windows), deleteRequestedAt: 1 }, at('01T12:00'))).toBeNull();
});

test('what has been slept through, or ended by somebody, does not come again until the next window', () => {
  const { to } = nextSleep(cluster([NIGHTS]), at('01T21:00')) ?? { to: 0 };
  expect(to).toBe(at('02T06:00'));
  expect(nextSleep(cluster([NIGHTS], at('01T21:00')), at('01T22:00'))?.from).toBe(at('02T20:00'));
  expect(nextSleep(cluster([NIGHTS], at('01T19:59')), at('01T22:00'))?.from).toBe(at('01T20:00'));
});

test('whoever wakes a cluster has it awake for all of the windows that touch, also when the longer one opens', () => {
  const days: WeeklyWindow = { days: ['SATURDAY', 'SUNDAY'], startTime: '00:00', durationHours: 24, timeZone: 'UTC' };
  const woken = cluster([days, { ...NIGHTS, days: ['FRIDAY'] }], at('06T11:00'));
  expect(nextSleep(woken, at('07T00:10'))?.from).toBe(at('12T20:00'));
  expect(openSleep(woken, at('07T00:10'))).toEqual({ from: at('05T20:00'), to: at('08T00:00') });
});

test('for the last half hour nothing goes to sleep any more', () => {
  expect(nextSleep(cluster([NIGHTS]), at('02T05:29'))?.from).toBe(at('01T20:00'));
  expect(nextSleep(cluster([NIGHTS]), at('02T05:31'))?.from).toBe(at('02T20:00'));
});

test('a change of clocks that closes the only gap has a sleep last longer, and end', () => {
  const week: WeeklyWindow = { days: ['MONDAY'], startTime: '00:00', durationHours: 167, timeZone: 'Europe/Berlin' };
  const sleep = nextSleep(cluster([week]), Date.parse('2027-03-24T00:00:00Z'));
  expect(sleep?.to).toBe(Date.parse('2027-04-04T21:00:00Z'));
});

test('a cluster has to be awake at some hour of the week', () => {
  const daily: WeeklyWindow = { ...NIGHTS, days: ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'] };
  expect(isWithoutWaking([{ ...daily, durationHours: 23 }])).toBe(false);
  expect(isWithoutWaking([{ ...daily, durationHours: 24 }])).toBe(true);
  expect(isWithoutWaking([daily, { ...daily, startTime: '05:30', durationHours: 15 }])).toBe(true);
  expect(isWithoutWaking([{ ...WEEKEND, durationHours: 167 }])).toBe(false);
  // The gap is there in winter, and not in summer.
  const utc: WeeklyWindow = { days: ['MONDAY'], startTime: '00:00', durationHours: 100, timeZone: 'UTC' };
  expect(isWithoutWaking([utc, { ...utc, days: ['FRIDAY'], startTime: '06:00', durationHours: 68, timeZone: 'Europe/Berlin' }])).toBe(true);
  expect(isWithoutWaking([])).toBe(false);
});
