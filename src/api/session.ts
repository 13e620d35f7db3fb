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
  /** The same, where Keystone was not asked for too long after asking it, and else at once. */
  check(): End | null | Promise<End | null>;
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

/** `openSession` for this server. */
export type OpenSession = (credentials: Credentials, requestId: string, judge: Judge) => Promise<Session | null>;

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
  const session = new HeldSession(deps, requestId, judge);
  return (await session.begin(credentials)) ? session : null;
};

/** A class: each live socket has one, and closures would take four times the memory. */
class HeldSession implements Session {
  private readonly deps: SessionDeps;
  private readonly requestId: string;
  private readonly judge: Judge;
  private listeners: readonly (() => void)[] = [];
  private held: Held | null = null;
  private closed = false;

  constructor(deps: SessionDeps, requestId: string, judge: Judge) {
    this.deps = deps;
    this.requestId = requestId;
    this.judge = judge;
  }

  async begin(credentials: Credentials): Promise<boolean> {
    const first = await this.take(credentials);
    if (first === null) return false;
    if (!this.judge(first.user.watch.actor(), first.service !== null)) {
      letGo(first);
      return false;
    }
    this.held = first;
    // What ended while the other was looked at has told nobody.
    if (this.end() === null) return true;
    this.close();
    return false;
  }

  token(): string {
    return this.current().user.watch.token;
  }

  actor(): Actor {
    return this.current().user.watch.actor();
  }

  end(): End | null {
    return this.current().user.watch.end() ?? this.endOfService();
  }

  endsAt(): number {
    const { user, service } = this.current();
    return (service ?? user).watch.actor().expiresAt;
  }

  check(): End | null | Promise<End | null> {
    const { user, service } = this.current();
    const [end, endOfService] = [user.watch.check(), service?.watch.check()];
    if (!(end instanceof Promise) && !(endOfService instanceof Promise)) return end ?? this.endOfService();
    // It may have been renewed meanwhile.
    return Promise.all([end, endOfService]).then(() => this.end());
  }

  onChange(listener: () => void): () => void {
    this.listeners = [...this.listeners, listener];
    return () => {
      this.listeners = this.listeners.filter((other) => other !== listener);
    };
  }

  async renew({ token, serviceToken }: Credentials): Promise<'RENEWED' | 'INVALID' | 'ANOTHER'> {
    const next = await this.take({ token, serviceToken: serviceToken ?? this.current().serviceToken });
    if (next === null) return 'INVALID';
    const actor = next.user.watch.actor();
    if (this.closed || !isSame(this.actor(), actor) || !this.judge(actor, next.service !== null)) {
      letGo(next);
      return 'ANOTHER';
    }
    letGo(this.current());
    this.held = next;
    this.tell();
    return 'RENEWED';
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.listeners = [];
    letGo(this.current());
  }

  private current(): Held {
    if (this.held === null) throw new Error('The session has not begun.');
    return this.held;
  }

  private endOfService(): End | null {
    const { service } = this.current();
    if (service === null) return null;
    return service.watch.end() ?? (isService(service.watch.actor(), this.deps.serviceTokenRoles) ? null : 'REVOKED');
  }

  /** By a function of its own each time: the same token may be joined twice for a moment. */
  private take(given: Credentials): Promise<Held | null> {
    return hold(this.deps, given, this.requestId, () => this.tell());
  }

  private tell(): void {
    // Begun with the token's watch, which may speak before it is held.
    if (this.held !== null) for (const listener of this.listeners) listener();
  }
}

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
