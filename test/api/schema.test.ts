import { readFileSync } from 'node:fs';
import {
  buildSchema as buildFrom,
  findBreakingChanges,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql';
import { expect, test } from 'vitest';
import { buildSchema, printedSchema } from '../../src/api/schema.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('schema/schema.graphql is what the code says (npm run schema writes it)', () => {
  expect(read('schema/schema.graphql')).toBe(printedSchema());
});

test('every type, field, argument and value has a description', () => {
  const bare: string[] = [];
  const look = (path: string, thing: { description?: string | null | undefined }) => {
    if (!thing.description) bare.push(path);
  };
  const types = Object.values(buildSchema().getTypeMap()).filter((type) => !/^(__.*|String|Int|Float|Boolean|ID)$/.test(type.name));
  for (const type of types) {
    look(type.name, type);
    if (isEnumType(type)) for (const value of type.getValues()) look(`${type.name}.${value.name}`, value);
    if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) look(`${type.name}.${field.name}`, field);
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      look(`${type.name}.${field.name}`, field);
      for (const arg of field.args) look(`${type.name}.${field.name}(${arg.name})`, arg);
    }
  }
  expect(types.length).toBeGreaterThan(60);
  expect(bare).toEqual([]);
});

test('every mutation takes one input with an idempotency key and answers a union of its payload and typed errors', () => {
  const mutations = Object.values(buildSchema().getMutationType()?.getFields() ?? {});
  expect(mutations.map((m) => m.name).sort()).toEqual([
    'cloneCluster',
    'cordonSeed',
    'createBackup',
    'createCluster',
    'createClusterTemplate',
    'createNodeGroup',
    'createSeed',
    'deleteAddonBundle',
    'deleteBackup',
    'deleteCluster',
    'deleteClusterTemplate',
    'deleteNodeGroup',
    'deleteSeed',
    'drainSeed',
    'findOrphans',
    'hibernateCluster',
    'issueKubeconfig',
    'moveClusterToTemplate',
    'moveControlPlane',
    'pauseCluster',
    'registerAddonBundle',
    'registerSeed',
    'removeOrphans',
    'replaceNode',
    'resizeNodeGroup',
    'restoreCluster',
    'resumeCluster',
    'retryOperation',
    'revokeKubeconfig',
    'rotateCertificates',
    'rotateCloudCredential',
    'rotateEncryptionKey',
    'scaleSeed',
    'setQuota',
    'signCertificate',
    'uncordonSeed',
    'unregisterSeed',
    'updateAddonBundle',
    'updateCluster',
    'updateClusterTemplate',
    'updateNodeGroup',
    'updateSeed',
    'upgradeCluster',
    'upgradeSeed',
    'wakeCluster',
  ]);
  for (const { name, args, type } of mutations) {
    expect(args.map((arg) => arg.name)).toEqual(['input']);
    const input = buildSchema().getType(`${name.charAt(0).toUpperCase()}${name.slice(1)}Input`);
    const fields = isInputObjectType(input) ? Object.keys(input.getFields()) : [];
    expect(fields).toContain('idempotencyKey');
    if (!/^(c(reate|lone)Cluster|create(ClusterTemplate|Seed)|(find|remove)Orphans|register(Seed|AddonBundle))$/.test(name))
      expect(fields).toContain('expectedGeneration');
    expect(String(type)).toMatch(/Result!$/);
  }
});

/** Breaking changes between two schemas that the changelog's unreleased part does not name. */
const undeclared = (before: GraphQLSchema, now: GraphQLSchema, changelog: string): string[] => {
  const [, unreleased = ''] = changelog.split(/^## /m);
  const [, breaking = ''] = unreleased.split(/^### Breaking$/m);
  const [declared = ''] = breaking.split(/^### /m);
  return findBreakingChanges(before, now)
    .map(({ description }) => description)
    .filter((description) => !declared.includes(description));
};

test('what breaks clients of the last release is declared in schema/CHANGELOG.md', () => {
  expect(undeclared(buildFrom(read('schema/published.graphql')), buildSchema(), read('schema/CHANGELOG.md'))).toEqual([]);
  const before = buildFrom('type Query { a: Int b: Int }');
  const now = buildFrom('type Query { a: Int }');
  expect(undeclared(before, now, '# C\n## Unreleased\n### Breaking\nNothing.\n### New\n- Query.b was removed.')).toEqual([
    'Query.b was removed.',
  ]);
  expect(undeclared(before, now, '# C\n## Unreleased\n### Breaking\n- Query.b was removed.\n## 1.0.0')).toEqual([]);
});

test('what is deprecated says what to use instead, and which release removes it', () => {
  const wrong: string[] = [];
  const look = (path: string, { deprecationReason }: { deprecationReason?: string | null | undefined }) => {
    if (deprecationReason != null && !/^Use .+ instead; .*removed in \d+\.\d+\.\d+\.$/.test(deprecationReason)) wrong.push(path);
  };
  const lookAt = (schema: GraphQLSchema) => {
    for (const type of Object.values(schema.getTypeMap())) {
      if (type.name.startsWith('__')) continue;
      if (isEnumType(type)) for (const value of type.getValues()) look(`${type.name}.${value.name}`, value);
      if (!isInputObjectType(type) && !isObjectType(type) && !isInterfaceType(type)) continue;
      for (const field of Object.values(type.getFields())) {
        look(`${type.name}.${field.name}`, field);
        if ('args' in field) for (const arg of field.args) look(`${type.name}.${field.name}(${arg.name})`, arg);
      }
    }
  };
  lookAt(buildSchema());
  expect(wrong).toEqual([]);
  lookAt(buildFrom('type Query { a: Int @deprecated b(c: Int @deprecated(reason: "Use d instead; c is removed in 1.2.0.")): Int }'));
  expect(wrong).toEqual(['Query.a']);
});
