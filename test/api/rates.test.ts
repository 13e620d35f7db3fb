/** How often may be asked, by every way in: what is too much is refused in the way's own words, and taken when its time has come. */
import { get, request as httpRequest } from 'node:http';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { RateSettings } from '../../src/api/rates.ts';
import { happen, overSocket, overSse, PROGRESS } from './live.ts';
import { UNLIMITED } from './unlimited.ts';
import { makeCluster, openWorld, type World } from './world.ts';

const VIEWER = '{ viewer { userName } }';
/** Refused by its command, but a mutation. */
const MUTATION = 'mutation ($input: DeleteClusterInput!) { deleteCluster(input: $input) { __typename } }';
const NOTHING = { input: { clusterId: '018c0000-0000-7000-8000-000000000000' } };

const worldOf = (rates: Partial<RateSettings>, more: Parameters<typeof openWorld>[0] = {}) =>
  openWorld({ rates: { ...UNLIMITED, ...rates }, ...more });

const send = (world: World, path: string, init: RequestInit & { token?: string | null } = {}) => {
  const { token = 'anna', headers, ...rest } = init;
  const own = { 'content-type': 'application/json', ...(token !== null && { 'x-auth-token': token }) };
  return fetch(world.page(path), { method: 'POST', ...rest, headers: { ...own, ...headers } });
};
const body = (query: string, variables: object = {}) => JSON.stringify({ query, variables });

const counted = async (world: World, limit: string): Promise<number> =>
  Number(new RegExp(`seedbed_rate_limited_total\\{limit="${limit}"\\} (\\d+)`).exec(await world.metrics.metrics())?.[1] ?? 0);

const LIMITED = {
  code: 'RATE_LIMITED',
  retryable: true,
  retryAfterSeconds: 20,
  whoMustAct: 'CUSTOMER',
  remedy: expect.stringContaining('Retry-After'),
  requestId: expect.any(String),
};

test.each([
  ['POST', '/graphql', { body: body(VIEWER) }],
  ['GET', `/graphql?query=${encodeURIComponent(VIEWER)}`, { method: 'GET' }],
  ['POST, reading', '/graphql/read', { body: body(VIEWER) }],
  ['SSE', '/graphql', { body: body(VIEWER), headers: { accept: 'text/event-stream' } }],
  ['OpenAPI', '/v1/openapi.json', { method: 'GET' }],
] as const)('%s: too much from an address is 429 with Retry-After and an answer of GraphQL', async (_way, path, init) => {
  const world = await worldOf({ addressRequestsPerMinute: 3 });
  for (let i = 0; i < 3; i += 1) {
    const answer = await send(world, path, init);
    await answer.text();
    expect(answer.status).toBe(200);
  }
  const refused = await send(world, path, init);
  expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('content-type')]).toEqual([
    429,
    '20',
    'application/json; charset=utf-8',
  ]);
  expect(await refused.json()).toEqual({
    errors: [
      {
        message: 'Too many requests from this address: 3 a minute may be sent; try again in 20 s.',
        extensions: { ...LIMITED, field: null, openstack: null },
      },
    ],
  });
  expect(await counted(world, 'address')).toBe(1);
  // Before anybody is asked who it is.
  const asked = world.asked.length;
  expect((await send(world, path, { ...init, token: 'a-guess' })).status).toBe(429);
  expect(world.asked.length).toBe(asked);
  world.time.now += 20_000;
  expect((await send(world, path, init)).status).toBe(200);
  expect((await send(world, path, init)).status).toBe(429);
});

test('failed logins count for the address, and for no project', async () => {
  const world = await worldOf({ addressRequestsPerMinute: 4, projectRequestsPerMinute: 1 });
  for (const token of [null, 'guess-1', 'guess-2']) expect((await send(world, '/graphql', { token, body: body(VIEWER) })).status).toBe(401);
  expect((await send(world, '/graphql', { body: body(VIEWER) })).status).toBe(200);
  const refused = await world.post('anna', VIEWER);
  expect([refused.status, refused.errors[0]?.message]).toEqual([429, expect.stringContaining('from this address')]);
});

