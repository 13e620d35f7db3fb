/** The object store that needs nobody else: a folder of Seedbed's own, which pods in the seeds reach over TLS by URLs that are good for an hour. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { isIP } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../lib/clock.ts';
import { splitHostPort } from '../lib/hostPort.ts';
import type { Log } from '../lib/log.ts';
import { type Folder, isName, NoRoom, NotWhole, openFolder, TooLarge } from './folder.ts';
import type { ObjectStore } from './objectStore.ts';
import { codeOf } from './wire.ts';

export interface DirectoryDeps {
  folder: string;
  /** host:port to listen at, and as pods in the seeds reach it. */
  listen: string;
  address: string;
  tls: { cert: string; key: string; caPem: string };
  /** Signs URLs; the same after a restart, or those that were given out would not count. */
  urlKey: Buffer;
  clock: Clock;
  log: Log;
}

interface Permit {
  method: 'PUT' | 'GET';
  name: string;
  expires: number;
  maxBytes: number;
}

const PREFIX = '/backups/';
/** A transfer that stands still for so long is given up. */
const STALL_MS = 60_000;
const CLOSE_MS = 2_000;

/** Resolves when it listens; rejects when the address is taken. */
export const openDirectoryStore = async (deps: DirectoryDeps): Promise<ObjectStore> => {
  const folder = await openFolder(deps.folder);
  const { host, port } = splitHostPort(deps.address);
  const server = createServer({ cert: deps.tls.cert, key: deps.tls.key, minVersion: 'TLSv1.2' }, (request, response) => {
    answer(deps, folder, request, response).catch((error: unknown) => {
      if (isHangUp(error))
        deps.log.info({ err: error }, 'the transfer of a backup ended before its time: the other end hung up or stood still');
      else deps.log.error({ err: error }, 'a backup was not transferred');
      response.destroy();
    });
  });
  server.headersTimeout = 10_000;
  // A snapshot takes as long as it takes; what stands still ends by the time limit of its socket.
  server.requestTimeout = 0;
  server.setTimeout(STALL_MS);
  await listening(server, splitHostPort(deps.listen));
  const transfer = (permit: Permit) => ({ url: urlOf(deps, permit), headers: {}, caPem: deps.tls.caPem, addresses: null });
  const until = (ttlMs: number): number => deps.clock.now() + ttlMs;
  return {
    // A name is given for the pods' sake: where Seedbed runs it may be another's, or nobody's.
    end: async () => ({ port, addresses: isIP(host) === 0 ? null : [host] }),
    upload: async (name, { ttlMs, maxBytes }) => transfer({ method: 'PUT', name, expires: until(ttlMs), maxBytes }),
    download: async (name, { ttlMs }) => transfer({ method: 'GET', name, expires: until(ttlMs), maxBytes: 0 }),
    put: (name, body) => folder.write(name, body),
    get: (name) => folder.read(name),
    stat: (name) => folder.stat(name),
    remove: (name) => folder.remove(name),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        setTimeout(() => server.closeAllConnections(), CLOSE_MS).unref();
      }),
  };
};

const urlOf = (deps: DirectoryDeps, permit: Permit): string => {
  const { name, expires, maxBytes } = permit;
  return `https://${deps.address}${PREFIX}${name}?expires=${expires}&max=${maxBytes}&signature=${signatureOf(deps.urlKey, permit)}`;
};

const signatureOf = (key: Buffer, { method, name, expires, maxBytes }: Permit): string =>
  createHmac('sha256', key).update([method, name, expires, maxBytes].join('\n')).digest('base64url');

/** What a request may do; undefined when its signature is of something else, or its time is over. */
const permitOf = (deps: DirectoryDeps, request: IncomingMessage): Permit | undefined => {
  const target = `https://store${request.url}`;
  if (!URL.canParse(target)) return undefined;
  const { pathname, searchParams } = new URL(target);
  const name = pathname.slice(PREFIX.length);
  const { method } = request;
  if (!pathname.startsWith(PREFIX) || !isName(name) || (method !== 'PUT' && method !== 'GET')) return undefined;
  const permit: Permit = { method, name, expires: Number(searchParams.get('expires')), maxBytes: Number(searchParams.get('max')) };
  const given = Buffer.from(searchParams.get('signature') ?? '');
  const right = Buffer.from(signatureOf(deps.urlKey, permit));
  return given.length === right.length && timingSafeEqual(given, right) && deps.clock.now() < permit.expires ? permit : undefined;
};

const answer = async (deps: DirectoryDeps, folder: Folder, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const permit = permitOf(deps, request);
  // The rest of the request is not read.
  if (permit === undefined) return void response.writeHead(403, { Connection: 'close' }).end();
  if (permit.method === 'GET') return give(folder, permit.name, response);
  try {
    const expectedBytes = Number(request.headers['content-length'] ?? permit.maxBytes);
    await folder.receive(permit.name, request, { maxBytes: permit.maxBytes, expectedBytes });
    response.writeHead(201).end();
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined) throw error;
    if (status === 507) deps.log.error({ err: error }, 'a backup was refused: its disk has no room');
    response.writeHead(status, { Connection: 'close' }).end();
  }
};

/** A pod that ends, or closes as soon as it has the last byte and before this end has heard of it, is no fault of this process. */
const HANG_UP_CODES = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']);
const isHangUp = (error: unknown): boolean => HANG_UP_CODES.has(codeOf(error));

const statusOf = (error: unknown): number | undefined => {
  if (error instanceof TooLarge) return 413;
  if (error instanceof NotWhole) return 422;
  return error instanceof NoRoom ? 507 : undefined;
};

const give = async (folder: Folder, name: string, response: ServerResponse): Promise<void> => {
  const found = await folder.send(name);
  if (found === undefined) return void response.writeHead(404).end();
  response.writeHead(200, { 'Content-Length': found.sizeBytes, 'Content-Type': 'application/octet-stream' });
  await pipeline(found.body, response);
};

const listening = (server: Server, at: { host: string; port: number }): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
