/** The known name with the fewest single-letter changes, if they are few enough to be a slip of the hand. */
export const nearest = (name: string, known: readonly string[]): string | undefined => {
  if (name.length > 60) return undefined;
  const ranked = known.map((candidate) => ({ candidate, distance: distanceOf(name.toLowerCase(), candidate.toLowerCase()) }));
  const best = ranked.reduce<{ candidate: string; distance: number } | undefined>(
    (a, b) => (a !== undefined && a.distance <= b.distance ? a : b),
    undefined,
  );
  return best !== undefined && best.distance <= Math.max(2, Math.floor(name.length / 4)) ? best.candidate : undefined;
};

/** Levenshtein's distance, one row at a time. */
const distanceOf = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
};
