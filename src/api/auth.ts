/** Who a token is: Keystone's answer, kept for half a minute by the token's hash. */
import { hash } from 'node:crypto';
import type { Actor } from '../domain/actor.ts';
import type { Clock } from '../lib/clock.ts';

/** What a request without a live stream may rely on. */
const KEPT_MS = 30_000;
const REFUSED_MS = 5_000;
const MAX_KEPT = 10_000;
/** Keystone's longest tokens are far shorter. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/;

interface Kept {
  actor: Actor | null;
  at: number;
  until: number;
}

/**
 * Null: not valid. Throws what `validate` throws when the identity service does not answer. An answer that is `maxAgeMs` old
 * (half a minute when not told) is not believed: with 0 the identity service is asked. `requestId`: told it when it is asked.
 * `allowExpired`: a token that has expired is good for as long as the identity service lets it be. `connection`: it came by this, which mostly brings
 * the same one again and again.
 */
export type Authenticate = (
  token: string,
  how?: { maxAgeMs?: number; requestId?: string | null; allowExpired?: boolean; connection?: object },
) => Promise<Actor | null>;

/** `seen` is called when a token was found valid anew, at most twice a minute for each. */
export const createAuthenticator = (deps: {
  validate(token: string, requestId: string | null, how: { allowExpired: boolean }): Promise<Actor | null>;
  clock: Clock;
  seen?: (actor: Actor, token: string, requestId: string | null) => void;
}): Authenticate => {
  const kept = new Map<string, Kept>();
  const told = new Map<string, number>();
  const asking = new Map<string, Promise<Actor | null>>();
  /** The good token that a connection brought last, as long as there is that connection: to hash it anew takes a tenth of an answer from memory. */
  const brought = new WeakMap<object, { token: string; digest: string }>();

  const digestOf = (token: string, connection: object | undefined): string => {
    const last = connection && brought.get(connection);
    return last?.token === token ? last.digest : hash('sha256', token, 'base64');
  };

  const keep = (key: string, actor: Actor | null, allowExpired: boolean) => {
    const now = deps.clock.now();
    const end = allowExpired ? Number.POSITIVE_INFINITY : (actor?.expiresAt ?? 0);
    put(kept, key, { actor, at: now, until: actor === null ? now + REFUSED_MS : Math.min(now + KEPT_MS, end) });
  };

  const tell = (key: string, actor: Actor, token: string, requestId: string | null) => {
    const now = deps.clock.now();
    if (now - (told.get(key) ?? 0) < KEPT_MS) return;
    put(told, key, now);
    deps.seen?.(actor, token, requestId);
  };

  const ask = async (key: string, token: string, requestId: string | null, allowExpired: boolean): Promise<Actor | null> => {
    const answer = await deps.validate(token, requestId, { allowExpired });
    // An answer without a user, or one that is over already, is nobody.
    const isOver = answer !== null && answer.expiresAt <= deps.clock.now() && !allowExpired;
    const actor = answer !== null && answer.userId !== '' && !isOver ? answer : null;
    keep(key, actor, allowExpired);
    if (actor !== null) tell(key, actor, token, requestId);
    return actor;
  };

  return async (token, { maxAgeMs = KEPT_MS, requestId = null, allowExpired = false, connection } = {}) => {
    const digest = digestOf(token, connection);
    // Apart: what is good beside a service's token is not so by itself.
    const key = allowExpired ? `${digest} expired` : digest;
    const known = kept.get(key);
    const now = deps.clock.now();
    if (known !== undefined && known.until > now && now - known.at < maxAgeMs) {
      put(kept, key, known);
      if (connection !== undefined && known.actor !== null && brought.get(connection)?.token !== token)
        brought.set(connection, { token, digest });
      return known.actor;
    }
    if (!TOKEN.test(token)) return null;
    const running = asking.get(key) ?? ask(key, token, requestId, allowExpired).finally(() => asking.delete(key));
    asking.set(key, running);
    return await running;
  };
};

/** As the newest; the oldest goes where there are too many. */
const put = <Value>(map: Map<string, Value>, key: string, value: Value): void => {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.size > MAX_KEPT ? map.keys() : [];
  if (oldest !== undefined) map.delete(oldest);
};
