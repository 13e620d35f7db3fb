/** GraphQL over HTTP and SSE, with and without mutations. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type DocumentNode, GraphQLError, getOperationAST, type OperationTypeNode } from 'graphql';
import { TooMuch } from '../domain/errors.ts';
import { encodingOf } from './compression.ts';
import type { Context } from './context.ts';
import { readCaller } from './credentials.ts';
import type { Cost, Documents } from './document.ts';
import {
  Costed,
  type GraphqlRequest,
  isOriginAllowed,
  isWithoutDeprecated,
  Refusal,
  readBody,
  readQuery,
  readRequest,
  requireJson,
} from './guards.ts';
import { statusOfUnknown } from './knownDocuments.ts';
import { allowOrigin, type HandlerDeps, type Page } from './page.ts';
import { GRAPHQL, READ_ONLY } from './paths.ts';
import type { Query } from './queryAnswer.ts';
import { codeOf, recordRefusedDocument, takeMutations } from './refusals.ts';
import type { RequestIds } from './requestIds.ts';
import { TOO_MANY_SEATS } from './seats.ts';

/** `reading`: mutations are refused, whoever asks. */
export const graphqlAt =
  (reading: boolean): Page =>
  async (parts, request, response, ids) => {
    const { settings } = parts;
    if (!isOriginAllowed(request, settings.allowedOrigins)) throw new Refusal(403, 'FOREIGN_ORIGIN', 'Pages of this origin may not call.');
    allowOrigin(request, response);
    if (request.method === 'OPTIONS') return void response.writeHead(204).end();
    // A shared cache knows of Authorization, not of our header: it must keep none of what is for one caller.
    response.setHeader('Cache-Control', 'no-store');
    parts.rates.takeRequest(request);
    const given = await readGiven(parts, request, ids);
    if (given !== null && (await parts.queryAnswers.again(response, given))) return;
    const asked = given === null ? null : readAsked(parts, request, ids, given);
    try {
      await answerAsked(parts, request, response, { reading, given, asked });
    } catch (error) {
      throw asked?.cost === undefined ? error : new Costed(error, asked.cost);
    }
  };

const answerAsked = async (
  parts: HandlerDeps,
  request: IncomingMessage,
  response: ServerResponse,
  { reading, given, asked }: { reading: boolean; given: Given | null; asked: Asked | null },
): Promise<void> => {
  const isRefused = asked === null ? reading || !isPageAsked(request, parts.settings.graphiql) : isMoreThanGet(request, asked);
  if (isRefused) {
    response.setHeader('Allow', 'POST, OPTIONS');
    throw new Refusal(405, 'METHOD_NOT_ALLOWED', 'Send GraphQL requests by POST; ask for text/event-stream to subscribe.');
  }
  if (asked?.kind === 'mutation' && asked.document !== null)
    await takeMutations(parts.rates, asked.context, { ...asked.body, document: asked.document });
  if (asked !== null) await recordIfRefused(parts, request, asked);
  if (asked !== null && reading) await refuseMutation(asked);
  if (asked?.kind === 'subscription') refuseWithoutStream(parts, request, asked);
  if (given !== null && asked?.kind === 'query' && (await parts.queryAnswers.answer(response, given, asked))) return;
  await answerByYoga(parts, request, response, asked);
};

const answerByYoga = async (parts: HandlerDeps, request: IncomingMessage, response: ServerResponse, asked: Asked | null): Promise<void> => {
  const leave = asked === null ? null : await takeSeat(parts, request, asked);
  const unwatch = leave === null ? null : watchStall(response, parts.settings.stallMs);
  const withoutDeprecated = isWithoutDeprecated(request);
  const encoding = asked?.kind === 'query' ? encodingOf(request.headers['accept-encoding']) : null;
  request.url = GRAPHQL + (request.method === 'GET' && asked !== null ? searchOf(asked.body) : '');
  try {
    await parts.yoga.handle(request, response, {
      req: request,
      res: response,
      context: asked?.context ?? null,
      cost: asked?.cost,
      withoutDeprecated,
      encoding,
    });
    if (!response.writableFinished && !response.closed) await new Promise((resolve) => response.once('close', resolve));
  } finally {
    unwatch?.();
    leave?.();
  }
};

/** Yoga knows one address alone, and is to read in it what was looked at, and nothing that it might find there by other rules. */
const searchOf = ({ query, operationName, variables }: GraphqlRequest): string =>
  `?${new URLSearchParams({ query, variables: JSON.stringify(variables), ...(operationName !== null && { operationName }) })}`;

