/** GraphQL over HTTP and SSE: Yoga with our own parsing, limits and errors. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type DocumentNode, type ExecutionArgs, type ExecutionResult, type GraphQLSchema, getOperationAST } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import type { Log } from '../lib/log.ts';
import { compress, type Encoding } from './compression.ts';
import type { Context } from './context.ts';
import type { Cost, Documents } from './document.ts';
import { shownErrors } from './errors.ts';
import { mapped } from './mapped.ts';
import type { ApiMetrics } from './metrics.ts';
import { recordRefusedVariables } from './refusals.ts';
import type { SharedAnswers } from './sharedAnswers.ts';

export interface ServerContext {
  req: IncomingMessage;
  res: ServerResponse;
  /** Null on GraphiQL's page, which runs nothing. */
  context: Context | null;
  /** Of what is asked for, as far as it could be reckoned. */
  cost: Cost | undefined;
  /** The caller wants an answer as if what is deprecated were gone. */
  withoutDeprecated: boolean;
  /** In which the answer shall be sent if it is long; null: as it is. */
  encoding: Encoding | null;
}

export type Yoga = YogaServerInstance<ServerContext, Record<string, never>>;

interface Executed {
  result: ExecutionResult | AsyncIterable<ExecutionResult>;
}

export const createYogaServer = (options: {
  schema: GraphQLSchema;
  documents: Documents;
  answers: Pick<SharedAnswers, 'subscribe'>;
  graphiql: boolean;
  log: Log;
  metrics: ApiMetrics;
}): Yoga => {
  const { schema, documents, answers, log, metrics } = options;
  const shown = (result: ExecutionResult, requestId: string): ExecutionResult =>
    result.errors === undefined ? result : { ...result, errors: shownErrors(result.errors, { requestId, log }) };

  const ours: Plugin<Pick<ServerContext, 'withoutDeprecated'>, ServerContext, object> = {
    onParse: ({ setParseFn }) =>
      setParseFn((source: string | { body: string }) => documents.parse(typeof source === 'string' ? source : source.body)),
    onValidate: ({ setValidationFn, context }) =>
      setValidationFn((_schema: GraphQLSchema, document: DocumentNode) => documents.check(document, context.withoutDeprecated)),
    onExecute: ({ args }) => {
      const began = performance.now();
      const document: DocumentNode = args.document;
      const kind = getOperationAST(document, args.operationName)?.operation ?? 'query';
      return {
        onExecuteDone: async ({ result }: Executed) => {
          const isStream = Symbol.asyncIterator in result;
          metrics.operation(kind, !isStream && result.errors !== undefined ? 'error' : 'ok', (performance.now() - began) / 1000);
          if (!isStream && kind === 'mutation') await recordRefusedVariables(args, result);
        },
      };
    },
    // By the context itself, and not by Yoga's copy of what it was at first.
    onSubscribe: ({ setSubscribeFn }) =>
      setSubscribeFn((args: ExecutionArgs) =>
        answers.subscribe({ ...args, contextValue: (args.contextValue as Pick<ServerContext, 'context'>).context }),
      ),
    onResultProcess: ({ result, setResult, serverContext }) => {
      const requestId = serverContext.context?.requestId ?? '';
      if (result === undefined || Array.isArray(result)) return;
      const { cost } = serverContext;
      if (Symbol.asyncIterator in result) setResult(mapped(result, (one) => shown(one, requestId)));
      else setResult({ ...shown(result, requestId), ...(cost && { extensions: { cost } }) });
    },
    onResponse: async ({ response, setResponse, serverContext: { encoding } }) => {
      if (encoding === null || !/^application\/(?:graphql-response\+)?json/.test(response.headers.get('content-type') ?? '')) return;
      const body = Buffer.from(await response.arrayBuffer());
      const shorter = await compress(body, encoding);
      const headers = new Headers(response.headers);
      headers.delete('content-length');
      if (shorter !== null) headers.set('content-encoding', encoding);
      setResponse(new Response(new Uint8Array(shorter ?? body), { status: response.status, headers }));
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
    // Ours keeps less, serves sockets as well, and knows that a document may be looked at in two ways.
    parserAndValidationCache: false,
    maskedErrors: false,
    logging: false,
    // The one context for all ways in is made before Yoga is asked.
    context: ({ context }) => whole(context),
    plugins: [ours],
  });
};

/** With what it has from all requests, of which Yoga, which copies what is an object's own, would see nothing. */
const whole = (context: Context | null): Record<string, never> => {
  const all: Record<string, unknown> = {};
  for (const name in context) all[name] = context[name as keyof Context];
  return all as Record<string, never>;
};
