/** HTTP/2, as API servers speak it: one connection carries all calls and watches. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { codeOf, cutError, DeadSocket, type Sent, timeoutError, type Wire } from './wire.ts';

/** A peer that has not answered one ping by the next is dead; what nobody used between two is closed. As Kubernetes' own clients have it. */
const PING_MS = 30_000;
/** What is under way unread; the 64 KiB that are usual would make a list from far away slow. */
const WINDOW_BYTES = 1024 * 1024;

/** `socket`: connected, with h2 agreed upon. Resolves when the server has said how many streams it takes, or is gone before. */
export const openHttp2 = async (origin: string, socket: TLSSocket, timeoutMs: number): Promise<Wire> => {
  const session = connect(origin, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
  });
  session.once('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
  // Each stream tells its own; without a listener the process would end.
  session.on('error', () => {});
  let streams = 0;
  let used = false;
  let answered = false;
  let trusted = true;
  const endPings = keepAsking(session, () => {
    const idle = streams === 0 && !(used && trusted);
    used = false;
    return idle;
  });
  session.once('close', endPings);
  await settled(session, timeoutMs);
  return {
    get state() {
      if (session.destroyed) return 'closed';
      if (!trusted || session.closed) return 'left';
      return streams < (session.remoteSettings.maxConcurrentStreams ?? Infinity) ? 'open' : 'full';
    },
    send: ({ method, path, headers, body }) => {
      const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined });
      streams += 1;
      used = true;
      stream.once('close', () => {
        streams -= 1;
      });
      const kept = answered;
      stream.once('response', () => {
        answered = true;
      });
      if (body !== undefined) stream.end(body);
      return sentOn(stream, kept);
    },
    // Streams that are open may well be heard, and end by themselves when not.
    distrust: () => {
      trusted = false;
    },
    close: () => session.destroy(),
  };
};

/** The first thing that a server says. */
const settled = async (session: ClientHttp2Session, timeoutMs: number): Promise<void> => {
  const timer = setTimeout(() => session.destroy(timeoutError()), timeoutMs);
  await new Promise<void>((resolve) => {
    session.once('remoteSettings', () => resolve());
    session.once('close', () => resolve());
  });
  clearTimeout(timer);
};

/** Node ends what was reset without an error, or with its session, as if it were whole. The server's own end comes while the stream is open. */
const endOnlyWhole = (stream: ClientHttp2Stream): void => {
  const push = stream.push.bind(stream);
  let whole = false;
  stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
    whole ||= chunk === null && !stream.closed;
    if (chunk !== null || whole) return push(chunk, encoding);
    // Node is in the midst of closing it.
    process.nextTick(() => stream.destroy(cutError()));
    return false;
  };
};

const sentOn = (stream: ClientHttp2Stream, kept: boolean): Sent => {
  let reason: Error | undefined;
  endOnlyWhole(stream);
  return {
    answer: new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        // HTTP/2's own codes say how, and nobody can do anything about that.
        const told = codeOf(error).startsWith('ERR_HTTP2_') ? Object.assign(cutError(), { cause: error }) : error;
        const reset = codeOf(told) === 'ECONNRESET' || codeOf(told) === 'EPIPE';
        reject(reset && kept ? new DeadSocket('', { cause: told }) : told);
      };
      stream.on('error', fail);
      stream.once('close', () => fail(reason ?? cutError()));
      stream.once('response', (headers: IncomingHttpHeaders & { ':status'?: number }) => {
        resolve({ status: headers[':status'] ?? 0, retryAfter: headers['retry-after'], body: stream });
      });
    }),
    cut: (error) => {
      reason = error;
      stream.close(constants.NGHTTP2_CANCEL);
      stream.destroy(error);
    },
  };
};

/** Returns what ends it. `idle`: asked once a time, whether the session may go. */
const keepAsking = (session: ClientHttp2Session, idle: () => boolean): (() => void) => {
  let alive = true;
  const timer = setInterval(() => {
    // It is closed a moment after its end, and a ping in between would throw where nobody catches it.
    if (session.destroyed) return;
    if (!alive) return session.destroy(timeoutError());
    if (idle()) return session.close();
    alive = false;
    session.ping(() => {
      alive = true;
    });
  }, PING_MS);
  timer.unref();
  return () => clearInterval(timer);
};
