import { readFileSync } from 'node:fs';
import { isEnumType, isInputObjectType, isInterfaceType, isObjectType } from 'graphql';
import { expect, test } from 'vitest';
import { buildSchema, printedSchema } from '../../src/api/schema.ts';

test('schema/schema.graphql is what the code says (npm run schema writes it)', () => {
  expect(readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8')).toBe(printedSchema());
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
