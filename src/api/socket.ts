/** GraphQL over WebSocket (graphql-transport-ws): graphql-ws with our own limits, and with the reader's pace as the only pace. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
} from 'graphql';
import { handleProtocols, makeServer, type Server, type Context as SocketContext } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { RateLimited } from '../domain/errors.ts';
import type { Log } from '../lib/log.ts';
import { createTurns, type Turns } from '../lib/turn.ts';
import { type AskedBy, askedBy } from './askedBy.ts';
import { ackOf, credentialsIn } from './connectionParams.ts';
import type { Asking, Context } from './context.ts';
import { type Credentials, judgeOf, pathOf, serviceTokenOf } from './credentials.ts';
import type { Cost, Documents } from './document.ts';
import { shownErrors } from './errors.ts';
import { hashIn, isWithoutDeprecated } from './guards.ts';
import type { KnownDocuments } from './knownDocuments.ts';
import { READ_ONLY, READING } from './paths.ts';
import type { Rates } from './rates.ts';
import { codeOf, recordRefusedDocument, recordRefusedVariables, takeMutations } from './refusals.ts';
import { idLinesOf, idsWithin, type RequestIds } from './requestIds.ts';
import { type Seats, TOO_MANY_SEATS } from './seats.ts';
import type { OpenSession, Session } from './session.ts';
import type { ApiSettings } from './settings.ts';
import type { SharedAnswers } from './sharedAnswers.ts';
import { Connection, MAX_SUBSCRIBED } from './socketConnection.ts';
import { createSocketPings } from './socketPings.ts';
import { createRenewal, mayRenew } from './socketRenewal.ts';
import { tellShared } from './tellShared.ts';

export interface SocketServer {
  /** The upgrade request has been found acceptable. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, ids: RequestIds): void;
  size(): number;
  /** Closes every socket with 1001; those that do not answer are cut off after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

export interface SocketDeps {
  schema: GraphQLSchema;
  documents: Documents;
  known: KnownDocuments;
  answers: SharedAnswers;
  settings: ApiSettings;
  log: Log;
  seats: Seats;
  rates: Rates;
  now(): number;
  openSession: OpenSession;
  contextOf(asking: Asking): Context;
}

/** Close codes of graphql-transport-ws that clients know; 4403 lets them try again with a new token. */
const FORBIDDEN = 4403;
const TOO_MANY = 4429;
const UNANSWERED = 'The identity service does not answer; try again.';
const INIT_WAIT_MS = 3_000;
const PING_MS = 30_000;

export const createSocketServer = (deps: SocketDeps): SocketServer => {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: deps.settings.maxBodyBytes,
    handleProtocols,
    clientTracking: true,
    perMessageDeflate: false,
    // One message of a socket in a turn of the event loop: thousands in one piece do not keep others waiting.
    allowSynchronousEvents: false,
  });
  const protocol = createProtocol(deps, createTurns());
  const lates = createTurns();
  const idsOf = new WeakMap<IncomingMessage, RequestIds>();
  sockets.on('headers', (headers, request) => {
    const ids = idsOf.get(request);
    if (ids !== undefined) headers.push(...idLinesOf(ids));
  });
  const pings = createSocketPings(PING_MS);
  return {
    accept: (request, socket, head, ids) => {
      idsOf.set(request, ids);
      const asked = askedBy(request);
      sockets.handleUpgrade(request, socket, head, (client) => {
        const connection = new Connection(client, socket, asked, ids, deps.log);
        connection.cleanup = [pings.add(client)];
        attach(protocol, connection, lates);
      });
    },
    size: () => sockets.clients.size,
    close: async (graceMs) => {
      for (const client of sockets.clients) client.close(1001, 'The server stops; connect again.');
      const cut = setTimeout(() => {
        for (const client of sockets.clients) client.terminate();
      }, graceMs);
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
      clearTimeout(cut);
      pings.close();
    },
  };
};

