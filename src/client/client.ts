/** A typed client of the GraphQL API: requests over HTTP, subscriptions over WebSocket. */
import { createClient as createSocketClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { ClientError, errorOfAnswer, errorOfProblem, type GraphqlError, type ProblemFields } from './errors.ts';
import { messageOf } from './post.ts';
import { keepRenewed } from './renewal.ts';
import { postPatiently } from './retryAfter.ts';

export type Variables = Record<string, unknown>;

export interface ClientOptions {
  /** The API's /graphql address, http or https. */
  url: string;
  /** A valid Keystone token; asked for before each request and shortly before a socket's ends, so keep it until a minute before its end. `fresh`: the last one was refused. */
  token: (fresh: boolean) => Promise<string>;
  /** PEM of the authorities to trust instead of the system's. */
  ca?: string | null;
  signal?: AbortSignal;
  /** A sentence on how to name another address, for whoever cannot reach this one. */
  remedy?: string;
  /** Likewise on how to name the authorities to trust, for whoever does not trust its certificate. */
  trustRemedy?: string;
}

export interface Client {
  /** The data of a query. Throws ClientError. */
  request<T>(document: string, variables?: Variables): Promise<T>;
  /** The whole answer, with errors beside what there is of the data. Throws ClientError when there is none. */
  ask(document: string, variables?: Variables): Promise<GraphqlAnswer>;
  /** The payload of a document with one mutation; a typed error of its union is thrown as ClientError. */
  mutate<T>(document: string, variables: Variables): Promise<T>;
  /** One connection's worth of a subscription, which fresh tokens keep open: ends when the server completes it, throws ConnectionLost when the connection ends. */
  subscribe<T>(document: string, variables: Variables, how?: Subscribing): AsyncIterable<T>;
}

export interface GraphqlAnswer {
  data?: Record<string, unknown> | null;
  errors?: GraphqlError[];
  extensions?: unknown;
}

export interface Subscribing {
  signal?: AbortSignal | undefined;
  /** The server has let us in; news may be long in coming. */
  onConnected?: () => void;
  /** The subscription is on its way. What is asked by `ask` goes over the same connection behind it, and so is read while it runs. */
  onAsked?: (ask: Ask) => void;
}

/** The data of a query over the connection of a subscription. Throws as the subscription does. */
export type Ask = <T>(document: string, variables?: Variables) => Promise<T>;

/** The socket ended before the subscription did: the caller may go on from its cursor. */
export class ConnectionLost extends Error {
  readonly closeCode: number;
  /** How long the server had been talking to us; 0: it was not reached. */
  readonly heldMs: number;
  constructor(closeCode: number, reason: string, heldMs = 0) {
    super(reason);
    this.name = 'ConnectionLost';
    this.closeCode = closeCode;
    this.heldMs = heldMs;
  }
}

export const createClient = (options: ClientOptions): Client => {
  let refused = false;
  const socketToken = async (): Promise<string> => {
    const fresh = refused;
    refused = false;
    return options.token(fresh);
  };
  const tokens: SocketTokens = {
    first: socketToken,
    next: () => options.token(false),
    noteRefusal: () => {
      refused = true;
    },
  };
  const ask = async (document: string, variables: Variables = {}): Promise<GraphqlAnswer> => {
    try {
      const answer = await post(options, document, variables, false);
      if (answer.errors?.[0]?.extensions?.code !== 'UNAUTHENTICATED') return answer;
    } catch (error) {
      if (!(error instanceof ClientError) || error.code !== 'UNAUTHENTICATED') throw error;
    }
    // A token may end early, by revocation; one more login tells that from a login that is not good.
    return post(options, document, variables, true);
  };
  const request = async <T>(document: string, variables: Variables = {}): Promise<T> => {
    const answer = await ask(document, variables);
    if (answer.errors !== undefined && answer.errors.length > 0) throw errorOfAnswer(answer.errors);
    return answer.data as T;
  };
  return {
    request,
    ask,
    mutate: async <T>(document: string, variables: Variables) => {
      const [answer] = Object.values(await request<Record<string, { __typename: string }>>(document, variables));
      if (answer === undefined) throw new ClientError('BAD_ANSWER', 'The API gave an empty answer.');
      if (answer.__typename.endsWith('Error')) throw errorOfProblem(answer as unknown as ProblemFields);
      return answer as T;
    },
    subscribe: (document, variables, how = {}) =>
      subscribe(options, document, variables, { ...how, signal: how.signal ?? options.signal }, tokens),
  };
};

/** Of the subscriptions of one client. */
interface SocketTokens {
  first(): Promise<string>;
  /** To go on with. */
  next(): Promise<string>;
  noteRefusal(): void;
}

const post = async (options: ClientOptions, document: string, variables: Variables, fresh: boolean): Promise<GraphqlAnswer> => {
  const answer = await postPatiently({
    url: options.url,
    headers: { 'X-Auth-Token': await options.token(fresh) },
    body: { query: document, variables },
    ...(options.remedy !== undefined && { remedy: options.remedy }),
    ...(options.trustRemedy !== undefined && { trustRemedy: options.trustRemedy }),
    ...(options.ca != null && { ca: options.ca }),
    ...(options.signal !== undefined && { signal: options.signal }),
  });
  const body = answer.json as GraphqlAnswer | undefined;
  const header = answer.headers['x-request-id'];
  const requestId = typeof header === 'string' ? header : null;
  if (body?.errors !== undefined && body.errors.length > 0)
    return {
      ...body,
      errors: body.errors.map((error) => ({ ...error, extensions: { ...(requestId !== null && { requestId }), ...error.extensions } })),
    };
  if (body?.data == null) {
    const code = answer.status === 401 ? 'UNAUTHENTICATED' : 'BAD_ANSWER';
    throw new ClientError(code, `${options.url} answered HTTP ${answer.status} without GraphQL; is it Seedbed's address?`, { requestId });
  }
  return body;
};

async function* subscribe<T>(
  options: ClientOptions,
  document: string,
  variables: Variables,
  { signal, onConnected, onAsked }: Subscribing,
  tokens: SocketTokens,
): AsyncGenerator<T, void, undefined> {
  // Asked for here, not by the library, which would hide why there is none.
  const token = await tokens.first();
  if (signal?.aborted) throw new ClientError('INTERRUPTED', 'Interrupted.');
  // The library makes its own sockets, so what they trust is given by a class.
  class TrustingSocket extends WebSocket {
    constructor(address: string | URL, protocols?: string | string[]) {
      super(address, protocols, { handshakeTimeout: ANSWER_MS, ...(options.ca != null && { ca: options.ca }) });
    }
  }
  const socket = createSocketClient({
    url: options.url.replace(/^http/, 'ws'),
    webSocketImpl: TrustingSocket,
    connectionParams: { 'X-Auth-Token': token },
    connectionAckWaitTimeout: ANSWER_MS,
    // Going on needs the cursor of the last event, which the library does not know; see stream.ts.
    retryAttempts: 0,
    keepAlive: 15_000,
  });
  let since = Number.POSITIVE_INFINITY;
  socket.on('connected', () => {
    since = performance.now();
    onConnected?.();
  });
  const stopRenewing = keepRenewed(socket, token, tokens.next);
  const end = () => void socket.dispose();
  signal?.addEventListener('abort', end, { once: true });
  try {
    const results = socket.iterate<T>({ query: document, variables });
    onAsked?.((query, more = {}) => firstOf(socket.iterate({ query, variables: more })));
    for await (const result of results) {
      if (result.errors !== undefined && result.errors.length > 0) throw errorOfStream(result.errors as readonly GraphqlError[]);
      if (result.data != null) yield result.data;
    }
    if (signal?.aborted) throw new ClientError('INTERRUPTED', 'Interrupted.');
  } catch (error) {
    if (signal?.aborted) throw new ClientError('INTERRUPTED', 'Interrupted.', { cause: error });
    const told = errorOfSocket(error);
    if (!(told instanceof ConnectionLost)) throw told;
    if (REFUSALS.includes(told.closeCode)) tokens.noteRefusal();
    throw new ConnectionLost(told.closeCode, told.message, Math.max(0, performance.now() - since));
  } finally {
    stopRenewing();
    signal?.removeEventListener('abort', end);
    await socket.dispose();
  }
}

/** The data of a query's one answer. */
const firstOf = async <T>(answers: AsyncIterable<{ data?: unknown; errors?: readonly unknown[] | undefined }>): Promise<T> => {
  try {
    for await (const { data, errors = [] } of answers) {
      if (errors.length > 0) throw errorOfStream(errors as readonly GraphqlError[]);
      return data as T;
    }
  } catch (error) {
    throw errorOfSocket(error);
  }
  throw new ConnectionLost(1006, 'The connection ended');
};

/** A server that takes a connection and then says nothing is as good as none. */
const ANSWER_MS = 15_000;

/** Close codes that say: this token is not, or no longer, valid. */
export const REFUSALS: readonly number[] = [4401, 4403];

const WORTH_ANOTHER_TRY: readonly string[] = ['GOING_AWAY', 'UNAVAILABLE', 'RATE_LIMITED'];

/** A stream that the server must end says so as an error, and whether it is worth going on from the cursor. */
const errorOfStream = (errors: readonly GraphqlError[]): Error => {
  const error = errorOfAnswer(errors);
  if (WORTH_ANOTHER_TRY.includes(error.code)) return new ConnectionLost(1001, error.message);
  return error.code === 'UNAUTHENTICATED' ? new ConnectionLost(4403, error.message) : error;
};

/** The library throws close events, lists of GraphQL errors, and errors of the socket. */
const errorOfSocket = (error: unknown): Error => {
  if (error instanceof ClientError || error instanceof ConnectionLost) return error;
  if (Array.isArray(error)) return errorOfStream(error as GraphqlError[]);
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number') {
    const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : '';
    return new ConnectionLost(error.code, reason);
  }
  if (error instanceof Error && 'error' in error) return new ConnectionLost(1006, messageOf(error.error));
  return new ConnectionLost(1006, messageOf(error));
};