test('a project has its own limit, whoever of it asks and whatever the way', async () => {
  const world = await worldOf({ projectRequestsPerMinute: 3 });
  expect((await world.post('anna', VIEWER)).status).toBe(200);
  expect((await world.post('rita', VIEWER)).status).toBe(200);
  // The same answer from memory counts like another.
  expect((await world.post('rita', VIEWER)).status).toBe(200);
  const refused = await world.post('anna', VIEWER);
  expect([refused.status, refused.headers.get('retry-after'), refused.errors[0]]).toMatchObject([
    429,
    '20',
    { message: expect.stringContaining('of this project'), extensions: LIMITED },
  ]);
  expect((await world.post('otto', VIEWER)).status).toBe(200);
  expect(await overSse(world, 'anna', PROGRESS, { id: 'x' }).ended).toBe('status 429');
  expect((await send(world, '/v1/openapi.json', { method: 'GET' })).status).toBe(429);
  expect([await counted(world, 'project'), await counted(world, 'address')]).toEqual([3, 0]);
});

test('mutations have a stricter limit: each of a document counts, those that are refused too, and queries go on', async () => {
  const world = await worldOf({ projectMutationsPerMinute: 3 });
  const twice = `mutation ($input: DeleteClusterInput!) { ...both }
    fragment both on Mutation { a: deleteCluster(input: $input) { __typename } b: deleteCluster(input: $input) { __typename } }`;
  expect((await world.post('anna', twice, NOTHING)).status).toBe(200);
  expect((await world.post('anna', 'mutation { noSuchThing }')).errors[0]?.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
  for (const [query, path] of [
    [MUTATION, '/graphql'],
    ['mutation { noSuchThing }', '/graphql'],
    [MUTATION, '/graphql/read'],
  ] as const) {
    const refused = await send(world, path, { body: body(query, NOTHING) });
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
      429,
      '20',
      { errors: [{ message: expect.stringContaining('mutations of this project: 3 a minute'), extensions: LIMITED }] },
    ]);
  }
  expect((await world.post('anna', VIEWER)).status).toBe(200);
  world.time.now += 20_000;
  expect((await world.post('anna', MUTATION, NOTHING)).status).toBe(200);
});

test('of mutations that are refused so the audit log has one row a minute for each project', async () => {
  const world = await worldOf({ projectMutationsPerMinute: 1 });
  const actions = async () => {
    const query = '{ auditLog(first: 100) { nodes { action errorCode userName } } }';
    const { auditLog } = await world.data<{ auditLog: { nodes: { errorCode: string }[] } }>('ada', query);
    return auditLog.nodes.filter(({ errorCode }) => errorCode === 'RATE_LIMITED');
  };
  const many = 'mutation ($input: DeleteClusterInput!) { deleteCluster(input: $input) { __typename } noSuchThing another }';
  for (let i = 0; i < 20; i += 1) await world.post('anna', i % 2 === 0 ? MUTATION : many, NOTHING);
  expect(await actions()).toEqual([{ action: 'deleteCluster', errorCode: 'RATE_LIMITED', userName: 'anna' }]);
  for (let i = 0; i < 3; i += 1) await world.post('otto', MUTATION, NOTHING);
  expect((await actions()).map((row) => ({ ...row }))).toMatchObject([{ userName: 'otto' }, { userName: 'anna' }]);
  world.time.now += 60_000;
  for (let i = 0; i < 20; i += 1) await world.post('anna', MUTATION, NOTHING);
  expect(await actions()).toHaveLength(3);
});

test('stored operations are refused as that way refuses', async () => {
  const operations = [
    { name: 'viewer', text: VIEWER },
    { name: 'delete', text: MUTATION },
  ];
  const world = await worldOf({ projectRequestsPerMinute: 3, projectMutationsPerMinute: 1 }, { operations });
  const call = (name: string, variables: object) => send(world, `/v1/ops/${name}`, { body: JSON.stringify(variables) });
  const problem = (seconds: number, detail: string) => [
    429,
    String(seconds),
    'application/problem+json; charset=utf-8',
    { title: 'RATE_LIMITED', status: 429, ...LIMITED, retryAfterSeconds: seconds, detail: expect.stringContaining(detail) },
  ];
  const shown = async (answer: Response) => [
    answer.status,
    answer.headers.get('retry-after'),
    answer.headers.get('content-type'),
    await answer.json(),
  ];
  expect((await call('delete', NOTHING)).status).toBe(404);
  expect(await shown(await call('delete', NOTHING))).toMatchObject(problem(60, 'mutations of this project'));
  expect((await call('viewer', {})).status).toBe(200);
  expect(await shown(await call('viewer', {}))).toMatchObject(problem(20, 'requests of this project'));
  const other = await worldOf({ addressRequestsPerMinute: 3 }, { operations });
  for (const token of ['a-guess', 'anna', 'anna']) await send(other, '/v1/ops/viewer', { token, body: '{}' });
  const asked = other.asked.length;
  expect(await shown(await send(other, '/v1/ops/viewer', { token: 'another', body: '{}' }))).toMatchObject(
    problem(20, 'requests from this address'),
  );
  expect(other.asked.length).toBe(asked);
});

