import { expect, test } from 'vitest';
import { mapOf } from '../../src/api/label.ts';

const entries = (...keys: string[]) => keys.map((key) => ({ key, value: 'x' }));

test('a list of keys and values becomes a map, and nothing gets lost on the way', () => {
  expect(mapOf(entries('a', 'constructor'), 'labels')).toEqual({ a: 'x', constructor: 'x' });
  expect([mapOf(null, 'labels'), mapOf(undefined, 'labels')]).toEqual([null, undefined]);
  for (const keys of [
    ['a', 'a'],
    ['b', '__proto__'],
  ])
    expect(() => mapOf(entries(...keys), 'labels')).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', detail: expect.objectContaining({ field: ['labels', '1'] }) }),
    );
});
