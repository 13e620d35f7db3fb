import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { OperationError } from '../../src/api/storedOperation.ts';
import { ConfigError, readConfig } from '../../src/config.ts';
import { makeCluster, openWorld, type World } from './world.ts';

const PAUSE = `# Pause a cluster.
# Until a time, or for good.
mutation pause($clusterId: ID!, $until: DateTime!, $reason: String = "asked for") {
  pauseCluster(input: { clusterId: $clusterId, until: $until, reason: $reason }) {
    ... on PauseClusterPayload { cluster { uuid state } }
    ... on Problem { code }
  }
}`;
const OPERATIONS = [
  { name: 'pause', text: PAUSE },
  {
    name: 'cluster',
    text: 'query ($name: String!, $states: [ClusterState!]) { cluster(name: $name) { ...shown } clusters(filter: { states: $states }) { nodes { name } } } fragment shown on Cluster { name state deletedAt }',
  },
  { name: 'one', text: 'query ($name: String!) { cluster(name: $name) { name } }' },
  {
    name: 'create',
    text: 'mutation ($input: CreateClusterInput!) { createCluster(input: $input) { __typename ... on CreateClusterPayload { operation { uuid } } } }',
  },
];

interface Responses {
  responses: Record<200, { content: Record<'application/json', { schema: Record<string, unknown> }> }>;
}

const call = async (world: World, token: string | null, name: string, variables: unknown, more: RequestInit = {}) => {
  const response = await fetch(world.page(`/v1/ops/${name}`), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': 'trace-1', ...(token !== null && { 'x-auth-token': token }) },
    ...(variables !== undefined && { body: JSON.stringify(variables) }),
    ...more,
  });
  return { status: response.status, type: response.headers.get('content-type'), body: (await response.json()) as Record<string, unknown> };
};

test('a stored operation is done with the rights of who calls, and answers plain JSON with a status', async () => {
  const world = await openWorld({ operations: OPERATIONS });
  const made = await makeCluster(world, 'anna');
  expect(await call(world, 'anna', 'one', { name: 'web' })).toEqual({
    status: 200,
    type: 'application/json; charset=utf-8',
    body: { cluster: { name: 'web' } },
  });
  const input = { clusterId: made.id, until: '2027-02-01T00:00:00Z' };
  expect(await call(world, 'anna', 'pause', input)).toMatchObject({
    status: 200,
    body: { pauseCluster: { cluster: { uuid: made.uuid } } },
  });
  const problem = (status: number, code: string, more: object = {}) => ({
    status,
    type: 'application/problem+json; charset=utf-8',
    body: { title: code, status, code, requestId: 'trace-1', detail: expect.any(String), ...more },
  });
  const forbidden = problem(403, 'FORBIDDEN', { remedy: expect.any(String), whoMustAct: 'CUSTOMER' });
  expect(await call(world, 'rita', 'pause', input)).toMatchObject(forbidden);
  expect(await call(world, 'otto', 'pause', input)).toMatchObject(problem(404, 'NOT_FOUND'));
  expect(await call(world, 'otto', 'one', { name: 'web' })).toMatchObject(problem(404, 'NOT_FOUND'));
  expect(await call(world, 'anna', 'create', { input: { name: 'web', clusterTemplate: 'standard' } })).toMatchObject(
    problem(409, 'NAME_TAKEN', { field: ['name'] }),
  );
  expect(await call(world, 'anna', 'create', { input: { name: 'No', clusterTemplate: 'standard' } })).toMatchObject(
    problem(400, 'INVALID_INPUT'),
  );
  expect(await call(world, 'anna', 'create', { input: { secret: 'S3CRET' } })).toMatchObject(problem(400, 'BAD_USER_INPUT'));
  expect(await call(world, 'anna', 'one', undefined)).toMatchObject(problem(400, 'BAD_USER_INPUT'));
  for (const [token, name, variables, status, code] of [
    [null, 'one', {}, 401, 'UNAUTHENTICATED'],
    ['anna', 'none', {}, 404, 'NOT_FOUND'],
    ['anna', '', {}, 404, 'NOT_FOUND'],
    ['anna', '__proto__', {}, 404, 'NOT_FOUND'],
    ['anna', 'one', [], 400, 'BAD_REQUEST'],
  ] as const)
    expect([name, await call(world, token, name, variables)]).toMatchObject([
      name,
      { status, body: { errors: [{ extensions: { code } }] } },
    ]);
  expect(await call(world, 'anna', 'one', undefined, { method: 'GET' })).toMatchObject({ status: 405 });
  const form = { 'content-type': 'text/plain', 'x-auth-token': 'anna' };
  expect(await call(world, 'anna', 'one', {}, { headers: form })).toMatchObject({ status: 415 });
  expect(
    await call(world, 'anna', 'one', {}, { headers: { ...form, 'content-type': 'application/json', origin: 'https://evil.example' } }),
  ).toMatchObject({ status: 403 });
  // Written down as any other way in.
  const { auditLog } = await world.data<{ auditLog: { nodes: { outcome: string }[] } }>(
    'ada',
    '{ auditLog(first: 6) { nodes { action outcome errorCode userName } } }',
  );
  expect(auditLog.nodes.toReversed()).toMatchObject([
    { action: 'pauseCluster', outcome: 'ACCEPTED', userName: 'anna' },
    { action: 'pauseCluster', outcome: 'REFUSED', errorCode: 'FORBIDDEN', userName: 'rita' },
    { action: 'pauseCluster', outcome: 'REFUSED', errorCode: 'NOT_FOUND', userName: 'otto' },
    { action: 'createCluster', outcome: 'REFUSED', errorCode: 'NAME_TAKEN' },
    { action: 'createCluster', outcome: 'REFUSED', errorCode: 'INVALID_INPUT' },
    { action: 'createCluster', outcome: 'REFUSED', errorCode: 'BAD_USER_INPUT' },
  ]);
});

