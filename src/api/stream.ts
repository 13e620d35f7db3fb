/** One live stream to one subscriber: pulled, never pushed, and open only as long as the caller's right to it lasts. */
import { GraphQLError } from 'graphql';
import type { Actor } from '../domain/actor.ts';
import { RECHECK_MS } from './auth.ts';
import type { Context } from './context.ts';
import { createLoaders } from './loaders.ts';

/** Where the values come from. `wake` (given at the opening) says that `pull` may find something now. */
export interface Source<Value> {
  /** The next value that the actor may see; null: nothing now; 'END': there will be no more. */
  pull(actor: Actor): Promise<Value | null | 'END'>;
  close(): void;
}

/** What the subscription's field resolves: a value, or the reason why the stream ends. */
export type Delivery<Value> = { value: Value } | { end: GraphQLError };

const ended = (code: string, message: string) => ({ end: new GraphQLError(message, { extensions: { code } }) });

/** Waits for news, but no longer than told: a ring that comes before the waiting is not lost. */
const createBell = () => {
  let rung = true;
  let wakeUp: () => void = () => {};
  return {
    ring: () => {
      rung = true;
      wakeUp();
    },
    /** What comes from now on counts. */
    reset: () => {
      rung = false;
    },
    wait: (ms: number) =>
      new Promise<void>((resolve) => {
        if (rung) return resolve();
        const timer = setTimeout(resolve, ms);
        wakeUp = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
  };
};

/** Looks, at most twice a minute, whether the caller may still be told. */
const createWarrant = (context: Context) => {
  let checkedAt = context.clock.now();
  return {
    /** Why the stream must end now; null while it may go on. Throws when the identity service does not answer. */
    refusal: async (): Promise<{ end: GraphQLError } | null> => {
      if (context.feed.isClosing()) return ended('GOING_AWAY', 'The server stops; connect again and go on from your cursor.');
      const now = context.clock.now();
      if (now >= context.actor.expiresAt) return ended('UNAUTHENTICATED', 'The token has ended; connect again with a new one.');
      if (now - checkedAt < RECHECK_MS) return null;
      const actor = await context.authenticate(context.token);
      checkedAt = now;
      if (actor === null) return ended('UNAUTHENTICATED', 'The token is not valid any more; connect again with a new one.');
      context.actor = actor;
      return null;
    },
    /** Milliseconds to the next look. */
    lastsMs: () => Math.max(1, Math.min(checkedAt + RECHECK_MS, context.actor.expiresAt) - context.clock.now()),
  };
};

/**
 * An iterator whose `return` ends a `next` that waits (a generator's would wait for it). The caller pulls again only when the
 * transport has taken the last value, so nothing piles up here.
 */
export const openStream = <Value>(context: Context, open: (wake: () => void) => Source<Value>): AsyncIterableIterator<Delivery<Value>> => {
  const bell = createBell();
  const warrant = createWarrant(context);
  const source = open(bell.ring);
  const unhook = context.feed.onClose(bell.ring);
  let over = false;
  const close = () => {
    if (over) return;
    over = true;
    source.close();
    unhook();
    bell.ring();
  };
  const nextDelivery = async (): Promise<Delivery<Value> | null> => {
    while (!over) {
      const refused = await warrant.refusal();
      if (refused !== null) return refused;
      bell.reset();
      const value = await source.pull(context.actor);
      if (value === 'END') return null;
      if (value === null) {
        await bell.wait(warrant.lastsMs());
        continue;
      }
      // Each delivery reads anew: what an earlier one has loaded is old.
      context.loaders = createLoaders(context.store.db, context.actor);
      return { value };
    }
    return null;
  };
  return iteratorOf(
    () => nextDelivery().catch((error: unknown) => failed(context, error)),
    close,
    () => over,
  );
};

const failed = (context: Context, error: unknown): { end: GraphQLError } => {
  context.log.error({ err: error, requestId: context.requestId }, 'a live stream failed');
  return ended('UNAVAILABLE', 'The stream cannot go on now; connect again and go on from your cursor.');
};

const iteratorOf = <Value>(
  pull: () => Promise<Delivery<Value> | null>,
  close: () => void,
  isOver: () => boolean,
): AsyncIterableIterator<Delivery<Value>> => ({
  next: async () => {
    const delivery = isOver() ? null : await pull();
    // Who has left while it was being read gets nothing more.
    const done = delivery === null || isOver();
    if (done || 'end' in delivery) close();
    return done ? { done: true, value: undefined } : { done: false, value: delivery };
  },
  return: async () => {
    close();
    return { done: true, value: undefined };
  },
  throw: async (error: unknown) => {
    close();
    throw error;
  },
  [Symbol.asyncIterator]() {
    return this;
  },
});

/** Unwraps a delivery in the subscription field's resolver: the stream's end shows as an error event. */
export const deliver = <Value>(delivery: Delivery<Value>): Value => {
  if ('end' in delivery) throw delivery.end;
  return delivery.value;
};