interface Message {
  id?: string;
  type: string;
  payload?: unknown;
}

/** A socket of the token's, and what it is told in answer to each document. */
const dial = async (world: World, token: string, headers: Record<string, string> = {}) => {
  const socket = new WebSocket(world.url.replace('http', 'ws'), 'graphql-transport-ws', { headers });
  const messages: Message[] = [];
  socket.on('message', (data) => messages.push(JSON.parse(String(data))));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.send(JSON.stringify({ type: 'connection_init', payload: { 'X-Auth-Token': token } }));
  await expect.poll(() => messages.length).toBe(1);
  let asked = 0;
  const ask = async (query: string, variables: object = {}): Promise<Message | undefined> => {
    asked += 1;
    const id = String(asked);
    socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables } }));
    await expect.poll(() => messages.find((one) => one.id === id)).toBeDefined();
    return messages.find((one) => one.id === id);
  };
  return { socket, ask };
};

test('over a WebSocket an operation is refused by an error of the same code, and the socket stays open', async () => {
  const world = await worldOf({ projectRequestsPerMinute: 6, projectMutationsPerMinute: 1 });
  const { socket, ask } = await dial(world, 'anna');
  expect(await ask(MUTATION, NOTHING)).toMatchObject({ type: 'next' });
  expect(await ask(MUTATION, NOTHING)).toMatchObject({
    type: 'error',
    payload: [{ message: expect.stringContaining('mutations'), extensions: { ...LIMITED, retryAfterSeconds: 60 } }],
  });
  for (let i = 0; i < 4; i += 1) expect(await ask(VIEWER)).toMatchObject({ type: 'next' });
  for (let i = 0; i < 3; i += 1)
    expect(await ask(VIEWER)).toMatchObject({ type: 'error', payload: [{ extensions: { ...LIMITED, retryAfterSeconds: 10 } }] });
  // The same for who comes by HTTP.
  expect((await world.post('rita', VIEWER)).status).toBe(429);
  world.time.now += 10_000;
  expect(await ask(VIEWER)).toMatchObject({ type: 'next' });
  expect(socket.readyState).toBe(WebSocket.OPEN);
  socket.close();
});

test('what runs goes on while its project may ask nothing more', async () => {
  const world = await worldOf({ projectRequestsPerMinute: 4 });
  const { id, uuid } = await makeCluster(world, 'anna');
  const stream = overSocket(world, 'anna', PROGRESS, { id });
  await stream.until(1);
  await world.post('anna', VIEWER);
  expect((await world.post('anna', VIEWER)).status).toBe(429);
  await happen(world, uuid, ['later']);
  expect((await stream.until(2)).at(-1)).toMatchObject({ data: { clusterProgress: { message: 'later' } } });
  stream.stop();
});

test('sockets and their operations count for the address: a handshake too many is answered 429', async () => {
  const world = await worldOf({ addressRequestsPerMinute: 3 });
  const { socket, ask } = await dial(world, 'anna');
  await ask(VIEWER);
  await ask(VIEWER);
  expect(await ask(VIEWER)).toMatchObject({ type: 'error', payload: [{ extensions: LIMITED }] });
  const answer = await new Promise<{ status: number; after: unknown; text: string }>((resolve, reject) => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    get(world.url, { headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, after: response.headers['retry-after'], text }));
    }).on('error', reject);
  });
  expect({ ...answer, text: JSON.parse(answer.text) }).toMatchObject({
    status: 429,
    after: '20',
    text: { errors: [{ extensions: LIMITED }] },
  });
  socket.close();
});

test('health, metrics and what a browser asks before it calls are not counted', async () => {
  const world = await worldOf({ addressRequestsPerMinute: 1 });
  await world.post('anna', VIEWER);
  for (const path of ['/healthz', '/readyz', '/metrics', '/healthz', '/readyz', '/metrics'])
    expect([path, (await fetch(world.page(path))).status]).toEqual([path, 200]);
  expect((await send(world, '/graphql', { method: 'OPTIONS', token: null })).status).toBe(204);
  expect((await fetch(world.page('/schema.graphql'))).status).toBe(429);
});

