import fc from 'fast-check';
import { expect, test } from 'vitest';
import { writtenJson } from '../../src/api/jsonWriter.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  // Halves of characters, and what JSON has signs of its own for.
  fc
    .array(fc.constantFrom('\ud83d', '\ude00', '"', '\\', '\n', '\u0000', '\u007f', '\u2028', 'ü', '€', 'a'), { maxLength: 12 })
    .map((pieces) => pieces.join('')),
);

test('strings are written as JSON.stringify has them', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 30 }), (texts) => {
      const written = writtenJson((json) => {
        json.write('[');
        for (const [n, one] of texts.entries()) {
          if (n > 0) json.write(',');
          json.writeString(one);
        }
        json.write(']');
      });
      expect(written).toBe(JSON.stringify(texts));
    }),
    { numRuns: 2_000 },
  );
});

test('what is longer than the room for it, or than what is kept of that, is written whole, and the next one, too', () => {
  for (const length of [10, 65_530, 65_536, 200_000, 3_000_000, 20]) {
    const texts = ['x'.repeat(length), 'ü'.repeat(length), '€'.repeat(length), '\n'.repeat(length), 'end'];
    const written = writtenJson((json) => {
      for (const one of texts) json.writeString(one);
      json.write('€'.repeat(length));
    });
    expect(written === texts.map((one) => JSON.stringify(one)).join('') + '€'.repeat(length), `${length}`).toBe(true);
  }
});

test('one that failed half-way leaves nothing to the next', () => {
  expect(() =>
    writtenJson((json) => {
      json.write('[1,');
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(writtenJson((json) => json.write('{}'))).toBe('{}');
});
