/** Answers one HTTP request: guards first, then GraphQL. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type DocumentNode, getOperationAST, type OperationTypeNode } from 'graphql';
import { SeedbedError } from '../domain/errors.ts';
import type { Authenticate } from './auth.ts';
import { compress, encodingOf } from './compression.ts';
import type { Asking, Context } from './context.ts';
import { pathOf, readCaller } from './credentials.ts';
import type { Documents } from './document.ts';
import { shownErrors } from './errors.ts';
import {
  type GraphqlRequest,
  isOriginAllowed,
  isWithoutDeprecated,
  Refusal,
  readBody,
  readQuery,
  readRequest,
  requireJson,
} from './guards.ts';
import type { ApiMetrics } from './metrics.ts';
import { GRAPHQL, READ_ONLY, READING } from './paths.ts';
import type { Query, QueryAnswers } from './queryAnswer.ts';
import { codeOf, recordRefusedDocument } from './refusals.ts';
import { type RequestIds, requestIdsOf } from './requestIds.ts';
import { printedSchema } from './schema.ts';
import type { Seats } from './seats.ts';
import type { ApiDeps, ApiSettings } from './settings.ts';
import type { Yoga } from './yoga.ts';

export interface HandlerDeps {
  deps: ApiDeps;
  settings: ApiSettings;
  newId(): string;
  documents: Documents;
  yoga: Yoga;
  queryAnswers: QueryAnswers;
  seats: Seats;
  metrics: ApiMetrics;
  authenticate: Authenticate;
  contextOf(asking: Asking): Context;
}

type Page = (parts: HandlerDeps, request: IncomingMessage, response: ServerResponse, ids: RequestIds) => Promise<void>;

/**
 * Requests that come on a connection before the ones before them are answered wait for those: their answers stand in order anyway, and a
 * thousand in one piece would be begun in one turn of the event loop.
 */
export const createHandler = (parts: HandlerDeps): ((request: IncomingMessage, response: ServerResponse) => Promise<void>) => {
  const last = new WeakMap<Socket, Promise<void>>();
  return (request, response) => {
    const { socket } = request;
    const answered = answerAfter(last.get(socket), parts, request, response).finally(() => {
      if (last.get(socket) === answered) last.delete(socket);
    });
    last.set(socket, answered);
    return answered;
  };
};

