/** Requests that come on a connection before the ones before them are answered. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { readBody } from '../../src/api/guards.ts';
import { createPipelines } from '../../src/api/pipeline.ts';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

/** A server that answers with what was asked, "/slow" when `let go` is called. */
const serve = async (mostWaiting?: number) => {
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const begun: string[] = [];
  const sockets = new Set<Socket>();
  const { take } = createPipelines(async (request: IncomingMessage, response: ServerResponse) => {
    begun.push(request.url ?? '');
    const body = await readBody(request, 10_000_000);
    if (request.url === '/slow') await held;
    response.end(`<${request.url} ${body.length}>`);
  }, mostWaiting);
  const server = createServer((request, response) => void take(request, response));
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const read = () => [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  return { port, begun, letGo, read };
};

const ask = (path: string, body = ''): string => `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** A connection, what it was answered (paths and lengths of bodies), and whether it was closed. */
const dial = (port: number) => {
  const socket = connect(port, '127.0.0.1');
  const heard = { text: '', closed: false, answers: () => [...heard.text.matchAll(/<(.*?)>/g)].map(([, one]) => one) };
  socket.on('data', (chunk) => {
    heard.text += chunk;
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    heard.closed = true;
  });
  open.push(() => socket.destroy());
  return { socket, heard };
};

const until = async (look: () => boolean) => {
  for (let tries = 0; !look(); tries += 1) {
    if (tries > 1_000) throw new Error(`not in time: ${look}`);
    await delay(10);
  }
};

test('they are begun one after the other, and answered in their order with their bodies, however these come', async () => {
  const { port, begun, letGo } = await serve();
  const { socket, heard } = dial(port);
  const long = 'x'.repeat(300_000);
  socket.write(`${ask('/slow', 'abc')}${ask('/a')}${ask('/b', long.slice(0, 100_000))}${ask('/c', long).slice(0, 1_000)}`);
  await until(() => begun.length > 0);
  await delay(50);
  expect(begun).toEqual(['/slow']);
  letGo();
  await until(() => begun.includes('/c'));
  socket.write(ask('/c', long).slice(1_000));
  await until(() => heard.answers().length === 4);
  // The connection is as good as before.
  socket.write(ask('/d', 'e'));
  await until(() => heard.answers().length === 5);
  expect(heard.answers()).toEqual(['/slow 3', '/a 0', '/b 100000', '/c 300000', '/d 1']);
});

test('while some wait no more are read, and all are answered when they can be', async () => {
  const { port, begun, letGo, read } = await serve();
  const { socket, heard } = dial(port);
  const many = 20_000;
  socket.write(ask('/slow') + ask('/a').repeat(many));
  await until(() => begun.length > 0);
  await delay(500);
  // Of 900 KB.
  expect(read()).toBeLessThan(200_000);
  letGo();
  // Each answer lets Node read on: the others wait all the same.
  await until(() => begun.length > 2_000);
  expect(read() / ask('/a').length - begun.length).toBeLessThan(5_000);
  await until(() => begun.length === many + 1);
  await until(() => heard.answers().length === many + 1);
  expect(heard.closed).toBe(false);
});

test('of too many on all connections those that bring more are closed, and whoever sends one at a time is answered', async () => {
  const { port, letGo } = await serve(100);
  const first = dial(port);
  first.socket.write(ask('/slow') + ask('/a').repeat(99));
  await delay(100);
  const second = dial(port);
  second.socket.write(ask('/slow') + ask('/b').repeat(50));
  await until(() => second.heard.closed);
  const third = dial(port);
  third.socket.write(ask('/c'));
  await until(() => third.heard.answers().length === 1);
  letGo();
  await until(() => first.heard.answers().length === 100);
  // Those that were closed have left their places.
  const fourth = dial(port);
  fourth.socket.write(ask('/d').repeat(100));
  await until(() => fourth.heard.answers().length === 100);
  expect(first.heard.closed || third.heard.closed || fourth.heard.closed).toBe(false);
});
