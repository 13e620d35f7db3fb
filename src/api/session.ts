/** Who a live connection speaks for, by the newest token that it was given and by Keystone's newest answer about it. */
import type { Actor } from '../domain/actor.ts';
import type { End, Joined, TokenWatches } from './tokenWatch.ts';

/** What a live stream rests on. */
export interface Standing {
  token(): string;
  actor(): Actor;
  /** Why it is over; null while it is not. */
  end(): End | null;
  /** The same, where Keystone was not asked for too long after asking it. */
  check(): Promise<End | null>;
  /** Called at its end and when the token, or what it allows, is another. Gives what undoes it. */
  onChange(listener: () => void): () => void;
}

export interface Session extends Standing {
  /** Goes on with another token of the same user and project. Throws when Keystone does not answer; the earlier token holds then. */
  renew(token: string): Promise<'RENEWED' | 'INVALID' | 'ANOTHER'>;
  close(): void;
}

/**
 * Null: the token is not valid, or may not be used for this. Throws when Keystone does not answer. `requestId`: OpenStack's, of the request
 * that it lives on; `isWithin`: whether a token's access rules let it be used there.
 */
export const openSession = async (
  watches: TokenWatches,
  token: string,
  requestId: string,
  isWithin: (actor: Actor) => boolean,
): Promise<Session | null> => {
  const listeners = new Set<() => void>();
  const tell = () => {
    for (const listener of [...listeners]) listener();
  };
  const first = await watches.join(token, requestId, tell);
  if (first === null) return null;
  if (!isWithin(first.watch.actor())) {
    first.leave();
    return null;
  }
  let current: Joined = first;
  let closed = false;
  return {
    token: () => current.watch.token,
    actor: () => current.watch.actor(),
    end: () => current.watch.end(),
    check: () => current.watch.check(),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    renew: async (other) => {
      // A function of its own: the same token may be joined twice for a moment.
      const next = await watches.join(other, requestId, () => tell());
      if (next === null) return 'INVALID';
      if (closed || !isSame(current.watch.actor(), next.watch.actor()) || !isWithin(next.watch.actor())) {
        next.leave();
        return 'ANOTHER';
      }
      current.leave();
      current = next;
      tell();
      return 'RENEWED';
    },
    close: () => {
      if (closed) return;
      closed = true;
      listeners.clear();
      current.leave();
    },
  };
};

const isSame = (a: Actor, b: Actor): boolean => a.userId === b.userId && a.projectId === b.projectId;
