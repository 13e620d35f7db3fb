/** A TLS server on one address, which a simulated API server opens while it "runs" and closes when it stops. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
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
    const server = createSecureServer(
      { ...contextOf(options), allowHTTP1: true, requestCert: true, rejectUnauthorized: false, settings: { maxConcurrentStreams: 100 } },
      (incoming, response) => {
        const { socket } = incoming as unknown as IncomingMessage;
        const asHttp1 = response as unknown as ServerResponse;
        if (incoming.httpVersionMajor === 1) asHttp1.shouldKeepAlive = identityOf.get(socket) === identity;
        // What HTTP/2 answers with is made to be used like this.
        handle(incoming as unknown as IncomingMessage, asHttp1);
      },
    );
    const sockets = new Set<Socket>();
    const sessions = new Set<ServerHttp2Session>();
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
    server.on('session', (session) => {
      sessions.add(session);
      session.on('close', () => sessions.delete(session)).on('error', () => {});
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
          for (const session of sessions) session.close();
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
