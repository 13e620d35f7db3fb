/** Hours that come again each week, by the clocks of a time zone. */

export const WEEKDAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export interface WeeklyWindow {
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

/** Throws a RangeError for a zone that there is not. */
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
  const key = `${timeZone} ${local}`;
  const known = moments.get(key);
  if (known !== undefined) return known;
  // Calendars are slow, and clusters have the same hours.
  if (moments.size >= MOST_MOMENTS) moments.clear();
  const moment = reckonMoment(timeZone, local);
  moments.set(key, moment);
  return moment;
};

const MOST_MOMENTS = 50_000;
const moments = new Map<string, number>();

const reckonMoment = (timeZone: string, local: number): number => {
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

const startOf = ({ startTime }: WeeklyWindow): number => {
  const [hours = 0, minutes = 0] = startTime.split(':').map(Number);
  return hours * HOUR_MS + minutes * MINUTE_MS;
};

/** `day`: so many after the first of 1970, which was a Thursday. */
const weekdayOf = (day: number): Weekday | undefined => WEEKDAYS[(day + 3) % 7];

const openingOn = (window: WeeklyWindow, day: number): Opening => {
  const from = momentOf(window.timeZone, day * DAY_MS + startOf(window));
  return { from, to: from + window.durationHours * HOUR_MS };
};

/** The opening that is under way at the time, or else the next one. */
export const openingAt = (window: WeeklyWindow, at: number): Opening => {
  const today = Math.floor(localOf(window.timeZone, at) / DAY_MS);
  // One of the days before may still be open, and a day may be missing from a zone's calendar.
  for (let day = today - 1 - Math.ceil(window.durationHours / 24); day <= today + 15; day += 1) {
    if (!window.days.some((named) => named === weekdayOf(day))) continue;
    const opening = openingOn(window, day);
    if (opening.to > at) return opening;
  }
  throw new Error('A window without days was stored.');
};

/** Of several windows: the opening that is under way and lasts longest, or else the next one; null without a window, for then it is always open. */
export const nextOpening = (windows: readonly WeeklyWindow[], at: number): Opening | null => {
  const openings = windows.map((window) => openingAt(window, at));
  const open = openings.filter(({ from }) => from <= at).toSorted((a, b) => b.to - a.to);
  return open[0] ?? openings.toSorted((a, b) => a.from - b.from)[0] ?? null;
};

const DAYS_BACK = 9;
const DAYS_AHEAD = 16;

/**
 * The stretch that is under way at the time, or else the next one: openings that touch or overlap are one, from the first's beginning to the last's
 * end. null without a window.
 */
export const stretchAt = (windows: readonly WeeklyWindow[], at: number): Opening | null => {
  const openings = windows.flatMap((window) => openingsFrom(window, at)).toSorted((a, b) => a.from - b.from);
  let stretch: Opening | null = null;
  for (const { from, to } of openings) {
    if (stretch !== null && from <= stretch.to) stretch = { from: stretch.from, to: Math.max(stretch.to, to) };
    else if (stretch !== null && stretch.to > at) return stretch;
    else stretch = { from, to };
  }
  return stretch;
};

/** All that begin some days before or after. */
const openingsFrom = (window: WeeklyWindow, at: number): Opening[] => {
  const today = Math.floor(localOf(window.timeZone, at) / DAY_MS);
  const days = Array.from({ length: DAYS_BACK + DAYS_AHEAD }, (_, i) => today - DAYS_BACK + i);
  return days.filter((day) => window.days.some((named) => named === weekdayOf(day))).map((day) => openingOn(window, day));
};

/** When it opens, for who has to wait for that; null while it is open. */
export const opensAt = (windows: readonly WeeklyWindow[], at: number): number | null => {
  const opening = nextOpening(windows, at);
  return opening === null || opening.from <= at ? null : opening.from;
};

export const isTimeZone = (name: string): boolean => {
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
};
