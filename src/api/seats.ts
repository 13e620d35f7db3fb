/** Live connections of one user in one project: counted, and limited, whatever way they came. */
import type { Actor } from '../domain/actor.ts';

/** A sentence without its full stop. */
export const TOO_MANY_SEATS = 'Too many live connections of this user in this project';

export interface Seats {
  /** Gives the seat back when called; null: all are taken. */
  take(actor: Actor): (() => void) | null;
}

export const createSeats = (limit: number): Seats => {
  const taken = new Map<string, number>();
  return {
    take: (actor) => {
      const key = `${actor.userId}/${actor.projectId ?? ''}`;
      const count = taken.get(key) ?? 0;
      if (count >= limit) return null;
      taken.set(key, count + 1);
      let seated = true;
      return () => {
        if (!seated) return;
        seated = false;
        const left = (taken.get(key) ?? 1) - 1;
        if (left === 0) taken.delete(key);
        else taken.set(key, left);
      };
    },
  };
};
