/** Bodies and headers that are large, slow, packed or of a wrong kind, sent to a real server in production settings. */
import { connect } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openStory, type Story } from '../reconcilers/story.ts';
import { type Apart, serveApart } from './apart.ts';
import { faultOf, MAX_STALL_MS, send } from './assault.ts';

const MIB = 2 ** 20;
const VIEWER = JSON.stringify({ query: '{ viewer { userName } }' });
/** It would be seen if it ran. */
const WRITE = 'mutation { createClusterTemplate(input: { name: "forged", image: "debian-12-node", flavor: "m1.small" }) { __typename } }';

let story: Story;
let server: Apart;
beforeAll(async () => {
  story = await openStory({
    serve: serveApart('bodies', {
      started: (apart) => {
        server = apart;
      },
    }),
  });
  await send(server, story.member, VIEWER);
});
afterEach(async () => {
  // Whatever came before, others are answered, and nothing was done.
  expect(JSON.parse((await send(server, story.member, VIEWER)).text)).toMatchObject({ data: { viewer: { userName: 'sandbox-member' } } });
  expect(story.rows("select name from templates where name = 'forged'")).toEqual([]);
});
afterAll(() => story.close());

const post = (body: Buffer | string, headers: Record<string, string> = {}) =>
  fetch(server.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': story.member, ...headers },
    body: Buffer.from(body),
  });

/** Says `parts` on a connection of its own, and gives all that was answered until it was closed. */
const talk = (parts: Iterable<string | Buffer>, options: { everyMs?: number; seconds?: number } = {}) =>
  new Promise<{ text: string; ms: number; bytes: number }>((resolve, reject) => {
    const { hostname, port } = new URL(server.url);
    const began = performance.now();
    const socket = connect(Number(port), hostname);
    let text = '';
    const late = setTimeout(
      () => {
        socket.destroy();
        reject(new Error(`The connection was left open: ${text}`));
      },
      (options.seconds ?? 20) * 1000,
    );
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(late);
      resolve({ text, ms: performance.now() - began, bytes: socket.bytesWritten });
    });
    const rest = parts[Symbol.iterator]();
    const next = (): void => {
      const part = rest.next();
      if (part.done || socket.destroyed) return;
      if (options.everyMs !== undefined) {
        socket.write(part.value);
        setTimeout(next, options.everyMs);
      } else if (socket.write(part.value)) setImmediate(next);
      else socket.once('drain', next);
    };
    next();
  });

const head = (...lines: string[]): string =>
  ['POST /graphql HTTP/1.1', 'Host: x', `X-Auth-Token: ${story.member}`, 'Content-Type: application/json', ...lines, '', ''].join('\r\n');

/** A busy machine holds a process up for fifty milliseconds now and then, the same thing three times running only what is wrong does. */
const AGAIN = { retry: 2 };

test('20 MB are refused after what a body may have, told or not, and are not kept', AGAIN, async () => {
  await server.report();
  const before = (await server.report()).rssMiB;
  const chunk = Buffer.alloc(64 * 1024, ' ');
  const told = await talk([head(`Content-Length: ${20 * MIB}`), ...Array.from({ length: 320 }, () => chunk)]);
  expect(told.text).toMatch(/^HTTP\/1\.1 413 [\s\S]*"code":"BODY_TOO_LARGE"/);
  const untold = await talk([head('Transfer-Encoding: chunked'), ...Array.from({ length: 320 }, () => `10000\r\n${chunk}\r\n`)]);
  expect(untold.text).toMatch(/^HTTP\/1\.1 413 [\s\S]*"code":"BODY_TOO_LARGE"/);
  expect(Math.max(told.bytes, untold.bytes)).toBeLessThan(16 * MIB);
  const { stallMs, rssMiB } = await server.report();
  expect(stallMs).toBeLessThan(MAX_STALL_MS);
  expect(rssMiB - before).toBeLessThan(32);
});

test('20 MB of who may not call are not read', async () => {
  const chunk = Buffer.alloc(64 * 1024, ' ');
  const body = [
    'POST /graphql HTTP/1.1',
    'Host: x',
    'X-Auth-Token: nobody',
    'Content-Type: application/json',
    `Content-Length: ${20 * MIB}`,
    '',
    '',
  ];
  const { text, bytes } = await talk([body.join('\r\n'), ...Array.from({ length: 320 }, () => chunk)]);
  expect(text).toMatch(/^HTTP\/1\.1 401 [\s\S]*"code":"UNAUTHENTICATED"/);
  expect(bytes).toBeLessThan(16 * MIB);
});

