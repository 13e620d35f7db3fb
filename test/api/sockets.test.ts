import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Unavailable } from '../../src/domain/errors.ts';
import { happen, overSse, PROGRESS } from './live.ts';
import { makeCluster, openWorld, type World } from './world.ts';

interface Line {
  messages: { id?: string; type: string; payload?: unknown }[];
  send(message: object | string): void;
  closed: Promise<number>;
  until(type: string, count?: number): Promise<void>;
  socket: WebSocket;
}

const dial = async (world: World, options: { origin?: string; protocol?: string; path?: string } = {}): Promise<Line> => {
  const socket = new WebSocket(world.url.replace('http', 'ws') + (options.path ?? ''), options.protocol ?? 'graphql-transport-ws', {
    ...(options.origin !== undefined && { origin: options.origin }),
  });
  const messages: Line['messages'] = [];
  socket.on('message', (data) => messages.push(JSON.parse(String(data))));
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  await new Promise<void>((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('error', reject);
  });
  return {
    messages,
    closed,
    socket,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    until: async (type, count = 1) => {
      while (messages.filter((m) => m.type === type).length < count) await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
};

/** The stack ends before they do. */
const DEEP = `${'['.repeat(60_000)}${']'.repeat(60_000)}`;

const GRAPHQL_TYPE = 'application/graphql-response+json';

const init = (token: unknown) => ({ type: 'connection_init', payload: { 'X-Auth-Token': token } });
const ask = (id: string, query: string, variables = {}) => ({ id, type: 'subscribe', payload: { query, variables } });

test('queries and mutations run over the socket, too, with the same limits and errors', async () => {
  const world = await openWorld();
  const line = await dial(world);
  line.send(init('anna'));
  await line.until('connection_ack');
  line.send(ask('1', '{ viewer { userName } }'));
  line.send(ask('2', 'mutation { createClusterTemplate(input: { name: "t", image: "debian", flavor: "small" }) { __typename } }'));
  await line.until('complete', 2);
  line.send(ask('3', '{ viewer { userNam } }'));
  line.send(ask('4', '{ viewer {'));
  line.send(ask('5', `{ ${'viewer { userName } '.repeat(600)} }`));
  await line.until('error', 3);
  const of = (id: string) => line.messages.filter((m) => m.id === id && m.type !== 'complete').map((m) => m.payload);
  const cost = (estimated: number) => ({ extensions: { cost: { estimated, limit: 100_000 } } });
  expect(of('1')).toEqual([{ data: { viewer: { userName: 'anna' } }, ...cost(2) }]);
  expect(of('2')).toEqual([{ data: { createClusterTemplate: { __typename: 'CreateClusterTemplatePayload' } }, ...cost(10_001) }]);
  expect(of('3')).toMatchObject([[{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED', requestId: expect.any(String) } }]]);
  expect(of('4')).toMatchObject([[{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }]]);
  expect(of('5')).toMatchObject([[{ message: expect.stringContaining('2000 tokens') }]]);
  line.socket.close();
});

test.each([['nobody'], [''], [undefined], [7], [{ evil: true }]])(
  'a socket without a valid token is closed with 4403: %j',
  async (token) => {
    const line = await dial(await openWorld());
    line.send(init(token));
    expect(await line.closed).toBe(4403);
  },
);

test('a socket that says nothing is closed with 4408, one that asks before it says who with 4401', async () => {
  const world = await openWorld();
  const [silent, hasty] = [await dial(world), await dial(world)];
  hasty.send(ask('1', '{ viewer { userName } }'));
  expect(await hasty.closed).toBe(4401);
  expect(await silent.closed).toBe(4408);
});

test('as many as dial while the server is at work are kept until it is there again', async () => {
  const world = await openWorld();
  const many = Math.min(1_000, Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8')));
  const dialling = `
    const { connect } = require('node:net');
    let connected = 0;
    for (let i = 0; i < ${many}; i += 1) connect(${new URL(world.url).port}, '127.0.0.1', () => { connected += 1; }).on('error', () => {});
    setTimeout(() => { console.log(connected); process.exit(); }, 800);`;
  // Nothing is accepted meanwhile, and who found no place would try again after a second.
  expect(Number(execFileSync(process.execPath, ['-e', dialling], { encoding: 'utf8' }))).toBe(many);
});

test('a socket has its time for a hello from when it can say one, however long its handshake waited', async () => {
  const world = await openWorld();
  const port = Number(new URL(world.url).port);
  const wires = Array.from({ length: 40 }, () => connect(port, '127.0.0.1'));
  await Promise.all(wires.map((wire) => new Promise((resolve) => wire.once('connect', resolve))));
  expect((await world.post('anna', '{ viewer { userName } }')).status).toBe(200);
  const upgrade = ['GET /graphql HTTP/1.1', 'Host: api', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  const key = ['Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Protocol: graphql-transport-ws', '', ''];
  for (const wire of wires) wire.write([...upgrade, ...key].join('\r\n'));
  // All of them come in one piece, one is looked at in a turn, and each turn has other work.
  let isBusy = true;
  const work = () => {
    const until = performance.now() + 30;
    while (performance.now() < until);
    if (isBusy) setImmediate(work);
  };
  const began = performance.now();
  work();
  await Promise.all(wires.map((wire) => new Promise((resolve) => wire.once('data', resolve))));
  isBusy = false;
  const opened = performance.now();
  expect(opened - began).toBeGreaterThan(1_000);
  const closing = await new Promise<Buffer>((resolve) => wires.at(-1)?.once('data', resolve));
  expect([closing[0], closing.readUInt16BE(2)]).toEqual([0x88, 4408]);
  expect(performance.now() - opened).toBeGreaterThan(2_500);
  for (const wire of wires) wire.destroy();
});

test('of those who go away while their hellos wait Keystone is not asked', async () => {
  const world = await openWorld();
  const lines: Line[] = [];
  while (lines.length < 20) lines.push(await dial(world));
  let isBusy = true;
  const work = () => {
    const until = performance.now() + 20;
    while (performance.now() < until);
    if (isBusy) setImmediate(work);
  };
  lines.forEach((line, i) => {
    line.send(init(`nobody${i}`));
    line.socket.terminate();
  });
  work();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  isBusy = false;
  expect(world.askedFor.length).toBeLessThan(10);
});

test('a socket that speaks another protocol, or names none, is closed with 4406', async () => {
  const world = await openWorld();
  const socket = new WebSocket(world.url.replace('http', 'ws'));
  expect(await new Promise((resolve) => socket.on('close', (code, reason) => resolve([code, String(reason)])))).toEqual([
    4406,
    'Subprotocol not acceptable',
  ]);
  // The protocol of old, which has the name of the library of the new one. A client does not know what to make of an answer without a protocol.
  const upgrade = ['GET /graphql HTTP/1.1', 'Host: api', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  const key = ['Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Protocol: graphql-ws', '', ''];
  const line = connect(Number(new URL(world.url).port), '127.0.0.1');
  let said = Buffer.alloc(0);
  line.on('data', (chunk) => {
    said = Buffer.concat([said, chunk]);
  });
  line.write([...upgrade, ...key].join('\r\n'));
  // A frame of closing, of as many bytes, and the code.
  const closing = Buffer.concat([Buffer.from([0x88, 28, 4406 >> 8, 4406 & 0xff]), Buffer.from('Subprotocol not acceptable')]);
  await expect.poll(() => said.includes(closing)).toBe(true);
  expect(String(said)).toMatch(/^HTTP\/1.1 101 /);
  expect(String(said)).not.toMatch(/sec-websocket-protocol/i);
  line.destroy();
});

test('while Keystone does not answer a socket is asked to come back', async () => {
  const world = await openWorld();
  world.keystone.down = new Unavailable('CLOUD_UNAVAILABLE', 'Keystone does not answer.');
  const line = await dial(world);
  line.send(init('anna'));
  expect(await line.closed).toBe(1013);
});

test('a socket has the request id that its handshake brought, and asks Keystone by it', async () => {
  const world = await openWorld();
  const brought = 'req-0f0e0d0c-1111-4222-8333-444455556666';
  const socket = new WebSocket(world.url.replace('http', 'ws'), 'graphql-transport-ws', { headers: { 'x-openstack-request-id': brought } });
  const answered = new Promise((resolve) => socket.once('upgrade', ({ headers }) => resolve(headers['x-openstack-request-id'])));
  await new Promise((resolve) => socket.once('open', resolve));
  expect(await answered).toMatch(/^req-[0-9a-f-]{36}$/);
  expect(await answered).not.toBe(brought);
  const acknowledged = new Promise((resolve) => socket.once('message', resolve));
  socket.send(JSON.stringify(init('anna')));
  await acknowledged;
  expect(world.askedFor).toEqual([brought]);
  socket.close();
});

test('pages of other origins get no socket; the protocol and the path are looked at', async () => {
  const world = await openWorld();
  for (const origin of ['https://evil.example', 'null']) await expect(dial(world, { origin })).rejects.toThrow('403');
  await expect(dial(world, { path: '/other' })).rejects.toThrow('404');
  const allowed = await dial(world, { origin: 'https://dashboard.example.org' });
  allowed.send(init('anna'));
  await allowed.until('connection_ack');
  allowed.socket.close();
  await expect(dial(world, { protocol: 'graphql-ws' })).rejects.toThrow();
});

test('what a subscription says is kept while it lives, so it may not be long, nor its id', async () => {
  const world = await openWorld();
  const line = await dial(world);
  line.send(init('anna'));
  await line.until('connection_ack');
  const long = (id: string) => ask(id, `subscription { clusters { missed } } # ${'x'.repeat(40_000)}`);
  line.send(long('1'));
  line.send(long('2'));
  await line.until('error');
  line.send({ id: '1', type: 'complete' });
  line.send(long('3'));
  line.send(ask('4', '{ viewer { userName } }'));
  await line.until('complete');
  const errors = line.messages.filter(({ type }) => type === 'error');
  expect(errors).toMatchObject([{ id: '2', payload: [{ extensions: { code: 'TOO_MANY_OPERATIONS' } }] }]);
  line.send(ask('i'.repeat(129), '{ viewer { userName } }'));
  expect(await line.closed).toBe(4400);
});

test('a flood of operations closes the socket, and others go on', async () => {
  const world = await openWorld({ maxOperationsPerSocket: 10 });
  const { id } = await makeCluster(world, 'anna');
  const [flood, calm] = [await dial(world), await dial(world)];
  for (const line of [flood, calm]) {
    line.send(init('anna'));
    await line.until('connection_ack');
  }
  for (let i = 0; i < 10; i += 1) calm.send(ask(`${i}`, PROGRESS, { id }));
  await calm.until('next', 10);
  for (let i = 0; i < 2_000; i += 1) flood.send(ask(`${i}`, PROGRESS, { id }));
  expect(await flood.closed).toBe(4429);
  calm.send({ id: '0', type: 'complete' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  calm.send(ask('again', '{ viewer { userName } }'));
  await calm.until('complete');
  expect(calm.socket.readyState).toBe(WebSocket.OPEN);
  calm.socket.close();
  await calm.closed;
  await expect.poll(async () => /seedbed_live_streams (\d+)/.exec(await world.metrics.metrics())?.[1]).toBe('0');
});

test.each(['*/*', 'text/*', 'TEXT/Event-Stream', 'application/json, */*;q=0.1'])(
  'a stream takes a seat, by whatever name it is asked for: %s',
  async (accept) => {
    const world = await openWorld({ maxSocketsPerActor: 1 });
    const { id } = await makeCluster(world, 'anna');
    const ask = (query: string) =>
      fetch(world.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept, 'x-auth-token': 'anna' },
        body: JSON.stringify({ query, variables: { id } }),
      });
    const stream = overSse(world, 'anna', PROGRESS, { id });
    await stream.until(1);
    const answer = await ask(PROGRESS);
    await answer.body?.cancel();
    expect(answer.status).toBe(429);
    const query = await ask('{ viewer { userName } }');
    await query.body?.cancel();
    expect(query.status).not.toBe(429);
    stream.stop();
  },
);

test.each([
  ['a subscription by POST', 'POST', 'subscription { clusters { what } }', { accept: 'text/event-stream' }],
  ['one for who takes all types', 'POST', 'subscription { clusters { what } }', { accept: '*/*' }],
  [
    'one for who takes the type of GraphQL, too',
    'POST',
    'subscription { clusters { what } }',
    { accept: `text/event-stream, ${GRAPHQL_TYPE}` },
  ],
  ['a query by POST', 'POST', '{ viewer { userName } }', { accept: 'text/event-stream' }],
  ['a query by GET', 'GET', '{ viewer { userName } }', { accept: 'text/event-stream' }],
])('a stream too many is 429 with Retry-After and an answer of GraphQL: %s', async (_name, method, query, headers) => {
  const world = await openWorld({ maxSocketsPerActor: 1 });
  const seated = await dial(world);
  seated.send(init('anna'));
  await seated.until('connection_ack');
  const isGet = method === 'GET';
  const send = () =>
    fetch(isGet ? `${world.url}?query=${encodeURIComponent(query)}` : world.url, {
      method,
      headers: { 'x-auth-token': 'anna', 'x-request-id': 'trace-9', 'content-type': 'application/json', ...headers },
      ...(!isGet && { body: JSON.stringify({ query }) }),
    });
  const refused = await send();
  expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('content-type')]).toEqual([
    429,
    '5',
    `${headers.accept.includes(GRAPHQL_TYPE) ? GRAPHQL_TYPE : 'application/json'}; charset=utf-8`,
  ]);
  expect(await refused.json()).toEqual({
    errors: [
      {
        message: 'Too many live connections of this user in this project; try again in 5 s.',
        extensions: {
          code: 'TOO_MANY_CONNECTIONS',
          retryable: true,
          retryAfterSeconds: 5,
          whoMustAct: 'CUSTOMER',
          field: null,
          remedy: expect.stringContaining('WebSocket'),
          openstack: null,
          requestId: 'trace-9',
        },
      },
    ],
    extensions: { cost: { estimated: 2, limit: 100_000 } },
  });
  seated.socket.close();
  await expect
    .poll(async () => {
      const { status, body } = await send();
      await body?.cancel();
      return status;
    })
    .toBe(200);
});

test('live connections of one user in a project are limited, whatever way they come, and seats are given back', async () => {
  const world = await openWorld({ maxSocketsPerActor: 2 });
  const { id } = await makeCluster(world, 'anna');
  const first = await dial(world);
  first.send(init('anna'));
  await first.until('connection_ack');
  const second = overSse(world, 'anna', PROGRESS, { id });
  await second.until(1);
  const third = await dial(world);
  third.send(init('anna'));
  expect(await third.closed).toBe(4429);
  expect(await overSse(world, 'anna', PROGRESS, { id }).ended).toBe('status 429');
  const other = await dial(world);
  other.send(init('rita'));
  await other.until('connection_ack');
  other.socket.close();
  first.socket.close();
  second.stop();
  await Promise.all([first.closed, second.ended]);
  await expect
    .poll(async () => {
      const again = overSse(world, 'anna', PROGRESS, { id });
      const seated = await Promise.race([again.until(1).then(() => true), again.ended.then(() => false)]);
      again.stop();
      return seated;
    })
    .toBe(true);
});

test.each([
  ['a message over the limit', 'x'.repeat(300_000), 1009],
  ['no JSON', '{', 4400],
  ['a second hello without a token', JSON.stringify({ type: 'connection_init' }), 4403],
  ['lists in lists', DEEP, 4400],
  ['a ping with lists in lists', `{ "type": "ping", "payload": { "a": ${DEEP} } }`, 4400],
  [
    'a subscription with lists in lists',
    `{ "type": "subscribe", "id": "1", "payload": { "query": "subscription { clusters { missed } }", "variables": { "a": ${DEEP} } } }`,
    4400,
  ],
])('%s closes the socket, and is no error of ours', async (_name, message, code) => {
  const world = await openWorld();
  const line = await dial(world);
  line.send(init('anna'));
  await line.until('connection_ack');
  line.send(message);
  expect(await line.closed).toBe(code);
  expect(world.logged).toEqual([]);
});

test('a handshake behind a request that is not answered yet is not answered before it, nor in the middle of it', async () => {
  const world = await openWorld();
  world.keystone.hangs = true;
  const { hostname, port, host } = new URL(world.url);
  const body = JSON.stringify({ query: '{ viewer { userName } }' });
  const query = ['POST /graphql HTTP/1.1', `Host: ${host}`, 'X-Auth-Token: anna', 'Content-Type: application/json'];
  const hello = ['GET /graphql HTTP/1.1', `Host: ${host}`, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  const shake = [...hello, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol: graphql-transport-ws', '', ''].join(
    '\r\n',
  );
  const heard = new Promise<string>((resolve) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.includes('101 Switching')) socket.destroy();
    });
    socket.on('close', () => resolve(text));
    socket.write(`${[...query, `Content-Length: ${body.length}`, '', body].join('\r\n')}${shake}`);
  });
  expect(await heard).toBe('');
});

test('an id that is taken closes the socket with 4409, a kind of message that there is none of with 4400', async () => {
  const world = await openWorld();
  const { id } = await makeCluster(world, 'anna');
  const [twice, odd] = [await dial(world), await dial(world)];
  for (const line of [twice, odd]) {
    line.send(init('anna'));
    await line.until('connection_ack');
  }
  twice.send(ask('1', PROGRESS, { id }));
  await twice.until('next');
  twice.send(ask('1', PROGRESS, { id }));
  expect(await twice.closed).toBe(4409);
  odd.send({ type: 'ping', payload: { at: 7 } });
  await odd.until('pong');
  expect(odd.messages.at(-1)).toEqual({ type: 'pong', payload: { at: 7 } });
  // Who ends what has ended by itself did nothing wrong.
  odd.send({ id: 'unheard-of', type: 'complete' });
  odd.send(ask('1', '{ viewer { userName } }'));
  await odd.until('complete');
  odd.send(ask('1', '{ viewer { userName } }'));
  await odd.until('complete', 2);
  odd.send({ id: '2', type: 'start', payload: { query: '{ viewer { userName } }' } });
  expect(await odd.closed).toBe(4400);
});

test('a second hello before the first is answered closes the socket with 4429', async () => {
  const world = await openWorld();
  const line = await dial(world);
  world.keystone.hangs = true;
  line.send(init('anna'));
  line.send(init('anna'));
  expect(await line.closed).toBe(4429);
});

test('a fresh token of the same user and project renews a socket, and what runs on it goes on where it was', async () => {
  const world = await openWorld();
  const { id, uuid } = await makeCluster(world, 'anna');
  const rita = world.tokens.get('rita');
  if (rita === undefined) throw new Error('No Rita.');
  world.tokens.set('first', { ...rita, expiresAt: world.time.now + 1_000 });
  world.tokens.set('second', { ...rita, expiresAt: world.time.now + 3_600_000 });
  const line = await dial(world);
  line.send(init('first'));
  await line.until('connection_ack');
  line.send(ask('1', PROGRESS, { id }));
  await line.until('next');
  line.send(init('second'));
  await line.until('connection_ack', 2);
  expect(line.messages.filter((m) => m.type === 'connection_ack').map((m) => m.payload)).toEqual(
    [1_000, 3_600_000].map((ms) => ({ tokenExpiresAt: new Date(world.time.now + ms).toISOString() })),
  );
  world.tokens.delete('first');
  world.time.now += 10_000;
  await happen(world, uuid, ['after the renewal']);
  await line.until('next', 2);
  line.send(ask('2', '{ viewer { tokenExpiresAt } }'));
  await line.until('next', 3);
  expect(line.messages.filter((m) => m.type === 'next').map((m) => m.payload)).toMatchObject([
    { data: { clusterProgress: { number: 1 } } },
    { data: { clusterProgress: { number: 2, message: 'after the renewal' } } },
    { data: { viewer: { tokenExpiresAt: new Date(world.time.now - 10_000 + 3_600_000).toISOString() } } },
  ]);
  world.tokens.delete('second');
  world.time.now += 10_000;
  await happen(world, uuid, ['secret of the future']);
  expect(await line.closed).toBe(4403);
  expect(JSON.stringify(line.messages)).not.toContain('secret of the future');
});

test.each([
  ['that is not valid', 'nobody'],
  ['of another user', 'anna'],
  ['of another project', 'elsewhere'],
])('a new token %s closes the socket with 4403', async (_name, token) => {
  const world = await openWorld();
  const rita = world.tokens.get('rita');
  if (rita === undefined) throw new Error('No Rita.');
  world.tokens.set('elsewhere', { ...rita, projectId: 'red' });
  const line = await dial(world);
  line.send(init('rita'));
  await line.until('connection_ack');
  line.send(init(token));
  expect(await line.closed).toBe(4403);
  expect(line.messages.filter((m) => m.type === 'connection_ack')).toHaveLength(1);
});

test('while Keystone does not answer a renewal is not acknowledged, and the socket goes on with what it had', async () => {
  const world = await openWorld();
  const { id, uuid } = await makeCluster(world, 'anna');
  const anna = world.tokens.get('anna');
  if (anna === undefined) throw new Error('No Anna.');
  world.tokens.set('second', anna);
  const line = await dial(world);
  line.send(init('anna'));
  await line.until('connection_ack');
  line.send(ask('1', PROGRESS, { id }));
  await line.until('next');
  world.keystone.down = new Unavailable('CLOUD_UNAVAILABLE', 'Keystone does not answer.');
  line.send(init('second'));
  await expect.poll(() => world.logged.map(({ message }) => message)).toContain('the new token of a socket could not be checked');
  await happen(world, uuid, ['still here']);
  await line.until('next', 2);
  expect(line.messages.filter((m) => m.type === 'connection_ack')).toHaveLength(1);
  world.keystone.down = null;
  line.send(init('second'));
  await line.until('connection_ack', 2);
  line.socket.close();
});

test('a flood of hellos closes the socket, and asks Keystone little', async () => {
  const world = await openWorld();
  const line = await dial(world);
  line.send(init('anna'));
  await line.until('connection_ack');
  world.asked.length = 0;
  for (let i = 0; i < 1_000; i += 1) line.send(init(i % 2 === 0 ? 'anna' : `fake-${i}`));
  // Whether the first false one has been looked at before there are too many is a matter of time.
  expect([4403, 4429]).toContain(await line.closed);
  const calm = await dial(world);
  calm.send(init('anna'));
  await calm.until('connection_ack');
  for (let i = 0; i < 10; i += 1) {
    calm.send(init('anna'));
    await calm.until('connection_ack', 2 + i);
  }
  calm.send(init('anna'));
  expect(await calm.closed).toBe(4429);
  expect(world.asked.length).toBeLessThan(15);
});

test('an id that is used again at once is one operation after the other, and none of them outlives its socket', async () => {
  const world = await openWorld({ maxSocketsPerActor: 1 });
  const { id, uuid } = await makeCluster(world, 'anna');
  const live = async () => /seedbed_live_streams (-?\d+)/.exec(await world.metrics.metrics())?.[1];
  const line = await dial(world);
  line.send(init('anna'));
  await line.until('connection_ack');
  const stop = { id: '1', type: 'complete' };
  for (let i = 0; i < 30; i += 1) {
    line.send(ask('1', PROGRESS, { id }));
    line.send(stop);
  }
  line.send(ask('1', PROGRESS, { id }));
  await line.until('next');
  await expect.poll(live).toBe('1');
  // The last one is heard, and ended, by its id.
  await happen(world, uuid, ['after the burst']);
  await expect.poll(() => JSON.stringify(line.messages.at(-1))).toContain('after the burst');
  line.send(stop);
  await expect.poll(live).toBe('0');
  line.send(ask('1', '{ viewer { userName } }'));
  await line.until('complete');
  expect(line.messages.at(-2)).toMatchObject({ id: '1', type: 'next', payload: { data: { viewer: { userName: 'anna' } } } });
  for (const message of [ask('1', PROGRESS, { id }), stop, ask('1', PROGRESS, { id })]) line.send(message);
  await expect.poll(live).toBe('1');
  line.socket.close();
  await line.closed;
  await expect.poll(live).toBe('0');
  // Its seat is free, once.
  const [next, another] = [await dial(world), await dial(world)];
  next.send(init('anna'));
  await next.until('connection_ack');
  another.send(init('anna'));
  expect(await another.closed).toBe(4429);
  next.socket.close();
});

test('whoever reads nothing, not even what refuses his handshake, does not keep the server from stopping', async () => {
  const world = await openWorld();
  const { hostname, port } = new URL(world.url);
  const unread = connect({ host: hostname, port: Number(port) });
  unread.on('error', () => {});
  await new Promise((resolve) => unread.once('connect', resolve));
  unread.pause();
  // More than the buffers of both ends take.
  unread.write(`GET /schema.graphql HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`.repeat(100));
  await new Promise((resolve) => setTimeout(resolve, 500));
  unread.write(
    `GET /nothing HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  const stopped = world.restart().then(() => 'stopped');
  expect(await Promise.race([stopped, new Promise((resolve) => setTimeout(() => resolve('kept'), 10_000))])).toBe('stopped');
  unread.destroy();
});
