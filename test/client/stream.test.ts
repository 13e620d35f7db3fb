/** Reconnect by cursor: the socket breaks where it hurts, and the reader notices nothing. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { pauseAfter } from '../../src/client/backoff.ts';
import { createClient } from '../../src/client/client.ts';
import { followCluster } from '../../src/client/stream.ts';

interface Message {
  type: string;
  id?: string;
  payload?: { variables?: { after: number }; 'X-Auth-Token'?: string };
}

let http: Server | undefined;
afterEach(() => http?.close());

/** A server of graphql-transport-ws that runs `serve` for each subscription; `seen` keeps what each connection began with. */
const startServer = async (
  serve: (send: (number: number) => void, after: number, socket: WebSocket, complete: () => void, fail: (code: string) => void) => void,
) => {
  const seen: { token: string | undefined; after: number }[] = [];
  const server = createServer();
  http = server;
  const sockets = new WebSocketServer({ server, handleProtocols: () => 'graphql-transport-ws' });
  sockets.on('connection', (socket) => {
    let token: string | undefined;
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Message;
      const reply = (type: string, payload?: unknown) =>
        socket.send(JSON.stringify({ type, ...(message.id && { id: message.id }), ...(payload !== undefined && { payload }) }));
      if (message.type === 'connection_init') {
        token = message.payload?.['X-Auth-Token'];
        reply('connection_ack');
      }
      if (message.type !== 'subscribe') return;
      const after = message.payload?.variables?.after ?? -1;
      seen.push({ token, after });
      const send = (number: number) => reply('next', { data: { clusterProgress: { number } } });
      serve(
        send,
        after,
        socket,
        () => reply('complete'),
        (code) => {
          reply('next', { data: null, errors: [{ message: 'The stream ends.', extensions: { code } }] });
          reply('complete');
        },
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql` };
};

const read = async (
  url: string,
  signal?: AbortSignal,
  more: { patienceMs?: number; onConnection?: (lost: boolean) => void } = {},
): Promise<number[]> => {
  const client = createClient({ url, token: async (fresh) => (fresh ? 'a-fresh-token' : 'a-token') });
  const numbers: number[] = [];
  const options = { after: 0, ...(signal && { signal }), ...more };
  for await (const event of followCluster(client, 'c', options)) numbers.push(event.number);
  return numbers;
};

test('after each break it goes on from the last number, and what comes again is dropped', async () => {
  const { seen, url } = await startServer((send, after, socket, complete) => {
    // The second connection repeats what the reader has.
    for (let number = after === 3 ? 2 : after + 1; number <= after + 3; number += 1) send(number);
    if (after === 0) socket.terminate();
    else if (after === 3) socket.close(1012, 'restart');
    else complete();
  });
  expect(await read(url)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(seen).toEqual([0, 3, 6].map((after) => ({ token: 'a-token', after })));
});

test('a server that is back says so before it has any news', async () => {
  let backAt = 0;
  const { seen, url } = await startServer((send, after, socket, complete) => {
    if (after === 0) send(1);
    if (seen.length < 5) socket.terminate();
    else setTimeout(complete, 300);
  });
  const told: boolean[] = [];
  await read(url, undefined, {
    patienceMs: 6_000,
    onConnection: (lost) => {
      told.push(lost);
      backAt = performance.now();
    },
  });
  expect(told).toEqual([true, false]);
  expect(performance.now() - backAt).toBeGreaterThan(250);
});

test('a token that is refused is not tried for ever', async () => {
  const { url, seen } = await startServer((_send, _after, socket) => socket.close(4403, 'Forbidden'));
  await expect(read(url)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(seen.map(({ token }) => token)).toEqual(['a-token', 'a-fresh-token']);
});

test('a server that goes away, a token that ends and a limit say so in the stream, and the reader goes on', async () => {
  const { seen, url } = await startServer((send, after, _socket, complete, fail) => {
    send(after + 1);
    if (after < 3) fail(['GOING_AWAY', 'UNAUTHENTICATED', 'RATE_LIMITED'][after] ?? '');
    else complete();
  });
  expect(await read(url)).toEqual([1, 2, 3, 4]);
  expect(seen.map(({ token }) => token)).toEqual(['a-token', 'a-token', 'a-fresh-token', 'a-token']);
});

test('an error of the subscription itself ends it', async () => {
  const { url, seen } = await startServer((_send, _after, socket) => socket.close(4400, 'Bad request'));
  await expect(read(url)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  expect(seen).toHaveLength(1);
});

test('a reader that stops waiting is let go at once', async () => {
  const { url } = await startServer((send) => send(1));
  await expect(read(url, AbortSignal.timeout(100))).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

test('nobody there is given up once patience is over', async () => {
  const began = performance.now();
  const told: boolean[] = [];
  const given = read('http://127.0.0.1:9/graphql', undefined, { patienceMs: 1_000, onConnection: (lost) => told.push(lost) });
  await expect(given).rejects.toMatchObject({ code: 'UNREACHABLE' });
  expect(performance.now() - began).toBeGreaterThan(1_000);
  expect(told).toEqual([true]);
});

test('a server that is gone for many tries is waited for, and said to be lost and back once each', async () => {
  const told: boolean[] = [];
  const { seen, url } = await startServer((send, after, socket, complete) => {
    const broken = seen.length > 1 && seen.length < 15;
    if (!broken) send(after + 1);
    if (broken || seen.length === 1) socket.terminate();
    else complete();
  });
  expect(await read(url, undefined, { patienceMs: 6_000, onConnection: (lost) => told.push(lost) })).toEqual([1, 2]);
  expect(seen.map(({ after }) => after)).toEqual([0, ...Array.from({ length: 14 }, () => 1)]);
  expect(told).toEqual([true, false]);
});

test('pauses double up to a part of the patience, and those who were lost together do not come back together', () => {
  const longest = [1, 2, 3, 6, 7, 40].map((failures) => pauseAfter(failures, 300_000, 0));
  expect(longest).toEqual([100, 200, 400, 3_200, 5_000, 5_000]);
  expect([0.5, 1].map((drawn) => pauseAfter(40, 300_000, drawn))).toEqual([3_750, 2_500]);
});
