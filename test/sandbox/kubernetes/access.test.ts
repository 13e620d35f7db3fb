import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { accessOf, at, type Client, createClient, type Fields } from './client.ts';
import { type SeedWorld, startSeedWorld } from './seedWorld.ts';

let world: SeedWorld;
let nobody: Client;
beforeAll(async () => {
  world = await startSeedWorld();
  const { server, ca } = accessOf(readFileSync(world.half.seeds[0]?.kubeconfigFile ?? '', 'utf8'));
  nobody = createClient({ server, ca });
});
afterAll(async () => {
  nobody.close();
  await world.close();
});

test('the limited login has exactly the rights that a real seed gives it', async () => {
  const [documented] = parseAllDocuments(readFileSync(new URL('../../lab/kubernetes/seed-rbac.yaml', import.meta.url), 'utf8')).map(
    (d) => d.toJS() as Fields,
  );
  const live = await world.admin.call('GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/seedbed-control-api');
  const flat = (rules: unknown): string[] =>
    (rules as { apiGroups: string[]; resources: string[]; verbs: string[] }[])
      .flatMap((r) => r.apiGroups.flatMap((g) => r.resources.map((s) => `${g}/${s} ${r.verbs.toSorted().join()}`)))
      .toSorted();
  expect(flat(live.body.rules)).toEqual(flat(documented?.rules));
  expect((await world.limited.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { metadata: { name: 'x' } })).status).toBe(
    403,
  );
});

test('a refusal says who may not do what, where', async () => {
  const refused = await world.limited.call('GET', '/apis/apps/v1/namespaces/default/daemonsets');
  expect([refused.status, refused.body.reason, refused.body.message]).toEqual([
    403,
    'Forbidden',
    'daemonsets.apps is forbidden: User "seedbed" cannot list resource "daemonsets" in API group "apps" in the namespace "default"',
  ]);
});

test('nobody sees health and version and nothing else; a wrong token is 401', async () => {
  expect((await nobody.call('GET', '/readyz')).text).toBe('ok');
  expect((await nobody.call('GET', '/version')).body.gitVersion).toBe('v1.36.3');
  expect((await nobody.call('GET', '/api/v1/namespaces')).status).toBe(403);
  const wrong = await nobody.call('GET', '/readyz', undefined, { Authorization: 'Bearer abcdef.0123456789abcdef' });
  expect([wrong.status, wrong.body.reason]).toEqual([401, 'Unauthorized']);
});

test('access reviews and token requests', async () => {
  const can = async (resource: string, verb: string) =>
    at(
      (
        await world.limited.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
          spec: { resourceAttributes: { resource, verb, namespace: 'default' } },
        })
      ).body,
      'status',
      'allowed',
    );
  expect([await can('secrets', 'create'), await can('nodes', 'delete')]).toEqual([true, false]);
  const self = await world.limited.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
  expect(at(self.body, 'status', 'userInfo', 'username')).toBe('seedbed');
});

test('roles aggregate: view reads no Secrets, edit does', async () => {
  const bind = (name: string, role: string, user: string) =>
    world.admin.call('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      metadata: { name },
      roleRef: { kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'User', name: user }],
    });
  await bind('v', 'view', 'vera');
  await bind('e', 'edit', 'eddy');
  const can = async (user: string, resource: string) =>
    at(
      (
        await world.admin.call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
          spec: { user, resourceAttributes: { resource, verb: 'get', namespace: 'default' } },
        })
      ).body,
      'status',
      'allowed',
    );
  expect([await can('vera', 'pods'), await can('vera', 'secrets'), await can('eddy', 'secrets'), await can('eddy', 'pods')]).toEqual([
    true,
    false,
    true,
    true,
  ]);
});

test('discovery, OpenAPI and tables are what kubectl looks for', async () => {
  const modern = await world.limited.call('GET', '/apis', undefined, {
    Accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  });
  expect(modern.headers['content-type']).toContain('as=APIGroupDiscoveryList');
  const openapi = await world.limited.call('GET', '/openapi/v3');
  expect(Object.keys(openapi.body.paths as object)).toContain('apis/apps/v1');
  const table = await world.limited.call('GET', '/api/v1/nodes', undefined, {
    Accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
  });
  expect([table.body.kind, at(table.body, 'rows', 0, 'cells', 1)]).toEqual(['Table', 'Ready']);
});
