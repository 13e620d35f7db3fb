/** Remembers what was made of a text. Certificates and configurations are looked at again and again by many simulated programs. */

/** The oldest are forgotten beyond `limit`. What throws is not remembered. */
export const memoize = <T>(limit: number, make: (text: string) => T): ((text: string) => T) => {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const made = make(text);
    if (known.size >= limit) {
      const [oldest] = known.keys();
      if (oldest !== undefined) known.delete(oldest);
    }
    known.set(text, made);
    return made;
  };
};
