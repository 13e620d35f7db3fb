/** Scheduled backups, as input: all optional, each with its bounds. */
import { z } from 'zod';
import { MOST_KEPT } from '../domain/backupSchedule.ts';
import { isAtMostHourly, isSchedule, nextTime } from '../domain/schedule.ts';
import { clearable, given, tree, wholeNumber } from './parse.ts';

const schedule = z
  .string()
  .max(100, 'must have at most 100 characters')
  .superRefine((text, context) => {
    const fault = faultOf(text);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  });

const faultOf = (text: string): string | null => {
  if (!isSchedule(text))
    return 'must be five fields of cron in UTC, such as "30 2 * * *" for half past two each day or "0 */6 * * *" for every six hours';
  if (!isAtMostHourly(text)) return 'must be once an hour at most: give one minute, such as "0 * * * *"';
  // Any year has the day or has it not, but for the 29th of February.
  return nextTime(text, 0) === null ? 'must be a day that there is' : null;
};

export const backupScheduleInput = tree({
  enabled: given(z.boolean()),
  schedule: given(schedule),
  keepCount: given(wholeNumber(1, MOST_KEPT)),
  keepDays: clearable(wholeNumber(1, 3_650)),
  autoRestore: given(z.boolean()),
});
