/** Who a token is: Keystone's answer, kept for half a minute by the token's hash. */
import { createHash } from 'node:crypto';
import type { Actor } from '../domain/actor.ts';
import type { Clock } from '../lib/clock.ts';

/** Live streams ask again after as long, so a revoked token ends within a minute. */
export const RECHECK_MS = 30_000;
const REFUSED_MS = 5_000;
const MAX_KEPT = 10_000;
/** Keystone's longest tokens are far shorter. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/;

interface Kept {
  actor: Actor | null;
  until: number;
}

export interface Authenticator {
  /** Null: not valid. Throws what `validate` throws when the identity service does not answer. */
  authenticate(token: string): Promise<Actor | null>;
}

/** `seen` is called each time that a token was found valid anew. */
export const createAuthenticator = (deps: {
  validate(token: string): Promise<Actor | null>;
  clock: Clock;
  seen?: (actor: Actor, token: string) => void;
}): Authenticator => {
  const kept = new Map<string, Kept>();
  const asking = new Map<string, Promise<Actor | null>>();

  const keep = (key: string, actor: Actor | null) => {
    const now = deps.clock.now();
    kept.delete(key);
    kept.set(key, { actor, until: actor === null ? now + REFUSED_MS : Math.min(now + RECHECK_MS, actor.expiresAt) });
    const [oldest] = kept.size > MAX_KEPT ? kept.keys() : [];
    if (oldest !== undefined) kept.delete(oldest);
  };

  const ask = async (key: string, token: string): Promise<Actor | null> => {
    const answer = await deps.validate(token);
    // An answer without a user, or one that is over already, is nobody.
    const actor = answer !== null && answer.userId !== '' && answer.expiresAt > deps.clock.now() ? answer : null;
    keep(key, actor);
    if (actor !== null) deps.seen?.(actor, token);
    return actor;
  };

  return {
    authenticate: async (token) => {
      if (!TOKEN.test(token)) return null;
      const key = createHash('sha256').update(token).digest('base64');
      const known = kept.get(key);
      if (known !== undefined && known.until > deps.clock.now()) {
        kept.delete(key);
        kept.set(key, known);
        return known.actor;
      }
      const running = asking.get(key) ?? ask(key, token).finally(() => asking.delete(key));
      asking.set(key, running);
      return await running;
    },
  };
};
