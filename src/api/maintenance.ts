/** What Seedbed begins by itself that can be felt, and when it may: as output and as input in the same words. */
import type { MaintenanceSpec } from '../domain/maintenance.ts';
import { builder } from './builder.ts';
import { AutoUpgradePolicyEnum } from './enums.ts';
import { WeeklyWindowInput, WeeklyWindowType } from './weeklyWindow.ts';

const TEXT = {
  windows:
    'When Seedbed may begin by itself what can be felt: upgrades by itself, and the replacement of nodes that belongs to them. What somebody asks for, repairs and healing wait for none. Without any it may at any time.',
  autoUpgrade: 'Whether the cluster is upgraded by itself to newer patch releases of its minor one. NONE by default.',
} as const;

export const MaintenanceSpecType = builder.objectRef<MaintenanceSpec>('MaintenanceSpec').implement({
  description: 'What Seedbed begins by itself that can be felt, and when it may.',
  fields: (t) => ({
    windows: t.expose('windows', { type: [WeeklyWindowType], description: TEXT.windows }),
    autoUpgrade: t.expose('autoUpgrade', { type: AutoUpgradePolicyEnum, description: TEXT.autoUpgrade }),
  }),
});

export const MaintenanceInput = builder.inputType('MaintenanceInput', {
  description: 'What Seedbed begins by itself that can be felt, and when it may; what is left out stays.',
  fields: (t) => ({
    windows: t.field({
      type: [WeeklyWindowInput],
      description: `${TEXT.windows} Each is open for 24 hours at the most. The list is replaced as a whole.`,
    }),
    autoUpgrade: t.field({ type: AutoUpgradePolicyEnum, description: TEXT.autoUpgrade }),
  }),
});
