import { afterAll, beforeAll, expect, test } from 'vitest';
import { at } from './client.ts';
import { type SeedWorld, startSeedWorld } from './seedWorld.ts';

let world: SeedWorld;
beforeAll(async () => {
  world = await startSeedWorld();
  await world.admin.apply('/api/v1/namespaces/apply', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apply' } });
});
afterAll(() => world.close());

const configMap = (name: string, data: object) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});
const pathOf = (name: string): string => `/api/v1/namespaces/apply/configmaps/${name}`;
const deploymentPath = (name: string): string => `/apis/apps/v1/namespaces/apply/deployments/${name}`;
const deployment = (name: string, container: object, extra: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'nginx:1', ...container }], ...extra } },
  },
});

test('the first apply creates, the same again changes nothing, and a change raises the resourceVersion', async () => {
  const { limited } = world;
  const first = await limited.apply(pathOf('a'), configMap('a', { k: 'v' }));
  expect(first.status).toBe(201);
  const again = await limited.apply(pathOf('a'), configMap('a', { k: 'v' }));
  expect([again.status, at(again.body, 'metadata', 'resourceVersion')]).toEqual([200, at(first.body, 'metadata', 'resourceVersion')]);
  const changed = await limited.apply(pathOf('a'), configMap('a', { k: 'w' }));
  expect(Number(at(changed.body, 'metadata', 'resourceVersion'))).toBeGreaterThan(Number(at(first.body, 'metadata', 'resourceVersion')));
  expect(at(changed.body, 'metadata', 'managedFields', 0)).toMatchObject({
    manager: 'tester',
    operation: 'Apply',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:data': { 'f:k': {} } },
  });
});

test('a field that is no longer applied goes away, unless another manager owns it too', async () => {
  const { limited } = world;
  await limited.apply(pathOf('b'), configMap('b', { mine: '1', shared: '2' }));
  await limited.apply(pathOf('b'), configMap('b', { shared: '2' }), { manager: 'other' });
  const left = await limited.apply(pathOf('b'), configMap('b', {}));
  expect(at(left.body, 'data')).toEqual({ shared: '2' });
  const gone = await limited.apply(pathOf('b'), configMap('b', {}), { manager: 'other' });
  expect(at(gone.body, 'data')).toBeUndefined();
});

test("another manager's value is a conflict, and force takes it over", async () => {
  const { limited } = world;
  await limited.apply(pathOf('c'), configMap('c', { k: 'one' }));
  const refused = await limited.apply(pathOf('c'), configMap('c', { k: 'two' }), { manager: 'other' });
  expect([refused.status, refused.body.reason]).toEqual([409, 'Conflict']);
  expect(at(refused.body, 'details', 'causes', 0)).toMatchObject({ reason: 'FieldManagerConflict', field: '.data.k' });
  const forced = await limited.apply(pathOf('c'), configMap('c', { k: 'two' }), { manager: 'other', force: true });
  expect(at(forced.body, 'data', 'k')).toBe('two');
  const late = await limited.apply(pathOf('c'), configMap('c', { k: 'one' }));
  expect(late.status).toBe(409);
});

test('a PUT or PATCH by another manager takes ownership of what it changed', async () => {
  const { limited } = world;
  await limited.apply(pathOf('d'), configMap('d', { k: 'one', other: 'x' }));
  const patched = await limited.call(
    'PATCH',
    `${pathOf('d')}?fieldManager=editor`,
    { data: { k: 'edited' } },
    { 'Content-Type': 'application/merge-patch+json' },
  );
  expect(patched.status).toBe(200);
  const managers = at(patched.body, 'metadata', 'managedFields') as { manager: string; operation: string; fieldsV1: object }[];
  expect(managers.find((m) => m.manager === 'editor')).toMatchObject({ operation: 'Update', fieldsV1: { 'f:data': { 'f:k': {} } } });
  expect(managers.find((m) => m.manager === 'tester')?.fieldsV1).toEqual({ 'f:data': { 'f:other': {} } });
  expect((await limited.apply(pathOf('d'), configMap('d', { k: 'one', other: 'x' }))).status).toBe(409);
});

