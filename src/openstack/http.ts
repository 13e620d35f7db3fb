/** One HTTP call to a cloud: a time-out on everything, the request id kept, and a bounded second try where that is safe. */
import { setTimeout as wait } from 'node:timers/promises';
import { Agent, type Dispatcher, request } from 'undici';
import type { Clock } from '../lib/clock.ts';
import { pauseAfter } from '../lib/tries.ts';
import { turn } from '../lib/turn.ts';
import { connectionFailure } from './errors.ts';
import { createPace } from './pace.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface HttpCall {
  /** The service's everyday name, for errors and metrics: 'compute', 'identity' … */
  service: string;
  method: Method;
  url: string;
  headers?: Record<string, string>;
  /** Sent as JSON when given. */
  body?: unknown;
  /** True: sending it twice is as good as once, whatever its method. */
  repeatable?: boolean;
}

export interface Reply {
  status: number;
  /** The parsed JSON, or undefined when there was none (empty, HTML, cut off). */
  body: unknown;
  text: string;
  requestId: string | null;
  /** The token Keystone issues in a header. */
  subjectToken: string | null;
  /** Any other header, by its name in small letters. */
  header: (name: string) => string | null;
  /** What Retry-After asked for, in milliseconds. */
  retryAfterMs: number | null;
}

/** What metrics learn of a call; status 0 means that no answer came. */
export interface CallRecord {
  service: string;
  method: string;
  status: number;
  ms: number;
}

export interface TransportDeps {
  clock: Clock;
  timeoutMs: number;
  caPem: string | null;
  onCall?: (call: CallRecord) => void;
}

export interface Transport {
  /** Any answer, good or bad. Throws Unavailable when there is none. */
  send(call: HttpCall): Promise<Reply>;
  /** Waits for the calls under way (each ends by its time-out) and closes the pool. */
  close(): Promise<void>;
}

/** A service that asks for longer is asked sooner all the same. */
const LONGEST_PAUSE_MS = 300_000;
const LARGEST_TIMEOUT_MS = 30_000;
const LARGEST_ANSWER_BYTES = 64 * 1024 * 1024;

/** One connection pool for all clouds' services. `timeoutMs` bounds connecting, headers, body and the whole, ≤ 30 s. */
export const createTransport = (deps: TransportDeps): Transport => {
  const timeoutMs = Math.min(deps.timeoutMs, LARGEST_TIMEOUT_MS);
  const agent = new Agent({
    connect: { timeout: Math.min(timeoutMs, 10_000), ...(deps.caPem === null ? {} : { ca: deps.caPem }) },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connections: 32,
    maxResponseSize: LARGEST_ANSWER_BYTES,
  });

  const gates = createGates(deps.clock);
  const pace = createPace(deps.clock);

  const once = async (call: HttpCall): Promise<Reply> => {
    const turnMs = pace.turnOf(call);
    if (turnMs > 0) await wait(turnMs);
    const startedAt = deps.clock.now();
    let status = 0;
    try {
      const response = await request(call.url, { ...requestOptions(call), dispatcher: agent, signal: AbortSignal.timeout(timeoutMs) });
      const text = await response.body.text();
      status = response.statusCode;
      await turn();
      return replyOf(status, response.headers, text, deps.clock.now());
    } finally {
      pace.ended(call);
      deps.onCall?.({ service: call.service, method: call.method, status, ms: deps.clock.now() - startedAt });
    }
  };

  const attempt = async (call: HttpCall): Promise<Reply> => {
    try {
      return await once(call).catch((error: unknown) => {
        if (isIdempotent(call.method) && wasCut(error)) return once(call);
        throw error;
      });
    } catch (error) {
      throw connectionFailure(call.service, error);
    }
  };

  const send = async (call: HttpCall): Promise<Reply> => {
    for (let tries = 1; ; tries += 1) {
      const shut = gates.shut(call);
      const reply = shut ?? (await attempt(call));
      const pauseMs = isRepeatable(call, reply) ? pauseAfter(tries, reply.retryAfterMs, Math.random()) : null;
      if (pauseMs === null) {
        // What is waited for here needs no gate: others find out by themselves.
        if (shut === null) gates.close(call, reply);
        return reply;
      }
      await wait(pauseMs);
    }
  };

  return { send, close: () => agent.close() };
};

