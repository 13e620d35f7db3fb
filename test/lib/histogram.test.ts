import fc from 'fast-check';
import { expect, test } from 'vitest';
import { between, type Histogram, quantileOf, readHistogram } from '../../src/lib/histogram.ts';

const METRICS = `# HELP wal_seconds How long.
# TYPE wal_seconds histogram
wal_seconds_bucket{le="0.001"} 2
wal_seconds_bucket{le="0.002"} 10
wal_seconds_bucket{le="+Inf"} 11
wal_seconds_sum 0.02
wal_seconds_count 11
other_wal_seconds_bucket{le="0.001"} 5
by_node_seconds_bucket{node="a",le="1"} 1
by_node_seconds_bucket{node="a",le="+Inf"} 2e+06 1395066363000
by_node_seconds_bucket{node="b",le="1"} 3
by_node_seconds_bucket{node="b",le="+Inf"} 4
`;

test('buckets are read by name, and series that differ in other labels are added up', () => {
  expect(readHistogram(METRICS, 'wal_seconds')).toEqual({ bounds: [0.001, 0.002], counts: [2, 10, 11] });
  expect(readHistogram(METRICS, 'by_node_seconds')).toEqual({ bounds: [1], counts: [4, 2_000_004] });
  expect(readHistogram(METRICS.replaceAll('\n', '\r\n'), 'wal_seconds')).toEqual({ bounds: [0.001, 0.002], counts: [2, 10, 11] });
});

test.each<[string, string]>([
  ['nothing', ''],
  ['another metric', METRICS.replaceAll('wal', 'val')],
  ['one that ends too early', METRICS.slice(0, METRICS.indexOf('wal_seconds_bucket{le="+Inf"}'))],
  ['counts that fall', METRICS.replace('} 10', '} 1')],
  ['values that are no numbers', METRICS.replaceAll(/\} \d+$/gm, '} NaN')],
  ['too many buckets', Array.from({ length: 300 }, (_, i) => `wal_seconds_bucket{le="${i}"} ${i}\n`).join('') + METRICS],
  ['an answer without end', `${'#'.repeat(4_000_000)}\n${METRICS}`],
])('of %s there is no histogram', (_what, text) => expect(readHistogram(text, 'wal_seconds')).toBeNull());

test('junk among the lines, or instead of them, is passed over', () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom(
      'wal_seconds_bucket{le="x"} 3',
      'wal_seconds_bucket{le="0.5"}',
      'wal_seconds_bucket{} 9',
      'wal_seconds_bucket{le="1"} -4',
    ),
  );
  fc.assert(
    fc.property(fc.array(line), fc.nat(METRICS.length), (junk, at) => {
      expect(readHistogram(`${junk.join('\n')}\n${METRICS}${junk.join('\n')}`, 'wal_seconds')?.counts).toEqual([2, 10, 11]);
      expect(() => readHistogram(METRICS.slice(0, at) + junk.join('\n') + METRICS.slice(at), 'wal_seconds')).not.toThrow();
    }),
  );
});

const BOUNDS = [1, 2, 4, 8];
const counted = (values: readonly number[]): Histogram => ({
  bounds: BOUNDS,
  counts: [...BOUNDS.map((bound) => values.filter((value) => value <= bound).length), values.length],
});

test('the difference of two looks is what was seen between them, and its quantile is in the bucket of the true one', () => {
  const values = fc.array(fc.double({ min: 0.01, max: 20, noNaN: true }), { minLength: 1 });
  fc.assert(
    fc.property(values, values, fc.double({ min: 0.01, max: 1, noNaN: true }), (first, more, share) => {
      const seen = between(counted(first), counted([...first, ...more]));
      expect(seen).toEqual(counted(more));
      const sorted = [...more].sort((a, b) => a - b);
      const real = sorted[Math.ceil(share * more.length) - 1] ?? 0;
      const told = quantileOf(seen as Histogram, share) ?? -1;
      const bucket = BOUNDS.find((bound) => real <= bound);
      if (bucket === undefined) expect(told).toBe(8);
      else {
        expect(told).toBeLessThanOrEqual(bucket);
        expect(told).toBeGreaterThanOrEqual(bucket === 1 ? 0 : bucket / 2);
      }
    }),
  );
});

test('nothing seen has no quantile, and counts that fell or other buckets no difference', () => {
  expect(quantileOf(counted([]), 0.99)).toBeNull();
  expect(between(counted([1, 2, 3]), counted([1]))).toBeNull();
  expect(between(counted([1]), { bounds: [1, 2, 4, 9], counts: [5, 5, 5, 5, 5] })).toBeNull();
  expect(between(counted([1]), { bounds: [1], counts: [5, 5] })).toBeNull();
  expect(quantileOf({ bounds: [1, 2], counts: [0, 100, 100] }, 0.5)).toBe(1.5);
});
