import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { Unavailable } from '../../src/domain/errors.ts';
import { openWorld } from './world.ts';

const VIEWER = '{ viewer { userName } }';
const SIDE_EFFECT = 'mutation { createClusterTemplate(input: { name: "forged", image: "debian", flavor: "small" }) { __typename } }';

test('answers who calls, with the request id given or made', async () => {
  const world = await openWorld();
  expect(await world.data('anna', '{ viewer { userName projectId roles isCloudAdmin canWrite tokenExpiresAt } }')).toEqual({
    viewer: {
      userName: 'anna',
      projectId: 'blue',
      roles: ['member', 'reader'],
      isCloudAdmin: false,
      canWrite: true,
      tokenExpiresAt: '2286-11-20T17:46:39.999Z',
    },
  });
  const send = (id: string) =>
    fetch(world.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': 'anna', 'x-request-id': id },
      body: '{"query":"{x}"}',
    });
  const kept = await send('trace-7');
  expect(kept.headers.get('x-request-id')).toBe('trace-7');
  expect(await kept.json()).toMatchObject({ errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED', requestId: 'trace-7' } }] });
  expect((await send('<script>')).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

const OPENSTACK_ID = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

test('answers with an OpenStack request id of its own, and asks Keystone by it or by the one that was brought', async () => {
  const world = await openWorld();
  const brought = 'req-0f0e0d0c-1111-4222-8333-444455556666';
  const answered: (string | null)[] = [];
  for (const [token, id] of [
    ['anna', null],
    ['rita', brought],
    ['ada', "req-1'; drop"],
  ] as const) {
    const response = await fetch(world.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': token, ...(id !== null && { 'x-openstack-request-id': id }) },
      body: JSON.stringify({ query: VIEWER }),
    });
    answered.push(response.headers.get('x-openstack-request-id'));
  }
  expect(answered).toEqual(Array(3).fill(expect.stringMatching(OPENSTACK_ID)));
  expect(answered[1]).not.toBe(brought);
  expect(world.askedFor).toEqual([answered[0], brought, answered[2]]);
  for (const path of ['/healthz', '/nowhere'])
    expect((await fetch(world.page(path))).headers.get('x-openstack-request-id')).toMatch(OPENSTACK_ID);
});

test.each(['application/json', 'text/event-stream'])('a 401 names Keystone, to other pages as well: %s', async (accept) => {
  const world = await openWorld();
  const response = await fetch(world.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, origin: 'https://dashboard.example.org' },
    body: JSON.stringify({ query: 'subscription { clusterChanges { kind } }' }),
  });
  expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Keystone uri="https://keystone.example.org/v3"']);
  const exposed = response.headers.get('access-control-expose-headers')?.split(', ');
  expect(exposed).toEqual(['x-request-id', 'x-openstack-request-id', 'x-estimated-cost', 'www-authenticate', 'retry-after']);
  expect((await world.post('anna', VIEWER)).headers.get('www-authenticate')).toBeNull();
});

test.each([null, '', 'nobody', 'an na', 'x'.repeat(5_000)])('without a valid token nothing is answered: %s', async (token) => {
  const world = await openWorld();
  const { status, errors, data } = await world.post(token, VIEWER);
  expect([status, errors[0]?.extensions.code, data]).toEqual([401, 'UNAUTHENTICATED', null]);
});

test('asks Keystone once for many requests, and again after half a minute', async () => {
  const world = await openWorld();
  await Promise.all(Array.from({ length: 20 }, () => world.data('anna', VIEWER)));
  expect(world.asked).toEqual(['anna']);
  world.time.now += 29_000;
  await world.data('anna', VIEWER);
  expect(world.asked).toHaveLength(1);
  world.tokens.delete('anna');
  world.time.now += 2_000;
  expect((await world.post('anna', VIEWER)).status).toBe(401);
  expect((await world.post('anna', VIEWER)).status).toBe(401);
  expect(world.asked).toHaveLength(2);
});

test('a Keystone that does not answer is said to be unavailable, not the token wrong', async () => {
  const world = await openWorld();
  world.keystone.down = new Unavailable('CLOUD_UNAVAILABLE', 'Keystone does not answer.');
  const { status, errors } = await world.post('anna', VIEWER);
  expect([status, errors[0]?.extensions.code]).toEqual([503, 'CLOUD_UNAVAILABLE']);
  expect((await fetch(world.page('/readyz'))).status).toBe(503);
  expect((await fetch(world.page('/healthz'))).status).toBe(200);
});

test.each([
  ['application/x-www-form-urlencoded', `query=${encodeURIComponent(SIDE_EFFECT)}`, 415],
  [
    'multipart/form-data; boundary=x',
    `--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query":"${SIDE_EFFECT}"}\r\n--x--`,
    415,
  ],
  ['text/plain', JSON.stringify({ query: SIDE_EFFECT }), 415],
  ['application/graphql', SIDE_EFFECT, 415],
  ['application/json; charset=utf-16', JSON.stringify({ query: SIDE_EFFECT }), 415],
  ['', JSON.stringify({ query: SIDE_EFFECT }), 415],
  ['application/json', JSON.stringify([{ query: SIDE_EFFECT }]), 400],
  ['application/json', '"text"', 400],
  ['application/json', '{', 400],
  ['application/json', '{"query": 7}', 400],
])('a mutation as %s is refused and does nothing: %s', async (type, body, status) => {
  const world = await openWorld();
  const response = await fetch(world.url, {
    method: 'POST',
    headers: { 'x-auth-token': 'anna', 'content-type': type },
    body: Buffer.from(body),
  });
  expect(response.status).toBe(status);
  expect(await world.data('anna', '{ clusterTemplates { nodes { name } } }')).toEqual({ clusterTemplates: { nodes: [] } });
});

test('GET runs queries for who brings a token, and nothing else', async () => {
  const world = await openWorld();
  const get = (query: string, more: Record<string, string> = {}, headers: Record<string, string> = { 'x-auth-token': 'anna' }) =>
    fetch(`${world.url}?${new URLSearchParams({ query, ...more })}`, { headers });
  const answer = await get('query ($name: String) { viewer { userName } cluster(name: $name) { name } }', { variables: '{"name": "web"}' });
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
  expect(await answer.json()).toMatchObject({ data: { viewer: { userName: 'anna' }, cluster: null } });
  const two = `query A { viewer { userName } } ${SIDE_EFFECT.replace('mutation', 'mutation B')}`;
  for (const [query, more] of [[SIDE_EFFECT], ['subscription { clusters { what } }'], [two, { operationName: 'B' }]] as const)
    for (const accept of ['application/json', 'text/html', 'text/event-stream']) {
      const refused = await get(query, more, { 'x-auth-token': 'anna', accept });
      expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
    }
  expect((await get(VIEWER, {}, {})).status).toBe(405);
  expect((await get(VIEWER, {}, { 'x-auth-token': 'nobody' })).status).toBe(401);
  expect((await get(VIEWER, { variables: '{' })).status).toBe(400);
  expect((await get(VIEWER, { variables: '7' })).status).toBe(400);
  expect((await fetch(world.url, { headers: { 'x-auth-token': 'anna' } })).status).toBe(405);
  expect(
    (await fetch(`${world.url}?query=${encodeURIComponent(VIEWER)}`, { method: 'PUT', headers: { 'x-auth-token': 'anna' } })).status,
  ).toBe(405);
  expect(await world.data('anna', '{ clusterTemplates { nodes { name } } }')).toEqual({ clusterTemplates: { nodes: [] } });
});

test('a subscription without a stream to answer by is told to ask for one; what is wrong with its document is told first', async () => {
  const world = await openWorld();
  const ask = async (query: string, accept: string) => {
    const headers = { 'content-type': 'application/json', 'x-auth-token': 'anna', accept };
    const response = await fetch(world.url, { method: 'POST', headers, body: JSON.stringify({ query }) });
    const type = response.headers.get('content-type')?.split(';')[0];
    if (type === 'text/event-stream') void response.body?.cancel();
    const answer = type === 'text/event-stream' ? null : ((await response.json()) as { errors: { extensions: { code: string } }[] });
    return [response.status, type, answer?.errors[0]?.extensions.code];
  };
  const live = 'subscription { clusters { what } }';
  for (const accept of ['application/json', 'application/json, application/graphql-response+json', 'image/png'])
    expect(await ask(live, accept)).toEqual([406, expect.stringContaining('json'), 'NOT_ACCEPTABLE']);
  for (const accept of ['text/event-stream', '*/*', 'application/json, text/*;q=0.5'])
    expect(await ask(live, accept)).toEqual([200, 'text/event-stream', undefined]);
  expect(await ask('subscription { clouds { what } }', 'application/json')).toEqual([200, 'application/json', 'GRAPHQL_VALIDATION_FAILED']);
});

test('pages of other origins may not call; allowed ones may', async () => {
  const world = await openWorld();
  const call = (origin: string, method = 'POST') =>
    fetch(world.url, {
      method,
      headers: { origin, 'x-auth-token': 'anna', 'content-type': 'application/json' },
      ...(method === 'POST' && { body: JSON.stringify({ query: VIEWER }) }),
    });
  for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1', `${new URL(world.url).origin}.evil.example`]) {
    const refused = await call(origin);
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([403, null]);
    expect((await call(origin, 'OPTIONS')).status).toBe(403);
  }
  expect((await call(new URL(world.url).origin)).status).toBe(200);
  const preflight = await call('https://dashboard.example.org', 'OPTIONS');
  expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, 'https://dashboard.example.org']);
  expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
});

