/** What Seedbed begins by itself that can be felt, and when it may: as output and as input in the same words. */
import type { MaintenanceSpec, MaintenanceWindow } from '../domain/maintenance.ts';
import { builder } from './builder.ts';
import { AutoUpgradePolicyEnum, WeekdayEnum } from './enums.ts';

const WINDOW = {
  days: 'The days on which it opens, by the clocks of its time zone: one at the least.',
  startTime:
    'The time of day at which it opens, such as 02:00. Where clocks are put forward over it, it opens then; where they are put back, it opens once.',
  durationHours: 'For how many hours it is open, from 1 to 24.',
  timeZone: "One of IANA's names, such as Europe/Berlin.",
} as const;

const TEXT = {
  windows:
    'When Seedbed may begin by itself what can be felt: upgrades by itself, and the replacement of nodes that belongs to them. What somebody asks for, repairs and healing wait for none. Without any it may at any time.',
  autoUpgrade: 'Whether the cluster is upgraded by itself to newer patch releases of its minor one. NONE by default.',
} as const;

const MaintenanceWindowType = builder.objectRef<MaintenanceWindow>('MaintenanceWindow').implement({
  description: 'Hours that come again each week.',
  fields: (t) => ({
    days: t.expose('days', { type: [WeekdayEnum], description: WINDOW.days }),
    startTime: t.exposeString('startTime', { description: WINDOW.startTime }),
    durationHours: t.exposeInt('durationHours', { description: WINDOW.durationHours }),
    timeZone: t.exposeString('timeZone', { description: WINDOW.timeZone }),
  }),
});

export const MaintenanceSpecType = builder.objectRef<MaintenanceSpec>('MaintenanceSpec').implement({
  description: 'What Seedbed begins by itself that can be felt, and when it may.',
  fields: (t) => ({
    windows: t.expose('windows', { type: [MaintenanceWindowType], description: TEXT.windows }),
    autoUpgrade: t.expose('autoUpgrade', { type: AutoUpgradePolicyEnum, description: TEXT.autoUpgrade }),
  }),
});

const MaintenanceWindowInput = builder.inputType('MaintenanceWindowInput', {
  description: 'Hours that come again each week.',
  fields: (t) => ({
    days: t.field({ type: [WeekdayEnum], required: true, description: WINDOW.days }),
    startTime: t.string({ required: true, description: WINDOW.startTime }),
    durationHours: t.int({ required: true, description: WINDOW.durationHours }),
    timeZone: t.string({ description: `${WINDOW.timeZone} UTC by default.` }),
  }),
});

export const MaintenanceInput = builder.inputType('MaintenanceInput', {
  description: 'What Seedbed begins by itself that can be felt, and when it may; what is left out stays.',
  fields: (t) => ({
    windows: t.field({ type: [MaintenanceWindowInput], description: `${TEXT.windows} The list is replaced as a whole.` }),
    autoUpgrade: t.field({ type: AutoUpgradePolicyEnum, description: TEXT.autoUpgrade }),
  }),
});
