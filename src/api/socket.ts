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
import { CloseCode, handleProtocols, makeServer, type Server, type Context as SocketContext } from 'graphql-ws';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { RateLimited } from '../domain/errors.ts';
import type { Log } from '../lib/log.ts';
import { createTurns, type Turns } from '../lib/turn.ts';
import { ackOf, credentialsIn } from './connectionParams.ts';
import type { Asking, Context } from './context.ts';
import { type Credentials, type Judge, judgeOf, pathOf, serviceTokenOf } from './credentials.ts';
import type { Documents } from './document.ts';
import { shownErrors } from './errors.ts';
import { hashIn, isWithoutDeprecated } from './guards.ts';
import type { KnownDocuments } from './knownDocuments.ts';
import { READ_ONLY, READING } from './paths.ts';
import type { Rates } from './rates.ts';
import { codeOf, recordRefusedDocument, recordRefusedVariables, takeMutations } from './refusals.ts';
import { idLinesOf, idsWithin, type RequestIds } from './requestIds.ts';
import { type Seats, TOO_MANY_SEATS } from './seats.ts';
import type { Session } from './session.ts';
import type { ApiSettings } from './settings.ts';
import type { SharedAnswers } from './sharedAnswers.ts';
import { createSocketIds } from './socketIds.ts';
import { createPace, type Send } from './socketPace.ts';
import { createRenewal } from './socketRenewal.ts';
import { tellShared } from './tellShared.ts';

interface Extra {
  socket: WebSocket;
  send: Send;
  request: IncomingMessage;
  /** Of the handshake, and so of all that is asked over it. */
  ids: RequestIds;
  session: Session | null;
  /** Whether an operation of this id was begun and is not completed. */
  isOpen(id: string): boolean;
  /** Whether the message was a fresh token for the session, and so is done with. */
  renews(text: string): boolean;
  /** Undone when the socket closes. */
  cleanup: (() => void)[];
}

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
  openSession(credentials: Credentials, openstackRequestId: string, judge: Judge): Promise<Session | null>;
  contextOf(asking: Asking): Context;
}

/** Close codes of graphql-transport-ws that clients know; 4403 lets them try again with a new token. */
const FORBIDDEN = 4403;
const TOO_MANY = 4429;
const UNANSWERED = 'The identity service does not answer; try again.';
const INIT_WAIT_MS = 3_000;
const PING_MS = 30_000;
/** Answers to a flood of pings, of either protocol, pile up when nobody reads them; a short one takes some hundred times its bytes of memory. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;
const MAX_UNREAD_MESSAGES = 1_000;

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
  // When a network comes back, thousands dial at once.
  const handshakes = createTurns();
  const protocol = createProtocol(deps, createTurns());
  const idsOf = new WeakMap<IncomingMessage, RequestIds>();
  sockets.on('headers', (headers, request) => {
    const ids = idsOf.get(request);
    if (ids !== undefined) headers.push(...idLinesOf(ids));
  });
  sockets.on('connection', (socket: WebSocket, request: IncomingMessage, ids: RequestIds) => {
    const extra: Extra = {
      socket,
      send: createPace(socket),
      request,
      ids,
      session: null,
      isOpen: () => true,
      renews: () => false,
      cleanup: [],
    };
    keepAlive(extra);
    attach(protocol, extra, deps.log);
  });
  return {
    accept: (request, socket, head, ids) => {
      idsOf.set(request, ids);
      const shake = () => sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request, ids));
      void handshakes.turn().then(shake);
    },
    size: () => sockets.clients.size,
    close: async (graceMs) => {
      for (const client of sockets.clients) client.close(1001, 'The server stops; connect again.');
      const cut = setTimeout(() => {
        for (const client of sockets.clients) client.terminate();
      }, graceMs);
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
      clearTimeout(cut);
    },
  };
};

const createProtocol = (deps: SocketDeps, hellos: Turns): Server<Extra> =>
  makeServer<Record<string, unknown>, Extra>({
    connectionInitWaitTimeout: INIT_WAIT_MS,
    execute: executed,
    subscribe: deps.answers.subscribe,
    onConnect: async (ctx) => {
      await hellos.turn();
      return connect(deps, ctx);
    },
    onSubscribe: (ctx, id, payload) => prepare(deps, ctx, id, payload),
    onOperation: (ctx, id, _payload, _args, result) =>
      Symbol.asyncIterator in result ? tellShared(deps.answers, id, result, ctx.extra.send) : undefined,
    onNext: (ctx, _id, _payload, { document, operationName }, { errors, data = null }) => {
      // An event is told often, and costs what the subscription's first answer would.
      const isEvent = getOperationAST(document, operationName)?.operation === 'subscription';
      const cost = isEvent ? undefined : deps.documents.costOf(document, operationName);
      // What is not to be changed is sent as it is.
      if (errors === undefined && cost === undefined) return undefined;
      return {
        data,
        ...(errors && { errors: shown(errors, ctx.extra.ids.requestId, deps.log) }),
        ...(cost && { extensions: { cost } }),
      };
    },
    onError: (ctx, _id, _payload, errors) => shown(errors, ctx.extra.ids.requestId, deps.log),
    onClose: (ctx) => {
      for (const undo of ctx.extra.cleanup.splice(0)) undo();
    },
  });

const attach = (protocol: Server<Extra>, extra: Extra, log: Log): void => {
  const {
    socket,
    ids: { requestId },
  } = extra;
  socket.on('error', (error) => log.debug({ err: error, requestId }, 'a socket failed'));
  const isUnread = createUnread(socket);
  socket.on('ping', () => {
    if (isUnread()) socket.terminate();
  });
  const closed = protocol.opened(
    {
      protocol: socket.protocol,
      // The next value is pulled only when it resolves.
      send: extra.send,
      close: (code, reason) => socket.close(code, reason),
      onMessage: (handle) => {
        const take = createSocketIds({
          handle,
          isOpen: (id) => extra.isOpen(id),
          refuse: (id) => socket.close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`),
        });
        socket.on('message', (data: RawData) => {
          // What was sent before our close was seen is nobody's any more.
          if (socket.readyState !== socket.OPEN) return;
          if (isUnread()) return socket.terminate();
          const text = String(data);
          if (extra.renews(text)) return;
          take(text).catch((error: unknown) => {
            log.error({ err: error, requestId }, 'a socket message failed');
            socket.close(1011, 'Internal error');
          });
        });
      },
    },
    extra,
  );
  socket.once('close', (code, reason) => {
    closed(code, String(reason)).catch((error: unknown) => log.error({ err: error, requestId }, 'closing a socket failed'));
  });
};

/** Asked for each message: whether too much has been sent by one who reads nothing. */
const createUnread = (socket: WebSocket): (() => boolean) => {
  let messages = 0;
  return () => {
    messages = socket.bufferedAmount === 0 ? 0 : messages + 1;
    return messages > MAX_UNREAD_MESSAGES || socket.bufferedAmount > MAX_UNREAD_BYTES;
  };
};

