/**
 * Ids of operations on one socket, used again. graphql-ws forgets an id when its operation was completed, and once more when the operation has
 * really ended: one that was begun under the same id between those two is forgotten with it, and so counts for no limit, hears no `complete`,
 * and outlives its socket. Here it waits until the one before has ended.
 */

export interface SocketIdsDeps {
  /** Resolves, for a message that begins an operation, when that has ended. */
  handle(text: string): Promise<void>;
  /** Whether the operation of this id was begun and is not completed. */
  isOpen(id: string): boolean;
  /** Two operations want the same id at once. */
  refuse(id: string): void;
  refuseLong(): void;
}

/** Every event says the id again, to each subscriber by itself where no other has the same. */
export const MAX_ID = 128;

/** Takes each message of a socket; rejects as `handle` does. */
export const createSocketIds = ({ handle, isOpen, refuse, refuseLong }: SocketIdsDeps): ((text: string) => Promise<void>) => {
  /** Under way by their ids, those included that are completed and have not ended yet. */
  const running = new Map<string, Promise<void>>();
  /** What is to begin under an id when the one before has ended; null: it was completed meanwhile. Made when there is some, which is seldom. */
  let waiting: Map<string, string | null> | null = null;

  // Not a function that waits: it would keep the message for as long as its operation lives.
  const begin = (id: string, text: string): Promise<void> => {
    const run = handle(text);
    const forget = () => {
      if (running.get(id) === ended) running.delete(id);
    };
    const ended = run.then(forget, forget);
    running.set(id, ended);
    return run;
  };

  const beginAfter = async (before: Promise<void>, id: string, text: string): Promise<void> => {
    waiting ??= new Map();
    waiting.set(id, text);
    await before;
    const wanted = waiting.get(id) ?? null;
    waiting.delete(id);
    if (wanted !== null) await begin(id, wanted);
  };

  return (text) => {
    const { id, type } = headOf(text);
    if (id.length > MAX_ID) return done(refuseLong());
    const next = waiting?.get(id);
    if (type === 'complete' && next !== undefined) return done(waiting?.set(id, null));
    if (type !== 'subscribe') return handle(text);
    if (next === null) return done(waiting?.set(id, text));
    if (next !== undefined) return done(refuse(id));
    const before = running.get(id);
    // An id that is in use is for the protocol to refuse.
    return before === undefined || isOpen(id) ? begin(id, text) : beginAfter(before, id, text);
  };
};

const done = (_what: unknown): Promise<void> => Promise.resolve();

/** Type and id of a message; neither for what has none, or is no JSON, which is for the protocol to refuse. */
const headOf = (text: string): { id: string; type: string } => {
  const none = { id: '', type: '' };
  try {
    const message: unknown = JSON.parse(text);
    if (typeof message !== 'object' || message === null || !('id' in message) || !('type' in message)) return none;
    return typeof message.id === 'string' && typeof message.type === 'string' ? { id: message.id, type: message.type } : none;
  } catch {
    return none;
  }
};
