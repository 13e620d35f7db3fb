import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listRevisionsByBundles, loadBundleRevision } from '../../src/store/addonBundles.ts';
import { ADA, ANNA, call, errorOf, type House, openHouse, TEMPLATE } from './house.ts';

let house: House;
beforeEach(() => {
  house = openHouse();
});
afterEach(() => house.close());

const MANIFESTS = `
# nothing before the first
---
apiVersion: v1
kind: Namespace
metadata: { name: web }
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: { name: web, namespace: web, creationTimestamp: null }
    data:
      greeting: "\${options.greeting} from \${cluster.name}"
      shell: "\${HOME} $\${options.greeting}"
      size: \${options.replicas|text}
  - apiVersion: apps/v1
    kind: Deployment
    metadata: { name: web, namespace: web }
    spec:
      replicas: \${options.replicas}
      template: { spec: { volumes: [ { name: v, secret: { secretName: s, defaultMode: 0644, optional: yes } } ] } }
    status: {}
`;
const SCHEMA = JSON.stringify({
  type: 'object',
  properties: {
    greeting: { type: 'string', pattern: '^[A-Z]', maxLength: 10, default: 'Hello', description: 'What it says.' },
    replicas: { type: 'integer', minimum: 1, maximum: 5 },
  },
  required: ['replicas'],
  additionalProperties: false,
});
const BUNDLE = { name: 'web', manifests: MANIFESTS, optionsSchema: SCHEMA };
const register = (more: object = {}, who = ADA) => house.commands.registerAddonBundle(call(who), { ...BUNDLE, ...more });

test('a bundle is read as kubectl would read it, and kept', async () => {
  const { bundle, revision } = await register({ description: 'A page.' });
  expect(bundle).toMatchObject({ name: 'web', description: 'A page.', revision: 1, generation: 1 });
  expect(revision.manifests).toBe(MANIFESTS);
  expect(revision.objects.map(({ kind }) => kind)).toEqual(['Namespace', 'ConfigMap', 'Deployment']);
  expect(revision.objects[1]?.metadata).toEqual({ name: 'web', namespace: 'web' });
  expect(revision.objects[2]).not.toHaveProperty('status');
  expect(JSON.stringify(revision.objects[2])).toContain('"defaultMode":420,"optional":true');
  expect(revision.optionsSchema.required).toEqual(['replicas']);
});

test('a change makes the next revision; one that changes nothing of it does not', async () => {
  const { bundle } = await register();
  const update = (input: object, more: object = {}) =>
    house.commands.updateAddonBundle(call(ADA, more), { addonBundleId: 'web', ...input });
  expect((await update({ description: 'New.' })).bundle).toMatchObject({ revision: 1, generation: 2, description: 'New.' });
  const manifests = MANIFESTS.replace('name: web, namespace: web, creation', 'name: page, namespace: web, creation');
  const input = { manifests };
  const more = { idempotencyKey: 'k', expectedGeneration: 2 };
  const changed = await update(input, more);
  expect(changed).toMatchObject({ bundle: { revision: 2, generation: 3 }, revision: { revision: 2 }, replayed: false });
  expect(await update(input, more)).toMatchObject({ bundle: { generation: 3 }, revision: { revision: 2 }, replayed: true });
  expect((await errorOf(update({ description: 'x' }, { expectedGeneration: 2 }))).code).toBe('GENERATION_MISMATCH');
  // Options and manifests are held against each other, whichever of the two is given.
  expect(await errorOf(update({ optionsSchema: '{"type":"object","properties":{}}' }))).toMatchObject({
    code: 'INVALID_INPUT',
    field: ['manifests'],
  });
  const revisions = await listRevisionsByBundles(house.store.db, [bundle.id]);
  expect(revisions.get(bundle.id)).toMatchObject([
    { revision: 2, kinds: ['v1 Namespace', 'v1 ConfigMap', 'apps/v1 Deployment'], objectCount: 3 },
    { revision: 1, objectCount: 3 },
  ]);
  expect((await loadBundleRevision(house.store.db, bundle.id, 1))?.manifests).toBe(MANIFESTS);
  expect((await loadBundleRevision(house.store.db, bundle.id, 2))?.manifests).toBe(manifests);
});

