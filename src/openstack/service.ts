/** A service's REST calls as the other files make them: token, new login after a 401, microversion, pages, checked answers. */
import type { z } from 'zod';
import { NotFound, Unavailable } from '../domain/errors.ts';
import { type Asked, failureOf, unreadable } from './errors.ts';
import type { Method, Reply, Transport } from './http.ts';
import type { Place } from './microversion.ts';
import type { Token } from './token.ts';

export type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

/** What a service needs of the session. */
export interface Login {
  token(): Promise<Token>;
  /** A new token if `stale` is still the current one. False when the credential cannot give one. */
  renew(stale: Token): Promise<boolean>;
}

export interface Request {
  query?: Query;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Service {
  /** The base URL and the token in use. Throws UserError when the catalog has no such service. */
  place(): Promise<Place>;
  /** The answer's body in the schema's shape. Throws what `failureOf` makes of anything but a success. */
  call<T>(schema: z.ZodType<T>, method: Method, path: string, request?: Request): Promise<T>;
  /** Like `call`, for answers without a body. */
  send(method: Method, path: string, request?: Request): Promise<void>;
  /** Asks by HEAD; the headers of the answer, by their names in small letters. */
  look(path: string): Promise<(header: string) => string | null>;
  /** All items under `key`, page after page. */
  list<T>(item: z.ZodType<T>, path: string, key: string, query?: Query): Promise<T[]>;
  /** True when deleted, false when it was gone already: "not found" is believed when a look finds nothing either. */
  remove(path: string, query?: Query): Promise<boolean>;
}

export type HeadersOf = (at: Place) => Promise<Record<string, string>>;

export interface ServiceDeps {
  transport: Transport;
  login: Login;
  service: string;
  baseUrlOf: (token: Token) => string;
  /** Headers of every call, such as the microversion. */
  headersOf?: HeadersOf;
}

/** A listing longer than this is a service that gives the same page again and again. */
const MOST_PAGES = 1_000;

export const createService = (deps: ServiceDeps): Service => {
  const { service, login } = deps;
  const send = createSender(deps);

  const call = async <T>(schema: z.ZodType<T>, method: Method, path: string, request: Request = {}): Promise<T> =>
    parse(schema, { service, method, path }, await send(method, path, request));

  const remove = async (path: string, query?: Query): Promise<boolean> => {
    try {
      await send('DELETE', path, query === undefined ? {} : { query });
      return true;
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      if (await isGone(path)) return false;
      const message = `The ${service} service does not find ${path.replace(/^\//, '')} to delete it, and shows it all the same.`;
      throw new Unavailable('CLOUD_UNAVAILABLE', message, { ...error.detail, cause: error });
    }
  };

  /** A proxy that has lost its way for a moment says "not found", too, and what it is believed for stays in the project for ever. */
  const isGone = async (path: string): Promise<boolean> => {
    try {
      await send('GET', path);
      return false;
    } catch (error) {
      if (error instanceof NotFound) return true;
      throw error;
    }
  };

  return {
    place: async () => {
      const token = await login.token();
      return { baseUrl: deps.baseUrlOf(token), token: token.value };
    },
    call,
    send: async (method, path, request) => {
      await send(method, path, request);
    },
    look: async (path) => (await send('HEAD', path)).header,
    list: (item, path, key, query) => listAll(send, service, { item, path, key, query: query ?? {} }),
    remove,
  };
};

type Send = (method: Method, path: string, request?: Request) => Promise<Reply>;

const createSender = (deps: ServiceDeps): Send => {
  const { service, transport, login } = deps;

  const once = async (token: Token, method: Method, path: string, request: Request): Promise<Reply> => {
    const baseUrl = deps.baseUrlOf(token);
    const headers = { ...(await deps.headersOf?.({ baseUrl, token: token.value })), ...request.headers, 'x-auth-token': token.value };
    const url = `${baseUrl}${path}${queryText(request.query)}`;
    const reply = await transport.send({ service, method, url, headers, ...(request.body === undefined ? {} : { body: request.body }) });
    if (reply.status >= 200 && reply.status <= 299) return reply;
    throw failureOf({ service, method, path }, reply);
  };

  return async (method, path, request = {}) => {
    const token = await login.token();
    try {
      return await once(token, method, path, request);
    } catch (error) {
      // Revoked before its time, or the service's clock is ahead: one new login, one more try.
      if (!isUnauthorized(error) || !(await login.renew(token))) throw error;
    }
    return once(await login.token(), method, path, request);
  };
};

interface Listing<T> {
  item: z.ZodType<T>;
  path: string;
  key: string;
  query: Query;
}

const listAll = async <T>(send: Send, service: string, { item, path, key, query }: Listing<T>): Promise<T[]> => {
  const asked = { service, method: 'GET', path };
  const items: T[] = [];
  const seen = new Set<string>();
  for (let marker: string | undefined; seen.size < MOST_PAGES; ) {
    const reply = await send('GET', path, { query: { ...query, marker } });
    const page = pageOf(reply.body, key);
    if (page === null) throw unreadable(asked, reply, key);
    for (const raw of page) items.push(parse(item, asked, { ...reply, body: raw }));
    marker = nextMarker(reply.body, key);
    // An empty page, or one that names a marker twice, would go on for ever.
    if (marker === undefined || page.length === 0 || seen.has(marker)) break;
    seen.add(marker);
  }
  return items;
};

/** Whether the service did not accept the token. */
export const isUnauthorized = (error: unknown): boolean => error instanceof Unavailable && error.detail.openstack?.status === 401;

/** A path part from a name or an id: nothing in it may leave its place in the path. */
export const part = (value: string): string => {
  if (value === '' || value === '.' || value === '..') throw new NotFound('An object without an id');
  return encodeURIComponent(value);
};

const queryText = (query: Query = {}): string => {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) params.append(name, String(one));
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
};

const parse = <T>(schema: z.ZodType<T>, asked: Asked, reply: Reply): T => {
  const result = schema.safeParse(reply.body);
  if (result.success) return result.data;
  throw unreadable(asked, reply, result.error.issues[0]?.path.join('.') || 'body');
};

const fieldOf = (body: unknown, key: string): unknown =>
  body !== null && typeof body === 'object' ? Object.getOwnPropertyDescriptor(body, key)?.value : undefined;

const pageOf = (body: unknown, key: string): unknown[] | null => {
  const page = fieldOf(body, key);
  return Array.isArray(page) ? page : null;
};

/**
 * The next page's marker: from <key>_links (Nova, Neutron, Cinder, Octavia) or `next` (Glance). Only the marker is taken:
 * the link's host is often wrong behind a proxy, and a token must not follow it.
 */
const nextMarker = (body: unknown, key: string): string | undefined => {
  const links = fieldOf(body, `${key}_links`);
  const next = Array.isArray(links)
    ? fieldOf(
        links.find((link) => fieldOf(link, 'rel') === 'next'),
        'href',
      )
    : fieldOf(body, 'next');
  if (typeof next !== 'string') return undefined;
  return new URLSearchParams(next.slice(next.indexOf('?') + 1)).get('marker') ?? undefined;
};
