/**
 * A token that live connections rest on: Keystone is asked about it every few seconds, once for all of its sockets and streams,
 * and its end, or another answer, is told to them all.
 */
import { type Actor, seerKeyOf } from '../domain/actor.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Authenticate } from './auth.ts';

/** Longest pause between two looks, so that what was revoked ends within 5 s; each is drawn anew, so that looks do not flock. */
const PAUSE_MS = 4_000;
/** A look that was due and did not happen is made up for at the next delivery. */
const STALE_MS = 5_000;
/** A look that takes longer counts as failed; its answer is heeded all the same when it comes. */
const LOOK_MS = 2_000;
/** Live connections outlast a Keystone that does not answer for so long, though never their token. */
const GRACE_MS = 60_000;
/** What a watch may begin with without asking. */
const FRESH_MS = 1_000;
/** Looks under way at once, of all tokens: requests need Keystone, too. */
const MOST_LOOKS = 16;

/** EXPIRED: by its own time; REVOKED: Keystone says that it is not valid; UNANSWERED: Keystone has said nothing for too long. */
export type End = 'EXPIRED' | 'REVOKED' | 'UNANSWERED';

export interface Watch {
  readonly token: string;
  /** Who it is by the newest answer. */
  actor(): Actor;
  /** Why nothing may rest on it any more; null while it is good. */
  end(): End | null;
  /** The same, after a look where the last one is too old; at once where it is not, for each delivery asks. */
  check(): End | null | Promise<End | null>;
}

/** `leave` is called once. */
export interface Joined {
  watch: Watch;
  leave(): void;
}

export interface TokenWatches {
  /**
   * Watches the token until `leave`; `tell` hears of its end and of other roles. Null: not valid. Throws what `authenticate`
   * throws when Keystone does not answer. `requestId`: OpenStack's, of the request that begins it. `allowExpired`: beside a service's
   * token it is good for as long as Keystone lets it be.
   */
  join(token: string, how: { requestId: string; allowExpired: boolean }, tell: () => void): Promise<Joined | null>;
}

export interface TokenWatchDeps {
  authenticate: Authenticate;
  clock: Clock;
  log: Log;
}

export const createTokenWatches = (deps: TokenWatchDeps): TokenWatches => {
  // Apart: what is good beside a service's token is not so by itself, and a token may be any text until Keystone was asked about it.
  const alone = new Map<string, ReturnType<typeof createWatch>>();
  const besideService = new Map<string, ReturnType<typeof createWatch>>();
  const queue = createLookQueue();
  return {
    join: async (token, { requestId, allowExpired }, tell) => {
      const watches = allowExpired ? besideService : alone;
      const known = watches.get(token);
      if (known === undefined || known.end() !== null) {
        const actor = await deps.authenticate(token, { maxAgeMs: FRESH_MS, requestId, allowExpired });
        if (actor === null) return null;
        const meanwhile = watches.get(token);
        if (meanwhile === undefined || meanwhile.end() !== null)
          watches.set(token, createWatch(deps, queue, { token, allowExpired }, actor));
      }
      const watch = watches.get(token);
      if (watch === undefined) return null;
      watch.listeners.add(tell);
      const leave = () => {
        watch.listeners.delete(tell);
        if (watch.listeners.size > 0) return;
        watch.stop();
        if (watches.get(token) === watch) watches.delete(token);
      };
      return { watch, leave };
    },
  };
};

const createWatch = (
  { authenticate, clock, log }: TokenWatchDeps,
  queue: LookQueue,
  { token, allowExpired }: { token: string; allowExpired: boolean },
  first: Actor,
) => {
  const listeners = new Set<() => void>();
  let actor = first;
  let ended: End | null = null;
  let stopped = false;
  let lookedAt = clock.now();
  let answeredAt = clock.now();
  let asking: Promise<void> | null = null;
  let looking: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;

  const tell = () => {
    for (const listener of [...listeners]) listener();
  };
  const finish = (why: End) => {
    if (ended !== null) return;
    ended = why;
    clearTimeout(timer);
    tell();
  };
  const endsAt = () => (allowExpired ? Number.POSITIVE_INFINITY : actor.expiresAt);
  const end = () => {
    if (ended === null && clock.now() >= endsAt()) finish('EXPIRED');
    return ended;
  };

  const ask = async (): Promise<void> => {
    if (stopped || end() !== null) return;
    const answer = await authenticate(token, { maxAgeMs: 0, allowExpired });
    if (answer === null) return finish(clock.now() >= actor.expiresAt ? 'EXPIRED' : 'REVOKED');
    answeredAt = clock.now();
    const before = actor;
    actor = answer;
    if (rightsOf(before) !== rightsOf(answer)) tell();
  };
  const askOnce = (): Promise<void> => {
    asking ??= queue(ask)
      .catch((error: unknown) => log.debug({ err: error }, 'a token of live connections could not be checked'))
      .finally(() => {
        asking = null;
      });
    return asking;
  };
  const look = async (): Promise<void> => {
    const startedAt = clock.now();
    await atMost(askOnce(), LOOK_MS);
    lookedAt = startedAt;
    looking = null;
    if (clock.now() - answeredAt >= GRACE_MS && end() === null) {
      log.warn({ userId: actor.userId }, 'Keystone has not answered for a minute: live connections of a token end');
      finish('UNANSWERED');
    }
    arm(PAUSE_MS * (0.75 + Math.random() / 4));
  };
  const lookOnce = (): Promise<void> => {
    clearTimeout(timer);
    looking ??= look();
    return looking;
  };
  const arm = (ms: number) => {
    if (stopped || end() !== null) return;
    clearTimeout(timer);
    timer = setTimeout(
      () => {
        if (end() === null) void lookOnce();
      },
      Math.max(1, Math.min(ms, endsAt() - clock.now())),
    );
  };
  // Sooner than usual: what it began with may be a second old.
  arm(PAUSE_MS * (0.5 + Math.random() / 4));

  return {
    token,
    listeners,
    actor: () => actor,
    end,
    check: () => (end() === null && clock.now() - lookedAt >= STALE_MS ? lookOnce().then(end) : end()),
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
};

/** Roles as well: a service's token is asked for those alone. */
const rightsOf = (actor: Actor): string => JSON.stringify([seerKeyOf(actor), actor.roles]);

/** Resolves when the work is done, or after so many milliseconds; the work goes on. */
const atMost = async (work: Promise<void>, ms: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
};

type LookQueue = (work: () => Promise<void>) => Promise<void>;

/** Runs a bounded number at once, the others in the order they came. */
const createLookQueue = (): LookQueue => {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= MOST_LOOKS) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      await work();
    } finally {
      const next = waiting.shift();
      // The place is handed on.
      if (next === undefined) running -= 1;
      else next();
    }
  };
};