test('names are unique among what is there; who is no cloud admin changes nothing', async () => {
  await register();
  expect(await errorOf(register())).toMatchObject({ code: 'NAME_TAKEN', field: ['name'] });
  expect((await errorOf(register({ name: 'other' }, ANNA))).code).toBe('FORBIDDEN');
  await house.commands.deleteAddonBundle(call(ADA), { addonBundleId: 'web' });
  expect((await errorOf(house.commands.deleteAddonBundle(call(ADA), { addonBundleId: 'web' }))).code).toBe('NOT_FOUND');
  expect((await register()).bundle.revision).toBe(1);
});

const object = (more: object) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' }, ...more });
const named = (kind: string, metadata: object, more: object = {}) => object({ kind, metadata, ...more });

test.each<[string, string, RegExp]>([
  ['no YAML', 'a: [', /not well-formed YAML \(line 1\)/],
  ['nothing', '# only\n---\n', /hold no object/],
  ['a key twice', 'apiVersion: v1\nkind: ConfigMap\nkind: Secret\n', /key "kind" twice in one place \(line 3\)/],
  ['an anchor', 'a: &a [x]\nb: *a\n', /YAML anchor.*line 1/],
  ['a merge key', '<<: { a: b }\n', /merge key/],
  ['a tag', 'a: !!binary aGk=\n', /YAML tag/],
  ['a deep list', `a: ${'['.repeat(5_000)}`, /nested too deeply/],
  ['deep keys', '? '.repeat(30_000), /nested too deeply/],
  ['a text that is too long', `# ${'x'.repeat(200 * 1024)}`, /larger than 200 KiB/],
  ['too many objects', `${object({})}\n---\n`.repeat(201), /hold 201 objects; at most 200/],
  ['a scalar', 'hello', /Manifest 1 is no object/],
  ['no kind', object({ kind: undefined }), /Manifest 1 has no kind/],
  ['no version', object({ apiVersion: 'x' }), /Manifest 1 has no apiVersion/],
  ['no name', named('ConfigMap', { namespace: 'default' }), /Manifest 1 \(ConfigMap\) has no metadata.name/],
  [
    'a label that is a number',
    named('ConfigMap', { name: 'a', namespace: 'default', labels: { a: 1 } }),
    /labels or annotations that are not text/,
  ],
  ['a misspelt kind', named('ConfigMaps', { name: 'a' }), /ConfigMaps a: v1 has no kind ConfigMaps/],
  ['no namespace', named('ConfigMap', { name: 'a' }), /ConfigMap a: It needs metadata.namespace/],
  ['a namespace too many', named('Namespace', { name: 'a', namespace: 'default' }), /for the whole cluster/],
  ['a namespace that nobody makes', named('ConfigMap', { name: 'a', namespace: 'b' }), /namespace "b" is not in the bundle/],
  ['an object twice', `${object({})}\n---\n${object({})}`, /ConfigMap default\/a: It is there twice/],
  ['a node', named('Node', { name: 'a' }), /Node a: This kind is refused: nodes are made by node groups/],
  ["Kubernetes' own namespace", named('Namespace', { name: 'kube-system' }), /Namespace kube-system: This namespace is there already/],
  [
    'a token',
    named('Secret', { name: 'a', namespace: 'default' }, { type: 'kubernetes.io/service-account-token' }),
    /is a credential for the cluster/,
  ],
  [
    "Kubernetes' own role",
    named('ClusterRole', { name: 'system:node' }, { apiVersion: 'rbac.authorization.k8s.io/v1' }),
    /begin with "system:"/,
  ],
  [
    'a label of ours',
    named('ConfigMap', { name: 'a', namespace: 'default', labels: { 'seedbed.io/cluster': 'x' } }),
    /Labels of seedbed.io/,
  ],
  [
    "an addon's object",
    named('Deployment', { name: 'coredns', namespace: 'kube-system' }, { apiVersion: 'apps/v1' }),
    /Deployment kube-system\/coredns: Seedbed makes an object of this name/,
  ],
  [
    'a role of ours',
    named('ClusterRoleBinding', { name: 'seedbed:kubeconfig:x' }, { apiVersion: 'rbac.authorization.k8s.io/v1' }),
    /begin with "seedbed:" are Seedbed's own/,
  ],
  [
    'a class for a type of volume',
    named('StorageClass', { name: 'cinder-fast' }, { apiVersion: 'storage.k8s.io/v1' }),
    /begin with "cinder-" are Seedbed's own/,
  ],
  ['a name with a slash', named('ConfigMap', { name: 'a/b', namespace: 'default' }), /metadata.name is "a\/b", which is not a name/],
  ['a name that is too long', named('ConfigMap', { name: 'a'.repeat(254), namespace: 'default' }), /is not a name/],
  ["a namespace's name that is none", named('Namespace', { name: 'A.b' }), /metadata.name is "A.b", which is not a name/],
  [
    'a namespace of another group',
    `${named('Namespace', { name: 'b' }, { apiVersion: 'x.example.org/v1' })}\n---\n${named('ConfigMap', { name: 'a', namespace: 'b' })}`,
    /namespace "b" is not in the bundle/,
  ],
  ['an unknown option', object({ data: { a: `\${options.b}` } }), /\$\{options.b\} means nothing: optionsSchema has no properties/],
  ['an unknown fact', object({ data: { a: `x\${cluster.nam}` } }), /\$\{cluster.nam\} means nothing: there are cluster.name/],
  ['a placeholder in a key', object({ data: { [`\${cluster.name}`]: 'a' } }), /not in a key/],
])('manifests: %s is refused', async (_what, manifests, message) => {
  const error = await errorOf(register({ manifests, optionsSchema: undefined }));
  expect(error).toMatchObject({ code: 'INVALID_INPUT', field: ['manifests'] });
  expect(error.message).toMatch(message);
});

