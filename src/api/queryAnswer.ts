/**
 * The short way for queries over HTTP: graphql-js on a document that was found good, its compiled form (compiledQuery.ts) from the second time on, and the
 * same answer again while nothing was committed. Whatever is not a plain query with a plain answer goes the long way, through Yoga, and is answered alike.
 */
import type { ServerResponse } from 'node:http';
import { type DocumentNode, execute, type GraphQLSchema } from 'graphql';
import type { Actor } from '../domain/actor.ts';
import { createCompiledQueries } from './compiledQuery.ts';
import { compress, type Encoding } from './compression.ts';
import type { Context } from './context.ts';
import type { Documents } from './document.ts';
import { shownErrors } from './errors.ts';
import type { GraphqlRequest } from './guards.ts';
import { type Answer, createKeptAnswers } from './keptAnswers.ts';
import type { ApiMetrics } from './metrics.ts';
import { watchContext } from './pureContext.ts';

export interface QueryAnswers {
  /** Answers from memory; false: there is nothing to answer with. */
  again(response: ServerResponse, given: Query): Promise<boolean>;
  /** Runs a query and answers; false: this is for the long way, and nothing was done. */
  answer(response: ServerResponse, given: Query, asked: Asked): Promise<boolean>;
}

export interface Query {
  actor: Actor;
  /** The request's body, or the address with the query in it. */
  text: string;
  accept: string | undefined;
  encoding: Encoding | null;
  withoutDeprecated: boolean;
}

type Variables = GraphqlRequest['variables'];

interface Made {
  text: string;
  /** Without an error. */
  isWell: boolean;
}

interface Asked {
  body: GraphqlRequest;
  document: DocumentNode | null;
  context: Context;
}

export const createQueryAnswers = (deps: {
  schema: GraphQLSchema;
  documents: Documents;
  metrics: ApiMetrics;
  /** Changes with each commit. */
  versionOf(): number;
}): QueryAnswers => {
  const { schema, documents, metrics, versionOf } = deps;
  const kept = createKeptAnswers(versionOf);
  const compiled = createCompiledQueries(schema);

  /** Null: the variables do not fit. */
  const make = async (
    document: DocumentNode,
    operationName: string | null,
    variables: Variables,
    context: Context,
  ): Promise<Made | null> => {
    const cost = documents.costOf(document, operationName);
    const extensions = cost && { cost };
    const ready = compiled.find(document, operationName);
    const data = ready === undefined ? null : await ready.run(context, variables);
    if (data !== null) return { text: `{"data":${data}${extensions ? `,"extensions":${JSON.stringify(extensions)}` : ''}}`, isWell: true };
    if (ready !== undefined) compiled.forget(document);
    const result = await execute({ schema, document, contextValue: context, variableValues: variables, operationName });
    if (result.data === undefined) return null;
    const errors = result.errors && shownErrors(result.errors, { requestId: context.requestId, log: context.log });
    // What is wrong comes first, as the specification would have it and the long way has it.
    return { text: JSON.stringify({ errors, data: result.data, extensions }), isWell: errors === undefined };
  };

  return {
    again: async (response, given) => {
      const began = performance.now();
      const type = answeredType(given.accept);
      const answer = type === null ? undefined : kept.find(given.actor, keyOf(given));
      if (type === null || answer === undefined) return false;
      await send(response, { type, answer, encoding: given.encoding });
      metrics.operation('query', 'ok', (performance.now() - began) / 1000);
      return true;
    },
    answer: async (response, given, { body: { operationName, variables: variableValues }, document, context }) => {
      const began = performance.now();
      const type = answeredType(given.accept);
      if (type === null || document === null || documents.check(document, given.withoutDeprecated).length > 0) return false;
      const version = versionOf();
      const watched = watchContext(context);
      const made = await make(document, operationName, variableValues, watched.context);
      // Variables that do not fit: nothing was run.
      if (made === null) return false;
      const answer: Answer = { text: made.text, packed: {} };
      if (made.isWell && watched.isPure()) {
        compiled.add(document, operationName);
        kept.keep(given.actor, keyOf(given), version, answer);
      }
      await send(response, { type, answer, encoding: given.encoding });
      metrics.operation('query', made.isWell ? 'ok' : 'error', (performance.now() - began) / 1000);
      return true;
    },
  };
};

const keyOf = ({ text, withoutDeprecated }: Query): string => (withoutDeprecated ? `-${text}` : text);

const send = async (
  response: ServerResponse,
  { type, answer, encoding }: { type: string; answer: Answer; encoding: Encoding | null },
): Promise<void> => {
  const shorter = encoding === null ? null : await packedAs(answer, encoding);
  const headers = shorter !== null && encoding !== null ? { 'Content-Encoding': encoding } : {};
  // A text goes out in one write with the headers before it, bytes in a second one.
  const body = shorter ?? answer.text;
  const length = Buffer.byteLength(body);
  response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8`, 'Content-Length': length, ...headers }).end(body);
};

/** Packed once, however often it is sent: that takes longer than all else that is done with an answer from memory. */
const packedAs = ({ text, packed }: Answer, encoding: Encoding): Promise<Buffer | null> => {
  const made = packed[encoding] ?? Promise.resolve(compress(Buffer.from(text), encoding));
  packed[encoding] = made;
  return made;
};

const TYPES = ['application/graphql-response+json', 'application/json'] as const;

/**
 * The type in which a plain result goes to who accepts this, as Yoga chooses: the first one named of the two, and JSON for who takes
 * anything. Null: something else is wanted.
 */
export const answeredType = (accept = '*/*'): (typeof TYPES)[number] | null => {
  if (accept === '*/*' || accept === 'application/json') return 'application/json';
  const asked = accept.replace(/\s/g, '').toLowerCase().split(',');
  if (asked.some((one) => one.includes('charset='))) return null;
  for (const one of asked) {
    const [media = ''] = one.split(';');
    const found = TYPES.findLast((type) => [type, 'application/*', '*/*'].includes(media));
    if (found !== undefined) return found;
  }
  return null;
};