test('containers, environment and volumes merge by name; a dropped one is removed and the rest keeps its defaults', async () => {
  const { limited } = world;
  const env = [
    { name: 'A', value: '1' },
    { name: 'B', value: '2' },
  ];
  const made = await limited.apply(deploymentPath('web'), deployment('web', { env, ports: [{ containerPort: 80 }] }));
  expect(at(made.body, 'spec', 'template', 'spec', 'containers', 0)).toMatchObject({
    imagePullPolicy: 'IfNotPresent',
    ports: [{ containerPort: 80, protocol: 'TCP' }],
  });
  await limited.apply(deploymentPath('web'), deployment('web', { env: [{ name: 'X', value: 'theirs' }], image: 'nginx:1' }), {
    manager: 'sidecar',
  });
  const less = await limited.apply(deploymentPath('web'), deployment('web', { env: [{ name: 'B', value: '3' }] }));
  const container = at(less.body, 'spec', 'template', 'spec', 'containers', 0) as { env: object[]; ports?: object[] };
  expect(container.env).toEqual([
    { name: 'B', value: '3' },
    { name: 'X', value: 'theirs' },
  ]);
  expect(container.ports).toBeUndefined();
});

test('generation follows the spec only, and a status cannot be written through the object', async () => {
  const { limited } = world;
  const made = await limited.apply(deploymentPath('gen'), deployment('gen', {}));
  expect(at(made.body, 'metadata', 'generation')).toBe(1);
  const labelled = await limited.call(
    'PATCH',
    deploymentPath('gen'),
    { metadata: { labels: { a: 'b' } }, status: { replicas: 99 } },
    { 'Content-Type': 'application/merge-patch+json' },
  );
  expect([at(labelled.body, 'metadata', 'generation'), at(labelled.body, 'status', 'replicas')]).not.toContain(99);
  expect(at(labelled.body, 'metadata', 'generation')).toBe(1);
  const scaled = await limited.call(
    'PATCH',
    `${deploymentPath('gen')}/scale`,
    { spec: { replicas: 1 } },
    { 'Content-Type': 'application/merge-patch+json' },
  );
  expect(at(scaled.body, 'spec', 'replicas')).toBe(1);
  expect(at((await limited.call('GET', deploymentPath('gen'))).body, 'metadata', 'generation')).toBe(2);
});

test('a stale PUT is refused, and so is a change of an immutable field', async () => {
  const { limited } = world;
  const made = await limited.apply(pathOf('e'), configMap('e', { k: '1' }));
  await limited.apply(pathOf('e'), configMap('e', { k: '2' }));
  const stale = await limited.call('PUT', pathOf('e'), made.body);
  expect([stale.status, stale.body.reason]).toEqual([409, 'Conflict']);
  await limited.apply(deploymentPath('fix'), deployment('fix', {}));
  const moved = deployment('fix', {});
  moved.spec.selector.matchLabels.app = 'else';
  moved.spec.template.metadata.labels.app = 'else';
  const refused = await limited.apply(deploymentPath('fix'), moved);
  expect([refused.status, refused.body.reason]).toEqual([422, 'Invalid']);
  expect(String(refused.body.message)).toContain('field is immutable');
});

test('JSON patches and strategic merge patches do what they say', async () => {
  const { limited } = world;
  await limited.apply(deploymentPath('patch'), deployment('patch', { env: [{ name: 'A', value: '1' }] }));
  const patch = [
    { op: 'test', path: '/spec/template/spec/containers/0/name', value: 'c' },
    { op: 'add', path: '/spec/template/spec/containers/0/env/-', value: { name: 'B', value: '2' } },
  ];
  await limited.call('PATCH', deploymentPath('patch'), patch, { 'Content-Type': 'application/json-patch+json' });
  const strategic = {
    spec: { template: { spec: { containers: [{ name: 'c', env: [{ name: 'A', $patch: 'delete' }], image: 'nginx:2' }] } } },
  };
  const done = await limited.call('PATCH', deploymentPath('patch'), strategic, {
    'Content-Type': 'application/strategic-merge-patch+json',
  });
  expect(at(done.body, 'spec', 'template', 'spec', 'containers', 0)).toMatchObject({ image: 'nginx:2', env: [{ name: 'B', value: '2' }] });
});

test("a Secret's stringData ends up in data", async () => {
  const made = await world.limited.apply('/api/v1/namespaces/apply/secrets/s', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    stringData: { a: 'b' },
  });
  expect([at(made.body, 'data'), made.body.stringData, made.body.type]).toEqual([{ a: 'Yg==' }, undefined, 'Opaque']);
});
