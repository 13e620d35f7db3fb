/** An API and a Keystone small enough to say anything: what a command makes of answers is tested against it. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

export interface Asked {
  path: string;
  headers: IncomingMessage['headers'];
  body: { query?: string; variables?: Record<string, unknown>; auth?: Record<string, unknown> };
}

export interface FakeApi {
  url: string;
  authUrl: string;
  asked: Asked[];
  close(): Promise<void>;
}

/** What a GraphQL request gets: the data, or a whole answer with a status. */
export type Answer = (asked: Asked) => { status?: number; body: unknown; headers?: Record<string, string> };

export const startFakeApi = async (answer: Answer, tokens: readonly string[] = ['a-token']): Promise<FakeApi> => {
  const asked: Asked[] = [];
  let logins = 0;
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const one: Asked = { path: request.url ?? '', headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString() || '{}') };
    asked.push(one);
    if (one.path.endsWith('/auth/tokens')) {
      const token = tokens[Math.min(logins++, tokens.length - 1)];
      if (token === undefined) return response.writeHead(401).end('{}');
      const body = { token: { expires_at: new Date(Date.now() + 3_600_000).toISOString() } };
      return response.writeHead(201, { 'X-Subject-Token': token, 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    }
    const { status = 200, body, headers } = answer(one);
    return response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
  });
  // There are no streams here, and asking again does not help.
  new WebSocketServer({ server, handleProtocols: () => 'graphql-transport-ws' }).on('connection', (socket) =>
    socket.close(4400, 'No streams'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${base}/graphql`,
    authUrl: `${base}/identity/v3`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
