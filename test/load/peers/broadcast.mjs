/**
 * `node broadcast.mjs PORT`: a plain `ws` server. What its parent sends it, `{ path, text }`, goes to every socket that came by that path; `TIME` in the
 * text is when it is sent, in milliseconds.
 */
import { WebSocketServer } from 'ws';

const sockets = new Map();
const server = new WebSocketServer({ port: Number(process.argv[2]), host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (socket, { url }) => {
  const others = sockets.get(url) ?? new Set();
  sockets.set(url, others.add(socket));
  socket.on('close', () => others.delete(socket));
});
process.on('message', ({ path, text }) => {
  const now = text.replace('TIME', String(Date.now()));
  for (const socket of sockets.get(path) ?? []) socket.send(now);
});
server.once('listening', () => process.send('listening'));
