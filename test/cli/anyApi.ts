/** An API of made-up answers: whatever is asked for is there by the schema, and operations go on until the test ends them. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  buildSchema,
  execute,
  type GraphQLFieldResolver,
  type GraphQLOutputType,
  type GraphQLTypeResolver,
  getNamedType,
  graphql,
  isAbstractType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  subscribe,
} from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';

/** Every name, id and text there. */
export const ANYTHING = 'it';

export interface Course {
  state: string;
  problem: { code: string; message: string } | null;
}

export interface AnyApi {
  url: string;
  /** Once somebody follows an operation. */
  followed: Promise<void>;
  /** The operation is so in the end, for all who follow it and ask for it. */
  end(course: Course): void;
  close(): Promise<void>;
}

const SCALARS: Readonly<Record<string, unknown>> = { Int: 1, Float: 1, Boolean: false, DateTime: '2027-01-01T00:00:00.000Z' };

export const startAnyApi = async (): Promise<AnyApi> => {
  let course: Course = { state: 'RUNNING', problem: null };
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  let follow = () => {};
  const followed = new Promise<void>((resolve) => {
    follow = resolve;
  });

  const madeUp = (type: GraphQLOutputType): unknown => {
    if (isNonNullType(type)) return madeUp(type.ofType);
    if (isListType(type)) return [madeUp(type.ofType)];
    const { name } = getNamedType(type);
    if (name === 'Operation') return course;
    if (isObjectType(type) || isAbstractType(type)) return {};
    if (isEnumType(type)) return type.getValues()[0]?.value;
    return name in SCALARS ? SCALARS[name] : ANYTHING;
  };
  const fieldResolver: GraphQLFieldResolver<Record<string, unknown>, unknown> = (source, _args, _context, { fieldName, returnType }) =>
    source !== undefined && fieldName in source ? source[fieldName] : madeUp(returnType);
  /** A mutation succeeds in the beginning, whatever becomes of it. */
  const typeResolver: GraphQLTypeResolver<unknown, unknown> = (_value, _context, { schema }, type) => {
    const names = schema.getPossibleTypes(type).map(({ name }) => name);
    return names.find((name) => name.endsWith('Payload')) ?? names[0];
  };
  async function* operationProgress() {
    follow();
    yield { operationProgress: { operation: course } };
    await ended;
    yield { operationProgress: { operation: course } };
  }
  /** A cluster of which nothing is told. */
  async function* clusterProgress() {
    await ended;
    yield { clusterProgress: {} };
  }
  const subscribeFieldResolver: GraphQLFieldResolver<unknown, unknown> = (_source, _args, _context, { fieldName }) =>
    fieldName === 'operationProgress' ? operationProgress() : clusterProgress();

  const schema = buildSchema(readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8'));
  const ways = { schema, fieldResolver: fieldResolver as GraphQLFieldResolver<unknown, unknown>, typeResolver };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { query, variables } = JSON.parse(Buffer.concat(chunks).toString()) as { query: string; variables?: Record<string, unknown> };
    const answer = await graphql({ ...ways, source: query, variableValues: variables ?? null });
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
  });
  const sockets = new WebSocketServer({ server });
  const streams = useServer(
    {
      schema,
      execute: (args) => execute({ ...args, ...ways }),
      subscribe: (args) => subscribe({ ...args, ...ways, subscribeFieldResolver }),
    },
    sockets,
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    followed,
    end: (last) => {
      course = last;
      end();
    },
    close: async () => {
      end();
      await streams.dispose();
      server.close();
      server.closeAllConnections();
    },
  };
};
