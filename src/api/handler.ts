/** Answers one HTTP request: guards first, then GraphQL. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SeedbedError, TooMuch } from '../domain/errors.ts';
import type { Log } from '../lib/log.ts';
import { encodingOf } from './compression.ts';
import { pathOf } from './credentials.ts';
import type { Cost } from './document.ts';
import { shownErrors } from './errors.ts';
import { graphqlAt } from './graphqlPage.ts';
import { Costed, HungUp, Refusal } from './guards.ts';
import { openApiPage, operationPage } from './operationPage.ts';
import { type HandlerDeps, onlyGet, type Page, shortText, text } from './page.ts';
import { GRAPHQL, OPEN_API, OPERATIONS, READING } from './paths.ts';
import { createPipelines, type Pipelines } from './pipeline.ts';
import { statusOf } from './problemStatus.ts';
import { answeredType } from './queryAnswer.ts';
import { sendRefused } from './refusedAnswer.ts';
import { requestIdsOf } from './requestIds.ts';
import { printedSchema } from './schema.ts';

export const createHandler = (parts: HandlerDeps): Pipelines => createPipelines((request, response) => answer(parts, request, response));

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
  thrown: unknown,
  requestId: string,
  { deps: { log }, settings }: HandlerDeps,
): void => {
  if (thrown instanceof HungUp) {
    log.debug({ requestId }, 'a caller hung up in the middle of a request');
    response.destroy();
    return;
  }
  const [error, cost] = thrown instanceof Costed ? [thrown.thrown, thrown.cost] : [thrown];
  if (response.headersSent) {
    log.error({ err: error, requestId }, 'an answer broke off');
    response.destroy();
    return;
  }
  const body = bodyOf(error, requestId, log, cost);
  if (error instanceof TooMuch) response.setHeader('Retry-After', String(error.retryAfterSeconds));
  const status = statusOfError(error);
  // As keystonemiddleware does: a client that has no token yet learns where to get one.
  if (status === 401) response.setHeader('WWW-Authenticate', `Keystone uri="${settings.keystoneUrl}"`);
  sendRefused(request, response, { status, type: `${typeOf(request)}; charset=utf-8`, body });
};

const statusOfError = (error: unknown): number => {
  if (error instanceof Refusal) return error.status;
  if (error instanceof TooMuch) return statusOf(error.code);
  return error instanceof SeedbedError && error.retryable ? 503 : 500;
};

/** Clients that ask for GraphQL's own type read errors in answers of any status that have it, and of others only that they failed. */
const typeOf = ({ headers }: IncomingMessage): string => answeredType(headers.accept) ?? 'application/json';

/** The answer of GraphQL to what did not get there. */
export const bodyOf = (error: unknown, requestId: string, log: Log, cost?: Cost): string =>
  JSON.stringify({
    errors:
      error instanceof Refusal
        ? [{ message: error.message, extensions: { code: error.code, requestId } }]
        : shownErrors([error], { requestId, log }).map((e) => e.toJSON()),
    extensions: cost && { cost },
  });

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
    '/readyz': onlyGet(async ({ ready }, _request, response) => {
      const { ok, reasons } = await ready();
      text(response, ok ? 200 : 503, ok ? 'ok\n' : `${reasons.join('\n')}\n`);
    }),
    '/metrics': onlyGet(async ({ deps }, request, response) =>
      shortText(request, response, await deps.metrics.metrics(), deps.metrics.contentType),
    ),
    '/schema.graphql': onlyGet(async ({ deps, rates }, request, response) => {
      rates.takeRequest(request);
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
