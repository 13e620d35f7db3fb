/** Answers to an event that others get, too, go to a socket as the one text for all; what is left of them is graphql-ws' to tell. */
import type { SharedAnswers } from './sharedAnswers.ts';

/** `id`: of the subscription on its socket. The next answer is pulled when `send` resolves. */
export const tellShared = <Result extends object>(
  { textOf }: Pick<SharedAnswers, 'textOf'>,
  id: string,
  results: AsyncIterable<Result>,
  send: (text: string) => Promise<void>,
): AsyncIterableIterator<Result> => {
  const begin = `{"id":${JSON.stringify(id)},"type":"next","payload":`;
  const iterator = results[Symbol.asyncIterator]();
  const end = async (): Promise<IteratorResult<Result>> => (await iterator.return?.()) ?? { done: true, value: undefined };
  return {
    next: async () => {
      for (;;) {
        const step = await iterator.next();
        const text = step.done ? undefined : textOf(step.value);
        if (text === undefined) return step;
        await send(`${begin}${text}}`);
      }
    },
    return: end,
    throw: async (error: unknown) => {
      await end();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
};
