/** The small HTTP kit under the simulated services: routes as data, calls, answers and errors. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Actor } from './tokens.ts';

export interface Call {
  method: string;
  /** Path without the service's prefix and without the query, such as `/v2.0/ports`. */
  path: string;
  params: Record<string, string>;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  /** The JSON body; {} when there is none. */
  body: Record<string, unknown>;
  /** As it came; null when it was too large. */
  bytes: Buffer | null;
  /** Scheme, host and service prefix: what links begin with. */
  baseUrl: string;
  actor: Actor;
  /** Of this call, as its answer's header has it. */
  requestId: string;
  /** Minor part of the negotiated microversion (compute, volume); 0 where there is none. */
  microversion: number;
}

export interface Answer {
  status: number;
  /** Text and bytes are sent as they are, everything else as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Route {
  method: string;
  /** Such as `/servers/{id}`; also the counters' name for the call. */
  template: string;
  /** Answers without a token: version documents and logins. */
  open?: boolean;
  handle: (call: Call) => Answer | Promise<Answer>;
}

/** Refuses a call; each service writes it in its own words (see the `errorBody` of its Service). */
export class ApiError extends Error {
  readonly status: number;
  /** The exception's name, which Neutron shows. */
  readonly kind: string;
  readonly headers: Record<string, string>;
  constructor(status: number, message: string, kind = 'HTTPBadRequest', headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.kind = kind;
    this.headers = headers;
  }
}

export const ok = (body: unknown): Answer => ({ status: 200, body });
export const created = (body: unknown): Answer => ({ status: 201, body });
export const accepted = (body?: unknown): Answer => ({ status: 202, body });
export const noContent: Answer = { status: 204 };

interface Branch {
  fixed: Map<string, Branch>;
  param: Branch | null;
  routes: Map<string, { route: Route; names: string[] }>;
}

const branch = (): Branch => ({ fixed: new Map(), param: null, routes: new Map() });

const stepInto = (at: Branch, segment: string): Branch => {
  if (segment.startsWith('{')) {
    at.param ??= branch();
    return at.param;
  }
  const next = at.fixed.get(segment) ?? branch();
  at.fixed.set(segment, next);
  return next;
};

/** A malformed escape is taken as it stands: it then names nothing. */
const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
};

export type Router = (method: string, path: string) => { route: Route; params: Record<string, string> } | 'noPath' | 'noMethod';

/** Looks up routes by path, in time that does not depend on how many there are. A fixed word wins over a parameter. */
export const createRouter = (routes: readonly Route[]): Router => {
  const root = branch();
  for (const route of routes) {
    const segments = route.template.split('/').filter((s) => s !== '');
    const names = segments.filter((s) => s.startsWith('{')).map((s) => s.slice(1, -1));
    segments.reduce(stepInto, root).routes.set(route.method, { route, names });
  }
  return (method, path) => {
    const values: string[] = [];
    let at = root;
    for (const raw of path.split('/')) {
      if (raw === '') continue;
      const segment = decoded(raw);
      const next = at.fixed.get(segment);
      if (next !== undefined) at = next;
      else if (at.param !== null) {
        values.push(segment);
        at = at.param;
      } else return 'noPath';
    }
    const found = at.routes.get(method) ?? (method === 'HEAD' ? at.routes.get('GET') : undefined);
    if (found !== undefined)
      return { route: found.route, params: Object.fromEntries(found.names.map((name, i) => [name, values[i] ?? ''])) };
    return at.routes.size > 0 ? 'noMethod' : 'noPath';
  };
};

const MAX_BODY_BYTES = 1024 * 1024;
/** Of what is kept as it comes. */
const MAX_OBJECT_BYTES = 64 * MAX_BODY_BYTES;

/** The request's bytes; null when they are more than 1 MiB, or 64 of an object's. */
export const readBody = async (request: IncomingMessage, isObject: boolean): Promise<Buffer | null> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > (isObject ? MAX_OBJECT_BYTES : MAX_BODY_BYTES)) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

/** The JSON object; {} for an empty body. 400 when it is not JSON, 413 when it was too large. */
export const parseBody = (bytes: Buffer | null): Record<string, unknown> => {
  if (bytes === null) throw new ApiError(413, 'Request is too large.');
  if (bytes.length === 0) return {};
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // falls through: one sentence for every malformed body
  }
  throw new ApiError(400, 'Malformed request body');
};
