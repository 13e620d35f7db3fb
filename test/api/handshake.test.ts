import type { IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setImmediate as aTurn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createHandshakes, type HandshakeDeps } from '../../src/api/handshake.ts';
import { RateLimited } from '../../src/domain/errors.ts';
import { silentLog } from '../../src/lib/log.ts';

interface Call {
  /** The server's end. */
  socket: Socket;
  /** The caller's end, which is ended by the caller alone. */
  client: Socket;
  heard(): string;
}

/** Handshakes of which those that are let in are only written down, and what makes calls to them. */
const open = async (given: Partial<HandshakeDeps> = {}) => {
  const made: Call[] = [];
  /** By their numbers, in the order in which they were made. */
  const letIn: number[] = [];
  const handshakes = createHandshakes({
    sockets: { accept: (_request, socket) => void letIn.push(made.findIndex((one) => one.socket === socket)) },
    rates: { takeRequest: () => {} },
    log: silentLog,
    allowedOrigins: [],
    newId: () => '0f0e0d0c-1111-4222-8333-444455556666',
    ...given,
  });
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  /** One after the other, or it were not known which connection is whose. */
  const call = async (): Promise<Call> => {
    const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
    client.on('error', () => {});
    const socket = await new Promise<Socket>((resolve) => server.once('connection', resolve));
    let text = '';
    client.on('data', (chunk) => {
      text += chunk;
    });
    const one = { socket, client, heard: () => text };
    made.push(one);
    return one;
  };
  const callAll = async (count: number): Promise<Call[]> => {
    const calls: Call[] = [];
    while (calls.length < count) calls.push(await call());
    return calls;
  };
  const take = ({ socket }: Call, url = '/graphql', headers = {}) =>
    handshakes.take({ url, headers, socket } as unknown as IncomingMessage, socket, Buffer.alloc(0));
  onTestFinished(() => {
    for (const { client, socket } of made) {
      client.destroy();
      socket.destroy();
    }
    server.close();
  });
  return { handshakes, letIn, callAll, take };
};

test('of handshakes that came in one piece one is looked at in each turn of the event loop', async () => {
  const { letIn, callAll, take } = await open();
  const calls = await callAll(3);
  for (const one of calls) take(one);
  expect(letIn).toHaveLength(0);
  const seen: number[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    await aTurn();
    seen.push(letIn.length);
  }
  expect(seen).toEqual([1, 2, 3]);
  expect(letIn).toEqual([0, 1, 2]);
});

test.each([
  ['/other', {}, '404 Not Found'],
  ['/graphql', { origin: 'https://evil.example' }, '403 Forbidden'],
])('what is refused at its turn is ended, whether or not its other end ends it: %s %j', async (url, headers, status) => {
  const { letIn, callAll, take } = await open();
  const [one] = (await callAll(1)) as [Call];
  take(one, url, headers);
  await expect.poll(() => one.heard()).toMatch(new RegExp(`^HTTP/1.1 ${status}\r\nX-Request-Id: `));
  await expect.poll(() => one.socket.destroyed).toBe(true);
  expect([one.client.writable, letIn]).toEqual([true, []]);
});

test('who goes away while he waits is not let in, and another has his place', async () => {
  const { letIn, callAll, take } = await open({ mostWaiting: 2 });
  const [first, cutOff, next] = (await callAll(3)) as [Call, Call, Call];
  take(first);
  take(cutOff);
  cutOff.socket.emit('close');
  take(next);
  for (let turn = 0; turn < 3; turn += 1) await aTurn();
  expect([letIn, cutOff.socket.destroyed]).toEqual([[0, 2], true]);
  expect(next.heard()).toBe('');
});

test('who ends his side while he waits is not let in either, and is not kept', async () => {
  const { letIn, callAll, take } = await open();
  const [hanging, ...before] = (await callAll(21)) as [Call, ...Call[]];
  for (const one of before) take(one);
  take(hanging);
  hanging.client.end();
  await expect.poll(() => hanging.socket.destroyed).toBe(true);
  await expect.poll(() => letIn.length).toBe(20);
  await aTurn();
  expect(letIn).toEqual(before.map((_one, i) => i + 1));
});

test('where too many wait one more is told when to come back', async () => {
  const { letIn, callAll, take } = await open({ mostWaiting: 2 });
  const calls = await callAll(3);
  for (const one of calls) take(one);
  await expect
    .poll(() => calls[2]?.heard())
    .toMatch(/^HTTP\/1.1 503 Service Unavailable\r\n(?:.+\r\n)*Retry-After: 5\r\nConnection: close\r\n\r\n$/);
  await expect.poll(() => calls[2]?.socket.destroyed).toBe(true);
  expect(letIn).toEqual([0, 1]);
});

test('whose address sends too much is refused at once, and takes no place', async () => {
  let left = 1;
  const takeRequest = () => {
    left -= 1;
    if (left < 0) throw new RateLimited('Too many requests from this address: 1 a minute may be sent', 20_000);
  };
  const { letIn, callAll, take } = await open({ mostWaiting: 1, rates: { takeRequest } });
  const [first, often, other] = (await callAll(3)) as [Call, Call, Call];
  take(first);
  take(often);
  left = 1;
  take(other);
  await expect.poll(() => often.heard()).toMatch(/^HTTP\/1.1 429 Too Many Requests\r\n(?:.+\r\n)*Retry-After: 20\r\n/);
  await expect.poll(() => other.heard()).toMatch(/^HTTP\/1.1 503 /);
  expect(letIn).toEqual([0]);
});

test('who does not read what refuses him is cut off', async () => {
  const { letIn, callAll, take } = await open({ unreadMs: 300 });
  const [deaf, other] = (await callAll(2)) as [Call, Call];
  deaf.client.pause();
  // More than the kernel keeps for him: the refusal stands behind it.
  deaf.socket.write(Buffer.alloc(32 * 1024 * 1024));
  take(deaf, '/other');
  take(other);
  await expect.poll(() => deaf.socket.destroyed, { timeout: 10_000 }).toBe(true);
  expect(deaf.socket.writableFinished).toBe(false);
  expect(letIn).toEqual([1]);
});

test('those who wait when the server stops are refused, and so is who comes then', async () => {
  const { handshakes, letIn, callAll, take } = await open();
  const calls = await callAll(3);
  for (const one of calls.slice(0, 2)) take(one);
  handshakes.close();
  for (const one of calls.slice(2)) take(one);
  for (const one of calls) {
    await expect.poll(() => one.heard()).toMatch(/^HTTP\/1.1 503 /);
    await expect.poll(() => one.socket.destroyed).toBe(true);
  }
  expect(letIn).toEqual([]);
});