/** The same, all of whose calls tell the id of the request that they are made for, as oslo.middleware reads it. */
export const withRequestId = (transport: Transport, requestId: string): Transport => ({
  send: (call) => transport.send({ ...call, headers: { ...call.headers, 'x-openstack-request-id': requestId } }),
  close: transport.close,
});

const requestOptions = (call: HttpCall): { method: Method; headers: Record<string, string>; body?: string } => {
  const headers = { accept: 'application/json', 'user-agent': 'seedbed', ...call.headers };
  if (call.body === undefined) return { method: call.method, headers };
  return { method: call.method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(call.body) };
};

/** A create is sent again only when the service said that it did not take the first (429, 503 with Retry-After). */
const isRepeatable = ({ method, repeatable }: HttpCall, { status, retryAfterMs }: Reply): boolean => {
  if (status === 429 || status === 503) return retryAfterMs !== null || (status === 503 && (repeatable === true || isIdempotent(method)));
  return method === 'GET' && (status === 502 || status === 504);
};

/** A second DELETE finds the object gone and a second PUT a router's interface there, which callers count as done. */
const isIdempotent = (method: Method): boolean => method === 'GET' || method === 'HEAD' || method === 'DELETE' || method === 'PUT';

/** A service that asks for a pause gets it from all who would call it meanwhile: they have its answer without asking. */
const createGates = (clock: Clock) => {
  const shut = new Map<string, { reply: Reply; until: number }>();
  /** A limit on calls is its caller's own; a service that is not there is not there for anybody. */
  const keys = ({ service, url, headers }: HttpCall): [string, string] => {
    const place = `${service} ${new URL(url).origin}`;
    return [place, `${place} ${headers?.['x-auth-token'] ?? ''}`];
  };
  return {
    shut: (call: HttpCall): Reply | null => {
      if (shut.size === 0) return null;
      const now = clock.now();
      for (const [key, { until }] of shut) if (until <= now) shut.delete(key);
      const gate = keys(call)
        .map((key) => shut.get(key))
        .find((found) => found !== undefined);
      return gate === undefined ? null : { ...gate.reply, retryAfterMs: gate.until - now };
    },
    close: (call: HttpCall, reply: Reply): void => {
      const { status, retryAfterMs } = reply;
      if ((status !== 429 && status !== 503) || retryAfterMs === null) return;
      const [ofAll, ofOne] = keys(call);
      shut.set(status === 503 ? ofAll : ofOne, { reply, until: clock.now() + Math.min(retryAfterMs, LONGEST_PAUSE_MS) });
    },
  };
};

const CUT_CODES = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** The connection ended under the call, most often a kept-alive one that the service had just closed. A time-out is not repeated. */
const wasCut = (error: unknown): boolean => error instanceof Error && 'code' in error && CUT_CODES.has(String(error.code));

const replyOf = (status: number, headers: Dispatcher.ResponseData['headers'], text: string, now: number): Reply => ({
  status,
  text,
  body: parseJson(text),
  requestId: headerOf(headers, 'x-openstack-request-id') ?? headerOf(headers, 'x-compute-request-id'),
  subjectToken: headerOf(headers, 'x-subject-token'),
  header: (name) => headerOf(headers, name),
  retryAfterMs: parseRetryAfter(headerOf(headers, 'retry-after'), now),
});

const headerOf = (headers: Dispatcher.ResponseData['headers'], name: string): string | null => {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
};

const parseJson = (text: string): unknown => {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Seconds or an HTTP date (RFC 9110, 10.2.3), as milliseconds from now. */
const parseRetryAfter = (value: string | null, now: number): number | null => {
  if (value === null) return null;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
};
