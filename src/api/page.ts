/** What every page of the HTTP server is made with. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLSchema } from 'graphql';
import type { Authenticate } from './auth.ts';
import { compress, encodingOf } from './compression.ts';
import type { Asking, Context } from './context.ts';
import type { Documents } from './document.ts';
import { Refusal } from './guards.ts';
import type { KnownDocuments } from './knownDocuments.ts';
import type { ApiMetrics } from './metrics.ts';
import type { QueryAnswers } from './queryAnswer.ts';
import type { Rates } from './rates.ts';
import type { RequestIds } from './requestIds.ts';
import type { Seats } from './seats.ts';
import type { ApiDeps, ApiSettings } from './settings.ts';
import type { StoredOperations } from './storedOperation.ts';
import type { Yoga } from './yoga.ts';

export interface HandlerDeps {
  deps: ApiDeps;
  settings: ApiSettings;
  newId(): string;
  documents: Documents;
  /** With which documents known by their hashes may be asked for; see knownDocuments.ts. */
  known: KnownDocuments;
  operations: StoredOperations;
  schema: GraphQLSchema;
  yoga: Yoga;
  queryAnswers: QueryAnswers;
  seats: Seats;
  rates: Rates;
  metrics: ApiMetrics;
  ready: ApiDeps['ready'];
  authenticate: Authenticate;
  contextOf(asking: Asking): Context;
}

export type Page = (parts: HandlerDeps, request: IncomingMessage, response: ServerResponse, ids: RequestIds) => Promise<void>;

export const text = (
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  type = 'text/plain; charset=utf-8',
  cache = 'no-store',
) => {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': cache }).end(body);
};

/** The same, in fewer bytes where the caller takes them. */
export const shortText = async (request: IncomingMessage, response: ServerResponse, body: string, type?: string, cache?: string) => {
  const encoding = encodingOf(request.headers['accept-encoding']);
  const shorter = await compress(Buffer.from(body), encoding);
  response.setHeader('Vary', 'Accept-Encoding');
  if (shorter === null || encoding === null) return text(response, 200, body, type, cache);
  response.setHeader('Content-Encoding', encoding);
  text(response, 200, shorter, type, cache);
};

export const onlyGet =
  (page: Page): Page =>
  async (parts, request, response, ids) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refusal(405, 'METHOD_NOT_ALLOWED', 'Only GET is answered here.');
    await page(parts, request, response, ids);
  };

export const allowOrigin = (request: IncomingMessage, response: ServerResponse): void => {
  const { origin } = request.headers;
  response.setHeader('Vary', 'Origin, Accept-Encoding');
  if (origin === undefined) return;
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Allow-Methods', 'GET, POST, OPTIONS');
  response.setHeader('Access-Control-Allow-Headers', 'content-type, x-auth-token, x-request-id, x-openstack-request-id');
  response.setHeader(
    'Access-Control-Expose-Headers',
    'x-request-id, x-openstack-request-id, x-estimated-cost, www-authenticate, retry-after',
  );
  response.setHeader('Access-Control-Max-Age', '600');
};
