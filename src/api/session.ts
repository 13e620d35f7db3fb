/** Who a live connection speaks for, by the newest token that it was given and by Keystone's newest answer about it. */
import type { Actor } from '../domain/actor.ts';
import { type Credentials, isService, type Judge } from './credentials.ts';
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
  /** When it ends unless a fresh token comes, in milliseconds since the epoch: beside a service's token, when that one ends. */
  endsAt(): number;
  /**
   * Goes on with another token of the same user and project. A service's token that was sent before is kept where none is sent now.
   * Throws when Keystone does not answer; the earlier tokens hold then.
   */
  renew(credentials: Credentials): Promise<'RENEWED' | 'INVALID' | 'ANOTHER'>;
  close(): void;
}

export interface SessionDeps {
  watches: TokenWatches;
  /** A token needs one of these roles to be a service's. */
  serviceTokenRoles: readonly string[];
}

/** The tokens that a session rests on. */
interface Held {
  user: Joined;
  service: Joined | null;
  serviceToken: string | null;
}

/**
 * Null: a token is not valid, or may not be used for this. Throws when Keystone does not answer. `requestId`: OpenStack's, of the request
 * that it lives on. With a service's token the same holds as for a single request, for as long as that token is good (see `readCaller`).
 */
export const openSession = async (
  deps: SessionDeps,
  credentials: Credentials,
  requestId: string,
  judge: Judge,
): Promise<Session | null> => {
  const listeners = new Set<() => void>();
  const tell = () => {
    for (const listener of [...listeners]) listener();
  };
  // A function of its own each time: the same token may be joined twice for a moment.
  const take = (given: Credentials) => hold(deps, given, requestId, () => tell());
  const first = await take(credentials);
  if (first === null) return null;
  if (!judge(first.user.watch.actor(), first.service !== null)) {
    letGo(first);
    return null;
  }
  let current = first;
  let closed = false;
  const endOfService = ({ service }: Held): End | null =>
    service === null ? null : (service.watch.end() ?? (isService(service.watch.actor(), deps.serviceTokenRoles) ? null : 'REVOKED'));
  return {
    token: () => current.user.watch.token,
    actor: () => current.user.watch.actor(),
    end: () => current.user.watch.end() ?? endOfService(current),
    endsAt: () => (current.service ?? current.user).watch.actor().expiresAt,
    check: async () => {
      const [end] = await Promise.all([current.user.watch.check(), current.service?.watch.check()]);
      return end ?? endOfService(current);
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    renew: async ({ token, serviceToken }) => {
      const next = await take({ token, serviceToken: serviceToken ?? current.serviceToken });
      if (next === null) return 'INVALID';
      const actor = next.user.watch.actor();
      if (closed || !isSame(current.user.watch.actor(), actor) || !judge(actor, next.service !== null)) {
        letGo(next);
        return 'ANOTHER';
      }
      letGo(current);
      current = next;
      tell();
      return 'RENEWED';
    },
    close: () => {
      if (closed) return;
      closed = true;
      listeners.clear();
      letGo(current);
    },
  };
};

/** The service's token first, for without it one that has ended is not good. Null: one of them is not valid, or no service's. */
const hold = async (
  { watches, serviceTokenRoles }: SessionDeps,
  { token, serviceToken }: Credentials,
  requestId: string,
  tell: () => void,
): Promise<Held | null> => {
  const service = serviceToken === null ? null : await watches.join(serviceToken, { requestId, allowExpired: false }, tell);
  if (serviceToken !== null && (service === null || !isService(service.watch.actor(), serviceTokenRoles))) {
    service?.leave();
    return null;
  }
  try {
    const user = await watches.join(token, { requestId, allowExpired: service !== null }, tell);
    if (user !== null) return { user, service, serviceToken };
  } catch (error) {
    service?.leave();
    throw error;
  }
  service?.leave();
  return null;
};

const letGo = ({ user, service }: Held): void => {
  user.leave();
  service?.leave();
};

const isSame = (a: Actor, b: Actor): boolean => a.userId === b.userId && a.projectId === b.projectId;