test('kinds that a bundle defines itself, or that somebody else may define, are taken', async () => {
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.org' },
    spec: {
      group: 'example.org',
      scope: 'Cluster',
      names: { kind: 'Widget', plural: 'widgets' },
      versions: [{ name: 'v1', served: true, storage: true }],
    },
  };
  const widget = { apiVersion: 'example.org/v1', kind: 'Widget', metadata: { name: 'own' } };
  const foreign = { apiVersion: 'monitoring.example.com/v1', kind: 'Rule', metadata: { name: 'r', namespace: 'default' } };
  const gateway = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'g', namespace: 'default' } };
  const text = [definition, widget, foreign, gateway].map((one) => JSON.stringify(one)).join('\n---\n');
  expect((await register({ manifests: text, optionsSchema: null })).revision.objects).toHaveLength(4);
  const inNamespace = JSON.stringify({ ...widget, metadata: { name: 'own', namespace: 'default' } });
  expect((await errorOf(register({ name: 'two', manifests: `${JSON.stringify(definition)}\n---\n${inNamespace}` }))).message).toMatch(
    /for the whole cluster/,
  );
});

const options = (properties: object, more: object = {}) => JSON.stringify({ type: 'object', properties, ...more });
test.each<[string, string, string[]]>([
  ['no JSON', '{', ['optionsSchema']],
  ['another type', '{"type":"array"}', ['optionsSchema', 'type']],
  ['nested objects', options({ a: { type: 'object' } }), ['optionsSchema', 'properties', 'a', 'type']],
  ['an unknown keyword', options({ a: { type: 'string', default: '', format: 'uri' } }), ['optionsSchema', 'properties', 'a', 'format']],
  ['more properties', options({}, { additionalProperties: true }), ['optionsSchema', 'additionalProperties']],
  ['a required one that is not there', options({}, { required: ['a'] }), ['optionsSchema', 'required']],
  ['one without a value', options({ a: { type: 'string' } }), ['optionsSchema', 'properties', 'a']],
  ['a default that does not fit', options({ a: { type: 'integer', maximum: 1, default: 2 } }), ['optionsSchema', 'properties', 'a']],
  ['a pattern for a number', options({ a: { type: 'integer', default: 1, pattern: 'x' } }), ['optionsSchema', 'properties', 'a']],
  ['a pattern that is none', options({ a: { type: 'string', default: '', pattern: '(' } }), ['optionsSchema', 'properties', 'a']],
  [
    'a pattern that runs away',
    options({ a: { type: 'string', default: `${'a'.repeat(40)}!`, pattern: '^(a+)+$' } }),
    ['optionsSchema', 'properties', 'a'],
  ],
])('optionsSchema: %s is refused', async (_what, optionsSchema, field) => {
  expect(await errorOf(register({ manifests: object({}), optionsSchema }))).toMatchObject({ code: 'INVALID_INPUT', field });
});

