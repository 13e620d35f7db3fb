/** How soon what somebody changed is put back: at once, and ever later for an object that two keep changing against each other. */
import type { Clock } from '../lib/clock.ts';

/** So many changes of one object are nobody's fight, but a person at work. */
const AT_ONCE = 5;
const FIRST_MS = 1_000;
/** Drift is repaired within a minute, also then. */
const LONGEST_MS = 60_000;
/** An object that nobody has touched for so long starts anew. */
const FORGET_MS = 5 * 60_000;

/** Takes the key of an object that was changed; returns the milliseconds to wait before it is put back. */
export const createDriftPace = (clock: Clock): ((key: string) => number) => {
  const changes = new Map<string, { count: number; at: number }>();
  return (key) => {
    const now = clock.now();
    const before = changes.get(key);
    const count = before === undefined || now - before.at > FORGET_MS ? 1 : before.count + 1;
    changes.set(key, { count, at: now });
    if (count > AT_ONCE) return Math.min(LONGEST_MS, FIRST_MS * 2 ** (count - AT_ONCE - 1));
    // Only those that were changed lately are kept.
    if (count === 1) for (const [other, { at }] of changes) if (now - at > FORGET_MS) changes.delete(other);
    return 0;
  };
};
