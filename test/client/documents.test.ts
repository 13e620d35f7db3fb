/** Every document of the client is valid against the printed schema. */
import { readFileSync } from 'node:fs';
import { buildSchema, parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import * as documents from '../../src/client/documents.ts';

const schema = buildSchema(readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8'));

test.each(Object.entries(documents))('%s asks only for what the API has', (_name, document) => {
  expect(validate(schema, parse(document)).map((error) => error.message)).toEqual([]);
});

test('a document that asks for more is found out', () => {
  expect(validate(schema, parse('{ viewer { shoeSize } }'))).toHaveLength(1);
});
