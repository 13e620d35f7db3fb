/** Answers to an event that others get, too, go to a socket as the one text for all; what is left of them is graphql-ws' to tell. */
import type { SharedAnswers } from './sharedAnswers.ts';
import { textFrame } from './textFrame.ts';

export interface FrameSender {
  /** The next answer is pulled when it calls back. */
  sendFrame(frame: Buffer, done: () => void): void;
}

/** `id`: of the subscription on its socket. */
export const tellShared = <Result extends object>(
  answers: Pick<SharedAnswers, 'textOf'>,
  id: string,
  results: AsyncIterable<Result>,
  sender: FrameSender,
): AsyncIterableIterator<Result> => new Teller(answers, id, results[Symbol.asyncIterator](), sender);

/** Clients number their subscriptions alike, so that most get the very same bytes. */
const frames = new WeakMap<object, { id: string; frame: Buffer }>();

const frameOf = (result: object, id: string, text: string): Buffer => {
  const known = frames.get(result);
  if (known?.id === id) return known.frame;
  const frame = textFrame(`{"id":${JSON.stringify(id)},"type":"next","payload":${text}}`);
  frames.set(result, { id, frame });
  return frame;
};

/** A class, with nothing under way while it waits but the one promise: each live subscription has one. */
class Teller<Result extends object> implements AsyncIterableIterator<Result> {
  private readonly answers: Pick<SharedAnswers, 'textOf'>;
  private readonly id: string;
  private readonly iterator: AsyncIterator<Result>;
  private readonly sender: FrameSender;

  constructor(answers: Pick<SharedAnswers, 'textOf'>, id: string, iterator: AsyncIterator<Result>, sender: FrameSender) {
    this.answers = answers;
    this.id = id;
    this.iterator = iterator;
    this.sender = sender;
  }

  next(): Promise<IteratorResult<Result>> {
    return new Promise((resolve, reject) => this.pull(resolve, reject));
  }

  async return(): Promise<IteratorResult<Result>> {
    return (await this.iterator.return?.()) ?? { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<Result>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private pull(resolve: (step: IteratorResult<Result>) => void, reject: (error: unknown) => void): void {
    this.iterator
      .next()
      .then((step) => {
        const text = step.done ? undefined : this.answers.textOf(step.value);
        if (step.done || text === undefined) return resolve(step);
        this.sender.sendFrame(frameOf(step.value, this.id, text), () => this.pull(resolve, reject));
      })
      .catch(reject);
  }
}