test('a body over the limit is refused, whether its length is told or not', async () => {
  const world = await openWorld();
  const large = JSON.stringify({ query: VIEWER, variables: { pad: 'x'.repeat(262_144) } });
  const told = await fetch(world.url, {
    method: 'POST',
    headers: { 'x-auth-token': 'anna', 'content-type': 'application/json' },
    body: large,
  });
  expect(told.status).toBe(413);
  const answer = await new Promise<string>((resolve) => {
    const { hostname, port } = new URL(world.url);
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
    socket.write(
      'POST /graphql HTTP/1.1\r\nHost: x\r\nX-Auth-Token: anna\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    for (let i = 0; i < 300; i += 1) socket.write(`400\r\n${' '.repeat(1024)}\r\n`);
  });
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
  expect(await world.data('anna', VIEWER)).toEqual({ viewer: { userName: 'anna' } });
});

const HUNG_UP = { fields: { requestId: 'gone' }, message: 'a caller hung up in the middle of a request' };

test.each([
  ['a part of its body', 10],
  ['all of its body', 1_000],
])('a request that breaks off after %s, while its token is looked at, comes to its end and does nothing', async (_what, bytes) => {
  const world = await openWorld();
  let release = (): void => {};
  const looked = new Promise<void>((resolve) => {
    release = resolve;
  });
  world.keystone.before = () => looked;
  const { hostname, port } = new URL(world.url);
  const socket = connect(Number(port), hostname);
  const body = JSON.stringify({ query: SIDE_EFFECT });
  const head = ['POST /graphql HTTP/1.1', 'Host: x', 'X-Auth-Token: anna', 'X-Request-Id: gone', 'Content-Type: application/json'];
  socket.write([...head, `Content-Length: ${body.length}`, '', body.slice(0, bytes)].join('\r\n'));
  await expect.poll(() => world.asked).toEqual(['anna']);
  socket.destroy();
  // Until the server knows that nobody is there.
  await expect.poll(() => world.metrics.metrics()).toMatch(/seedbed_http_requests_total\{route="\/graphql",status="\d+"\} 1/);
  release();
  await expect.poll(() => world.murmured).toEqual([HUNG_UP]);
  expect(world.logged).toEqual([]);
  expect(await world.data('ada', '{ auditLog { nodes { action } } }')).toEqual({ auditLog: { nodes: [] } });
});

test.each(['/graphql', '/graphql/read', '/v1/ops/any'])('who hangs up in the middle of a body to %s is no error of ours', async (path) => {
  const world = await openWorld({ operations: [{ name: 'any', text: VIEWER }] });
  const { hostname, port } = new URL(world.url);
  const socket = connect(Number(port), hostname);
  const head = [`POST ${path} HTTP/1.1`, 'Host: x', 'X-Auth-Token: anna', 'X-Request-Id: gone', 'Content-Type: application/json'];
  socket.write([...head, 'Content-Length: 100', '', '{"query":'].join('\r\n'));
  await expect.poll(() => world.asked).toEqual(['anna']);
  // The body is being read by now.
  await new Promise((resolve) => setTimeout(resolve, 50));
  socket.destroy();
  await expect.poll(() => world.murmured).toEqual([HUNG_UP]);
  expect(world.logged).toEqual([]);
});

test('an error that nobody foresaw is masked, and logged once under the request id', async () => {
  const world = await openWorld();
  const secret = 'the database password is hunter2';
  world.commands.retryOperation = async () => {
    throw new Error(secret);
  };
  const { errors, headers } = await world.post('anna', 'mutation { retryOperation(input: { operationId: "x" }) { __typename } }');
  expect(JSON.stringify(errors)).not.toContain('hunter2');
  expect(errors).toMatchObject([{ path: ['retryOperation'], extensions: { code: 'INTERNAL', requestId: headers.get('x-request-id') } }]);
  expect(world.logged).toHaveLength(1);
  expect(world.logged[0]?.fields).toMatchObject({ requestId: headers.get('x-request-id'), err: { message: secret } });
});

test('a variable that does not fit is not repeated: it may be a secret', async () => {
  const world = await openWorld();
  const query = 'mutation ($input: RegisterSeedInput!) { registerSeed(input: $input) { __typename } }';
  for (const input of [
    { name: 'a', kubeconfig: { secret: 'hunter2' } },
    { name: 'a', kubeconfig: ['hunter2'] },
    { kubeconfig: 'hunter2' },
    { name: 'a', kubeconfig: 'hunter2', kubeconfg: 'hunter2' },
    'hunter2; hunter2',
  ]) {
    const { errors, data } = await world.post('ada', query, { input });
    expect(data).toBeNull();
    expect(errors[0]?.message).toMatch(/^Variable "\$input" is not valid/);
    expect(JSON.stringify(errors)).not.toContain('hunter2');
  }
});

test.each([
  ['CreateCluster', { nodeCount: 'three' }, 'nodeCount', 'Int cannot represent non-integer value'],
  ['CreateCluster', { nodeCount: 3_000_000_000 }, 'nodeCount', 'Int cannot represent non 32-bit signed integer value'],
  ['CreateCluster', { name: 4711 }, 'name', 'String cannot represent a non string value'],
  ['CreateCluster', { overrides: { networkDriver: 'CALIC' } }, 'overrides.networkDriver', 'Expected type "NetworkDriver"'],
  ['CreateCluster', { overrides: { networkDriver: 4711 } }, 'overrides.networkDriver', 'Expected type "NetworkDriver"'],
  [
    'CreateCluster',
    { overrides: { autoHealingEnabled: 'yes' } },
    'overrides.autoHealingEnabled',
    'Boolean cannot represent a non boolean value',
  ],
  ['PauseCluster', { until: 'tomorrow' }, 'until', 'A DateTime is text such as 2026-11-24T00:00:00.000Z'],
])('an input of %s with %j is refused with the field and what it must be', async (name, input, at, told) => {
  const world = await openWorld();
  const whole = name === 'CreateCluster' ? { name: 'web', clusterTemplate: 'small', ...input } : { clusterId: 'c', ...input };
  const field = `${name.charAt(0).toLowerCase()}${name.slice(1)}`;
  const { errors } = await world.post('anna', `mutation ($input: ${name}Input!) { ${field}(input: $input) { __typename } }`, {
    input: whole,
  });
  expect(errors.map(({ message }) => message)).toEqual([`Variable "$input" is not valid at "input.${at}"; ${told}.`]);
});

test("tells operators how it is, without a tenant's name", async () => {
  const world = await openWorld();
  await world.data('anna', VIEWER);
  const metrics = await (await fetch(world.page('/metrics'))).text();
  expect(metrics).toContain('seedbed_http_requests_total{route="/graphql",status="200"} 1');
  expect(metrics).toContain('seedbed_graphql_operation_seconds_count{kind="query",outcome="ok"} 1');
  expect(metrics).not.toMatch(/anna|blue/);
  expect(await (await fetch(world.page('/schema.graphql'))).text()).toContain('type Cluster implements Node');
  expect((await fetch(world.page('/readyz'))).status).toBe(200);
  for (const path of ['/', '/__proto__', '/graphql/x']) expect((await fetch(world.page(path))).status).toBe(404);
  expect((await fetch(world.page('/metrics'), { method: 'POST' })).status).toBe(405);
});

test('the schema is fetched once: its tag is known again', async () => {
  const world = await openWorld();
  const first = await fetch(world.page('/schema.graphql'));
  const etag = first.headers.get('etag') ?? '';
  expect(etag).toMatch(/^"[\w-]{43}-gzip"$/);
  const again = (tag: string) => fetch(world.page('/schema.graphql'), { headers: { 'if-none-match': tag } });
  for (const tag of [etag, `"other", W/${etag}`, '*']) {
    const known = await again(tag);
    expect([known.status, await known.text(), known.headers.get('etag')]).toEqual([304, '', etag]);
  }
  expect((await again('"other"')).status).toBe(200);
});

test('each answer tells what its document may cost; what costs too much is told the figures, and the limits can be read', async () => {
  const world = await openWorld();
  const send = async (query: string, operationName?: string) => {
    const answer = await fetch(world.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': 'anna' },
      body: JSON.stringify({ query, operationName }),
    });
    return (await answer.json()) as {
      data?: object;
      errors?: { extensions: object }[];
      extensions?: { cost: { estimated: number; limit: number } };
    };
  };
  expect((await send(VIEWER)).extensions).toEqual({ cost: { estimated: 2, limit: 100_000 } });
  const page = '{ clusters(first: 10) { nodes { name } } }';
  expect((await send(page)).extensions?.cost.estimated).toBe(21);
  // Asked again, it comes from what is kept of the first time.
  expect((await send(page)).extensions?.cost.estimated).toBe(21);
  expect((await send(`query small ${VIEWER} query large ${page}`, 'large')).extensions?.cost.estimated).toBe(21);
  const { errors } = await send(
    '{ clusters(first: 100) { nodes { nodes(first: 100) { nodes { cluster { events(first: 100) { nodes { number } } } } } } } }',
  );
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'COST_LIMIT', cost: { limit: 100_000 } });
  expect((await send(SIDE_EFFECT)).extensions?.cost.estimated).toBeGreaterThan(10_000);
  const { serverInfo } = await world.data<{ serverInfo: { version: string; limits: object } }>(
    'rita',
    '{ serverInfo { version limits { bodyBytes tokens depth aliases repeats cost pageSize defaultPageSize liveConnections operationsPerConnection idempotencyKeyHours } } }',
  );
  expect(serverInfo.version).toMatch(/^\d+\.\d+\.\d+$/);
  expect(serverInfo.limits).toMatchObject({ bodyBytes: 262_144, depth: 12, cost: 100_000, pageSize: 100, liveConnections: 50 });
});

test('GraphiQL is a page where it is wanted, and nothing where it is not', async () => {
  const html = { headers: { accept: 'text/html' } };
  const wanted = await fetch((await openWorld()).url, html);
  expect([wanted.status, wanted.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
  const production = await openWorld({ introspection: false, graphiql: false });
  expect((await fetch(production.url, html)).status).toBe(405);
  expect((await fetch(production.page('/schema.graphql'))).status).toBe(404);
});

test('stops: idle connections end, and the port is free', async () => {
  const world = await openWorld();
  await world.data('anna', VIEWER);
  const began = performance.now();
  await world.api.close(5_000);
  expect(performance.now() - began).toBeLessThan(2_000);
  await expect(fetch(world.url)).rejects.toThrow();
});
