import { expect, test } from 'vitest';
import { checkAuditLog } from '../../src/store/auditCheck.ts';
import { KUBECONFIG } from '../commands/house.ts';
import { overSocket, overSse } from './live.ts';
import { letIn } from './matrix/callers.ts';
import { run } from './run.ts';
import { makeCluster, openWorld, type World } from './world.ts';

interface Entry {
  number: number;
  action: string;
  outcome: string;
  [field: string]: unknown;
}

interface Page {
  auditLog: { nodes: Entry[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
}

const ALL = `number at userId userName userDomainName callerProjectId roles tokenKind credentialId address forwardedFor userAgent projectId
  action targetKind targetId input outcome operationId errorCode requestId openstackRequestId hash`;

const log = async (world: World, token = 'ada', filter: object = {}): Promise<Entry[]> => {
  const { auditLog } = await world.data<{ auditLog: { nodes: Entry[] } }>(
    token,
    `query ($filter: AuditLogFilter) { auditLog(filter: $filter) { nodes { ${ALL} } } }`,
    { filter },
  );
  return auditLog.nodes;
};

test('an accepted mutation is written down: who, from where, what, and its operation', async () => {
  const world = await openWorld();
  letIn(world, 'robot', { projectId: 'blue', roles: ['member', 'reader'] });
  const robot = world.tokens.get('robot');
  if (robot === undefined) throw new Error('Nobody is there.');
  world.tokens.set('robot', { ...robot, tokenKind: 'APPLICATION_CREDENTIAL', credentialId: 'ac-1' });
  const made = await makeCluster(world, 'anna');
  const query = `mutation ($input: CreateBackupInput!, $other: DeleteClusterInput!) { createBackup(input: $input) { __typename }
    deleteCluster(input: $other) { ... on DeleteClusterPayload { operation { uuid } } } }`;
  const response = await fetch(world.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-auth-token': 'robot',
      'x-request-id': 'trace-1',
      'x-forwarded-for': '203.0.113.9',
      'user-agent': `robot/1 ${'x'.repeat(500)}`,
    },
    body: JSON.stringify({ query, variables: { input: { clusterId: made.id }, other: { clusterId: made.id } } }),
  });
  const { data } = (await response.json()) as { data: { deleteCluster: { operation: { uuid: string } } } };
  const [deleted, backup, created, template] = await log(world);
  expect(deleted).toMatchObject({
    at: new Date(world.time.now).toISOString(),
    userId: 'user-robot',
    userName: 'robot',
    userDomainName: 'Default',
    callerProjectId: 'blue',
    roles: ['member', 'reader'],
    tokenKind: 'APPLICATION_CREDENTIAL',
    credentialId: 'ac-1',
    address: '127.0.0.1',
    forwardedFor: '203.0.113.9',
    projectId: 'blue',
    action: 'deleteCluster',
    targetKind: 'CLUSTER',
    targetId: made.uuid,
    outcome: 'ACCEPTED',
    operationId: data.deleteCluster.operation.uuid,
    errorCode: null,
    requestId: 'trace-1',
    openstackRequestId: response.headers.get('x-openstack-request-id'),
  });
  expect(JSON.parse(String(deleted?.input))).toEqual({ clusterId: made.id });
  expect(String(deleted?.userAgent)).toMatch(/^robot\/1 x+…$/);
  expect(String(deleted?.userAgent)).toHaveLength(200);
  expect(backup).toMatchObject({
    action: 'createBackup',
    outcome: 'REFUSED',
    errorCode: 'CONFLICT',
    targetKind: 'CLUSTER',
    targetId: made.uuid,
  });
  expect(created).toMatchObject({ action: 'createCluster', outcome: 'ACCEPTED', operationId: made.operation.uuid, tokenKind: 'PASSWORD' });
  expect(template).toMatchObject({ action: 'createClusterTemplate', outcome: 'ACCEPTED', operationId: null });
  expect(checkAuditLog(world.path)).toMatchObject({ rows: 4, broken: null });
});