test('a page of an allowed origin can read the refusal, and who asks for the type of GraphQL gets it', async () => {
  const world = await worldOf({ addressRequestsPerMinute: 1 });
  await world.post('anna', VIEWER);
  const headers = { origin: 'https://dashboard.example.org', accept: 'application/graphql-response+json, application/json;q=0.9' };
  const refused = await send(world, '/graphql', { body: body(VIEWER), headers });
  expect([refused.status, refused.headers.get('content-type')]).toEqual([429, 'application/graphql-response+json; charset=utf-8']);
  expect(refused.headers.get('access-control-allow-origin')).toBe('https://dashboard.example.org');
  expect(refused.headers.get('access-control-expose-headers')).toMatch(/\bretry-after\b/);
});

/** Each as many times as it may ask in a minute, and then once more. */
const statusesFrom = async (world: World, forwardedFor: readonly string[]): Promise<number[]> => {
  const statuses: number[] = [];
  for (const value of forwardedFor)
    statuses.push((await send(world, '/graphql', { body: body(VIEWER), headers: { 'x-forwarded-for': value } })).status);
  return statuses;
};

test('X-Forwarded-For is nobody, unless a proxy that is trusted sends it; then the last that is none of the proxies counts', async () => {
  const rates = { addressRequestsPerMinute: 2 };
  const direct = await worldOf(rates);
  expect(await statusesFrom(direct, ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'])).toEqual([200, 200, 429, 429]);
  const said = direct.logged.filter(({ message }) => message.includes('SEEDBED_TRUSTED_PROXIES'));
  expect(said).toMatchObject([{ fields: { address: '127.0.0.1' } }]);

  const behind = await worldOf(rates, { trustedProxies: ['127.0.0.1', '10.1.0.0/16', 'fd00:1::/32'] });
  // What the caller says itself stands before what the proxy says.
  expect(await statusesFrom(behind, ['1.1.1.1, 192.0.2.1', '2.2.2.2,192.0.2.1', '3.3.3.3, 192.0.2.1'])).toEqual([200, 200, 429]);
  expect(await statusesFrom(behind, ['192.0.2.2, 10.1.2.3', '192.0.2.2:4711, fd00:1::9', '::ffff:192.0.2.2'])).toEqual([200, 200, 429]);
  // One machine has a whole /64 to itself.
  expect(await statusesFrom(behind, ['2001:db8::1', '2001:DB8:0:0:ffff::2', '[2001:db8::3]:443'])).toEqual([200, 200, 429]);
  expect(await statusesFrom(behind, ['2001:db8:0:1::1'])).toEqual([200]);
  // Nothing that is an address: the proxy's own.
  expect(await statusesFrom(behind, ['unknown', '', '192.0.2.9, unknown'])).toEqual([200, 200, 429]);
  expect(behind.logged.filter(({ message }) => message.includes('SEEDBED_TRUSTED_PROXIES'))).toEqual([]);
});

test('operations on a socket count for the address that its handshake named', async () => {
  const world = await worldOf({ addressRequestsPerMinute: 2 }, { trustedProxies: ['127.0.0.0/8'] });
  const [one, other] = [
    await dial(world, 'anna', { 'x-forwarded-for': '192.0.2.1' }),
    await dial(world, 'anna', { 'x-forwarded-for': '192.0.2.2' }),
  ];
  expect([(await one.ask(VIEWER))?.type, (await one.ask(VIEWER))?.type]).toEqual(['next', 'error']);
  expect((await other.ask(VIEWER))?.type).toBe('next');
  one.socket.close();
  other.socket.close();
});

test('the limits are told, and a limit that is off is none', async () => {
  const query = '{ serverInfo { limits { addressRequestsPerMinute projectRequestsPerMinute projectMutationsPerMinute } } }';
  const limited = await worldOf({ addressRequestsPerMinute: 900, projectRequestsPerMinute: 600, projectMutationsPerMinute: 60 });
  expect(await limited.data('anna', query)).toEqual({
    serverInfo: { limits: { addressRequestsPerMinute: 900, projectRequestsPerMinute: 600, projectMutationsPerMinute: 60 } },
  });
  const unlimited = await worldOf({});
  expect(await unlimited.data('anna', query)).toEqual({
    serverInfo: { limits: { addressRequestsPerMinute: null, projectRequestsPerMinute: null, projectMutationsPerMinute: null } },
  });
});

test('the body of what is refused is not waited for', async () => {
  const world = await worldOf({ addressRequestsPerMinute: 1 });
  await world.post('anna', VIEWER);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'x-auth-token': 'anna', 'content-length': '1000' };
    const asked = httpRequest(world.url, { method: 'POST', headers }, (response) => {
      resolve(response.statusCode);
      asked.destroy();
    });
    asked.once('error', reject);
    asked.write('{');
  });
  expect(status).toBe(429);
});
