/** Answers one HTTP request: guards first, then GraphQL. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { SeedbedError } from '../domain/errors.ts';
import { encodingOf } from './compression.ts';
import { pathOf } from './credentials.ts';
import { shownErrors } from './errors.ts';
import { graphqlAt } from './graphqlPage.ts';
import { Refusal } from './guards.ts';
import { openApiPage, operationPage } from './operationPage.ts';
import { type HandlerDeps, onlyGet, type Page, shortText, text } from './page.ts';
import { GRAPHQL, OPEN_API, OPERATIONS, READING } from './paths.ts';
import { requestIdsOf } from './requestIds.ts';
import { printedSchema } from './schema.ts';

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
  const { page, route } = pageAt(path);
  response.once('close', () => metrics.request(route, response.statusCode));
  try {
    if (page === undefined) throw new Refusal(404, 'NOT_FOUND', 'There is nothing here; GraphQL is at /graphql.');
    await page(parts, request, response, ids);
  } catch (error) {
    refuse(request, response, error, ids.requestId, parts);
  }
};

/** Any number of stored operations is one route. */
const pageAt = (path: string): { page: Page | undefined; route: string } => {
  if (path.startsWith(OPERATIONS)) return { page: operationPage, route: OPERATIONS };
  const page = PAGES.get(path);
  return { page, route: page === undefined ? 'other' : path };
};

const refuse = (
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  requestId: string,
  { deps: { log }, settings }: HandlerDeps,
): void => {
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
  const body = JSON.stringify({ errors });
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  });
  if (request.complete) return void response.end(body);
  response.write(body);
  linger(request, response);
};

/** How long, and for how many bytes of it, the rest of a refused request is taken. */
const LINGER_MS = 2_000;
const LINGER_BYTES = 4 * 1024 * 1024;

/**
 * The rest of a request is thrown away for a while after its answer: a connection that is closed on what is still being said is reset, and the
 * answer lost with it (RFC 9112, 9.6). What is more stays in the sender's hands until the connection is closed.
 */
const linger = (request: IncomingMessage, response: ServerResponse): void => {
  const over = setTimeout(() => response.end(), LINGER_MS);
  response.once('close', () => clearTimeout(over));
  request.once('end', () => response.end());
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) request.pause();
  });
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

const PAGES = new Map<string, Page>(
  Object.entries({
    [GRAPHQL]: graphqlAt(false),
    [READING]: graphqlAt(true),
    [OPEN_API]: openApiPage,
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