const createProtocol = (deps: SocketDeps, hellos: Turns): Server<Connection> =>
  makeServer<Record<string, unknown>, Connection>({
    // `attach` has a timer of its own, which is gone when the hello has come.
    connectionInitWaitTimeout: 0,
    execute: executed,
    subscribe: deps.answers.subscribe,
    onConnect: async (ctx) => {
      ctx.extra.greeted();
      await hellos.turn();
      return connect(deps, ctx);
    },
    onSubscribe: (ctx, id, payload) => prepare(deps, ctx, id, payload),
    onOperation: (ctx, id, _payload, _args, result) =>
      Symbol.asyncIterator in result ? tellShared(deps.answers, id, result, ctx.extra) : undefined,
    onNext: (ctx, _id, _payload, { document, operationName }, { errors, data = null, extensions }) => {
      // Answers to events have it already.
      const cost = extensions?.['cost'] ?? deps.documents.costOf(document, operationName);
      // What is not to be changed is sent as it is.
      if (errors === undefined && cost === undefined) return undefined;
      return {
        data,
        ...(errors && { errors: shown(errors, ctx.extra.ids.requestId, deps.log) }),
        ...(cost && { extensions: { cost } }),
      };
    },
    onError: (ctx, _id, _payload, errors) => shown(errors, ctx.extra.ids.requestId, deps.log),
    onClose: (ctx) => ctx.extra.end(),
  });

const attach = (protocol: Server<Connection>, connection: Connection, lates: Turns): void => {
  connection.awaitGreeting(INIT_WAIT_MS, lates);
  const closed = protocol.opened(connection, connection);
  connection.socket.once('close', (code, reason) => {
    closed(code, String(reason)).catch((error: unknown) => connection.failed(error, 'closing a socket failed'));
  });
};

const shown = (errors: readonly unknown[], requestId: string, log: Log) => shownErrors(errors, { requestId, log }).map((e) => e.toJSON());

type Ctx = SocketContext<Record<string, unknown>, Connection>;

/** What the hello says goes before the handshake's headers, each by itself: a proxy may set one of them. */
const credentialsOf = ({ connectionParams, extra: { request } }: Ctx): Credentials => {
  const said = credentialsIn(connectionParams);
  const inHeader = request.headers['x-auth-token'];
  return {
    token: said.token || (typeof inHeader === 'string' ? inHeader : ''),
    serviceToken: said.serviceToken ?? serviceTokenOf(request),
  };
};

const connect = async (deps: SocketDeps, ctx: Ctx): Promise<boolean | Record<string, unknown>> => {
  const connection = ctx.extra;
  const { socket, ids } = connection;
  // It may have gone while its hello waited.
  if (socket.readyState !== socket.OPEN) return true;
  let session: Session | null;
  try {
    session = await deps.openSession(credentialsOf(ctx), ids.passedOn, judgeOf(ctx.extra.request));
  } catch (error) {
    deps.log.warn({ err: error, requestId: ids.requestId }, 'a token could not be checked');
    socket.close(1013, UNANSWERED);
    return true;
  }
  if (session === null) return false;
  const leave = deps.seats.take(session.actor());
  if (leave === null) {
    session.close();
    socket.close(TOO_MANY, `${TOO_MANY_SEATS}.`);
    return true;
  }
  // Or while the token was looked at; its cleanup has run then.
  if (socket.readyState !== socket.OPEN) {
    leave();
    session.close();
    return true;
  }
  connection.session = session;
  connection.subscriptions = ctx.subscriptions;
  connection.renews = renewing(deps, connection, session);
  session.onChange(() => endWith(session, socket));
  connection.cleanup = [...connection.cleanup, leave, () => session.close()];
  return ackOf(session);
};

/** Most sockets never come with a fresh token. */
const renewing = ({ now, log }: SocketDeps, connection: Connection, session: Session): ((text: string) => boolean) => {
  let renews: ((text: string) => boolean) | null = null;
  const acknowledge = () => connection.send(JSON.stringify({ type: 'connection_ack', payload: ackOf(session) }));
  return (text) => {
    if (!mayRenew(text)) return false;
    renews ??= createRenewal({ session, socket: connection.socket, acknowledge, now, log });
    return renews(text);
  };
};

