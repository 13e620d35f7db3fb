import fc from 'fast-check';
import { expect, test } from 'vitest';
import { leavesOf, mergeTrees, valueAt } from '../../src/lib/tree.ts';

test('a change names only what it changes; lists and null are values', () => {
  const base = { a: 1, list: [1, 2], deep: { x: 1, y: { z: null as number | null } } };
  expect(mergeTrees(base, { deep: { y: { z: 4 } } })).toEqual({ a: 1, list: [1, 2], deep: { x: 1, y: { z: 4 } } });
  expect(mergeTrees(base, { list: [] })).toEqual({ ...base, list: [] });
  expect(base.deep.y.z).toBeNull();
});

const key = fc.stringMatching(/^[a-z]{1,3}$/);
const tree = fc.letrec((tie) => ({
  tree: fc.dictionary(key, fc.oneof({ depthSize: 'small' }, fc.integer(), fc.constant(null), fc.array(fc.integer()), tie('tree'))),
})).tree as fc.Arbitrary<Record<string, unknown>>;

test('every value of a change is found at its path after the merge, and merging twice changes nothing', () => {
  fc.assert(
    fc.property(tree, tree, (base, change) => {
      const merged = mergeTrees(base, change);
      for (const [path, value] of leavesOf(change)) expect(valueAt(merged, path)).toEqual(value);
      expect(mergeTrees(merged, change)).toEqual(merged);
    }),
  );
});

test('a path that leads through a list or to nothing gives undefined', () => {
  expect(valueAt({ a: [1] }, 'a.0')).toBeUndefined();
  expect(valueAt({}, 'constructor')).toBeUndefined();
});