test('what many clusters install from upstream is taken as it is', async () => {
  const golden = readFileSync(new URL('../controlPlane/golden/addons/certManager.yaml', import.meta.url), 'utf8');
  const foreign = golden
    .replaceAll(/^ +seedbed\.io\/.*\n/gm, '')
    .replaceAll('cert-manager', 'cm')
    .replaceAll('cm.io', 'cm.example.org');
  expect((await register({ manifests: foreign, optionsSchema: undefined })).revision.objects.length).toBeGreaterThan(30);
});

const template = (more: object = {}) => house.commands.createClusterTemplate(call(ANNA), { ...TEMPLATE, ...more });
const cluster = (bundles: unknown, name = 'c') =>
  house.commands.createCluster(call(ANNA), { name, clusterTemplate: TEMPLATE.name, overrides: { bundles } });

test.each<[string, string, RegExp]>([
  ['a slash', 'a/b', /ConfigMap default\/a\/b: metadata.name is "a\/b", which is not a name/],
  ['nothing', '', /metadata.name is "", which is not a name/],
  ['dots', '..', /is not a name/],
])('an option cannot make a name of %s', async (_what, value, message) => {
  const schema = options({ name: { type: 'string', default: 'a' }, number: { type: 'integer', default: 1 } });
  await register({ manifests: named('ConfigMap', { name: `\${options.name}`, namespace: 'default' }), optionsSchema: schema });
  await template();
  const error = await errorOf(cluster([{ name: 'web', options: { name: value } }]));
  expect(error).toMatchObject({ code: 'INVALID_INPUT', field: ['overrides', 'bundles', '0', 'options'] });
  expect(error.message).toMatch(message);
  expect((await cluster([{ name: 'web', options: { name: 'b' } }])).cluster.spec.bundles).toHaveLength(1);
});

test('an option that is a number is no name', async () => {
  const role = named('ClusterRole', { name: `\${options.number}` }, { apiVersion: 'rbac.authorization.k8s.io/v1' });
  await register({ manifests: role, optionsSchema: options({ number: { type: 'integer', default: 1 } }) });
  await template();
  const error = await errorOf(cluster([{ name: 'web' }]));
  expect(error).toMatchObject({ code: 'INVALID_INPUT', field: ['overrides', 'bundles', '0', 'options'] });
  expect(error.message).toMatch(/ClusterRole 1: metadata.name is 1, which is not text; write the placeholder as \$\{…\|text\}/);
});

test('a cluster chooses a bundle, and keeps its revision until it asks for another', async () => {
  await register();
  await template();
  const made = await cluster([{ name: 'web', options: { replicas: '3', greeting: 'Hi' } }]);
  expect(made.cluster.spec.bundles).toEqual([{ name: 'web', revision: 1, options: { replicas: 3, greeting: 'Hi' } }]);
  await house.commands.updateAddonBundle(call(ADA), { addonBundleId: 'web', optionsSchema: SCHEMA.replace('"maximum":5', '"maximum":9') });
  const update = async (bundles: unknown) =>
    (await house.commands.updateCluster(call(ANNA), { clusterId: made.cluster.id, overrides: { bundles } })).cluster.spec.bundles;
  expect(await update([{ name: 'web', options: { replicas: '4' } }])).toEqual([{ name: 'web', revision: 1, options: { replicas: 4 } }]);
  expect(await errorOf(update([{ name: 'web', options: { replicas: '9' } }]))).toMatchObject({
    code: 'INVALID_INPUT',
    message: 'The option replicas must be at most 5.',
    field: ['overrides', 'bundles', '0', 'options', 'replicas'],
  });
  expect(await update([{ name: 'web', revision: 2, options: { replicas: '9' } }])).toEqual([
    { name: 'web', revision: 2, options: { replicas: 9 } },
  ]);
  // Another setting's change leaves it alone.
  expect(
    (await house.commands.updateCluster(call(ANNA), { clusterId: made.cluster.id, overrides: { volumeDriver: 'CINDER' } })).cluster.spec
      .bundles,
  ).toHaveLength(1);
  expect((await cluster([{ name: 'web', options: { replicas: '1' } }], 'd')).cluster.spec.bundles[0]?.revision).toBe(2);
});

