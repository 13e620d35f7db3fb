/** Times that come again, in cron's words: "minute hour day-of-month month day-of-week", in UTC. */

const RANGES: readonly [low: number, high: number][] = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
];
const DAY_MS = 24 * 3_600_000;

type Field = ReadonlySet<number>;
/** In cron's order. */
type Schedule = [minutes: Field, hours: Field, days: Field, months: Field, weekdays: Field];

/** A star, numbers, ranges and steps, joined by commas; undefined when it is none of these. */
const parseField = (text: string, [low, high]: [number, number]): Field | undefined => {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const [, range, from, to, step] = /^(\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part) ?? [];
    if (range === undefined) return undefined;
    const first = from === undefined ? low : Number(from);
    const last = from === undefined ? high : to === undefined ? (step === undefined ? first : high) : Number(to);
    if (first < low || last > high || first > last || step === '0') return undefined;
    for (let n = first; n <= last; n += Number(step ?? 1)) values.add(n);
  }
  return values;
};

const parse = (text: string): Schedule | undefined => {
  const words = text.trim().split(/\s+/);
  const fields = RANGES.map((range, i) => parseField(words[i] ?? '', range));
  return words.length === RANGES.length && fields.every((field) => field !== undefined) ? (fields as Schedule) : undefined;
};

export const isSchedule = (text: string): boolean => parse(text) !== undefined;

/** One minute of each hour that it names. */
export const isAtMostHourly = (text: string): boolean => parse(text)?.[0].size === 1;

/** Many objects may have the same schedule: each comes so much after it, within the hour, and always the same. */
export const spreadMs = (id: string): number => (Number.parseInt(id.replace(/\D/g, '').slice(-4), 10) % 60 || 0) * 60_000;

/** The next time after `afterMs`; null when there is none within five years, as for the 31st of February, or when the text is no schedule. */
export const nextTime = (text: string, afterMs: number): number | null => {
  const schedule = parse(text);
  if (schedule === undefined) return null;
  const [minutes, hours, days, months, weekdays] = schedule;
  const restricted = [days.size < 31, weekdays.size < 7];
  const fits = (date: Date): boolean => {
    const day = days.has(date.getUTCDate());
    const weekday = weekdays.has(date.getUTCDay()) || (date.getUTCDay() === 0 && weekdays.has(7));
    // Of the two days cron takes either, unless one of them is left open.
    return months.has(date.getUTCMonth() + 1) && (restricted.every(Boolean) ? day || weekday : day && weekday);
  };
  const today = Math.floor(afterMs / DAY_MS) * DAY_MS;
  for (let start = today; start < today + 5 * 366 * DAY_MS; start += DAY_MS) {
    if (!fits(new Date(start))) continue;
    for (const hour of [...hours].sort((a, b) => a - b))
      for (const minute of [...minutes].sort((a, b) => a - b)) {
        const time = start + (hour * 60 + minute) * 60_000;
        if (time > afterMs) return time;
      }
  }
  return null;
};