const answerAfter = async (before: Promise<void> | undefined, parts: HandlerDeps, request: IncomingMessage, response: ServerResponse) => {
  if (before !== undefined) {
    await before;
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (request.socket.destroyed) return;
  await answer(parts, request, response);
  if (!response.closed) await new Promise((resolve) => response.once('close', resolve));
};

const answer = async (parts: HandlerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const { metrics } = parts;
  const ids = requestIdsOf(request, parts.newId);
  response.setHeader('X-Request-Id', ids.requestId);
  response.setHeader('X-Openstack-Request-Id', ids.answered);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  const path = pathOf(request);
  const page = PAGES.get(path);
  response.once('close', () => metrics.request(page === undefined ? 'other' : path, response.statusCode));
  try {
    if (page === undefined) throw new Refusal(404, 'NOT_FOUND', 'There is nothing here; GraphQL is at /graphql.');
    await page(parts, request, response, ids);
  } catch (error) {
    refuse(response, error, ids.requestId, parts);
  }
};

const refuse = (response: ServerResponse, error: unknown, requestId: string, { deps: { log }, settings }: HandlerDeps): void => {
  if (response.headersSent) {
    log.error({ err: error, requestId }, 'an answer broke off');
    response.destroy();
    return;
  }
  const status = error instanceof Refusal ? error.status : error instanceof SeedbedError && error.retryable ? 503 : 500;
  const errors =
    error instanceof Refusal
      ? [{ message: error.message, extensions: { code: error.code, requestId } }]
      : shownErrors([error], { requestId, log }).map((e) => e.toJSON());
  // As keystonemiddleware does: a client that has no token yet learns where to get one.
  if (status === 401) response.setHeader('WWW-Authenticate', `Keystone uri="${settings.keystoneUrl}"`);
  // The rest of the request is not read.
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', Connection: 'close' }).end(JSON.stringify({ errors }));
};

const text = (response: ServerResponse, status: number, body: string | Buffer, type = 'text/plain; charset=utf-8', cache = 'no-store') => {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': cache }).end(body);
};

/** The same, in fewer bytes where the caller takes them. */
const shortText = async (request: IncomingMessage, response: ServerResponse, body: string, type?: string, cache?: string) => {
  const encoding = encodingOf(request.headers['accept-encoding']);
  const shorter = await compress(Buffer.from(body), encoding);
  response.setHeader('Vary', 'Accept-Encoding');
  if (shorter === null || encoding === null) return text(response, 200, body, type, cache);
  response.setHeader('Content-Encoding', encoding);
  text(response, 200, shorter, type, cache);
};

/** The schema and its strong tag, made when first asked for: it changes with the release only. */
const schemaPage = (() => {
  let made: { body: string; etag: string } | null = null;
  return () => {
    if (made !== null) return made;
    const body = printedSchema();
    made = { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` };
    return made;
  };
})();

/** RFC 9110, 13.1.2: any of the tags, or *, and weak ones count as well, and those of other encodings. */
const isKnown = (given: string | undefined, etag: string): boolean =>
  given?.split(',').some((tag) =>
    ['*', etag].includes(
      tag
        .trim()
        .replace(/^W\//, '')
        .replace(/-(?:br|gzip)"$/, '"'),
    ),
  ) === true;

const onlyGet =
  (page: Page): Page =>
  async (parts, request, response, ids) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refusal(405, 'METHOD_NOT_ALLOWED', 'Only GET is answered here.');
    await page(parts, request, response, ids);
  };

/** `reading`: mutations are refused, whoever asks. */
const graphqlAt =
  (reading: boolean): Page =>
  async (parts, request, response, ids) => {
    const { settings } = parts;
    if (!isOriginAllowed(request, settings.allowedOrigins)) throw new Refusal(403, 'FOREIGN_ORIGIN', 'Pages of this origin may not call.');
    allowOrigin(request, response);
    if (request.method === 'OPTIONS') return void response.writeHead(204).end();
    // A shared cache knows of Authorization, not of our header: it must keep none of what is for one caller.
    response.setHeader('Cache-Control', 'no-store');
    const given = await readGiven(parts, request, ids);
    if (given !== null && (await parts.queryAnswers.again(response, given))) return;
    const asked = given === null ? null : readAsked(parts, request, ids, given);
    const isRefused = asked === null ? reading || !isPageAsked(request, settings.graphiql) : isMoreThanGet(request, asked);
    if (isRefused) {
      response.setHeader('Allow', 'POST, OPTIONS');
      throw new Refusal(405, 'METHOD_NOT_ALLOWED', 'Send GraphQL requests by POST; ask for text/event-stream to subscribe.');
    }
    if (asked !== null) await recordIfRefused(parts, request, asked);
    if (asked !== null && reading) await refuseMutation(asked);
    if (given !== null && asked?.kind === 'query' && (await parts.queryAnswers.answer(response, given, asked))) return;
    await answerByYoga(parts, request, response, asked);
  };

const answerByYoga = async (parts: HandlerDeps, request: IncomingMessage, response: ServerResponse, asked: Asked | null): Promise<void> => {
  const leave = asked === null ? null : takeSeat(parts, request, asked);
  const unwatch = leave === null ? null : watchStall(response, parts.settings.stallMs);
  const withoutDeprecated = isWithoutDeprecated(request);
  const encoding = asked?.kind === 'query' ? encodingOf(request.headers['accept-encoding']) : null;
  // It knows one address alone.
  request.url = GRAPHQL + (request.method === 'GET' ? new URL(request.url ?? '', 'http://x').search : '');
  try {
    await parts.yoga.handle(request, response, {
      req: request,
      res: response,
      context: asked?.context ?? null,
      withoutDeprecated,
      encoding,
    });
    if (!response.writableFinished && !response.closed) await new Promise((resolve) => response.once('close', resolve));
  } finally {
    unwatch?.();
    leave?.();
  }
};

/** By POST queries are taken here, so it is the request that is wrong and not its method. */
const refuseMutation = async ({ kind, document, context, body }: Asked): Promise<void> => {
  if (kind !== 'mutation' || document === null) return;
  await recordRefusedDocument(context, { ...body, document, code: READ_ONLY.code });
  throw new Refusal(400, READ_ONLY.code, READ_ONLY.message);
};

/** What it says. */
interface Asked {
  body: GraphqlRequest;
  context: Context;
  document: DocumentNode | null;
  kind: OperationTypeNode | null;
}

/** By GET come queries alone: a method that says that nothing is changed, and one answer to it. */
const isMoreThanGet = ({ method }: IncomingMessage, { kind }: Asked): boolean => method === 'GET' && kind !== null && kind !== 'query';

interface Given extends Query {
  token: string;
}

/**
 * What came by POST, or by GET with a token: a link or an image on somebody's page brings none, so it is as if GET were not there.
 * Authentication comes before the body: who may not call shall not make us read. Null: nothing that runs.
 */
const readGiven = async (parts: HandlerDeps, request: IncomingMessage, ids: RequestIds): Promise<Given | null> => {
  const isPost = request.method === 'POST';
  if (isPost) requireJson(request);
  else if (request.method !== 'GET' || request.headers['x-auth-token'] === undefined) return null;
  const caller = await readCaller({ ...parts, serviceTokenRoles: parts.settings.serviceTokenRoles }, request, ids);
  return {
    ...caller,
    text: isPost ? await readBody(request, parts.settings.maxBodyBytes) : (request.url ?? ''),
    accept: request.headers.accept,
    encoding: encodingOf(request.headers['accept-encoding']),
    withoutDeprecated: isWithoutDeprecated(request),
  };
};

/** Null: no query in the URL. */
const readAsked = (parts: HandlerDeps, request: IncomingMessage, ids: RequestIds, { actor, token, text }: Given): Asked | null => {
  const isPost = request.method === 'POST';
  const body = isPost ? readRequest(text) : readQuery(text);
  if (body === null) return null;
  // Yoga takes a body that was read and found good before; a query in the URL it reads again.
  if (isPost) Object.assign(request, { body });
  return { body, ...documentOf(parts.documents, body), context: parts.contextOf({ actor, token, ids, request }) };
};

const isPageAsked = (request: IncomingMessage, graphiql: boolean): boolean =>
  graphiql && request.method === 'GET' && !request.url?.includes('?') && (request.headers.accept ?? '').includes('text/html');

const allowOrigin = (request: IncomingMessage, response: ServerResponse): void => {
  const { origin } = request.headers;
  response.setHeader('Vary', 'Origin, Accept-Encoding');
  if (origin === undefined) return;
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Allow-Methods', 'GET, POST, OPTIONS');
  response.setHeader('Access-Control-Allow-Headers', 'content-type, x-auth-token, x-request-id, x-openstack-request-id');
  response.setHeader('Access-Control-Expose-Headers', 'x-request-id, x-openstack-request-id, www-authenticate');
  response.setHeader('Access-Control-Max-Age', '600');
};

/** For whatever may be answered by a stream: a subscription is to anybody who takes all types, and a query to who asks for it. */
const takeSeat = (parts: HandlerDeps, request: IncomingMessage, { context, kind }: Asked): (() => void) | null => {
  if (!(request.headers.accept ?? '').includes('text/event-stream') && kind !== 'subscription') return null;
  const leave = parts.seats.take(context.actor);
  if (leave === null) throw new Refusal(429, 'TOO_MANY_CONNECTIONS', 'Too many live connections of this user in this project.');
  return leave;
};

/** Null for what is no document, or has no such operation: it is answered at once. */
const documentOf = (documents: Documents, { query, operationName }: GraphqlRequest): Pick<Asked, 'document' | 'kind'> => {
  try {
    const document = documents.parse(query);
    return { document, kind: getOperationAST(document, operationName)?.operation ?? null };
  } catch {
    return { document: null, kind: null };
  }
};

/** Yoga will refuse it, and knows nothing of the audit log. */
const recordIfRefused = async ({ documents }: HandlerDeps, request: IncomingMessage, asked: Asked): Promise<void> => {
  const { document, kind, body, context } = asked;
  if (document === null || kind !== 'mutation') return;
  const errors = documents.check(document, isWithoutDeprecated(request));
  if (errors.length > 0) await recordRefusedDocument(context, { ...body, document, code: codeOf(errors) });
};

/** A reader that leaves its socket full for so long is cut off; it goes on from its cursor when it comes back. */
const watchStall = (response: ServerResponse, stallMs: number): (() => void) => {
  let written = -1;
  const timer = setInterval(() => {
    const now = response.socket?.bytesWritten ?? 0;
    if (response.writableLength > 0 && now === written && response.writableNeedDrain) response.destroy();
    written = now;
  }, stallMs);
  return () => clearInterval(timer);
};

const PAGES = new Map<string, Page>(
  Object.entries({
    [GRAPHQL]: graphqlAt(false),
    [READING]: graphqlAt(true),
    '/healthz': onlyGet(async (_parts, _request, response) => text(response, 200, 'ok\n')),
    '/readyz': onlyGet(async ({ deps }, _request, response) => {
      const { ok, reasons } = await deps.ready();
      text(response, ok ? 200 : 503, ok ? 'ok\n' : `${reasons.join('\n')}\n`);
    }),
    '/metrics': onlyGet(async ({ deps }, request, response) =>
      shortText(request, response, await deps.metrics.metrics(), deps.metrics.contentType),
    ),
    '/schema.graphql': onlyGet(async ({ deps }, request, response) => {
      if (!deps.settings.introspection) throw new Refusal(404, 'NOT_FOUND', 'The schema is not shown here.');
      const { body, etag } = schemaPage();
      // A strong tag is of these very bytes.
      const encoding = encodingOf(request.headers['accept-encoding']);
      response.setHeader('ETag', encoding === null ? etag : etag.replace(/"$/, `-${encoding}"`));
      if (isKnown(request.headers['if-none-match'], etag))
        return void response.writeHead(304, { 'Cache-Control': 'no-cache', Vary: 'Accept-Encoding' }).end();
      await shortText(request, response, body, undefined, 'no-cache');
    }),
  }),
);
