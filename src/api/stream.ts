/** One live stream to one subscriber: pulled, never pushed, and open only as long as the caller's right to it lasts. */
import { GraphQLError } from 'graphql';
import type { Actor } from '../domain/actor.ts';
import { sightOf } from '../store/sight.ts';
import type { Context } from './context.ts';
import type { Standing } from './session.ts';
import type { End } from './tokenWatch.ts';

/** Where the values come from. `wake` (given at the opening) says that `pull` may find something now. */
export interface Source<Value> {
  /** The next value that the actor may see; null: nothing now; 'END': there will be no more. */
  pull(actor: Actor): Promise<Value | null | 'END'>;
  close(): void;
}

/** What the subscription's field resolves: a value, or the reason why the stream ends. */
export type Delivery<Value> = { value: Value } | { end: GraphQLError };

const ended = (code: string, message: string) => ({ end: new GraphQLError(message, { extensions: { code } }) });

/** Waits for news: a ring that comes before the waiting is not lost. */
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
    wait: () =>
      new Promise<void>((resolve) => {
        if (rung) return resolve();
        wakeUp = resolve;
      }),
  };
};

const ENDS: Record<End, { end: GraphQLError }> = {
  EXPIRED: ended('UNAUTHENTICATED', 'The token has ended; connect again with a new one.'),
  REVOKED: ended('UNAUTHENTICATED', 'The token is not valid any more; connect again with a new one.'),
  UNANSWERED: ended('UNAVAILABLE', 'Keystone does not answer; connect again and go on from your cursor.'),
};

/** Why the stream must end now; null while it may go on, and the context then has the newest token and rights. */
const refusalOf = async (context: Context, standing: Standing): Promise<{ end: GraphQLError } | null> => {
  if (context.feed.isClosing()) return ended('GOING_AWAY', 'The server stops; connect again and go on from your cursor.');
  const end = await standing.check();
  if (end !== null) return ENDS[end];
  context.actor = standing.actor();
  context.token = standing.token();
  const { all, projectId } = sightOf(context.actor, 'readClusters');
  if (all || projectId !== null) return null;
  return ended('FORBIDDEN', 'The token has no role any more that may read in its project.');
};

/**
 * An iterator whose `return` ends a `next` that waits (a generator's would wait for it). The caller pulls again only when the
 * transport has taken the last value, so nothing piles up here. Throws GraphQLError when the token is not valid any more, and what
 * `join` of the token's watch throws when Keystone does not answer.
 */
export const openStream = async <Value>(
  context: Context,
  open: (wake: () => void) => Source<Value>,
): Promise<AsyncIterableIterator<Delivery<Value>>> => {
  const bell = createBell();
  const held = await context.stand();
  if (held === null) throw ENDS.REVOKED.end;
  const { standing, release } = held;
  const source = open(bell.ring);
  const undo = [context.feed.onClose(bell.ring), standing.onChange(bell.ring), release, source.close];
  let over = false;
  const close = () => {
    if (over) return;
    over = true;
    for (const step of undo) step();
    bell.ring();
  };
  const nextDelivery = async (): Promise<Delivery<Value> | null> => {
    while (!over) {
      bell.reset();
      const refused = await refusalOf(context, standing);
      if (refused !== null) return refused;
      const value = await source.pull(context.actor);
      if (value === 'END') return null;
      // What ended while it was read ends with nothing more said.
      if (standing.end() !== null) continue;
      if (value === null) {
        await bell.wait();
        continue;
      }
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
