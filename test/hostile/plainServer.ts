/**
 * What a storm of sockets is measured against (streams.ts runs it): `ws` on a plain HTTP server that answers every query and every hello by the same words,
 * with nothing that paces, limits or looks at anything.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { WebSocketServer } from 'ws';
import { watchLoop } from './watch.ts';

export type PlainOrder = 'report' | 'close';

// As the program does it.
setFlagsFromString('--heap-growing-percent=15');
const ANSWER = '{"data":{"viewer":{"userName":"calm"}}}';
const server = createServer((request, response) => {
  request
    .resume()
    .on('end', () => response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': ANSWER.length }).end(ANSWER));
});
new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', () => socket.send('{"type":"connection_ack"}'));
});
const report = watchLoop();

process.on('message', ({ id, order }: { id: number; order: PlainOrder }) => {
  process.send?.({ id, answer: order === 'report' ? report() : {} });
  if (order === 'close') setImmediate(() => process.exit());
});
server.listen(0, '127.0.0.1', () =>
  process.send?.({ id: 0, answer: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql` }),
);
