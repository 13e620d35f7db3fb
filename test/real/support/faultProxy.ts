/** A proxy before a real cloud, in which calls go wrong as in the sandbox: Keystone's tokens name it as the address of every service. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request as send } from 'undici';
import type { Fault } from '../../../src/sandbox/contract.ts';
import { createCounterBoard, type RecordedCall } from '../../../src/sandbox/counters.ts';
import { playFault } from '../../../src/sandbox/faults.ts';
import { rootOf } from './world.ts';

/** One call as a fault is chosen for it. */
export interface ProxiedCall {
  service: string;
  method: string;
  /** Its path with each id as `{id}`. */
  template: string;
}

export interface FaultProxy {
  /** What Seedbed is told to be Keystone's. */
  authUrl: string;
  /** From now on this says what a call meets; null: nothing. The record begins anew. */
  begin(choose: (call: ProxiedCall) => Fault | null): void;
  /** The calls since then, in the order in which they came. */
  calls(): RecordedCall[];
  close(): Promise<void>;
}

interface Catalog {
  type: string;
  endpoints: { url: string }[];
}
interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

const IDS = /(?<=\/)([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=\/|$)/g;
/** Of one connection, and not of what is said over it. */
const HOP_BY_HOP = ['connection', 'content-length', 'host', 'keep-alive', 'transfer-encoding'];

export const startFaultProxy = async (authUrl: string): Promise<FaultProxy> => {
  /** Where the calls under a first segment go. */
  const origins = new Map([['identity', rootOf(authUrl)]]);
  const board = createCounterBoard(Date.now);
  const lists = new Map<string, { at: number; answer: Answer }>();
  let choose: (call: ProxiedCall) => Fault | null = () => null;

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  /** The address of each service in a token, or in a catalog that was asked for, becomes this one's. */
  const redirect = (body: Buffer): Buffer => {
    const told = JSON.parse(body.toString()) as { token?: { catalog?: Catalog[] }; catalog?: Catalog[] };
    for (const { type, endpoints } of told.token?.catalog ?? told.catalog ?? []) {
      for (const endpoint of endpoints) {
        const { origin, pathname } = new URL(endpoint.url);
        // A cloud may have all services on one port, under a path each.
        origins.set(type, origin);
        endpoint.url = `${own}/${type}${pathname === '/' ? '' : pathname}`;
      }
    }
    return Buffer.from(JSON.stringify(told));
  };

  const forward = async (request: IncomingMessage, service: string, path: string, body: Buffer): Promise<Answer> => {
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
    const method = (request.method ?? 'GET') as 'GET';
    // Node's client would ask for no encoding, and so gets plain text.
    const answer = await send(`${origins.get(service)}${path}`, {
      method,
      headers: { ...headers, 'accept-encoding': 'identity' },
      body: body.length > 0 ? body : null,
      headersTimeout: 120_000,
      bodyTimeout: 120_000,
    });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    const isToken = service === 'identity' && /^\/v3\/auth\/(tokens|catalog)$/.test(path.split('?')[0] ?? '') && answer.statusCode < 300;
    return { status: answer.statusCode, headers: answer.headers, body: isToken && bytes.length > 0 ? redirect(bytes) : bytes };
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const [, service = '', rest = ''] = /^\/([^/?]+)(.*)$/.exec(request.url ?? '') ?? [];
    const path = rest.startsWith('/') ? rest : `/${rest}`;
    const method = request.method ?? 'GET';
    if (!origins.has(service)) {
      response.writeHead(404).end();
      return;
    }
    const template = (path.split('?')[0] ?? '').replace(IDS, '{id}');
    const fault = choose({ service, method, template });
    const requestId = request.headers['x-openstack-request-id'];
    board.count(service, method, template, {
      path,
      name: '',
      digest: createHash('sha256').update(body).digest('hex').slice(0, 12),
      requestId: typeof requestId === 'string' ? requestId : null,
      fault: fault?.kind ?? null,
    });
    const key = `${request.headers['x-auth-token']} ${method} ${service}${path}`;
    const handle = async (): Promise<void> => {
      const answer = await forward(request, service, path, body);
      const kept = lists.get(key);
      const isStale = fault?.kind === 'staleList' && kept !== undefined && Date.now() - kept.at <= fault.ageMs;
      if (method === 'GET') lists.set(key, { at: Date.now(), answer });
      const { status, headers, body: bytes } = isStale ? kept.answer : answer;
      for (const [name, value] of Object.entries(headers))
        if (value !== undefined && !HOP_BY_HOP.includes(name)) response.setHeader(name, value);
      response.writeHead(status);
      response.end(bytes);
    };
    if (fault === null || fault.kind === 'staleList') await handle();
    else playFault(fault, request, response, () => handle().catch(() => void response.destroy()));
  };

  return {
    authUrl: `${own}/identity/v3`,
    begin: (next) => {
      choose = next;
      board.record(true);
    },
    calls: () => board.recorded(),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
