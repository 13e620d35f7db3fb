import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fingerprint, stableJson } from '../../src/lib/json.ts';

const reversed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
};

test('says what JSON says, whatever the order of keys', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(stableJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      expect(stableJson(reversed(value))).toBe(stableJson(value));
    }),
  );
});

test('has keys in order, and leaves out what JSON leaves out', () => {
  const value = { b: undefined, a: [undefined, Number.NaN, new Date(0)], Z: { y: '"\u2028', x: () => 1 }, é: null };
  expect(stableJson(value)).toBe('{"Z":{"y":"\\"\u2028"},"a":[null,null,"1970-01-01T00:00:00.000Z"],"é":null}');
  expect(stableJson(undefined)).toBe('null');
  // Stored with every object that was applied: another value would have all of them applied once more.
  expect(fingerprint({ b: 1, a: ['x'] })).toBe('9bfce180614e8aaffe8a52084e7be3ee3b4c2e740cae2793550177f953f11c04');
});
