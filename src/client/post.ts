/** One JSON request over HTTP or HTTPS that may trust a CA of its own, which the global fetch cannot. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { ClientError } from './errors.ts';

export interface PostOptions {
  url: string;
  headers?: Record<string, string>;
  body: unknown;
  /** PEM of the authorities to trust instead of the system's. */
  ca?: string | null;
  signal?: AbortSignal;
  timeoutMs?: number;
  /** A sentence on how to name another address. */
  remedy?: string;
  /** A sentence on how to name the authorities to trust, in its place where the certificate's is none of them. */
  trustRemedy?: string;
}

export interface PostAnswer {
  status: number;
  headers: IncomingMessage['headers'];
  /** The body as JSON; undefined when it is none. */
  json: unknown;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/** Throws ClientError UNREACHABLE when there is no answer in time, INTERRUPTED when the signal says so. */
export const postJson = async (options: PostOptions): Promise<PostAnswer> => {
  const { url, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
  try {
    const response = await send(options, signal);
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    return { status: response.statusCode ?? 0, headers: response.headers, json: parsed(Buffer.concat(chunks).toString('utf8')) };
  } catch (error) {
    if (options.signal?.aborted) throw new ClientError('INTERRUPTED', 'Interrupted.', { cause: error });
    const reason = limit.aborted ? `no answer within ${timeoutMs / 1000} s` : messageOf(error);
    const remedy = isDistrust(error) ? (options.trustRemedy ?? options.remedy) : options.remedy;
    throw new ClientError('UNREACHABLE', `${url} cannot be reached: ${reason}.${remedy === undefined ? '' : ` ${remedy}`}`, {
      cause: error,
    });
  }
};

const DISTRUST = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

const isDistrust = (error: unknown): boolean => error instanceof Error && 'code' in error && DISTRUST.has(String(error.code));

const send = (options: PostOptions, signal: AbortSignal): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const text = JSON.stringify(options.body);
    const headers = {
      Accept: 'application/json',
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(text)),
      ...options.headers,
    };
    const url = new URL(options.url);
    const common = { method: 'POST', headers, signal };
    const call =
      url.protocol === 'https:'
        ? httpsRequest(url, { ...common, ...(options.ca != null && { ca: options.ca }) })
        : httpRequest(url, common);
    call.once('response', resolve);
    call.once('error', reject);
    call.end(text);
  });

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** A connection that fails on all of a host's addresses is an AggregateError without a text of its own. */
export const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'unknown cause';
  if (error.message !== '') return error.message;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
};
