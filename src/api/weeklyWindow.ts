/** Hours that come again each week: as output and as input in the same words. */
import type { WeeklyWindow } from '../domain/weeklyWindow.ts';
import { builder } from './builder.ts';
import { WeekdayEnum } from './enums.ts';

const WINDOW = {
  days: 'The days on which it opens, by the clocks of its time zone: one at the least.',
  startTime:
    'The time of day at which it opens, such as 02:00. Where clocks are put forward over it, it opens then; where they are put back, it opens once.',
  durationHours: 'For how many hours it is open, 1 at the least.',
  timeZone: "One of IANA's names, such as Europe/Berlin.",
} as const;

export const WeeklyWindowType = builder.objectRef<WeeklyWindow>('WeeklyWindow').implement({
  description: 'Hours that come again each week.',
  fields: (t) => ({
    days: t.expose('days', { type: [WeekdayEnum], description: WINDOW.days }),
    startTime: t.exposeString('startTime', { description: WINDOW.startTime }),
    durationHours: t.exposeInt('durationHours', { description: WINDOW.durationHours }),
    timeZone: t.exposeString('timeZone', { description: WINDOW.timeZone }),
  }),
});

export const WeeklyWindowInput = builder.inputType('WeeklyWindowInput', {
  description: 'Hours that come again each week.',
  fields: (t) => ({
    days: t.field({ type: [WeekdayEnum], required: true, description: WINDOW.days }),
    startTime: t.string({ required: true, description: WINDOW.startTime }),
    durationHours: t.int({ required: true, description: WINDOW.durationHours }),
    timeZone: t.string({ description: `${WINDOW.timeZone} UTC by default.` }),
  }),
});
