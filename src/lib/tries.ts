/** How often and how soon one call is tried within itself. Whoever waits longer does so outside, where a wait holds nothing up. */
const PAUSES_MS = [100, 400];
const LONGEST_WAIT_MS = 5_000;

/**
 * Milliseconds before another try after `tries` of them, or null when there is none. `askedMs`: what the service asked to wait, which
 * is never cut short; null when it named nothing. `random`: 0 ≤ x < 1, so that callers who were refused together do not return together.
 */
export const pauseAfter = (tries: number, askedMs: number | null, random: number): number | null => {
  const pause = PAUSES_MS[tries - 1];
  if (pause === undefined || (askedMs ?? 0) > LONGEST_WAIT_MS) return null;
  return (askedMs ?? 0) + pause * (0.5 + random / 2);
};
