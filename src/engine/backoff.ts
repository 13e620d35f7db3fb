/** How long to wait before the next try. */
import { Conflict, SeedbedError, Unavailable } from '../domain/errors.ts';

/** A failure that only somebody's act can end is looked at this often. */
const SLOW_MS = 60_000;
const FIRST_MS = 500;
const LONGEST_MS = 120_000;

/**
 * Exponential with full jitter in its upper half; a service's own Retry-After wins when it is longer.
 * `attempts`: failures in a row so far, from 1; `random`: 0 ≤ x < 1.
 */
export const retryDelayMs = (error: unknown, attempts: number, random: number): number => {
  const soonest = error instanceof SeedbedError ? (error.detail.lookAgainMs ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  return Math.min(soonest, ownDelayMs(error, attempts, random));
};

const ownDelayMs = (error: unknown, attempts: number, random: number): number => {
  const base = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempts - 1, 20));
  const jittered = base / 2 + (base / 2) * random;
  if (error instanceof Unavailable) return Math.max(jittered, error.retryAfterMs ?? 0);
  if (error instanceof SeedbedError && !error.retryable && !(error instanceof Conflict)) return SLOW_MS / 2 + (SLOW_MS / 2) * random;
  return jittered;
};

/**
 * Each step has a back-off of its own: one that fails for the first time does not wait for what has failed for long. Infinity for none.
 */
export const soonestRetryMs = (failed: readonly { error: unknown; attempts: number }[], random: () => number): number =>
  Math.min(Number.POSITIVE_INFINITY, ...failed.map(({ error, attempts }) => retryDelayMs(error, attempts, random())));

/** When a settled object is looked at again for drift: about ten minutes, spread so that a fleet does not move in step. */
export const driftDelayMs = (random: number): number => 480_000 + 240_000 * random;
