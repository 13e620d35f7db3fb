/** GraphQL over HTTP and SSE: Yoga with our own parsing, limits and errors. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type DocumentNode, type ExecutionResult, type GraphQLSchema, getOperationAST } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import type { Log } from '../lib/log.ts';
import type { Context } from './context.ts';
import { checkDocument, parseDocument } from './document.ts';
import { shownErrors } from './errors.ts';
import type { ApiMetrics } from './metrics.ts';

export interface ServerContext {
  req: IncomingMessage;
  res: ServerResponse;
  /** Null on GraphiQL's page, which runs nothing. */
  context: Context | null;
}

export type Yoga = YogaServerInstance<ServerContext, Record<string, never>>;

export const createYogaServer = (options: {
  schema: GraphQLSchema;
  introspection: boolean;
  graphiql: boolean;
  log: Log;
  metrics: ApiMetrics;
}): Yoga => {
  const { schema, introspection, log, metrics } = options;
  const shown = (result: ExecutionResult, requestId: string): ExecutionResult =>
    result.errors === undefined ? result : { ...result, errors: shownErrors(result.errors, { requestId, log }) };

  const ours: Plugin<object, ServerContext, object> = {
    onParse: ({ setParseFn }) =>
      setParseFn((source: string | { body: string }) => parseDocument(typeof source === 'string' ? source : source.body)),
    onValidate: ({ setValidationFn }) =>
      setValidationFn((of: GraphQLSchema, document: Parameters<typeof checkDocument>[1]) => checkDocument(of, document, introspection)),
    onExecute: ({ args }) => {
      const began = performance.now();
      const document: DocumentNode = args.document;
      const kind = getOperationAST(document, args.operationName)?.operation ?? 'query';
      return {
        onExecuteDone: ({ result }) => {
          const failed = !(Symbol.asyncIterator in result) && result.errors !== undefined;
          metrics.operation(kind, failed ? 'error' : 'ok', (performance.now() - began) / 1000);
        },
      };
    },
    onResultProcess: ({ result, setResult, serverContext }) => {
      const requestId = serverContext.context?.requestId ?? '';
      if (result === undefined || Array.isArray(result)) return;
      if (Symbol.asyncIterator in result) setResult(mapped(result, (one) => shown(one, requestId)));
      else setResult(shown(result, requestId));
    },
  };

  return createYoga<ServerContext, Record<string, never>>({
    schema,
    graphqlEndpoint: '/graphql',
    landingPage: false,
    graphiql: options.graphiql ? { title: 'Seedbed', subscriptionsProtocol: 'SSE', headers: '{\n  "X-Auth-Token": ""\n}' } : false,
    cors: false,
    batching: false,
    multipart: false,
    maskedErrors: false,
    logging: false,
    // The one context for all ways in is made before Yoga is asked.
    context: ({ context }) => Object.assign(context ?? {}),
    plugins: [ours],
  });
};

/** Passes `return` on at once, so that a reader who leaves ends the stream. */
const mapped = (
  source: AsyncIterable<ExecutionResult>,
  map: (result: ExecutionResult) => ExecutionResult,
): AsyncIterableIterator<ExecutionResult> => {
  const iterator = source[Symbol.asyncIterator]();
  return {
    next: async () => {
      const step = await iterator.next();
      return step.done ? step : { done: false, value: map(step.value) };
    },
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
};
