/** Hours that come again each week, as input. */
import { z } from 'zod';
import { isTimeZone, WEEKDAYS, type WeeklyWindow } from '../domain/weeklyWindow.ts';
import { wholeNumber } from './parse.ts';

const MOST_WINDOWS = 10;

const days = z
  .array(z.enum(WEEKDAYS, 'must be a day of the week, such as SUNDAY'))
  .min(1, 'must name one day at the least, for a window without days never opens; or leave the window out')
  .transform((named) => WEEKDAYS.filter((day) => named.includes(day)));

const timeZone = z
  .string()
  .max(80, 'must have at most 80 characters')
  .refine(isTimeZone, "must be one of IANA's names of time zones, such as Europe/Berlin")
  .nullish()
  .transform((name) => name ?? 'UTC');

const windowInput = (longestHours: number) =>
  z.strictObject({
    days,
    startTime: z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day such as 02:00'),
    durationHours: wholeNumber(1, longestHours),
    timeZone,
  }) satisfies z.ZodType<WeeklyWindow>;

/** `longestHours`: of one of them. */
export const windowsInput = (longestHours: number) =>
  z.array(windowInput(longestHours)).max(MOST_WINDOWS, `must be at most ${MOST_WINDOWS} windows`);
