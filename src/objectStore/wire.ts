/** Calls of Seedbed's own to a store over HTTP. Their URLs are as good as a password: no error here has one, nor the error that it came from. */
import { Agent, type Dispatcher, request } from 'undici';
import { Unavailable, UserError } from '../domain/errors.ts';

export interface WireDeps {
  /** Goes where a sentence names the store. */
  store: string;
  /** The settings that say where it is, and who signs its certificate. */
  placeSetting: string;
  caSetting: string;
  /** Null: what Node trusts. */
  caPem: string | null;
  timeoutMs: number;
}

export interface WireCall {
  method: 'GET' | 'PUT' | 'DELETE';
  url: string;
  headers?: Record<string, string>;
  body?: Buffer;
}

export interface WireReply {
  status: number;
  headers: Dispatcher.ResponseData['headers'];
  body: Buffer;
}

export interface Wire {
  /** Any answer, good or bad. @throws Unavailable when there is none, UserError when its certificate is not trusted. */
  send(call: WireCall): Promise<WireReply>;
  /** What is under way fails. */
  close(): Promise<void>;
}

/** Keys are a few KiB; a snapshot is read by its end alone. */
const LARGEST_ANSWER_BYTES = 1024 * 1024;
const CONNECT_MS = 10_000;

export const createWire = (deps: WireDeps): Wire => {
  const { timeoutMs } = deps;
  const agent = new Agent({
    connect: { timeout: Math.min(timeoutMs, CONNECT_MS), ...(deps.caPem === null ? {} : { ca: deps.caPem }) },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connections: 8,
    maxResponseSize: LARGEST_ANSWER_BYTES,
  });
  const once = async ({ method, url, headers = {}, body }: WireCall): Promise<WireReply> => {
    const options = { method, headers: { 'user-agent': 'seedbed', ...headers }, ...(body === undefined ? {} : { body }) };
    const answer = await request(url, { ...options, dispatcher: agent, signal: AbortSignal.timeout(timeoutMs) });
    return { status: answer.statusCode, headers: answer.headers, body: Buffer.from(await answer.body.arrayBuffer()) };
  };
  return {
    send: async (call) => {
      try {
        // Sent twice is as good as once; a kept connection that was just closed is the usual cause.
        return await once(call).catch((error: unknown) => {
          if (CUT_CODES.has(codeOf(error))) return once(call);
          throw error;
        });
      } catch (error) {
        throw failureOf(deps, codeOf(error));
      }
    },
    close: () => agent.destroy(),
  };
};

const CUT_CODES = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

const failureOf = ({ store, placeSetting, caSetting }: WireDeps, code: string): Unavailable | UserError => {
  if (/CERT|SELF_SIGNED|SIGNATURE|ISSUER|ALTNAME/.test(code))
    return new UserError(
      'CLOUD_REFUSED',
      `The certificate of ${store} is not trusted (${code}): set ${caSetting} to a file with the PEM of the authority that signs it, and ${placeSetting} to a name that it is for.`,
      { whoMustAct: 'CLOUD_ADMIN' },
    );
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
    return new UserError(
      'CLOUD_REFUSED',
      `What answers for ${store} gives more than is asked for: it must serve ranges of bytes. See ${placeSetting}.`,
      { whoMustAct: 'CLOUD_ADMIN' },
    );
  const what = /TIMEOUT|TIMEDOUT/i.test(code) ? 'did not answer in time' : `could not be reached (${code})`;
  return new Unavailable('CLOUD_UNAVAILABLE', `${capital(store)} ${what}; see ${placeSetting} if that lasts.`, {
    whoMustAct: 'CLOUD_ADMIN',
  });
};

export const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/** Such as ECONNREFUSED; never the text of an error, which may have anything. */
export const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'no answer';
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'TIMEOUT';
  const { code, cause } = error as Error & { code?: unknown };
  return typeof code === 'string' ? code : cause instanceof Error ? codeOf(cause) : 'no answer';
};
