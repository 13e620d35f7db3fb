/** One stream made of another. Passes `return` on at once, so that a reader who leaves ends the stream; a `map` that throws ends it, too. */
export const mapped = <From, To>(source: AsyncIterable<From>, map: (value: From) => To | Promise<To>): AsyncIterableIterator<To> => {
  const iterator = source[Symbol.asyncIterator]();
  const over: IteratorReturnResult<undefined> = { done: true, value: undefined };
  return {
    next: async () => {
      const step = await iterator.next();
      if (step.done) return over;
      try {
        return { done: false, value: await map(step.value) };
      } catch (error) {
        await iterator.return?.();
        throw error;
      }
    },
    return: async () => {
      await iterator.return?.();
      return over;
    },
    throw: async (error: unknown) => {
      await iterator.return?.();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
};
