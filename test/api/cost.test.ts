/** What a document may cost is told in every answer to one that could be measured, by whichever way it came and whatever becomes of it. */
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { happen, overSse, PROGRESS } from './live.ts';
import { UNLIMITED } from './unlimited.ts';
import { makeCluster, openWorld, type World } from './world.ts';

const LIMIT = 100_000;
const VIEWER = '{ viewer { userName } }';
const MUTATION = 'mutation { resumeCluster(input: { clusterId: "none" }) { __typename } }';
const DEAR = '{ clusters(first: 100) { nodes { nodes(first: 100) { nodes { cluster { events(first: 100) { nodes { number } } } } } } } }';
const DEEP = `{ viewer ${'{ viewer '.repeat(20)} { userName } ${'}'.repeat(20)} }`;

interface Costed {
  extensions?: { code?: string; cost?: { estimated: number; limit: number } };
}
interface Told extends Costed {
  data?: unknown;
  errors?: Costed[];
}

const http = async (
  world: World,
  body: object,
  { accept = 'application/json', path = '/graphql', method = 'POST' }: { accept?: string; path?: string; method?: string } = {},
): Promise<Told & { status: number }> => {
  const inUrl = method === 'GET' ? `?${new URLSearchParams(body as Record<string, string>)}` : '';
  const response = await fetch(world.page(path) + inUrl, {
    method,
    headers: { 'content-type': 'application/json', accept, 'x-auth-token': 'anna' },
    ...(method === 'POST' && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = /^data: (.*)$/m.exec(text)?.[1] ?? text;
  return { ...(JSON.parse(json) as Told), status: response.status };
};

/** The cost, after what the answer is: 'data' or the first error's code. */
const gist = ({ extensions, errors, data }: Told) => [errors?.[0]?.extensions?.code ?? (data ? 'data' : 'nothing'), extensions?.cost];
const cost = (estimated: number) => ({ estimated, limit: LIMIT });

test.each(['application/json', 'application/graphql-response+json', 'application/json; charset=utf-8', 'text/event-stream'])(
  'over HTTP, as %s: answers, those from memory, and whatever is refused',
  async (accept) => {
    const world = await openWorld();
    const ask = async (body: object, more: object = {}) => gist(await http(world, body, { accept, ...more }));
    expect(await ask({ query: VIEWER })).toEqual(['data', cost(2)]);
    expect(await ask({ query: VIEWER })).toEqual(['data', cost(2)]);
    expect(await ask({ query: MUTATION })).toEqual(['data', cost(10_001)]);
    expect(await ask({ query: VIEWER }, { path: '/graphql/read' })).toEqual(['data', cost(2)]);
    expect(await ask({ query: VIEWER }, { method: 'GET' })).toEqual(['data', cost(2)]);
    // Half an answer.
    const half = await http(world, { query: '{ viewer { userName } clusters(after: "nowhere") { nodes { name } } }' }, { accept });
    expect([half.errors?.length, half.extensions?.cost?.limit]).toEqual([1, LIMIT]);
    // Refused for itself.
    expect(await ask({ query: '{ viewer { nothing } }' })).toEqual(['GRAPHQL_VALIDATION_FAILED', cost(2)]);
    expect(await ask({ query: DEAR })).toEqual(['COST_LIMIT', { estimated: expect.any(Number), limit: LIMIT }]);
    expect(await ask({ query: DEEP })).toEqual(['DEPTH_LIMIT', cost(22)]);
    const variables = { first: 'many' };
    const typed = 'query ($first: Int!) { clusters(first: $first) { nodes { name } } }';
    expect(await ask({ query: typed, variables })).toEqual(['BAD_USER_INPUT', cost(201)]);
    // Refused for how it came.
    expect(await ask({ query: MUTATION }, { path: '/graphql/read' })).toEqual(['READ_ONLY', cost(10_001)]);
    expect(await ask({ query: MUTATION }, { method: 'GET' })).toEqual(['METHOD_NOT_ALLOWED', cost(10_001)]);
    // Of what could not be measured nothing is told.
    for (const [query, code] of [
      ['{ viewer {', 'GRAPHQL_PARSE_FAILED'],
      [`{ ${'viewer { userName } '.repeat(600)} }`, 'GRAPHQL_PARSE_FAILED'],
    ])
      expect(await ask({ query })).toEqual([code, undefined]);
    expect(await ask({ query: `query a ${VIEWER} query b ${VIEWER}` })).toEqual(['OPERATION_RESOLUTION_FAILURE', undefined]);
    expect(await ask({ query: '' })).toEqual(['BAD_REQUEST', undefined]);
  },
);

test('over HTTP, too, where there were too many of them, or a subscription wants no stream', async () => {
  const world = await openWorld({ rates: { ...UNLIMITED, projectMutationsPerMinute: 1 }, maxSocketsPerActor: 0 });
  expect(gist(await http(world, { query: MUTATION }))).toEqual(['data', cost(10_001)]);
  expect(gist(await http(world, { query: MUTATION }))).toEqual(['RATE_LIMITED', cost(10_001)]);
  const events = 'subscription { clusters { what } }';
  expect(gist(await http(world, { query: events }, { accept: 'text/event-stream' }))).toEqual(['TOO_MANY_CONNECTIONS', cost(2)]);
  expect(gist(await http(world, { query: events }, { accept: 'application/json' }))).toEqual(['NOT_ACCEPTABLE', cost(2)]);
});

test('over a WebSocket: answers, events and errors', async () => {
  // The cluster and its template are two.
  const world = await openWorld({ rates: { ...UNLIMITED, projectMutationsPerMinute: 3 } });
  const { id, uuid } = await makeCluster(world, 'ada');
  const socket = new WebSocket(world.url.replace('http', 'ws'), 'graphql-transport-ws');
  const messages: { id?: string; type: string; payload: unknown }[] = [];
  socket.on('message', (data) => messages.push(JSON.parse(String(data))));
  socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { 'X-Auth-Token': 'ada' } })));
  await expect.poll(() => messages.length).toBe(1);
  let asked = 0;
  const of = (name: string) => messages.filter((one) => one.id === name && one.type !== 'complete');
  const ask = async (query: string, variables: object = {}) => {
    asked += 1;
    const name = String(asked);
    socket.send(JSON.stringify({ id: name, type: 'subscribe', payload: { query, variables } }));
    await expect.poll(() => of(name).length).toBeGreaterThan(0);
    const [{ type, payload } = { type: '', payload: null }] = of(name);
    if (type === 'next') return gist(payload as Told);
    // The protocol has no other place in a message of errors.
    const [error] = payload as Costed[];
    return [error?.extensions?.code, error?.extensions?.cost];
  };
  expect(await ask(VIEWER)).toEqual(['data', cost(2)]);
  expect(await ask('{ viewer { nothing } }')).toEqual(['GRAPHQL_VALIDATION_FAILED', cost(2)]);
  expect(await ask(DEAR)).toEqual(['COST_LIMIT', { estimated: expect.any(Number), limit: LIMIT }]);
  expect(await ask('{ viewer {')).toEqual(['GRAPHQL_PARSE_FAILED', undefined]);
  await ask(MUTATION);
  expect(await ask(MUTATION)).toEqual(['RATE_LIMITED', cost(10_001)]);
  expect(await ask(PROGRESS, { id: 'none' })).toEqual(['NOT_FOUND', cost(8)]);
  expect(await ask(PROGRESS, { id })).toEqual(['data', cost(8)]);
  const name = String(asked);
  const before = of(name).length;
  await happen(world, uuid, ['etcd starts']);
  await expect.poll(() => of(name).length).toBeGreaterThan(before);
  for (const { payload } of of(name)) expect(gist(payload as Told)).toEqual(['data', cost(8)]);
  socket.close();
});

