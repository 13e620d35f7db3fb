/** Values that follow from texts, made once for each: those that were not asked for the longest go first. */

/** `make` for each text; its value is frozen in all its depth, for all who ask share it. */
export const madeOnce = <T>(make: (text: string) => T, most: number): ((text: string) => T) => {
  const made = new Map<string, T>();
  // Rows that were read together often have the same text: to compare two is less than to find one.
  let last: { text: string; value: T } | null = null;
  return (text) => {
    if (last?.text === text) return last.value;
    const value = made.get(text) ?? freeze(make(text));
    made.delete(text);
    made.set(text, value);
    const [oldest] = made.size > most ? made.keys() : [];
    if (oldest !== undefined) made.delete(oldest);
    last = { text, value };
    return value;
  };
};

const freeze = <T>(value: T): T => {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value))
    for (const one of Object.values(Object.freeze(value))) freeze(one);
  return value;
};
