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
  pull(actor: Actor): Promise<Value | null | 'END'> | Value | null | 'END';
  close(): void;
}

/** What the subscription's field resolves: a value, or the reason why the stream ends. */
export type Delivery<Value> = { value: Value } | { end: GraphQLError };

const ended = (code: string, message: string) => ({ end: new GraphQLError(message, { extensions: { code } }) });

const ENDS: Record<End, { end: GraphQLError }> = {
  EXPIRED: ended('UNAUTHENTICATED', 'The token has ended; connect again with a new one.'),
  REVOKED: ended('UNAUTHENTICATED', 'The token is not valid any more; connect again with a new one.'),
  UNANSWERED: ended('UNAVAILABLE', 'Keystone does not answer; connect again and go on from your cursor.'),
};

/** Why the stream must end now; null while it may go on, and the context then has the newest token and rights. */
const refusalOf = (context: Context, standing: Standing, end: End | null): { end: GraphQLError } | null => {
  if (context.feed.isClosing()) return ended('GOING_AWAY', 'The server stops; connect again and go on from your cursor.');
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
  const held = await context.stand();
  if (held === null) throw ENDS.REVOKED.end;
  return new Stream(context, held, open);
};

type Step<Value> = IteratorResult<Delivery<Value>>;
type Held = NonNullable<Awaited<ReturnType<Context['stand']>>>;

/**
 * Thousands of these wait at a time: as a class, and with nothing under way while there is no news, each takes a third of what closures
 * and a function that waits would.
 */
class Stream<Value> implements AsyncIterableIterator<Delivery<Value>> {
  private readonly context: Context;
  private readonly standing: Standing;
  private readonly source: Source<Value>;
  private readonly undo: (() => void)[];
  /** News may have come since it was looked last. */
  private rung = true;
  private over = false;
  private looking = false;
  private waiting: ((step: Step<Value>) => void)[] = [];

  constructor(context: Context, { standing, release }: Held, open: (wake: () => void) => Source<Value>) {
    this.context = context;
    this.standing = standing;
    const ring = () => this.ring();
    this.source = open(ring);
    this.undo = [context.feed.onClose(ring), standing.onChange(ring), release, this.source.close];
  }

  next(): Promise<Step<Value>> {
    return new Promise((resolve) => {
      this.waiting = [...this.waiting, resolve];
      this.look();
    });
  }

  return(): Promise<Step<Value>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<Step<Value>> {
    this.close();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private ring(): void {
    this.rung = true;
    this.look();
  }

  private close(): void {
    if (this.over) return;
    this.over = true;
    for (const step of this.undo) step();
    this.ring();
  }

  private look(): void {
    if (this.looking || this.waiting.length === 0) return;
    this.looking = true;
    void this.tellAll();
  }

  /** Until nobody waits, or there is nothing to tell. One function that waits, and only for what is not there: each event runs it for each subscriber. */
  private async tellAll(): Promise<void> {
    while (this.waiting.length > 0) {
      let delivery: Delivery<Value> | null = null;
      try {
        if (!this.over) {
          // What comes from now on counts.
          this.rung = false;
          const looked = this.context.feed.isClosing() ? null : this.standing.check();
          const refused = refusalOf(this.context, this.standing, looked instanceof Promise ? await looked : looked);
          const pulled = refused === null ? this.source.pull(this.context.actor) : null;
          const value = pulled instanceof Promise ? await pulled : pulled;
          if (refused !== null) delivery = refused;
          // What ended while it was read ends with nothing more said.
          else if (value !== 'END' && this.standing.end() !== null) continue;
          else if (value === null && this.rung) continue;
          else if (value === null) break;
          else if (value !== 'END') delivery = { value };
        }
      } catch (error) {
        this.context.log.error({ err: error, requestId: this.context.requestId }, 'a live stream failed');
        delivery = ended('UNAVAILABLE', 'The stream cannot go on now; connect again and go on from your cursor.');
      }
      this.tell(delivery);
    }
    this.looking = false;
  }

  /** Null: it is over. */
  private tell(delivery: Delivery<Value> | null): void {
    // Who has left while it was being read gets nothing more.
    const done = delivery === null || this.over;
    if (done || 'end' in delivery) this.close();
    const [resolve, ...others] = this.waiting;
    this.waiting = others;
    resolve?.(done ? { done: true, value: undefined } : { done: false, value: delivery });
  }
}

/** Unwraps a delivery in the subscription field's resolver: the stream's end shows as an error event. */
export const deliver = <Value>(delivery: Delivery<Value>): Value => {
  if ('end' in delivery) throw delivery.end;
  return delivery.value;
};