test('a client that reads only once it has said all is answered too, where that is not much more than a body may have', async () => {
  for (const chunked of [false, true]) {
    const answer = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': story.member },
      body: chunked ? new Blob([Buffer.alloc(2 * MIB, ' ')]).stream() : Buffer.alloc(2 * MIB, ' '),
      ...(chunked && { duplex: 'half' as const }),
    } as RequestInit);
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ errors: [{ message: 'The body may have at most 262144 bytes.' }] });
  }
});

test.each<[string, (bomb: Buffer) => Buffer, string]>([
  ['gzip', gzipSync, 'gzip'],
  ['deflate', deflateSync, 'deflate'],
  ['br', brotliCompressSync, 'br'],
  ['gzip in gzip', (bomb) => gzipSync(gzipSync(bomb)), 'gzip, gzip'],
  ['an encoding that is not there', (bomb) => gzipSync(bomb), 'zstd'],
  ['identity', () => Buffer.from(JSON.stringify({ query: WRITE })), 'identity'],
])('a body in %s is not unpacked', async (_name, pack, encoding) => {
  // 16 MB of blanks before the request: 16 KB on the wire.
  const bomb = pack(Buffer.concat([Buffer.alloc(16 * MIB, ' '), Buffer.from(JSON.stringify({ query: WRITE }))]));
  const answer = await post(bomb, { 'content-encoding': encoding });
  expect(answer.status).toBe(415);
  await answer.body?.cancel();
});

test('one who sends headers a line at a time, without end, is cut off; so is one who stops within them', async () => {
  function* lines() {
    yield 'POST /graphql HTTP/1.1\r\nHost: x\r\n';
    for (let i = 0; ; i += 1) yield `X-${i}: a\r\n`;
  }
  const [slow, silent] = await Promise.all([
    talk(lines(), { everyMs: 500, seconds: 30 }),
    talk(['GET /healthz HTTP/1.1\r\n'], { seconds: 30 }),
  ]);
  for (const { ms } of [slow, silent]) expect(ms).toBeLessThan(15_000);
  for (const { text } of [slow, silent]) expect(text).not.toContain(' 200 ');
});

test('a thousand requests in one piece on one connection are answered one after the other, and others between them', AGAIN, async () => {
  const { hostname, port } = new URL(server.url);
  const one = `${head(`Content-Length: ${VIEWER.length}`)}${VIEWER}`;
  await server.report();
  const answered = new Promise<number>((resolve) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    let count = 0;
    socket.on('data', (chunk) => {
      const parts = `${text}${chunk}`.split('HTTP/1.1 200 OK');
      count += parts.length - 1;
      text = parts.at(-1) ?? '';
      if (count < 1_000) return;
      socket.destroy();
      resolve(count);
    });
    socket.write(one.repeat(1_000));
  });
  expect(await answered).toBe(1_000);
  expect((await server.report()).stallMs).toBeLessThan(MAX_STALL_MS);
});