test('the OpenAPI document tells what each takes and answers, to who has a token', async () => {
  const world = await openWorld({ operations: OPERATIONS });
  const get = (headers: Record<string, string>) => fetch(world.page('/v1/openapi.json'), { headers });
  expect((await get({})).status).toBe(401);
  const document = (await (await get({ 'x-auth-token': 'anna' })).json()) as Record<string, never>;
  expect(document).toMatchObject({
    openapi: '3.1.0',
    info: { title: 'Seedbed', version: expect.stringMatching(/^\d/) },
    security: [{ keystone: [] }],
  });
  expect(Object.keys(document['paths'] ?? {})).toEqual(['/v1/ops/cluster', '/v1/ops/create', '/v1/ops/one', '/v1/ops/pause']);
  const paths = document['paths'] as unknown as Record<string, { post: object }>;
  expect(paths['/v1/ops/pause']?.post).toMatchObject({
    operationId: 'pause',
    tags: ['mutation'],
    summary: 'Pause a cluster.',
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: {
            properties: {
              clusterId: { type: 'string' },
              until: { type: 'string', format: 'date-time' },
              reason: { anyOf: [{ type: 'string' }, { type: 'null' }], description: '"asked for" without it.' },
            },
            required: ['clusterId', 'until'],
          },
        },
      },
    },
  });
  const answer = (name: string) => {
    const post = paths[`/v1/ops/${name}`]?.post as Responses | undefined;
    return post?.responses[200].content['application/json'].schema;
  };
  // What only one member of the union has may be absent.
  expect(answer('pause')).toMatchObject({
    required: ['pauseCluster'],
    properties: {
      pauseCluster: { type: 'object', properties: { cluster: { type: 'object', required: ['uuid', 'state'] }, code: { type: 'string' } } },
    },
  });
  expect(JSON.stringify(answer('pause'))).not.toContain('"required":["cluster"');
  expect(answer('cluster')).toMatchObject({
    required: ['cluster', 'clusters'],
    properties: {
      cluster: {
        anyOf: [
          {
            required: ['name', 'state', 'deletedAt'],
            properties: { deletedAt: { anyOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }] } },
          },
          { type: 'null' },
        ],
      },
    },
  });
  const components = document['components'] as unknown as { schemas: Record<string, unknown> };
  expect(components.schemas['CreateClusterInput']).toMatchObject({ required: ['clusterTemplate', 'name'], additionalProperties: false });
  const text = JSON.stringify(document);
  const missing = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].filter(
    ([, name]) => !(String(name) in components.schemas),
  );
  expect(missing).toEqual([]);
});

test('what cannot be served ends the start, and each is named', async () => {
  const start = (texts: Record<string, string>) => openWorld({ operations: Object.entries(texts).map(([name, text]) => ({ name, text })) });
  const told = start({
    good: '{ viewer { userName } }',
    unknown: '{\n  viewer { shoeSize } }',
    broken: '{ viewer',
    two: 'query a { viewer { userName } } query b { viewer { userName } }',
    live: 'subscription { nodes(clusterId: "x") { nodeId } }',
    dear: '{ clusters(first: 100) { nodes { nodes(first: 100) { nodes { conditions { name } operations: cluster { operations(first: 100) { nodes { kind } } } } } } } }',
  }).then(
    () => null,
    (error: Error) => error,
  );
  const error = await told;
  expect(error).toBeInstanceOf(OperationError);
  const lines = String(error?.message).split('\n');
  expect(lines).toHaveLength(5);
  for (const [i, begin] of [
    'unknown, line 2: ',
    'broken, line 1: ',
    'two: It must have one operation.',
    'live: ',
    'dear: The document costs',
  ].entries())
    expect(lines[i]?.startsWith(begin) ? begin : lines[i]).toBe(begin);
});

const dir = mkdtempSync(join(tmpdir(), 'seedbed-operations-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('they are read from a folder, and a manifest whose hashes are not its texts is refused', () => {
  const cloud = { keystoneUrl: 'https://keystone.example/v3', keystoneUsername: 'u', keystonePassword: 'p', keystoneProject: 's' };
  writeFileSync(join(dir, 'one.graphql'), '{ viewer { userName } }');
  writeFileSync(join(dir, 'README.md'), 'words');
  const hash = 'ece0c3cb4fbd5c7a9a8c6b4ee7d21e5fbd1bd2f0c2f8ed5d3ea57c5b6a0a8e29';
  expect(readConfig({}, { ...cloud, operations: dir }).operations).toEqual([{ name: 'one', text: '{ viewer { userName } }' }]);
  const manifest = join(dir, 'manifest.json');
  writeFileSync(manifest, JSON.stringify({ [hash]: '{ viewer { userName } }' }));
  expect(() => readConfig({}, { ...cloud, persisted: manifest })).toThrow(
    /SEEDBED_PERSISTED_OPERATIONS_FILE.*is not the SHA-256 of its document/,
  );
  writeFileSync(join(dir, 'no good.graphql'), '');
  expect(() => readConfig({}, { ...cloud, operations: dir })).toThrow(ConfigError);
  expect(() => readConfig({}, { ...cloud, operations: join(dir, 'none') })).toThrow(/cannot be read/);
});