test('of every event over SSE, and of the error with which a stream begins', async () => {
  const world = await openWorld();
  const { id, uuid } = await makeCluster(world, 'anna');
  const stream = overSse(world, 'anna', PROGRESS, { id });
  await stream.until(1);
  const before = stream.payloads.length;
  await happen(world, uuid, ['etcd starts']);
  await stream.until(before + 1);
  for (const payload of stream.payloads) expect(gist(payload as Told)).toEqual(['data', cost(8)]);
  stream.stop();
  expect(gist(await http(world, { query: PROGRESS, variables: { id: 'none' } }, { accept: 'text/event-stream' }))).toEqual([
    'NOT_FOUND',
    cost(8),
  ]);
});

test('of a stored operation in a header, for its body is what was asked for alone', async () => {
  const text = 'query ($id: ID!) { cluster(id: $id) { name } }';
  const world = await openWorld({ operations: [{ name: 'byId', text }] });
  const { id } = await makeCluster(world, 'anna');
  const call = async (name: string, body: string) => {
    const headers = { 'content-type': 'application/json', 'x-auth-token': 'anna' };
    const answer = await fetch(world.page(`/v1/ops/${name}`), { method: 'POST', headers, body });
    return [answer.status, answer.headers.get('x-estimated-cost')];
  };
  expect(await call('byId', JSON.stringify({ id }))).toEqual([200, '2']);
  expect(await call('byId', JSON.stringify({ id: 'none' }))).toEqual([404, '2']);
  expect(await call('byId', '{}')).toEqual([400, '2']);
  expect(await call('byId', '[')).toEqual([400, '2']);
  expect(await call('other', '{}')).toEqual([404, null]);
});
