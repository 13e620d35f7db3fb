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

/**
 * An iterator whose `return` ends a `next` that waits (a generator's would wait for it). The caller pulls again only when the
 * transport has taken the last value, so nothing piles up here.
 */
export const openStream = <Value>(context: Context, open: (wake: () => void) => Source<Value>): AsyncIterableIterator<Delivery<Value>> => {
  let news = true;
  let over = false;
  let ring: () => void = () => {};
  let checkedAt = context.clock.now();
  const wake = () => {
    news = true;
    ring();
  };
  const source = open(wake);
  const nap = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      ring = () => {
        clearTimeout(timer);
        resolve();
      };
      if (news || over) ring();
    });

  const close = () => {
    if (over) return;
    over = true;
    source.close();
    unhook();
    ring();
  };
  const unhook = context.feed.onClose(wake);

  /** Null while the caller may go on. Throws what the identity service throws: a stream must not outlive an unanswered check. */
  const refusal = async (): Promise<Delivery<Value> | null> => {
    if (context.feed.isClosing()) return ended('GOING_AWAY', 'The server stops; connect again and go on from your cursor.');
    const now = context.clock.now();
    if (now >= context.actor.expiresAt) return ended('UNAUTHENTICATED', 'The token has ended; connect again with a new one.');
    if (now - checkedAt < RECHECK_MS) return null;
    const actor = await context.authenticate(context.token);
    checkedAt = now;
    if (actor === null) return ended('UNAUTHENTICATED', 'The token is not valid any more; connect again with a new one.');
    context.actor = actor;
    return null;
  };

  const nextDelivery = async (): Promise<Delivery<Value> | null> => {
    while (!over) {
      const refused = await refusal();
      if (refused !== null) return refused;
      news = false;
      const value = await source.pull(context.actor);
      if (value === 'END') return null;
      if (value !== null) {
        news = true;
        // Each delivery reads anew: what an earlier one has loaded is old.
        context.loaders = createLoaders(context.store.db, context.actor);
        return { value };
      }
      const now = context.clock.now();
      await nap(Math.max(1, Math.min(checkedAt + RECHECK_MS, context.actor.expiresAt) - now));
    }
    return null;
  };

  return {
    next: async () => {
      if (over) return { done: true, value: undefined };
      try {
        const delivery = await nextDelivery();
        if (delivery === null || over) {
          close();
          return { done: true, value: undefined };
        }
        if ('end' in delivery) close();
        return { done: false, value: delivery };
      } catch (error) {
        context.log.error({ err: error, requestId: context.requestId }, 'a live stream failed');
        close();
        return { done: false, value: ended('UNAVAILABLE', 'The stream cannot go on now; connect again and go on from your cursor.') };
      }
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
  };
};

/** Unwraps a delivery in the subscription field's resolver: the stream's end shows as an error event. */
export const deliver = <Value>(delivery: Delivery<Value>): Value => {
  if ('end' in delivery) throw delivery.end;
  return delivery.value;
};