test('what is refused is written down by its code, for the project of who asked; queries are not', async () => {
  const world = await openWorld();
  const made = await makeCluster(world, 'anna');
  const before = (await log(world)).length;
  // Not there for otto; a role is missing; an input that is wrong; a variable and a document that do not fit.
  await run(world, 'otto', 'deleteCluster', { clusterId: made.id }, 'replayed');
  await run(world, 'rita', 'deleteCluster', { clusterId: made.id }, 'replayed');
  await run(world, 'anna', 'createCluster', { name: 'No Name', clusterTemplate: 'standard' }, 'replayed');
  const { errors } = await world.post('anna', 'mutation ($input: DeleteClusterInput!) { deleteCluster(input: $input) { __typename } }', {
    input: { clusterId: made.id, tokenOfMine: 'S3CRET' },
  });
  expect(errors).toHaveLength(1);
  await world.post('anna', 'mutation { deleteCluster(input: { clusterId: "x" }) { shoeSize } createClutter { x } }');
  await world.post('anna', '{ clusters { shoeSize } }');
  await world.post('anna', 'query ($first: Int) { clusters(first: $first) { nodes { name } } }', { first: 'x' });
  const rows = (await log(world)).toReversed().slice(before);
  expect(
    rows.map(({ userName, projectId, action, outcome, errorCode, targetId }) => [
      userName,
      projectId,
      action,
      outcome,
      errorCode,
      targetId,
    ]),
  ).toEqual([
    ['otto', 'red', 'deleteCluster', 'REFUSED', 'NOT_FOUND', made.uuid],
    ['rita', 'blue', 'deleteCluster', 'REFUSED', 'FORBIDDEN', made.uuid],
    ['anna', 'blue', 'createCluster', 'REFUSED', 'INVALID_INPUT', null],
    ['anna', 'blue', 'deleteCluster', 'REFUSED', 'BAD_USER_INPUT', made.id],
    ['anna', 'blue', 'deleteCluster', 'REFUSED', 'GRAPHQL_VALIDATION_FAILED', null],
    ['anna', 'blue', 'createClutter', 'REFUSED', 'GRAPHQL_VALIDATION_FAILED', null],
  ]);
  expect(JSON.stringify(await log(world))).not.toContain('S3CRET');
});

test('nobody hides what is refused in fragments, or behind an input without an end', async () => {
  const world = await openWorld();
  const lists = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
  const send = (query: string, variables: string) =>
    fetch(world.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': 'anna' },
      body: `{ "query": ${JSON.stringify(query)}, "variables": ${variables} }`,
    });
  const document = (root: string) => `mutation ($input: DeleteClusterInput!) { ${root} }
    fragment One on Mutation { ...Two ... on Mutation { deleteCluster(input: $input) { __typename } } }
    fragment Two on Mutation { findOrphans(input: {}) { __typename } }`;
  await send(document('...One'), '{ "input": { "clusterId": ["x"] } }');
  await send(document('...One ...Two ...Three'), '{ "input": { "clusterId": "x" } }');
  await send('mutation { ...Loop } fragment Loop on Mutation { ...Loop findOrphans(input: {}) { __typename } }', '{}');
  const plain = 'mutation ($input: DeleteClusterInput!) { deleteCluster(input: $input) { __typename } }';
  await send(plain, `{ "input": { "clusterId": "x", "expectedGeneration": ${lists} } }`);
  await send(plain.replace('__typename', 'shoeSize'), `{ "input": { "clusterId": "x", "keep": [${lists}] } }`);
  const rows = (await log(world)).toReversed();
  expect(rows.map(({ action, errorCode, targetId }) => [action, errorCode, targetId])).toEqual([
    ['findOrphans', 'BAD_USER_INPUT', null],
    ['deleteCluster', 'BAD_USER_INPUT', null],
    ['findOrphans', 'GRAPHQL_VALIDATION_FAILED', 'x'],
    ['deleteCluster', 'GRAPHQL_VALIDATION_FAILED', 'x'],
    ['findOrphans', 'GRAPHQL_VALIDATION_FAILED', null],
    ['deleteCluster', 'BAD_USER_INPUT', 'x'],
    ['deleteCluster', 'GRAPHQL_VALIDATION_FAILED', 'x'],
  ]);
  expect(world.logged).toEqual([]);
});

test('over a WebSocket likewise', async () => {
  const world = await openWorld();
  for (const query of [
    'mutation { findOrphans(input: {}) { __typename } }',
    'mutation { findOrphans(input: {}) { shoeSize } }',
    'mutation ($input: FindOrphansInput!) { findOrphans(input: $input) { __typename } }',
  ]) {
    const one = overSocket(world, 'anna', query);
    await one.ended;
  }
  const rows = (await log(world)).toReversed();
  expect(rows.map(({ action, errorCode, address }) => [action, errorCode, address])).toEqual([
    ['findOrphans', 'FORBIDDEN', '127.0.0.1'],
    ['findOrphans', 'GRAPHQL_VALIDATION_FAILED', '127.0.0.1'],
    ['findOrphans', 'BAD_USER_INPUT', '127.0.0.1'],
  ]);
});

