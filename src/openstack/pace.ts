/** One try a second: who repeats a write, for whatever reason and from wherever, waits here for its turn. */
import type { Clock } from '../lib/clock.ts';
import { fingerprint } from '../lib/json.ts';
import type { HttpCall } from './http.ts';

const PACE_MS = 1_000;

export interface Pace {
  /** Milliseconds until this write may be sent, 0 for a read; it counts as sent then. */
  turnOf(call: HttpCall): number;
}

export const createPace = (clock: Clock): Pace => {
  /** In the order of their turns, but for moments. */
  const turns = new Map<string, number>();
  return {
    turnOf: (call) => {
      if (call.method === 'GET' || call.method === 'HEAD') return 0;
      const now = clock.now();
      for (const [key, at] of turns) {
        if (at + PACE_MS > now) break;
        turns.delete(key);
      }
      const key = `${call.method} ${call.url} ${fingerprint(call.body ?? null)}`;
      const at = Math.max(now, (turns.get(key) ?? now - PACE_MS) + PACE_MS);
      turns.delete(key);
      turns.set(key, at);
      return at - now;
    },
  };
};
