/** One HTTP call to a cloud: a time-out on everything, the request id kept, and a bounded second try where that is safe. */
import { setTimeout as wait } from 'node:timers/promises';
import { Agent, type Dispatcher, request } from 'undici';
import type { Clock } from '../lib/clock.ts';
import { connectionFailure } from './errors.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface HttpCall {
  /** The service's everyday name, for errors and metrics: 'compute', 'identity' … */
  service: string;
  method: Method;
  url: string;
  headers?: Record<string, string>;
  /** Sent as JSON when given. */
  body?: unknown;
}

export interface Reply {
  status: number;
  /** The parsed JSON, or undefined when there was none (empty, HTML, cut off). */
  body: unknown;
  text: string;
  requestId: string | null;
  /** The token Keystone issues in a header. */
  subjectToken: string | null;
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

/** Longest Retry-After that is waited for inside a call; a longer one is the caller's to schedule. */
const LONGEST_WAIT_MS = 5_000;
/** Pause before the second try of a read when the service named none. */
const SHORT_WAIT_MS = 250;
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

  const once = async (call: HttpCall): Promise<Reply> => {
    const startedAt = deps.clock.now();
    let status = 0;
    try {
      const response = await request(call.url, { ...requestOptions(call), dispatcher: agent, signal: AbortSignal.timeout(timeoutMs) });
      const text = await response.body.text();
      status = response.statusCode;
      return replyOf(status, response.headers, text, deps.clock.now());
    } finally {
      deps.onCall?.({ service: call.service, method: call.method, status, ms: deps.clock.now() - startedAt });
    }
  };

  const send = async (call: HttpCall): Promise<Reply> => {
    try {
      const first = await once(call).catch((error: unknown) => {
        if (isRepeatable(call.method) && wasCut(error)) return null;
        throw error;
      });
      const pauseMs = first === null ? 0 : pauseBeforeSecondTry(call.method, first);
      if (first !== null && pauseMs === null) return first;
      if (pauseMs !== null && pauseMs > 0) await wait(pauseMs);
      return await once(call);
    } catch (error) {
      throw connectionFailure(call.service, error);
    }
  };

  return { send, close: () => agent.close() };
};

const requestOptions = (call: HttpCall): { method: Method; headers: Record<string, string>; body?: string } => {
  const headers = { accept: 'application/json', 'user-agent': 'seedbed', ...call.headers };
  if (call.body === undefined) return { method: call.method, headers };
  return { method: call.method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(call.body) };
};

/** A write is sent twice only when the service said that it did not take the first (429, 503 with Retry-After). */
const pauseBeforeSecondTry = (method: Method, reply: Reply): number | null => {
  const { status, retryAfterMs } = reply;
  if ((status === 429 || status === 503) && retryAfterMs !== null) return retryAfterMs <= LONGEST_WAIT_MS ? retryAfterMs : null;
  if (method === 'GET' && (status === 502 || status === 503 || status === 504)) return SHORT_WAIT_MS;
  return null;
};

/** DELETE too: a second one finds the object gone, which callers count as done. */
const isRepeatable = (method: Method): boolean => method === 'GET' || method === 'HEAD' || method === 'DELETE';

const CUT_CODES = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** The connection ended under the call, most often a kept-alive one that the service had just closed. A time-out is not repeated. */
const wasCut = (error: unknown): boolean => error instanceof Error && 'code' in error && CUT_CODES.has(String(error.code));

const replyOf = (status: number, headers: Dispatcher.ResponseData['headers'], text: string, now: number): Reply => ({
  status,
  text,
  body: parseJson(text),
  requestId: headerOf(headers, 'x-openstack-request-id') ?? headerOf(headers, 'x-compute-request-id'),
  subjectToken: headerOf(headers, 'x-subject-token'),
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
