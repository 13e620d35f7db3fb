/** The HTTPS way to one Kubernetes API: one pool of kept connections, checked addresses, a time limit on every call, no redirects. */

import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { isIP } from 'node:net';
import { type AddressPolicy, checkAddress, guardedLookup } from './address.ts';
import { credentialsOf } from './credentials.ts';
import { createGate } from './gate.ts';
import type { KubernetesAccess } from './kubeconfig.ts';

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with query, below the server's own prefix. */
  path: string;
  body?: string;
  contentType?: string;
  /** What form the answer is to have; JSON as it is without it. */
  accept?: string;
  /** The call may be sent a second time when a kept connection turns out to be dead. */
  repeatable: boolean;
}

export interface Reply {
  status: number;
  body: string;
  retryAfter: string | undefined;
}

export interface Transport {
  /** Rejects with Node's error when there was no answer; any status is an answer. */
  call(call: Call): Promise<Reply>;
  /** Sends a GET whose answer does not end soon; `onOpen` gets it. Returns what ends it. `onError` is called at most once, and not after `onOpen`. */
  stream(
    path: string,
    accept: string | undefined,
    onOpen: (response: IncomingMessage) => void,
    onError: (error: unknown) => void,
  ): () => void;
  close(): void;
  /** HTTP requests sent so far. */
  readonly requests: number;
}

/** Calls at one time to one API; more wait. With kept connections this is also the number of sockets, watches apart. */
const MAX_CALLS = 4;
/** Below the idle limits that load balancers and API servers usually have, so that we are the side that closes. */
const IDLE_SOCKET_MS = 20_000;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

interface Deps {
  access: KubernetesAccess;
  policy: AddressPolicy;
  timeoutMs: number;
}

export const openTransport = ({ access, policy, timeoutMs }: Deps): Transport => {
  const server = new URL(access.server);
  const host = server.hostname.replace(/^\[|\]$/g, '');
  let agent: Agent | undefined;
  const settings = credentialsOf(access).then(({ headers, secureContext }) => {
    if (isIP(host) !== 0) checkAddress(host, policy);
    // Always checked, whatever the environment says.
    const tls = { secureContext, rejectUnauthorized: true, lookup: guardedLookup(policy) };
    agent = new Agent({ ...tls, keepAlive: true, timeout: IDLE_SOCKET_MS, maxFreeSockets: MAX_CALLS });
    return { headers, agent, host, port: server.port === '' ? 443 : Number(server.port) } satisfies RequestOptions;
  });
  // Whoever calls gets the rejection; a connection that nobody uses must not end the process.
  settings.catch(() => {});
  const prefix = server.pathname.replace(/\/$/, '');
  const gate = createGate(MAX_CALLS, timeoutError);
  const open = new Set<() => void>();
  let requests = 0;
  let closed = false;

  const once = (options: RequestOptions, call: Call, deadline: number): Promise<Reply> => {
    requests += 1;
    return exchange({ ...options, method: call.method, path: prefix + call.path }, call, deadline, open);
  };

  const call = async (call: Call): Promise<Reply> => {
    const deadline = performance.now() + timeoutMs;
    const leave = await gate(deadline);
    try {
      const options = await settings;
      if (closed) throw closedError();
      try {
        return await once(options, call, deadline);
      } catch (error) {
        if (closed || !call.repeatable || !(error instanceof DeadSocket)) throw error instanceof DeadSocket ? error.cause : error;
        return await once(options, call, deadline).catch((again: unknown) =>
          Promise.reject(again instanceof DeadSocket ? again.cause : again),
        );
      }
    } finally {
      leave();
    }
  };

  const stream: Transport['stream'] = (path, accept, onOpen, onError) => {
    let end = () => {};
    let ended = false;
    const start = (options: RequestOptions): void => {
      if (ended || closed) return;
      requests += 1;
      const asked = { ...options, method: 'GET', path: prefix + path, headers: accepting(options.headers, accept) };
      end = openStream(asked, timeoutMs, onOpen, (error) => {
        open.delete(end);
        onError(error);
      });
      open.add(end);
    };
    settings.then(start).catch(onError);
    return () => {
      ended = true;
      open.delete(end);
      end();
    };
  };

  const close = (): void => {
    closed = true;
    for (const end of [...open]) end();
    agent?.destroy();
  };

  return {
    call,
    stream,
    close,
    get requests() {
      return requests;
    },
  };
};

/** The headers as a plain record, with what the answer is to look like. */
const accepting = (headers: RequestOptions['headers'], accept: string | undefined): OutgoingHttpHeaders => ({
  ...(headers as OutgoingHttpHeaders | undefined),
  ...(accept !== undefined && { accept }),
});

/** A kept connection was found dead before any byte of an answer: nothing can be known about the request, but a repeat is cheap. */
class DeadSocket extends Error {}

const closedError = (): Error => Object.assign(new Error('the connection was closed here'), { code: 'ERR_CLOSED' });
const timeoutError = (): Error => Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });

const exchange = (options: RequestOptions, call: Call, deadline: number, open: Set<() => void>): Promise<Reply> =>
  new Promise<Reply>((resolve, reject) => {
    const body = call.body === undefined ? undefined : Buffer.from(call.body);
    const given = accepting(options.headers, call.accept);
    const headers = body ? { ...given, 'content-type': call.contentType ?? 'application/json', 'content-length': body.length } : given;
    const sent = request({ ...options, headers });
    const timer = setTimeout(() => sent.destroy(timeoutError()), Math.max(1, deadline - performance.now()));
    const end = (): void => void sent.destroy(closedError());
    open.add(end);
    let answered = false;
    const finish = (): void => {
      clearTimeout(timer);
      open.delete(end);
    };
    const fail = (error: Error): void => {
      finish();
      const reset = 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      reject(!answered && reset && sent.reusedSocket ? new DeadSocket('', { cause: error }) : error);
    };
    sent.on('error', fail);
    sent.on('response', (response) => {
      answered = true;
      readBody(response).then((text) => {
        finish();
        resolve({ status: response.statusCode ?? 0, body: text, retryAfter: response.headers['retry-after'] });
      }, fail);
    });
    sent.end(body);
  });

const readBody = (response: IncomingMessage): Promise<string> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) response.destroy(Object.assign(new Error('the answer is too large'), { code: 'ERR_TOO_LARGE' }));
      else chunks.push(chunk);
    });
    response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    response.on('error', reject);
  });

const openStream = (
  options: RequestOptions,
  timeoutMs: number,
  onOpen: (response: IncomingMessage) => void,
  onError: (error: unknown) => void,
): (() => void) => {
  const sent = request(options);
  const timer = setTimeout(() => sent.destroy(timeoutError()), timeoutMs);
  let opened = false;
  sent.on('error', (error) => {
    clearTimeout(timer);
    if (!opened) onError(error);
  });
  sent.on('response', (response) => {
    clearTimeout(timer);
    opened = true;
    // A dead peer says nothing: the kernel asks it.
    response.socket.setKeepAlive(true, 15_000);
    onOpen(response);
  });
  sent.end();
  return () => {
    clearTimeout(timer);
    opened = true;
    sent.destroy();
  };
};
