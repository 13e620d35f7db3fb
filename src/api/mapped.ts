/** One stream made of another. Passes `return` on at once, so that a reader who leaves ends the stream; a `map` that throws ends it, too. */
export const mapped = <From, To>(source: AsyncIterable<From>, map: (value: From) => To | Promise<To>): AsyncIterableIterator<To> =>
  new Mapped(source[Symbol.asyncIterator](), map);

const OVER: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** A class, and `then`: of an object of closures, and of functions that wait, each live subscription would keep a kilobyte. */
class Mapped<From, To> implements AsyncIterableIterator<To> {
  private readonly iterator: AsyncIterator<From>;
  private readonly map: (value: From) => To | Promise<To>;

  constructor(iterator: AsyncIterator<From>, map: (value: From) => To | Promise<To>) {
    this.iterator = iterator;
    this.map = map;
  }

  next(): Promise<IteratorResult<To>> {
    return this.iterator.next().then((step) => (step.done ? OVER : this.told(step.value)));
  }

  async return(): Promise<IteratorResult<To>> {
    await this.iterator.return?.();
    return OVER;
  }

  async throw(error: unknown): Promise<IteratorResult<To>> {
    await this.iterator.return?.();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** At once where the value is there. */
  private told(value: From): Promise<IteratorResult<To>> | IteratorResult<To> {
    try {
      const made = this.map(value);
      if (!(made instanceof Promise)) return { done: false, value: made };
      return made.then(
        (to) => ({ done: false, value: to }),
        (error: unknown) => this.throw(error),
      );
    } catch (error) {
      return this.throw(error);
    }
  }
}
