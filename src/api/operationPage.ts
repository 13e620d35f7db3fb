/** POST /v1/ops/NAME: a stored operation's answer as plain JSON with a status of its own; and the OpenAPI document of all of them. */
import type { ServerResponse } from 'node:http';
import { type ExecutionResult, execute } from 'graphql';
import { type ErrorCode, type Problem, problemOf, RateLimited } from '../domain/errors.ts';
import { remedyOf } from '../domain/remedy.ts';
import type { Context } from './context.ts';
import { pathOf, readCaller } from './credentials.ts';
import { type ErrorContext, shownErrors } from './errors.ts';
import { isOriginAllowed, Refusal, readBody, requireJson } from './guards.ts';
import { openApiOf } from './openApi.ts';
import { allowOrigin, type HandlerDeps, onlyGet, type Page, text } from './page.ts';
import { OPERATIONS } from './paths.ts';
import { statusOf } from './problemStatus.ts';
import { recordRefusedVariables, takeMutations } from './refusals.ts';
import { sendRefused } from './refusedAnswer.ts';
import { serverInfoOf } from './serverInfo.ts';
import type { StoredOperation } from './storedOperation.ts';

export const operationPage: Page = async (parts, request, response, ids) => {
  try {
    await answerOperation(parts, request, response, ids);
  } catch (error) {
    if (!(error instanceof RateLimited)) throw error;
    response.setHeader('Retry-After', String(error.retryAfterSeconds));
    const { requestId } = ids;
    sendRefused(request, response, problemAnswer(requestId, shownProblem({ requestId, log: parts.deps.log }, [error])));
  }
};

const answerOperation: Page = async (parts, request, response, ids) => {
  const { settings } = parts;
  if (!isOriginAllowed(request, settings.allowedOrigins)) throw new Refusal(403, 'FOREIGN_ORIGIN', 'Pages of this origin may not call.');
  allowOrigin(request, response);
  if (request.method === 'OPTIONS') return void response.writeHead(204).end();
  if (request.method !== 'POST') {
    response.setHeader('Allow', 'POST, OPTIONS');
    throw new Refusal(405, 'METHOD_NOT_ALLOWED', 'Call operations by POST, with their variables as JSON.');
  }
  parts.rates.takeRequest(request);
  requireJson(request);
  const caller = await readCaller({ ...parts, serviceTokenRoles: settings.serviceTokenRoles }, request, ids);
  parts.rates.takeCall(caller.actor);
  const operation = parts.operations.get(pathOf(request).slice(OPERATIONS.length));
  if (operation === undefined) throw new Refusal(404, 'NOT_FOUND', 'There is no operation of this name; /v1/openapi.json lists them.');
  const cost = parts.documents.costOf(operation.document, null);
  if (cost !== undefined) response.setHeader(COST_HEADER, String(cost.estimated));
  const variables = variablesIn(await readBody(request, settings.maxBodyBytes));
  const context = parts.contextOf({ ...caller, ids, request });
  if (operation.kind === 'mutation')
    await takeMutations(parts.rates, context, { document: operation.document, operationName: null, variables });
  answer(response, context, operation, await run(parts, operation, context, variables));
};

/** What GraphQL's answers have in their extensions: the body is the operation's alone. */
const COST_HEADER = 'X-Estimated-Cost';

export const openApiPage: Page = onlyGet(async (parts, request, response, ids) => {
  parts.rates.takeRequest(request);
  const { actor } = await readCaller({ ...parts, serviceTokenRoles: parts.settings.serviceTokenRoles }, request, ids);
  parts.rates.takeCall(actor);
  const { version } = serverInfoOf(parts.settings);
  const document = openApiOf(parts.operations, parts.schema, { version, pathPrefix: parts.settings.pathPrefix });
  text(response, 200, JSON.stringify(document), 'application/json; charset=utf-8', 'no-cache');
});

/** Throws Refusal 400. No body is no variables. */
const variablesIn = (body: string): Record<string, unknown> => {
  let parsed: unknown = null;
  try {
    parsed = body.trim() === '' ? {} : JSON.parse(body);
  } catch {
    // Said below.
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed))
    throw new Refusal(400, 'BAD_REQUEST', "The body must be a JSON object with the operation's variables.");
  return { ...parsed };
};

const run = async (parts: HandlerDeps, { document, kind }: StoredOperation, context: Context, variableValues: Record<string, unknown>) => {
  const began = performance.now();
  const args = { schema: parts.schema, document, variableValues, contextValue: context };
  const result = await execute(args);
  if (kind === 'mutation') await recordRefusedVariables(args, result);
  parts.metrics.operation(kind, result.errors === undefined ? 'ok' : 'error', (performance.now() - began) / 1000);
  return result;
};

/** The first thing that is wrong is the answer's: a part of what was asked for is no answer. */
const answer = (response: ServerResponse, context: Context, operation: StoredOperation, { data, errors }: ExecutionResult): void => {
  const problem = errors === undefined ? (context.refused[0] ?? absence(operation, data)) : shownProblem(context, errors);
  if (problem === null) text(response, 200, JSON.stringify(data), 'application/json; charset=utf-8');
  else sendProblem(response, problemAnswer(context.requestId, problem));
};

type Shown = Pick<Problem, 'message'> & { code: string };

/** A query that finds nothing of what it asked for. */
const absence = ({ kind }: StoredOperation, data: ExecutionResult['data']): Shown | null => {
  const found = Object.values(data ?? {});
  const isNothing = kind === 'query' && found.length > 0 && found.every((value) => value === null);
  return isNothing ? { code: 'NOT_FOUND', message: 'What was asked for was not found.' } : null;
};

const shownProblem = ({ requestId, log }: ErrorContext, errors: readonly unknown[]): Shown => {
  const [first] = shownErrors(errors, { requestId, log });
  const { message = problemOf(null).message, extensions = {} } = first ?? {};
  return { ...extensions, message, code: String(extensions.code ?? 'INTERNAL') };
};

const sendProblem = (response: ServerResponse, { status, type, body }: ReturnType<typeof problemAnswer>): void =>
  text(response, status, body, type);

/** RFC 9457. */
const problemAnswer = (requestId: string, { message, code, ...rest }: Shown): { status: number; type: string; body: string } => {
  const status = statusOf(code);
  const body = { title: code, status, detail: message, code, ...rest, remedy: remedyOf({ ...rest, code: code as ErrorCode }), requestId };
  return { status, type: 'application/problem+json; charset=utf-8', body: JSON.stringify(body) };
};
