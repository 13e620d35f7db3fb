/** Every document of the client is valid against the printed schema. */
import { readFileSync } from 'node:fs';
import { buildSchema, type FieldNode, getNamedType, isObjectType, parse, type SelectionSetNode, validate } from 'graphql';
import { expect, test } from 'vitest';
import { createDocuments } from '../../src/api/document.ts';
import { buildSchema as servedSchema } from '../../src/api/schema.ts';
import * as documents from '../../src/client/documents.ts';

const limits = createDocuments(servedSchema(), true);
const schema = buildSchema(readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8'));

test.each(Object.entries(documents))('%s asks only for what the API has', (_name, document) => {
  expect(validate(schema, parse(document)).map((error) => error.message)).toEqual([]);
});

test.each(Object.entries(documents))('%s costs no more than a document may', (_name, document) => {
  expect(limits.check(limits.parse(document), false)).toEqual([]);
});

test('a document that asks for more is found out', () => {
  expect(validate(schema, parse('{ viewer { shoeSize } }'))).toHaveLength(1);
});

/** Paths of all values below a type, joined by dots. */
const valuesOf = (name: string, path = ''): string[] => {
  const type = schema.getType(name);
  if (!isObjectType(type)) return [path];
  return Object.values(type.getFields()).flatMap((field) => valuesOf(getNamedType(field.type).name, `${path}.${field.name}`));
};

/** Likewise of what a document asks for below its fields of this name. */
const askedBelow = (name: string, document: string): string[] => {
  const walk = (set: SelectionSetNode, path: string | null): string[] =>
    set.selections.flatMap((selection) => {
      const field = selection as FieldNode;
      const at = path === null ? (field.name.value === name ? '' : null) : `${path}.${field.name.value}`;
      return field.selectionSet === undefined ? (at === null ? [] : [at]) : walk(field.selectionSet, at);
    });
  return parse(document).definitions.flatMap((definition) => ('selectionSet' in definition ? walk(definition.selectionSet, null) : []));
};

test('the caller is asked for with all that is guarded', () => {
  expect(askedBelow('can', documents.VIEWER).sort()).toEqual(valuesOf('ViewerCan').sort());
});

test('a template is asked for with all its settings', () => {
  expect(askedBelow('spec', documents.TEMPLATE_BY_NAME).sort()).toEqual(valuesOf('ClusterSpec').sort());
});
