/**
 * Token buckets by key: each holds a minute's tokens, and they come back evenly. A bucket is one number, the time at which it is full again
 * (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm), so nothing runs between two calls; one that is full is forgotten.
 */

export interface Buckets {
  /** 0: the tokens were taken. Otherwise none were, and so many milliseconds have to pass until they can be. */
  take(key: string, tokens?: number): number;
  /** Buckets that are remembered. */
  size(): number;
}

const MINUTE_MS = 60_000;
/** About 10 MB. Of more within two minutes those begin anew that were not used the longest. */
const MOST_KEPT = 100_000;

/** `perMinute` is at least 1. More tokens at once than a bucket holds are taken for a whole bucket. */
export const createBuckets = ({ perMinute, now }: { perMinute: number; now(): number }, mostKept = MOST_KEPT): Buckets => {
  const tokenMs = MINUTE_MS / perMinute;
  // From here, and not from 1970: fractions of milliseconds are added up.
  const origin = now();
  // Whatever was not used for a minute is full. Dropping all of it at once costs nothing; taking entries out of a map one by one does.
  let young = new Map<string, number>();
  let old = new Map<string, number>();
  let begun = 0;
  const age = (at: number): void => {
    if (Math.abs(at - begun) < MINUTE_MS && young.size < mostKept / 2) return;
    old = young;
    young = new Map();
    begun = at;
  };
  return {
    take: (key, tokens = 1) => {
      const at = now() - origin;
      age(at);
      // Never emptier than empty: a clock that was put back lets nobody wait for longer than a bucket takes to fill.
      const full = Math.min(Math.max(young.get(key) ?? old.get(key) ?? at, at), at + MINUTE_MS);
      const after = full + Math.min(tokens, perMinute) * tokenMs;
      const waitMs = after - at - MINUTE_MS;
      // More than adding up gets wrong, and too little to count.
      const isTaken = waitMs <= tokenMs / 1000;
      young.set(key, isTaken ? after : full);
      return isTaken ? 0 : Math.ceil(waitMs);
    },
    size: () => young.size + old.size,
  };
};