const shown = (errors: readonly unknown[], requestId: string, log: Log) => shownErrors(errors, { requestId, log }).map((e) => e.toJSON());

/** A peer that answers no ping within the next interval is gone, or does not read. */
const keepAlive = (extra: Extra) => {
  let answered = true;
  extra.socket.on('pong', () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (!answered) return extra.socket.terminate();
    answered = false;
    extra.socket.ping();
  }, PING_MS);
  extra.cleanup.push(() => clearInterval(timer));
};

type Ctx = SocketContext<Record<string, unknown>, Extra>;

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
  const { socket, cleanup, ids } = ctx.extra;
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
  // The socket may have closed while the token was looked at; its cleanup has run then.
  if (socket.readyState !== socket.OPEN) {
    leave();
    session.close();
    return true;
  }
  ctx.extra.session = session;
  ctx.extra.isOpen = (id) => id in ctx.subscriptions;
  const acknowledge = () => ctx.extra.send(JSON.stringify({ type: 'connection_ack', payload: ackOf(session) }));
  ctx.extra.renews = createRenewal({ session, socket, acknowledge, now: deps.now, log: deps.log });
  cleanup.push(leave, closeWith(session, socket), session.close);
  return ackOf(session);
};

/** Closes the socket when what it rests on ends. */
const closeWith = (session: Session, socket: WebSocket): (() => void) =>
  session.onChange(() => {
    const end = session.end();
    if (end === 'UNANSWERED') socket.close(1013, UNANSWERED);
    else if (end !== null) socket.close(FORBIDDEN, 'The token is not valid any more.');
  });

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
  try {
    deps.rates.takeRequest(ctx.extra.request);
    deps.rates.takeCall(session.actor());
    const document = deps.documents.parse(deps.known.textOf({ query: payload.query, sha256: hashIn(payload) }));
    const { request } = ctx.extra;
    const ids = idsWithin(ctx.extra.ids, id);
    const context = deps.contextOf({ actor: session.actor(), token: session.token(), ids, request, session });
    const asked = { document, operationName: payload.operationName, variables: payload.variables };
    if (getOperationAST(document, payload.operationName)?.operation === 'mutation') await takeMutations(deps.rates, context, asked);
    const errors = refusalsOf(deps, request, asked);
    if (errors.length > 0) {
      await recordRefusedDocument(context, { ...asked, code: codeOf(errors) });
      return [...errors];
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
    if (error instanceof RateLimited) return [new GraphQLError(error.message, { originalError: error })];
    throw error;
  }
};

const refusalsOf = (
  { documents }: SocketDeps,
  handshake: IncomingMessage,
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
