/** Upgrade strategies: how many nodes of a group are replaced at a time, and how long each that goes waits for its pods. */
import { type ErrorCode, UserError } from './errors.ts';

export const BLOCKED_DRAINS = ['WAIT', 'FORCE'] as const;
/** What becomes of a node whose pods have not gone in time. */
export type BlockedDrain = (typeof BLOCKED_DRAINS)[number];

export interface UpgradeStrategy {
  /** A whole number, or a share of the wanted nodes such as "25%", as is the next. */
  maxSurge: string;
  maxUnavailable: string;
  /** Null: the server's limit. */
  drainTimeoutSeconds: number | null;
  onBlockedDrain: BlockedDrain;
}

export const DEFAULT_STRATEGY: UpgradeStrategy = {
  maxSurge: '1',
  maxUnavailable: '0',
  drainTimeoutSeconds: null,
  onBlockedDrain: 'FORCE',
};

/** How many more than wanted there may be, and how many fewer may serve. */
export interface RollLimits {
  surge: number;
  unavailable: number;
}

const nodesOf = (text: string, wanted: number, round: (share: number) => number): number =>
  text.endsWith('%') ? round((wanted * Number(text.slice(0, -1))) / 100) : Number(text);

/** Rounded as those of Kubernetes' Deployments are: a surge up, what may be missing down, and one of both is never none. */
export const rollLimitsOf = ({ maxSurge, maxUnavailable }: UpgradeStrategy, wanted: number): RollLimits => {
  const surge = nodesOf(maxSurge, wanted, Math.ceil);
  const unavailable = Math.min(nodesOf(maxUnavailable, wanted, Math.floor), wanted);
  return { surge, unavailable: surge === 0 ? Math.max(1, unavailable) : unavailable };
};

const NO_ROOM: readonly ErrorCode[] = ['QUOTA_EXCEEDED', 'NO_VALID_HOST', 'ADDRESSES_EXHAUSTED'];

/** What an old node that goes first may cure. */
export const isForWantOfRoom = ({ code }: { code: ErrorCode }): boolean => NO_ROOM.includes(code);

const isNone = (text: string): boolean => Number(text.replace('%', '')) === 0;

/** @throws UserError INVALID_INPUT for one by which no node could ever be replaced. */
export const checkStrategy = ({ maxSurge, maxUnavailable }: UpgradeStrategy, field: string[]): void => {
  if (isNone(maxSurge) && isNone(maxUnavailable))
    throw new UserError(
      'INVALID_INPUT',
      'maxSurge and maxUnavailable must not both be 0, or no node could be replaced: let one more be made first (maxSurge 1), or one go first (maxUnavailable 1).',
      { field },
    );
};

/** How long a drain lasts, and whether a node goes without it. */
export const drainLimitOf = (
  { drainTimeoutSeconds, onBlockedDrain }: UpgradeStrategy,
  serverMs: number,
): { limitMs: number; waits: boolean } => ({
  limitMs: drainTimeoutSeconds === null ? serverMs : drainTimeoutSeconds * 1000,
  waits: onBlockedDrain === 'WAIT',
});