/** Closes the socket when what it rests on has ended. */
const endWith = (session: Session, socket: WebSocket): void => {
  const end = session.end();
  if (end === 'UNANSWERED') socket.close(1013, UNANSWERED);
  else if (end !== null) socket.close(FORBIDDEN, 'The token is not valid any more.');
};

const prepare = async (
  deps: SocketDeps,
  ctx: Ctx,
  id: string,
  payload: { query: string; operationName?: string | null | undefined; variables?: Record<string, unknown> | null | undefined },
): Promise<ExecutionArgs | GraphQLError[]> => {
  const { socket, session } = ctx.extra;
  if (session === null || session.end() !== null)
    return [new GraphQLError('Not authenticated.', { extensions: { code: 'UNAUTHENTICATED' } })];
  if (Object.keys(ctx.subscriptions).length > deps.settings.maxOperationsPerSocket) {
    socket.close(TOO_MANY, `At most ${deps.settings.maxOperationsPerSocket} operations at once.`);
    return [
      new GraphQLError(`At most ${deps.settings.maxOperationsPerSocket} operations may be open on one socket.`, {
        extensions: { code: 'TOO_MANY_OPERATIONS' },
      }),
    ];
  }
  let cost: Cost | undefined;
  try {
    deps.rates.takeRequest(ctx.extra.request);
    deps.rates.takeCall(session.actor());
    const document = deps.documents.parse(deps.known.textOf({ query: payload.query, sha256: hashIn(payload) }));
    cost = deps.documents.costOf(document, payload.operationName);
    const { request } = ctx.extra;
    const ids = idsWithin(ctx.extra.ids, id);
    const context = deps.contextOf({ actor: session.actor(), token: session.token(), ids, request, session });
    const asked = { document, operationName: payload.operationName, variables: payload.variables };
    const kind = getOperationAST(document, payload.operationName)?.operation;
    if (kind === 'mutation') await takeMutations(deps.rates, context, asked);
    if (kind === 'subscription' && !ctx.extra.subscribes(id, JSON.stringify(payload).length)) return costed([TOO_MUCH_SUBSCRIBED], cost);
    const errors = refusalsOf(deps, request, asked);
    if (errors.length > 0) {
      await recordRefusedDocument(context, { ...asked, code: codeOf(errors) });
      return costed(errors, cost);
    }
    return {
      schema: deps.schema,
      document,
      operationName: payload.operationName ?? null,
      variableValues: payload.variables ?? {},
      contextValue: context,
    } as ExecutionArgs;
  } catch (error) {
    if (error instanceof GraphQLError) return [error];
    if (error instanceof RateLimited) return costed([new GraphQLError(error.message, { originalError: error })], cost);
    throw error;
  }
};

/** The protocol's message of errors has no place for extensions but theirs. */
const costed = (errors: readonly GraphQLError[], cost: Cost | undefined): GraphQLError[] =>
  errors.map(({ message, nodes = null, originalError = null, extensions }) => {
    return new GraphQLError(message, { nodes, originalError, extensions: { ...(cost && { cost }), ...extensions } });
  });

const TOO_MUCH_SUBSCRIBED = new GraphQLError(
  `The subscriptions that are open on one socket may have at most ${MAX_SUBSCRIBED} characters together; end one, or open another socket.`,
  { extensions: { code: 'TOO_MANY_OPERATIONS' } },
);

const refusalsOf = (
  { documents }: SocketDeps,
  handshake: AskedBy,
  { document, operationName }: { document: DocumentNode; operationName: string | null | undefined },
): readonly GraphQLError[] => {
  if (pathOf(handshake) === READING && getOperationAST(document, operationName)?.operation === 'mutation')
    return [new GraphQLError(READ_ONLY.message, { extensions: { code: READ_ONLY.code } })];
  return documents.check(document, isWithoutDeprecated(handshake));
};

const executed = async (args: ExecutionArgs): Promise<ExecutionResult> => {
  const result = await execute(args);
  await recordRefusedVariables(args, result);
  return result;
};
