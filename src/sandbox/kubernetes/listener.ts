/** A TLS server on one address, which a simulated API server opens while it "runs" and closes when it stops. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface Listener {
  host: string;
  port: number;
  close(): void;
}

export interface ListenerOptions {
  host: string;
  port: number;
  certPem: string;
  keyPem: string;
  /** Who signs client certificates; a client without one is let in and is nobody. */
  clientCaPem: string;
}

/** Resolves once it listens; rejects when the address is taken. */
export const listen = (options: ListenerOptions, handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<Listener> =>
  new Promise((resolve, reject) => {
    const server = createServer(
      {
        cert: options.certPem,
        key: options.keyPem,
        ca: options.clientCaPem,
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: 'TLSv1.2',
        keepAliveTimeout: 60_000,
      },
      handle,
    );
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
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
        close() {
          server.close();
          for (const socket of sockets) socket.destroy();
        },
      });
    });
  });
