/** The HTTPS way to one Kubernetes API: kept connections, checked addresses, a time limit on every call, no redirects. */
import type { OutgoingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { type AddressPolicy, checkAddress, guardedLookup } from './address.ts';
import { credentialsOf } from './credentials.ts';
import { createGate } from './gate.ts';
import { KERNEL_ASKS_MS, openHttp1 } from './http1.ts';
import { openHttp2 } from './http2.ts';
import type { KubernetesAccess } from './kubeconfig.ts';
import { type Answer, type Asked, closedError, cutError, DeadSocket, timeoutError, type Wire } from './wire.ts';

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
  stream(path: string, accept: string | undefined, onOpen: (answer: Answer) => void, onError: (error: unknown) => void): EndStream;
  close(): void;
  /** HTTP requests sent so far. */
  readonly requests: number;
}

/** `silent`: it was no more heard, so that what is asked next goes another way. */
export type EndStream = (silent?: 'silent') => void;

/** Calls at one time to one API; more wait. */
const MAX_CALLS = 4;
/** Connections to one API that are full at one time; what comes then waits. */
const MAX_FULL = 8;
const MAX_DIALS = 3;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

interface Deps {
  access: KubernetesAccess;
  policy: AddressPolicy;
  timeoutMs: number;
}

interface Settings {
  headers: OutgoingHttpHeaders;
  tls: ConnectionOptions;
}

export const openTransport = ({ access, policy, timeoutMs }: Deps): Transport => {
  const server = new URL(access.server);
  const settings = settingsOf(access, server, policy);
  // Whoever calls gets the rejection; a connection that nobody uses must not end the process.
  settings.catch(() => {});
  const prefix = server.pathname.replace(/\/$/, '');
  const gate = createGate(MAX_CALLS, timeoutError);
  const open = new Set<() => void>();
  const wires = new Set<Wire>();
  let dialling: Promise<void> | undefined;
  let requests = 0;
  let closed = false;

  const dial = async (): Promise<void> => {
    const { tls } = await settings;
    const socket = await connected(tls, timeoutMs, open);
    const end = (): void => void socket.destroy(closedError());
    open.add(end);
    const isHttp2 = socket.alpnProtocol === 'h2';
    // Sockets of HTTP/1.1 are made as they are needed.
    if (!isHttp2) socket.destroy();
    const wire = isHttp2 ? await openHttp2(server.origin, socket, timeoutMs) : openHttp1(tls, MAX_CALLS);
    open.delete(end);
    if (closed) wire.close();
    else wires.add(wire);
  };
  const dialled = (): Promise<void> => {
    dialling ??= dial().finally(() => {
      dialling = undefined;
    });
    return dialling;
  };
  /** Undefined: another one is needed. */
  const pick = (): Wire | undefined => {
    for (const wire of wires) if (wire.state === 'closed') wires.delete(wire);
    const all = [...wires];
    const full = all.filter(({ state }) => state === 'full');
    return all.find(({ state }) => state === 'open') ?? (full.length < MAX_FULL ? undefined : full[requests % full.length]);
  };
  /** What `use` sends at once is sent where there is room for it. */
  const withWire = async <T>(use: (wire: Wire) => T, deadline?: number): Promise<T> => {
    for (let dials = 0; ; dials += 1) {
      if (closed) throw closedError();
      const wire = pick();
      if (wire !== undefined) return use(wire);
      if (dials === MAX_DIALS) throw cutError();
      await (deadline === undefined ? dialled() : before(deadline, dialled()));
    }
  };

  const asked = async (method: string, path: string, accept: string | undefined): Promise<Asked> => {
    const { headers } = await settings;
    return { method, path: prefix + path, headers: { ...headers, ...(accept !== undefined && { accept }) } };
  };
  const once = async (call: Call, deadline: number): Promise<Reply> => {
    const bare = await asked(call.method, call.path, call.accept);
    const send = (wire: Wire): Promise<Reply> => {
      requests += 1;
      return exchange(wire, withBody(bare, call), deadline, open);
    };
    return withWire(send, deadline);
  };

  const call = async (call: Call): Promise<Reply> => {
    const deadline = performance.now() + timeoutMs;
    const leave = await gate(deadline);
    try {
      return await once(call, deadline).catch((error: unknown) => {
        if (closed || !call.repeatable || !(error instanceof DeadSocket)) throw error;
        return once(call, deadline);
      });
    } catch (error) {
      throw error instanceof DeadSocket ? error.cause : error;
    } finally {
      leave();
    }
  };

  const stream: Transport['stream'] = (path, accept, onOpen, onError) => {
    let ended = false;
    let end: EndStream = () => {};
    const start = async (): Promise<void> => {
      const get = await asked('GET', path, accept);
      await withWire((wire) => {
        if (ended) return;
        requests += 1;
        end = openStream(wire, get, timeoutMs, onOpen, (error) => {
          open.delete(end);
          onError(error);
        });
        open.add(end);
      });
    };
    start().catch((error: unknown) => {
      if (!ended && !closed) onError(error);
    });
    return (silent) => {
      ended = true;
      open.delete(end);
      end(silent);
    };
  };

  const close = (): void => {
    closed = true;
    for (const end of [...open]) end();
    for (const wire of wires) wire.close();
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

const settingsOf = async (access: KubernetesAccess, server: URL, policy: AddressPolicy): Promise<Settings> => {
  const host = server.hostname.replace(/^\[|\]$/g, '');
  const { headers, secureContext } = credentialsOf(access);
  const byAddress = isIP(host) !== 0;
  if (byAddress) checkAddress(host, policy);
  const port = server.port === '' ? 443 : Number(server.port);
  // Always checked, whatever the environment says.
  const tls = { host, port, secureContext, rejectUnauthorized: true, lookup: guardedLookup(policy), servername: byAddress ? '' : host };
  return { headers, tls };
};

/** A socket that both sides have agreed upon. */
const connected = (tls: ConnectionOptions, timeoutMs: number, open: Set<() => void>): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ ...tls, ALPNProtocols: ['h2', 'http/1.1'] });
    const end = (): void => void socket.destroy(closedError());
    const timer = setTimeout(() => socket.destroy(timeoutError()), timeoutMs);
    const finish = (): void => {
      clearTimeout(timer);
      open.delete(end);
    };
    open.add(end);
    const fail = (error: Error): void => {
      finish();
      reject(error);
    };
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      finish();
      socket.off('error', fail);
      socket.setKeepAlive(true, KERNEL_ASKS_MS);
      resolve(socket);
    });
  });

