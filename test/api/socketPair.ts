/** Both ends of a WebSocket, and the connection below the server's. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';

export interface Pair {
  client: WebSocket;
  server: WebSocket;
  wire: Duplex;
  close(): void;
}

export const openPair = async (): Promise<Pair> => {
  const http = createServer();
  const sockets = new WebSocketServer({ noServer: true });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<{ server: WebSocket; wire: Duplex }>((resolve) =>
    http.once('upgrade', (request, wire, head) => sockets.handleUpgrade(request, wire, head, (server) => resolve({ server, wire }))),
  );
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`, { perMessageDeflate: false });
  await new Promise((resolve) => client.once('open', resolve));
  const { server, wire } = await accepted;
  return {
    client,
    server,
    wire,
    close: () => {
      client.terminate();
      http.close();
    },
  };
};
