/** How a group's nodes are replaced, as output and as input in the same words. */
import type { UpgradeStrategy } from '../domain/upgradeStrategy.ts';
import { builder } from './builder.ts';
import { BlockedDrainEnum } from './enums.ts';

const TEXT = {
  maxSurge:
    'How many workers more than wanted there may be meanwhile: a whole number from 0 to 1000, or a share of those wanted such as "25%", rounded up; "1" by default.',
  maxUnavailable:
    'How many workers fewer than wanted may serve meanwhile, for as many go before those that take their places are there: a whole number from 0 to 1000, or a share such as "25%", rounded down; "0" by default. Not 0 together with maxSurge.',
  drainTimeoutSeconds:
    "How long the pods of a worker that goes, for whatever reason, have to go before it, as their PodDisruptionBudgets let them: from 0 (with FORCE they are not asked) to 86400; null: the server's limit, five minutes by default.",
  onBlockedDrain: 'What becomes of a worker whose pods have not gone by then; FORCE by default.',
} as const;

export const UpgradeStrategyType = builder.objectRef<UpgradeStrategy>('UpgradeStrategy').implement({
  description: "How a group's workers are replaced by others.",
  fields: (t) => ({
    maxSurge: t.exposeString('maxSurge', { description: TEXT.maxSurge }),
    maxUnavailable: t.exposeString('maxUnavailable', { description: TEXT.maxUnavailable }),
    drainTimeoutSeconds: t.exposeInt('drainTimeoutSeconds', { nullable: true, description: TEXT.drainTimeoutSeconds }),
    onBlockedDrain: t.expose('onBlockedDrain', { type: BlockedDrainEnum, description: TEXT.onBlockedDrain }),
  }),
});

export const UpgradeStrategyInput = builder.inputType('UpgradeStrategyInput', {
  description: "How a group's workers are replaced by others; what is left out stays.",
  fields: (t) => ({
    maxSurge: t.string({ description: TEXT.maxSurge }),
    maxUnavailable: t.string({ description: TEXT.maxUnavailable }),
    drainTimeoutSeconds: t.int({ description: TEXT.drainTimeoutSeconds }),
    onBlockedDrain: t.field({ type: BlockedDrainEnum, description: TEXT.onBlockedDrain }),
  }),
});
