/** When a cluster hibernates by itself: as output and as input in the same words. */
import type { HibernationSchedule } from '../domain/hibernation.ts';
import { builder } from './builder.ts';
import { WeeklyWindowInput, WeeklyWindowType } from './weeklyWindow.ts';

const WINDOWS =
  'Hours in which it hibernates, such as nights and weekends; windows that touch or overlap are one. One that sleeps already when a window opens sleeps on to its end, a change of the windows holds at once, and within half an hour before the end of one nothing goes to sleep any more. Who wakes it meanwhile has it awake until the next one opens, and one that hibernateCluster has put to sleep without an end sleeps on. While it is still being made, restored, upgraded or moved, or is paused, it goes to sleep after that. What waits for a maintenance window needs one in waking hours.';

export const HibernationScheduleType = builder.objectRef<HibernationSchedule>('HibernationSchedule').implement({
  description: 'When a cluster hibernates by itself.',
  fields: (t) => ({ windows: t.expose('windows', { type: [WeeklyWindowType], description: WINDOWS }) }),
});

export const HibernationScheduleInput = builder.inputType('HibernationScheduleInput', {
  description: 'When a cluster hibernates by itself.',
  fields: (t) => ({
    windows: t.field({
      type: [WeeklyWindowInput],
      description: `${WINDOWS} Each is open for 167 hours at the most. The list is replaced as a whole.`,
    }),
  }),
});
