/** Maintenance, as input: all optional, each with its bounds; a list of windows is replaced as a whole. */
import { z } from 'zod';
import { isTimeZone, type MaintenanceWindow, WEEKDAYS } from '../domain/maintenance.ts';
import { given, tree, wholeNumber } from './parse.ts';

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

const window = z.strictObject({
  days,
  startTime: z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day such as 02:00'),
  durationHours: wholeNumber(1, 24),
  timeZone,
}) satisfies z.ZodType<MaintenanceWindow>;

export const maintenanceInput = tree({
  windows: given(z.array(window).max(MOST_WINDOWS, `must be at most ${MOST_WINDOWS} windows`)),
  autoUpgrade: given(z.enum(['NONE', 'PATCH'], 'must be NONE or PATCH')),
});
