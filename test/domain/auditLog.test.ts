import { getNamedType, isInputObjectType } from 'graphql';
import { expect, test } from 'vitest';
import { buildSchema } from '../../src/api/schema.ts';
import { auditedInput, HIDDEN, isPlain, tokenKindOf } from '../../src/domain/auditLog.ts';

/** Names of fields with a text or a choice, of all that a mutation's input can hold. */
const textFields = (): string[] => {
  const seen = new Set<string>();
  const found = new Set<string>();
  const walk = (name: string) => {
    const type = buildSchema().getType(name);
    if (!isInputObjectType(type) || seen.has(name)) return;
    seen.add(name);
    for (const field of Object.values(type.getFields())) {
      const inner = getNamedType(field.type);
      if (isInputObjectType(inner)) walk(inner.name);
      else if (!['Int', 'Float', 'Boolean', 'DateTime'].includes(inner.name)) found.add(field.name);
    }
  };
  for (const { args } of Object.values(buildSchema().getMutationType()?.getFields() ?? {}))
    for (const arg of args) walk(getNamedType(arg.type).name);
  return [...found].sort();
};

test('of every text in an input it is told whether it may hold a secret', () => {
  const fields = textFields();
  expect(fields.length).toBeGreaterThan(90);
  // A new field: put it into PLAIN or HIDDEN of src/domain/auditLog.ts.
  expect(fields.filter((field) => isPlain(field) === HIDDEN.has(field))).toEqual([]);
});

test('texts that are not known to be harmless are left out, and the rest is kept short', () => {
  const input = {
    name: `web${'x'.repeat(300)}`,
    nodeCount: 3,
    credential: { applicationCredentialId: 'id', applicationCredentialSecret: 'S3CRET' },
    overrides: { bundles: [{ name: 'page', options: [{ key: 'password', value: 'S3CRET' }] }], autoHealing: true },
    labels: Array.from({ length: 120 }, () => ({ key: 'a\u001b[31m', value: 'S3CRET' })),
    somethingNew: 'S3CRET',
    nothing: null,
    leftOut: undefined,
  };
  const kept = auditedInput(input) as typeof input;
  expect(JSON.stringify(kept)).not.toContain('S3CRET');
  expect(kept).toMatchObject({
    nodeCount: 3,
    credential: { applicationCredentialId: 'id', applicationCredentialSecret: '[redacted]' },
    overrides: { bundles: [{ name: 'page', options: [{ key: 'password', value: '[redacted]' }] }], autoHealing: true },
    nothing: null,
  });
  expect(kept.name).toHaveLength(200);
  expect(kept.labels).toHaveLength(100);
  expect(kept.labels[0]?.key).toBe('a [31m');
  expect(auditedInput({ orphanIds: Array.from({ length: 100 }, () => 'o'.repeat(150)) })).toEqual({ leftOut: expect.any(Number) });
});

test('a token is of the kind that says the most of it', () => {
  const kind = (methods: string[], more: object = {}) =>
    tokenKindOf({ methods, applicationCredentialId: null, isTrustScoped: false, ...more });
  expect(kind(['password'])).toBe('PASSWORD');
  expect(kind(['token', 'password'])).toBe('PASSWORD');
  expect(kind(['token', 'mapped'])).toBe('FEDERATED');
  expect(kind(['password'], { isTrustScoped: true })).toBe('TRUST');
  expect(kind(['application_credential'], { applicationCredentialId: 'a' })).toBe('APPLICATION_CREDENTIAL');
  expect(kind(['totp'])).toBe('OTHER');
});