/** By POST queries are taken here, so it is the request that is wrong and not its method. */
const refuseMutation = async ({ kind, document, context, body }: Asked): Promise<void> => {
  if (kind !== 'mutation' || document === null) return;
  await recordRefusedDocument(context, { ...body, document, code: READ_ONLY.code });
  throw new Refusal(400, READ_ONLY.code, READ_ONLY.message);
};

/** Yoga would begin it, and answer with a status and nothing else. What is wrong with the document is told in JSON. */
const refuseWithoutStream = ({ documents }: HandlerDeps, request: IncomingMessage, { document }: Asked): void => {
  const accepted = (request.headers.accept || '*/*').split(',').map((type) => type.split(';')[0]?.trim().toLowerCase() ?? '');
  if (accepted.some((type) => ['text/event-stream', 'text/*', '*/*'].includes(type))) return;
  if (document === null || documents.check(document, isWithoutDeprecated(request)).length > 0) return;
  throw new Refusal(406, 'NOT_ACCEPTABLE', 'A subscription is answered by a stream of events: ask for it with Accept: text/event-stream.');
};

/** What it says. */
interface Asked {
  body: GraphqlRequest;
  context: Context;
  document: DocumentNode | null;
  kind: OperationTypeNode | null;
  cost: Cost | undefined;
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
  const { authenticate, settings } = parts;
  const { actor, token } = await readCaller({ authenticate, serviceTokenRoles: settings.serviceTokenRoles }, request, ids);
  parts.rates.takeCall(actor);
  return {
    actor,
    token,
    text: isPost ? await readBody(request, settings.maxBodyBytes) : (request.url ?? ''),
    accept: request.headers.accept,
    encoding: encodingOf(request.headers['accept-encoding']),
    withoutDeprecated: isWithoutDeprecated(request),
  };
};

/** Null: no query in the URL. */
const readAsked = (parts: HandlerDeps, request: IncomingMessage, ids: RequestIds, { actor, token, text }: Given): Asked | null => {
  const isPost = request.method === 'POST';
  const given = isPost ? readRequest(text) : readQuery(text);
  if (given === null) return null;
  const body = knownRequest(parts, given);
  // Yoga takes a body that was read and found good before, and nothing in it that it does not know; a query in the URL it reads again.
  const { sha256: _, ...known } = body;
  if (isPost) Object.assign(request, { body: known });
  return { body, ...documentOf(parts.documents, body), context: parts.contextOf({ actor, token, ids, request }) };
};

/** With the text that is to be run. Throws Refusal 404 for a hash of nothing, 403 for a text that is not known where only known ones are run. */
const knownRequest = ({ known }: HandlerDeps, request: GraphqlRequest): GraphqlRequest => {
  try {
    return { ...request, query: known.textOf(request) };
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    const code = codeOf([error]);
    throw new Refusal(statusOfUnknown(code), code, error.message);
  }
};

const isPageAsked = (request: IncomingMessage, graphiql: boolean): boolean =>
  graphiql && request.method === 'GET' && !request.url?.includes('?') && (request.headers.accept ?? '').includes('text/html');

/** Nobody knows when a seat will be free: soon enough for who has just ended another stream, and seldom enough for who has not. */
const SEAT_WAIT_MS = 5_000;

/** For whatever may be answered by a stream: a subscription is to anybody who takes all types, and a query to who asks for it. */
const takeSeat = async (parts: HandlerDeps, request: IncomingMessage, asked: Asked): Promise<(() => void) | null> => {
  const { context, kind, document, body } = asked;
  if (!(request.headers.accept ?? '').includes('text/event-stream') && kind !== 'subscription') return null;
  const leave = parts.seats.take(context.actor);
  if (leave !== null) return leave;
  const refusal = new TooMuch('TOO_MANY_CONNECTIONS', TOO_MANY_SEATS, SEAT_WAIT_MS);
  // One that is wrong has been written down.
  if (kind === 'mutation' && document !== null && parts.documents.check(document, isWithoutDeprecated(request)).length === 0)
    await recordRefusedDocument(context, { ...body, document, code: refusal.code });
  throw refusal;
};

/** Null for what is no document, or has no such operation: it is answered at once. */
const documentOf = (documents: Documents, { query, operationName }: GraphqlRequest): Pick<Asked, 'document' | 'kind' | 'cost'> => {
  try {
    const document = documents.parse(query);
    const kind = getOperationAST(document, operationName)?.operation ?? null;
    return { document, kind, cost: documents.costOf(document, operationName) };
  } catch {
    return { document: null, kind: null, cost: undefined };
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