test.each<[string, () => string]>([
  ['by a stranger', () => ''],
  [
    'behind a stream without end',
    () => {
      const body = JSON.stringify({ query: 'subscription { clusters { clusterId } }' });
      return `${head('Accept: text/event-stream', `Content-Length: ${body.length}`)}${body}`;
    },
  ],
])('20 MB of small requests on one connection, %s, are read as they are answered', AGAIN, async (_name, first) => {
  const { hostname, port } = new URL(server.url);
  await server.report();
  const before = (await server.report()).rssMiB;
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.resume();
  socket.write(first());
  const chunk = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2_000);
  const push = () => {
    while (socket.bytesWritten < 20 * MIB && socket.write(chunk));
    socket.once('drain', push);
  };
  push();
  for (let i = 0; i < 20; i += 1) {
    expect((await send(server, story.member, VIEWER)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { rssMiB } = await server.report();
  // All of them would take a gigabyte and a half.
  expect(rssMiB - before).toBeLessThan(100);
  expect(socket.bytesWritten - socket.writableLength).toBeLessThan(10 * MIB);
  socket.destroy();
});

test('300 slow ones keep nobody waiting', AGAIN, async () => {
  const { hostname, port } = new URL(server.url);
  const slow = Array.from({ length: 300 }, () => {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    socket.write(head('Content-Length: 200000'));
    return socket;
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await server.report();
  for (let i = 0; i < 50; i += 1) expect((await send(server, story.member, VIEWER)).status).toBe(200);
  expect((await server.report()).stallMs).toBeLessThan(MAX_STALL_MS);
  for (const socket of slow) socket.destroy();
});

test.each<[string, string, string]>([
  ['two lengths', 'Content-Length: 5\r\nContent-Length: 6', 'hello'],
  ['a length and chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
  ['a negative length', 'Content-Length: -1', ''],
  ['a length in hex', 'Content-Length: 0x10', 'a'],
  ['a chunk of a size that is none', 'Transfer-Encoding: chunked', 'zz\r\n'],
  ['a chunk of a size beyond all numbers', 'Transfer-Encoding: chunked', 'FFFFFFFFFFFFFFFFF\r\n'],
  ['an unknown transfer', 'Transfer-Encoding: gzip', 'a'],
  ['a header without a name', ': a', ''],
  ['a header that goes on in the next line', 'X-A: b\r\n c', ''],
  ['a NUL in a header', 'X-A: \0', ''],
  ['a header of 20 KB', `X-A: ${'a'.repeat(20_000)}`, ''],
  ['two thousand headers', Array.from({ length: 2_000 }, (_, i) => `X-${i}: a`).join('\r\n'), ''],
  ['two tokens', 'X-Auth-Token: nobody', VIEWER],
])(
  '%s is refused, and its connection closed',
  async (_name, line, body) => {
    const { text } = await talk([head(line), body], { seconds: 60 });
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(text).not.toContain('"data"');
    expect(text).not.toMatch(/node_modules|\bat \w+ \(/);
  },
  90_000,
);

const plain = (fields: string): string => `{"query":"{ viewer { userName } }"${fields}}`;

test.each<[string, string | Buffer]>([
  ['nothing', ''],
  ['null', 'null'],
  ['a number', '7'],
  ['true', 'true'],
  ['a list', `[${plain('')}]`],
  ['a list of a thousand', `[${Array.from({ length: 1_000 }, () => plain('')).join(',')}]`],
  ['lists in lists', '['.repeat(100_000)],
  ['objects in objects', '{"a":'.repeat(40_000)],
  ['a query that is a number', '{"query":7}'],
  ['a query that is a list', '{"query":["{ viewer { userName } }"]}'],
  ['a query that is an object', '{"query":{"toString":"x"}}'],
  ['no query', '{"variables":{}}'],
  ['an id in place of a query', '{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}'],
  ['variables that are a list', plain(',"variables":[1]')],
  ['variables that are a text', plain(',"variables":"{}"')],
  ['an operation that is a number', plain(',"operationName":7')],
  ['an operation that is not there', plain(',"operationName":"other"')],
  ['an operation named like a property of objects', plain(',"operationName":"__proto__"')],
  ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x7b])],
  ['UTF-16', Buffer.from(plain(''), 'utf16le')],
  ['a number that is no JSON', plain(',"variables":{"a":NaN}')],
  ['two documents', `${plain('')}${plain('')}`],
  ['a comment', `/* */${plain('')}`],
])('a body that is %s is refused with a sentence', async (_name, body) => {
  const answer = await post(body);
  const text = await answer.text();
  expect(faultOf(answer.status, text, '')).toBeNull();
  expect(JSON.parse(text).errors[0].message).toMatch(/^["A-Z].+\.$/);
});

test.each<[string, string]>([
  ['__proto__', '{"__proto__":{"query":"{ x }","isAdmin":true},"query":"{ viewer { userName } }"}'],
  ['__proto__ in variables', plain(',"variables":{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}')],
  ['constructor', plain(',"constructor":{"prototype":{"query":"{ x }"}}')],
  ['query twice, the last counts', '{"query":"{ viewer { nothing } }","query":"{ viewer { userName } }"}'],
  ['variables twice', plain(',"variables":{"a":1},"variables":{"a":2}')],
  ['extensions', plain(',"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"},"tracing":true}')],
  ['a number beyond all numbers', plain(',"variables":{"a":1e400,"b":9007199254740993}')],
  ['a mark of byte order', `\uFEFF${plain('')}`],
])('%s in a body changes nothing for who comes after', async (_name, body) => {
  const answer = await post(body);
  expect(faultOf(answer.status, await answer.text(), '')).toBeNull();
  for (const who of [story.member, story.admin]) {
    const { text } = await send(server, who, JSON.stringify({ query: '{ viewer { isCloudAdmin } }' }));
    expect(JSON.parse(text).data.viewer.isCloudAdmin).toBe(who === story.admin);
  }
});

test('keys of objects in a variable reach no prototype, nor are they taken for fields', async () => {
  const query = 'mutation ($input: CreateClusterTemplateInput!) { createClusterTemplate(input: $input) { __typename } }';
  const input = '{"name":"forged","image":"debian-12-node","__proto__":{"flavor":"m1.small"}}';
  const { text } = await send(server, story.member, `{"query":${JSON.stringify(query)},"variables":{"input":${input}}}`);
  expect(JSON.parse(text).data).toBeUndefined();
});