test('a mutation that is to be answered by a stream too many likewise', async () => {
  const world = await openWorld({ maxSocketsPerActor: 1 });
  const seated = overSse(world, 'anna', 'subscription { clusters { what } }');
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream', 'x-auth-token': 'anna' };
  const send = (query: string) => fetch(world.url, { method: 'POST', headers, body: JSON.stringify({ query }) });
  const refused = async (query: string) => {
    const answer = await send(query);
    await answer.body?.cancel();
    return answer.status === 429;
  };
  await expect.poll(() => refused('{ viewer { userName } }')).toBe(true);
  for (const field of ['__typename', 'shoeSize']) expect(await refused(`mutation { findOrphans(input: {}) { ${field} } }`)).toBe(true);
  seated.stop();
  const rows = (await log(world)).toReversed();
  expect(rows.map(({ action, errorCode }) => [action, errorCode])).toEqual([
    ['findOrphans', 'TOO_MANY_CONNECTIONS'],
    ['findOrphans', 'GRAPHQL_VALIDATION_FAILED'],
  ]);
});

const FIND_ORPHANS = 'mutation { findOrphans(input: {}) { __typename } }';

/** The address that the last of its calls is written down with, by HTTP and over a WebSocket. */
const addressesOf = async (world: World, forwardedFor: string): Promise<unknown[]> => {
  const sent = { 'x-forwarded-for': forwardedFor };
  const headers = { 'content-type': 'application/json', 'x-auth-token': 'anna', ...sent };
  await fetch(world.url, { method: 'POST', headers, body: JSON.stringify({ query: FIND_ORPHANS }) });
  await overSocket(world, 'anna', FIND_ORPHANS, {}, sent).ended;
  const rows = await log(world);
  for (const { forwardedFor: written } of rows.slice(0, 2)) expect(written).toBe(forwardedFor);
  return rows.slice(0, 2).map(({ address }) => address);
};

test('X-Forwarded-For names the address where a proxy that is trusted sends it, and is nobody else', async () => {
  const direct = await openWorld();
  expect(await addressesOf(direct, '203.0.113.9')).toEqual(['127.0.0.1', '127.0.0.1']);
  const elsewhere = await openWorld({ trustedProxies: ['10.1.0.0/16'] });
  expect(await addressesOf(elsewhere, '203.0.113.9')).toEqual(['127.0.0.1', '127.0.0.1']);
  const behind = await openWorld({ trustedProxies: ['127.0.0.1', '10.1.0.0/16'] });
  // What the caller wrote before it is his own say.
  expect(await addressesOf(behind, '198.51.100.1, 203.0.113.9, 10.1.2.3')).toEqual(['203.0.113.9', '203.0.113.9']);
  expect(await addressesOf(behind, '[2001:db8::7]:4711')).toEqual(['2001:db8::7', '2001:db8::7']);
  expect(await addressesOf(behind, 'unknown')).toEqual(['127.0.0.1', '127.0.0.1']);
});

test('a repeated call is written down as such, and secrets never are', async () => {
  const world = await openWorld();
  const register = () =>
    run(
      world,
      'ada',
      'registerSeed',
      { name: 'seed-a', kubeconfig: KUBECONFIG, exposure: 'NODE_PORT', idempotencyKey: 'key-0001' },
      'replayed seed { uuid } operation { uuid }',
    );
  const first = await register();
  // One that repeats and repeats is written down once.
  for (let i = 0; i < 3; i += 1) expect(await register()).toMatchObject({ replayed: true });
  const [again, once] = await log(world);
  const { uuid } = first['operation'] as { uuid: string };
  expect(once).toMatchObject({ action: 'registerSeed', outcome: 'ACCEPTED', operationId: uuid, targetKind: 'SEED' });
  expect(again).toMatchObject({
    action: 'registerSeed',
    outcome: 'REPLAYED',
    operationId: uuid,
    targetKind: 'SEED',
    targetId: once?.['targetId'],
  });
  expect(JSON.parse(String(once?.['input']))).toEqual({
    name: 'seed-a',
    kubeconfig: '[redacted]',
    exposure: 'NODE_PORT',
    idempotencyKey: '[redacted]',
  });
});

