/** Maintenance windows: when Seedbed may begin by itself what can be felt, in a time zone's own hours. */
import { UserError } from './errors.ts';

export const WEEKDAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export interface MaintenanceWindow {
  days: Weekday[];
  /** "02:00", by the clocks of the time zone. */
  startTime: string;
  /** So long it is open, whatever the clocks do meanwhile. */
  durationHours: number;
  /** IANA's name, such as Europe/Berlin. */
  timeZone: string;
}

/** From the first moment to the one after the last, in milliseconds since the epoch. */
export interface Opening {
  from: number;
  to: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** No zone is further from UTC. */
const FURTHEST_MS = 15 * HOUR_MS;

const formats = new Map<string, Intl.DateTimeFormat>();

/** @throws RangeError for a zone that there is not. */
const formatOf = (timeZone: string): Intl.DateTimeFormat => {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(timeZone, made);
  return made;
};

/** What the zone's clocks show, as if they were UTC's. */
const localOf = (timeZone: string, at: number): number => {
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second);
};

/**
 * The first moment at which the zone's clocks show this time or a later one: where they are put back the first of the two, and where
 * they are put forward over it the moment of that.
 */
const momentOf = (timeZone: string, local: number): number => {
  const offsets = [local - FURTHEST_MS, local, local + FURTHEST_MS].map((at) => localOf(timeZone, at) - at);
  const exact = offsets.map((offset) => local - offset).filter((at) => localOf(timeZone, at) === local);
  if (exact.length > 0) return Math.min(...exact);
  // Clocks jump by whole minutes, and once within these bounds.
  let [before, after] = [local - FURTHEST_MS, local + FURTHEST_MS];
  while (after - before > MINUTE_MS) {
    const middle = Math.floor((before + after) / 2 / MINUTE_MS) * MINUTE_MS;
    if (localOf(timeZone, middle) < local) before = middle;
    else after = middle;
  }
  return after;
};

const startOf = ({ startTime }: MaintenanceWindow): number => {
  const [hours = 0, minutes = 0] = startTime.split(':').map(Number);
  return hours * HOUR_MS + minutes * MINUTE_MS;
};

/** The opening that is under way at the time, or else the next one. */
export const openingAt = (window: MaintenanceWindow, at: number): Opening => {
  const today = Math.floor(localOf(window.timeZone, at) / DAY_MS) * DAY_MS;
  // Yesterday's may still be open, and a day may be missing from a zone's calendar.
  for (let day = today - 2 * DAY_MS; day <= today + 15 * DAY_MS; day += DAY_MS) {
    // 1970 began on a Thursday.
    const weekday = WEEKDAYS[(day / DAY_MS + 3) % 7];
    if (weekday === undefined || !window.days.includes(weekday)) continue;
    const from = momentOf(window.timeZone, day + startOf(window));
    const to = from + window.durationHours * HOUR_MS;
    if (to > at) return { from, to };
  }
  throw new Error('A maintenance window without days was stored.');
};

/** No window: always. */
export const isOpen = (window: MaintenanceWindow | null, at: number): boolean => window === null || openingAt(window, at).from <= at;

/** @throws UserError INVALID_INPUT for one that never opens. */
export const checkWindow = ({ days, startTime, durationHours, timeZone }: MaintenanceWindow, field: string[]): void => {
  const refuse = (name: keyof MaintenanceWindow, message: string) => {
    throw new UserError('INVALID_INPUT', message, { field: [...field, name] });
  };
  if (days.length === 0) refuse('days', 'A maintenance window without days never opens; name one at the least, or leave the window out.');
  if (!/^(?:[01]\d|2[0-3]):[0-5]\d$/.test(startTime)) refuse('startTime', 'startTime must be a time of day such as 02:00.');
  if (!Number.isInteger(durationHours) || durationHours < 1 || durationHours > 24)
    refuse('durationHours', 'durationHours must be a whole number from 1 to 24.');
  try {
    formatOf(timeZone);
  } catch {
    refuse('timeZone', `There is no time zone ${JSON.stringify(timeZone.slice(0, 80))}; give one of IANA's names, such as Europe/Berlin.`);
  }
};