/** Rejects at the deadline; what was waited for goes on. */
const before = async <T>(deadline: number, work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timeoutError()), Math.max(1, deadline - performance.now()));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};

const withBody = (asked: Asked, { body, contentType = 'application/json' }: Call): Asked =>
  body === undefined ? asked : { ...asked, headers: { ...asked.headers, 'content-type': contentType }, body: Buffer.from(body) };

const exchange = async (wire: Wire, asked: Asked, deadline: number, open: Set<() => void>): Promise<Reply> => {
  const sent = wire.send(asked);
  const late = (): void => {
    wire.distrust();
    sent.cut(timeoutError());
  };
  const timer = setTimeout(late, Math.max(1, deadline - performance.now()));
  const end = (): void => sent.cut(closedError());
  open.add(end);
  try {
    const { status, retryAfter, body } = await sent.answer;
    return { status, body: await readBody(body), retryAfter };
  } finally {
    clearTimeout(timer);
    open.delete(end);
  }
};

const readBody = (body: Readable): Promise<string> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    body.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) body.destroy(Object.assign(new Error('the answer is too large'), { code: 'ERR_TOO_LARGE' }));
      else chunks.push(chunk);
    });
    body.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    body.on('error', reject);
    body.on('close', () => reject(cutError()));
  });

const openStream = (
  wire: Wire,
  asked: Asked,
  timeoutMs: number,
  onOpen: (answer: Answer) => void,
  onError: (error: unknown) => void,
): EndStream => {
  const sent = wire.send(asked);
  let over = false;
  const timer = setTimeout(() => {
    wire.distrust();
    sent.cut(timeoutError());
  }, timeoutMs);
  sent.answer
    .finally(() => clearTimeout(timer))
    .then(
      (answer) => {
        if (!over) onOpen(answer);
      },
      (error: unknown) => {
        if (!over) onError(error instanceof DeadSocket ? error.cause : error);
      },
    );
  return (silent) => {
    over = true;
    clearTimeout(timer);
    if (silent !== undefined) wire.distrust();
    sent.cut(closedError());
  };
};
