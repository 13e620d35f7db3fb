/** Pure functions whose results are worth keeping as long as what they were made of. */

/**
 * `build` that gives its last result for `first` again while the other arguments are the same, too: the very same object, so that what
 * is known of it stays known. The result goes with `first`, and must not be changed.
 */
export const remembering = <First extends object, Rest extends unknown[], Result>(
  build: (first: First, ...rest: Rest) => Result,
): ((first: First, ...rest: Rest) => Result) => {
  const made = new WeakMap<First, { rest: Rest; result: Result }>();
  return (first, ...rest) => {
    const known = made.get(first);
    if (known !== undefined && known.rest.length === rest.length && known.rest.every((one, i) => one === rest[i])) return known.result;
    const result = build(first, ...rest);
    made.set(first, { rest, result });
    return result;
  };
};
