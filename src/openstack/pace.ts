/** One try a second: who repeats a write, for whatever reason and from wherever, waits here for its turn. */
import type { Clock } from '../lib/clock.ts';
import { fingerprint } from '../lib/json.ts';
import type { HttpCall } from './http.ts';

const PACE_MS = 1_000;

export interface Pace {
  /** Milliseconds until this write may be sent, 0 for a read; it counts as sent then. */
  turnOf(call: HttpCall): number;
  /** The second begins anew with the answer: how long the way to the service took nobody knows. */
  ended(call: HttpCall): void;
}

export const createPace = (clock: Clock): Pace => {
  /** In the order of their turns, but for moments. */
  const turns = new Map<string, number>();
  return {
    turnOf: (call) => {
      if (isRead(call)) return 0;
      const now = clock.now();
      for (const [key, at] of turns) {
        if (at + PACE_MS > now) break;
        turns.delete(key);
      }
      const key = keyOf(call);
      const at = Math.max(now, (turns.get(key) ?? now - PACE_MS) + PACE_MS);
      turns.delete(key);
      turns.set(key, at);
      return at - now;
    },
    ended: (call) => {
      if (isRead(call)) return;
      const now = clock.now();
      const key = keyOf(call);
      // Another in the same words may have its turn already.
      if ((turns.get(key) ?? 0) > now) return;
      turns.delete(key);
      turns.set(key, now);
    },
  };
};

const isRead = ({ method }: HttpCall): boolean => method === 'GET' || method === 'HEAD';

const keyOf = ({ method, url, body }: HttpCall): string => `${method} ${url} ${fingerprint(body ?? null)}`;
