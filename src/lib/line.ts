/** One is served in each turn of the event loop, in the order in which they came; who stands in the line may leave it. */
export interface Line<One> {
  /** How many stand in it. */
  readonly length: number;
  join(one: One): void;
  /** Whether it stood in the line. */
  leave(one: One): boolean;
  /** All who stand in it, who are not served any more. */
  empty(): One[];
}

/** What `serve` throws is nobody's to catch. A set: whoever leaves an array of thousands from its front or middle moves the others. */
export const createLine = <One>(serve: (one: One) => void): Line<One> => {
  const waiting = new Set<One>();
  let isDue = false;
  const next = (): void => {
    isDue = false;
    const { done, value } = waiting.values().next();
    if (done === true) return;
    waiting.delete(value);
    arm();
    serve(value);
  };
  const arm = (): void => {
    if (isDue || waiting.size === 0) return;
    isDue = true;
    setImmediate(next);
  };
  return {
    get length() {
      return waiting.size;
    },
    join: (one) => {
      waiting.add(one);
      arm();
    },
    leave: (one) => waiting.delete(one),
    empty: () => {
      const all = [...waiting];
      waiting.clear();
      return all;
    },
  };
};
