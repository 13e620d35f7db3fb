/**
 * Handshakes of WebSockets. When a network is back thousands come in one piece, and whoever else asks would wait until all are sockets: so each waits for a
 * turn of the event loop, and until then costs little more than its place.
 */
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { RateLimited } from '../domain/errors.ts';
import { createLine } from '../lib/line.ts';
import type { Log } from '../lib/log.ts';
import { pathOf } from './credentials.ts';
import { isOriginAllowed } from './guards.ts';
import { bodyOf } from './handler.ts';
import { GRAPHQL, READING } from './paths.ts';
import type { Rates } from './rates.ts';
import { idLinesOf, type RequestIds, requestIdsOf } from './requestIds.ts';
import type { SocketServer } from './socket.ts';

export interface Handshakes {
  /** Takes the connection over. It is answered when its turn comes; at once when its address may not ask now, or when too many wait. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Refuses those who wait, and whoever comes later. */
  close(): void;
}

export interface HandshakeDeps {
  sockets: Pick<SocketServer, 'accept'>;
  rates: Pick<Rates, 'takeRequest'>;
  log: Log;
  allowedOrigins: readonly string[];
  newId(): string;
  /** How many may wait. */
  mostWaiting?: number;
  /** After so long without a byte to or from it a connection that is not a WebSocket is over. */
  unreadMs?: number;
}

/** Some seconds' work, and as many as may come back at once; 64 KB each of those who send more, which nobody should before he is answered. */
const MOST_WAITING = 10_240;
const BUSY_SECONDS = 5;
const UNREAD_MS = 30_000;

interface Handshake {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  /** Who goes away while he waits leaves the line. */
  gone(): void;
}

export const createHandshakes = (deps: HandshakeDeps): Handshakes => {
  const { mostWaiting = MOST_WAITING, unreadMs = UNREAD_MS } = deps;
  let isOpen = true;
  const line = createLine<Handshake>((handshake) => {
    rest(handshake);
    answer(deps, handshake);
  });
  return {
    take: (request, socket, head) => {
      socket.on('error', destroy);
      // Whoever reads nothing, not even what refuses him, has gone. A WebSocket has no such limit: ws takes it off again.
      if (socket instanceof Socket) socket.setTimeout(unreadMs, destroy);
      const gone = () => {
        line.leave(handshake);
        socket.destroy();
      };
      const handshake: Handshake = { request, socket, head, gone };
      // Before he waits: whoever sends more than he may takes no place of others.
      const limit = limitOf(deps, request);
      if (limit !== null) refuseOften(deps, handshake, limit);
      else if (!isOpen || line.length >= mostWaiting) refuseBusy(deps, handshake);
      else {
        socket.once('end', gone).once('close', gone);
        line.join(handshake);
      }
    },
    close: () => {
      isOpen = false;
      for (const handshake of line.empty()) {
        rest(handshake);
        refuseBusy(deps, handshake);
      }
    },
  };
};

function destroy(this: Duplex): void {
  this.destroy();
}

const rest = ({ socket, gone }: Handshake): void => void socket.off('end', gone).off('close', gone);

const limitOf = ({ rates }: HandshakeDeps, request: IncomingMessage): RateLimited | null => {
  try {
    rates.takeRequest(request);
    return null;
  } catch (error) {
    if (error instanceof RateLimited) return error;
    throw error;
  }
};

const refuseOften = ({ newId, log }: HandshakeDeps, { request, socket }: Handshake, limit: RateLimited): void => {
  const ids = requestIdsOf(request, newId);
  const body = bodyOf(limit, ids.requestId, log);
  const about = ['Content-Type: application/json; charset=utf-8', `Content-Length: ${Buffer.byteLength(body)}`];
  refuse(socket, ids, '429 Too Many Requests', [`Retry-After: ${limit.retryAfterSeconds}`, ...about], body);
};

const refuseBusy = ({ newId }: HandshakeDeps, { request, socket }: Handshake): void =>
  refuse(socket, requestIdsOf(request, newId), '503 Service Unavailable', [`Retry-After: ${BUSY_SECONDS}`]);

const answer = ({ sockets, allowedOrigins, newId }: HandshakeDeps, { request, socket, head }: Handshake): void => {
  const path = pathOf(request);
  const ids = requestIdsOf(request, newId);
  if (path !== GRAPHQL && path !== READING) refuse(socket, ids, '404 Not Found');
  else if (!isOriginAllowed(request, allowedOrigins)) refuse(socket, ids, '403 Forbidden');
  else sockets.accept(request, socket, head, ids);
};

/** A connection whose other end does not end it would be open until it is over by itself. */
const refuse = (socket: Duplex, ids: RequestIds, status: string, more: readonly string[] = [], body = ''): void => {
  socket.once('finish', destroy);
  socket.end([`HTTP/1.1 ${status}`, ...idLinesOf(ids), ...more, 'Connection: close', '', body].join('\r\n'));
};