test.each<[string, object, RegExp, string[]]>([
  ['an unknown bundle', { name: 'none' }, /no addon bundle "none"; addonBundles lists/, ['0', 'name']],
  ['an unknown revision', { revision: 7, options: { replicas: '1' } }, /no revision 7; its newest is 1/, ['0', 'revision']],
  ['a missing option', {}, /The option replicas must be given/, ['0', 'options', 'replicas']],
  [
    'an unknown option',
    { options: { replicas: '1', size: '1' } },
    /no option "size"; there are greeting, replicas/,
    ['0', 'options', 'size'],
  ],
  ['text for a number', { options: { replicas: 'many' } }, /replicas must be a whole number/, ['0', 'options', 'replicas']],
  ['a fraction', { options: { replicas: '1.5' } }, /replicas must be a whole number/, ['0', 'options', 'replicas']],
  ['too much', { options: { replicas: '6' } }, /at most 5/, ['0', 'options', 'replicas']],
  [
    'text that does not match',
    { options: { replicas: '1', greeting: 'hi' } },
    /greeting must match \^\[A-Z\]/,
    ['0', 'options', 'greeting'],
  ],
  ['text that is too long', { options: { replicas: '1', greeting: 'Hellohellohello' } }, /at most 10 char/, ['0', 'options', 'greeting']],
])('choosing: %s is refused', async (_what, choice, message, path) => {
  await register();
  await template();
  const error = await errorOf(cluster([{ name: 'web', ...choice }]));
  expect(error).toMatchObject({ code: 'INVALID_INPUT', field: ['overrides', 'bundles', ...path] });
  expect(error.message).toMatch(message);
});

test('a bundle is chosen once, and options cannot make an object one of Kubernetes or Seedbed', async () => {
  const schema = options({ space: { type: 'string', default: 'own' } });
  const manifests = `apiVersion: v1\nkind: Namespace\nmetadata: { name: "\${options.space}" }\n`;
  await register({ name: 'space', manifests, optionsSchema: schema });
  await template();
  const twice = [{ name: 'space' }, { name: 'space', options: { space: 'b' } }];
  expect(await errorOf(cluster(twice))).toMatchObject({ code: 'INVALID_INPUT', field: ['overrides', 'bundles', '1', 'name'] });
  const error = await errorOf(cluster([{ name: 'space', options: { space: 'kube-system' } }]));
  expect(error).toMatchObject({ code: 'INVALID_INPUT', field: ['overrides', 'bundles', '0', 'options'] });
  expect(error.message).toMatch(/Namespace kube-system: This namespace is there already/);
});

test('a template brings its bundles to its clusters; what is in use is not deleted', async () => {
  await register();
  const made = await template({ bundles: [{ name: 'web', options: { replicas: '2' } }] });
  await house.commands.updateAddonBundle(call(ADA), { addonBundleId: 'web', manifests: `${MANIFESTS}# 2` });
  const { cluster: row } = await house.commands.createCluster(call(ANNA), { name: 'c', clusterTemplate: TEMPLATE.name });
  expect(row.spec.bundles).toEqual([{ name: 'web', revision: 1, options: { replicas: 2 } }]);
  const remove = () => house.commands.deleteAddonBundle(call(ADA), { addonBundleId: 'web' });
  expect(await errorOf(remove())).toMatchObject({
    code: 'IN_USE',
    message: '1 cluster and 1 cluster template have the bundle web; take it out of there first.',
  });
  await house.commands.updateClusterTemplate(call(ANNA), { clusterTemplateId: made.template.id, bundles: [] });
  expect((await errorOf(remove())).message).toMatch(/^1 cluster has the bundle web/);
  await house.commands.updateCluster(call(ANNA), { clusterId: row.id, overrides: { bundles: [] } });
  await remove();
});
