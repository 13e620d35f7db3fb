/** Histograms as Prometheus' text form has them: read from metrics, subtracted, and asked for a quantile. */

export interface Histogram {
  /** Upper bounds in the metric's own unit, rising; beyond the last there is one more bucket without an end. */
  bounds: number[];
  /** How many were seen up to each bound, and at the end how many in all. */
  counts: number[];
}

/** Metrics are read so far, in characters; etcd's are some 200,000. */
const MOST_TEXT = 4_000_000;
const MOST_BUCKETS = 100;

/**
 * `name`: without `_bucket`. Series that differ in other labels than `le` are added up. Lines that are something else are passed over.
 * @returns null: it is not in there whole.
 */
export const readHistogram = (metrics: string, name: string): Histogram | null => {
  const sums = new Map<number, number>();
  const lines = new RegExp(`^${name}_bucket\\{([^}\\n]{1,500})\\} (\\d[\\d.e+]{0,24})(?: \\d+)?\\r?$`, 'gm');
  for (const [, labels = '', text] of metrics.slice(0, MOST_TEXT).matchAll(lines)) {
    const le = /(?:^|,)le="([^"]{1,30})"/.exec(labels)?.[1];
    const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
    const count = Number(text);
    if (Number.isNaN(bound) || !Number.isFinite(count)) continue;
    sums.set(bound, (sums.get(bound) ?? 0) + count);
    if (sums.size > MOST_BUCKETS) return null;
  }
  const sorted = [...sums].sort(([a], [b]) => a - b);
  const counts = sorted.map(([, count]) => count);
  if (sorted.length < 2 || sorted.at(-1)?.[0] !== Number.POSITIVE_INFINITY || !isRising(counts)) return null;
  return { bounds: sorted.slice(0, -1).map(([bound]) => bound), counts };
};

const isRising = (counts: readonly number[]): boolean => counts.every((count, i) => i === 0 || count >= (counts[i - 1] ?? 0));

export const totalOf = ({ counts }: Histogram): number => counts.at(-1) ?? 0;

/** What was seen between two looks; null when they are not of the same process, or not of the same buckets. */
export const between = (before: Histogram, after: Histogram): Histogram | null => {
  if (before.bounds.length !== after.bounds.length || before.bounds.some((bound, i) => bound !== after.bounds[i])) return null;
  const counts = after.counts.map((count, i) => count - (before.counts[i] ?? 0));
  return counts.some((count) => count < 0) || !isRising(counts) ? null : { bounds: after.bounds, counts };
};

/**
 * As Prometheus' histogram_quantile reckons: evenly spread within a bucket, which begins at the bound below, and the last bound for all that is
 * beyond. `share`: above 0, at most 1. @returns null: nothing was seen.
 */
export const quantileOf = (histogram: Histogram, share: number): number | null => {
  const { bounds, counts } = histogram;
  const rank = share * totalOf(histogram);
  if (!(rank > 0)) return null;
  const at = counts.findIndex((count) => count >= rank);
  const bound = bounds[at];
  if (bound === undefined) return bounds.at(-1) ?? null;
  const [below, from] = at === 0 ? [0, 0] : [counts[at - 1] ?? 0, bounds[at - 1] ?? 0];
  return from + ((bound - from) * (rank - below)) / ((counts[at] ?? 0) - below);
};
