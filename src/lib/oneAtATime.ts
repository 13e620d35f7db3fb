/**
 * Work that is done one piece after the other, in the order in which it was asked for, each from a turn of the event loop of its own.
 * A piece that fails holds up nothing.
 */
export const createOneAtATime = (): (<T>(work: () => Promise<T>) => Promise<T>) => {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(nextTurn).then(work);
    last = done.catch(() => undefined);
    return done;
  };
};

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
