/** A TLS server on one address, which a simulated API server opens while it "runs" and closes when it stops. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface Listener {
  host: string;
  port: number;
  /** Others answer in place of those before: who comes from now on meets them, who is there is served to the end of a request and sent away. */
  renew(identity: Identity): void;
  close(): void;
}

export interface ListenerOptions extends Identity {
  host: string;
  port: number;
}

export interface Identity {
  certPem: string;
  keyPem: string;
  /** Who signs client certificates; a client without one is let in and is nobody. */
  clientCaPem: string;
  /** False: the connection from that address does not come about. */
  admits?: (remoteAddress: string) => boolean;
}

/** What takes longer, such as a watch, is cut off. */
const GRACE_MS = 1_000;

const contextOf = ({ certPem, keyPem, clientCaPem }: Identity) => ({
  cert: certPem,
  key: keyPem,
  ca: clientCaPem,
  minVersion: 'TLSv1.2' as const,
});

/** Resolves once it listens; rejects when the address is taken. */
export const listen = (options: ListenerOptions, handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<Listener> =>
  new Promise((resolve, reject) => {
    const server = createServer(
      { ...contextOf(options), requestCert: true, rejectUnauthorized: false, keepAliveTimeout: 60_000 },
      (incoming, response) => {
        response.shouldKeepAlive = identityOf.get(incoming.socket) === identity;
        handle(incoming, response);
      },
    );
    const sockets = new Set<Socket>();
    /** Which identity a connection has met. */
    const identityOf = new WeakMap<Socket, Identity>();
    let identity: Identity = options;
    server.on('secureConnection', (socket) => identityOf.set(socket, identity));
    server.on('connection', (socket: Socket) => {
      if (options.admits?.(socket.remoteAddress ?? '') === false) {
        socket.destroy();
        return;
      }
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port, backlog: 128 }, () => {
      server.off('error', reject);
      resolve({
        host: options.host,
        port: (server.address() as AddressInfo).port,
        renew(next) {
          identity = next;
          server.setSecureContext(contextOf(next));
          server.closeIdleConnections();
          const before = [...sockets];
          setTimeout(() => {
            for (const socket of before) socket.destroy();
          }, GRACE_MS).unref();
        },
        close() {
          server.close();
          for (const socket of sockets) socket.destroy();
        },
      });
    });
  });