test('the same call with another key is another one, and so is its repetition', async () => {
  const world = await openWorld();
  const { id } = await makeCluster(world, 'anna');
  const pause = (key: string) =>
    run(world, 'anna', 'pauseCluster', { clusterId: id, until: '2027-02-01T00:00:00Z', reason: 'r', idempotencyKey: key }, 'replayed');
  for (const key of ['key-0001', 'key-0001', 'key-0001', 'key-0002', 'key-0002', 'key-0002']) await pause(key);
  const outcomes = (await log(world, 'ada', { action: 'pauseCluster' })).map(({ outcome }) => outcome);
  expect(outcomes).toEqual(['REPLAYED', 'ACCEPTED', 'REPLAYED', 'ACCEPTED']);
});

test('cloud admins and cloud readers see all, a project its own by its administrators, and nobody else anything', async () => {
  const world = await openWorld();
  letIn(world, 'mia', { projectId: 'blue', roles: ['manager'] });
  letIn(world, 'cora', { projectId: null, isSystemScoped: true, roles: ['reader'] });
  const made = await makeCluster(world, 'anna');
  await makeCluster(world, 'otto', 'own');
  await run(world, 'ada', 'pauseCluster', { clusterId: made.id, until: '2027-02-01T00:00:00Z', reason: 'because' }, 'replayed');
  const seen = async (token: string, filter: object = {}) =>
    (await log(world, token, filter)).map(({ userName, action }) => `${userName} ${action}`);
  const blue = ['ada pauseCluster', 'anna createCluster', 'anna createClusterTemplate'];
  for (const token of ['ada', 'cora']) expect(await seen(token)).toHaveLength(5);
  expect(await seen('mia')).toEqual(blue);
  for (const token of ['anna', 'rita', 'otto']) expect(await seen(token)).toEqual([]);
  // From where a cloud admin came is not the project's to know.
  expect((await log(world, 'mia')).map(({ address }) => address)).toEqual([null, '127.0.0.1', '127.0.0.1']);
  expect((await log(world, 'cora')).map(({ address }) => address)).toEqual(Array(5).fill('127.0.0.1'));
  expect(await seen('ada', { projectId: 'blue' })).toEqual(blue);
  expect(await seen('mia', { projectId: 'red' })).toEqual([]);
  expect(await seen('ada', { userId: 'user-otto', action: 'createCluster' })).toEqual(['otto createCluster']);
  const at = (ms: number) => new Date(world.time.now + ms).toISOString();
  expect(await seen('ada', { from: at(1) })).toEqual([]);
  expect(await seen('ada', { to: at(0) })).toEqual([]);
  expect(await seen('ada', { from: at(0), to: at(1) })).toHaveLength(5);
  expect(await seen('ada', { outcome: 'REFUSED' })).toEqual([]);
});

test('it comes in pages, the newest first', async () => {
  const world = await openWorld();
  for (let i = 0; i < 5; i += 1) await run(world, 'anna', 'findOrphans', {}, 'replayed');
  const numbers: number[] = [];
  let after: string | null = null;
  do {
    const { auditLog }: Page = await world.data<Page>(
      'ada',
      'query ($after: String) { auditLog(first: 2, after: $after) { nodes { number } pageInfo { hasNextPage endCursor } } }',
      { after },
    );
    numbers.push(...auditLog.nodes.map(({ number }) => number));
    after = auditLog.pageInfo.hasNextPage ? auditLog.pageInfo.endCursor : null;
  } while (after !== null);
  expect(numbers).toEqual([5, 4, 3, 2, 1]);
  const { errors } = await world.post('ada', '{ auditLog(after: "x") { nodes { number } } }');
  expect(errors[0]?.extensions.code).toBe('INVALID_INPUT');
});

test('a log that cannot be written to refuses what it cannot tell, and lets a refusal out', async () => {
  const world = await openWorld();
  const made = await makeCluster(world, 'anna');
  await world.store.transaction(async (tx) => {
    (tx.db as unknown as { $client: { exec(text: string): void } }).$client.exec(
      "create trigger full before insert on audit begin select raise(abort, 'no room'); end",
    );
  });
  const outcome = await world.post('anna', 'mutation ($input: DeleteClusterInput!) { deleteCluster(input: $input) { __typename } }', {
    input: { clusterId: made.id },
  });
  expect(outcome.errors[0]?.extensions.code).toBe('INTERNAL');
  expect(await run(world, 'rita', 'deleteCluster', { clusterId: made.id }, 'replayed')).toMatchObject({ code: 'FORBIDDEN' });
  const { cluster } = await world.data<{ cluster: { state: string } }>('anna', `{ cluster(id: "${made.id}") { state } }`);
  expect(cluster.state).toBe('PENDING');
});
