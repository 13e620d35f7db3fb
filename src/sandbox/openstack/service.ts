/** What a simulated OpenStack service is, and the front that serves all of them on one port under path prefixes. */
import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Counters, Faults, Latency, PlayFault } from '../contract.ts';
import { type Answer, ApiError, type Call, createRouter, parseBody, type Route, type Router, readBody } from './http.ts';
import { createStaleness } from './staleness.ts';
import { type Actor, ANONYMOUS, accessAllowed, type Tokens } from './tokens.ts';

export interface Service {
  /** Service type as in the catalogue, and the name counters and faults use. */
  name: string;
  /** Path prefix, such as `/compute`. */
  prefix: string;
  routes: readonly Route[];
  errorBody: (error: ApiError, call: { method: string }) => { body: unknown; contentType?: string };
  /** Bodies are no JSON but what is kept. */
  bytes?: true;
  /** Name (as in OpenStack-API-Version), largest minor version of major `major`, and the header old clients use. */
  microversions?: { name: string; major: number; max: number; legacyHeader?: string };
}

export interface FrontDeps {
  services: readonly Service[];
  tokens: Tokens;
  counters: Counters;
  faults: Faults;
  playFault: PlayFault;
  latency: Latency;
  now: () => number;
}

/** What a call usually takes, in milliseconds: reads are quick, writes a little slower, as on an idle cloud. */
const USUAL_MS: Record<string, number> = { GET: 4, HEAD: 4, POST: 18, PUT: 12, PATCH: 12, DELETE: 14 };

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** keystonemiddleware answers for the services when the token is no good. */
const unauthorized = (identityUrl: string): Answer => ({
  status: 401,
  body: { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } },
  headers: { 'WWW-Authenticate': `Keystone uri="${identityUrl}"` },
});

const negotiate = (service: Service, request: IncomingMessage): { minor: number; headers: Record<string, string> } => {
  const versions = service.microversions;
  if (versions === undefined) return { minor: 0, headers: {} };
  const lowest = versions.name === 'compute' ? 1 : 0;
  const header = request.headers['openstack-api-version'];
  const asked = (Array.isArray(header) ? header.join(',') : (header ?? ''))
    .split(',')
    .map((part) => part.trim().split(/\s+/))
    .find(([name]) => name === versions.name)?.[1];
  const legacy = versions.legacyHeader === undefined ? undefined : request.headers[versions.legacyHeader.toLowerCase()];
  const text = asked ?? (typeof legacy === 'string' ? legacy : undefined) ?? `${versions.major}.${lowest}`;
  const headersFor = (version: string): Record<string, string> => ({
    'OpenStack-API-Version': `${versions.name} ${version}`,
    ...(versions.legacyHeader === undefined ? {} : { [versions.legacyHeader]: version }),
    Vary: versions.legacyHeader === undefined ? 'OpenStack-API-Version' : `OpenStack-API-Version, ${versions.legacyHeader}`,
  });
  if (text === 'latest') return { minor: versions.max, headers: headersFor(`${versions.major}.${versions.max}`) };
  const match = /^(\d+)\.(\d+)$/.exec(text);
  if (match === null) throw new ApiError(400, `API Version String ${text} is of invalid format. Must be of format MajorNum.MinorNum.`);
  const minor = Number(match[2]);
  if (Number(match[1]) !== versions.major || minor > versions.max || minor < lowest) {
    const range = `Minimum is ${versions.major}.${lowest} and maximum is ${versions.major}.${versions.max}.`;
    throw new ApiError(406, `Version ${text} is not supported by the API. ${range}`, 'computeFault', headersFor(text));
  }
  return { minor, headers: headersFor(text) };
};

interface Mounted {
  service: Service;
  router: Router;
}

const BYTES = 'application/octet-stream';

const textOf = (body: unknown): string | Buffer => {
  if (body === undefined) return '';
  return typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
};

const send = (response: ServerResponse, answer: Answer, requestId: string, contentType = 'application/json'): void => {
  const text = textOf(answer.body);
  const type: Record<string, string> = text.length === 0 ? {} : { 'Content-Type': Buffer.isBuffer(text) ? BYTES : contentType };
  response.writeHead(answer.status, {
    'x-openstack-request-id': requestId,
    ...type,
    ...answer.headers,
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
};

const NAME = /"(?:name|description)": ?"((?:[^"\\]|\\.)*)"/;

const nameIn = (bytes: Buffer | null): string => NAME.exec(bytes?.toString('utf8') ?? '')?.[1] ?? '';

/** One request listener for all services; 404 outside their prefixes. */
export const createFront = (deps: FrontDeps): RequestListener => {
  const staleness = createStaleness(deps.now);
  const mounted = new Map<string, Mounted>(deps.services.map((s) => [s.prefix.slice(1), { service: s, router: createRouter(s.routes) }]));

  const authorize = (service: Service, request: IncomingMessage, path: string): Actor | undefined => {
    const id = request.headers['x-auth-token'];
    const actor = typeof id === 'string' ? deps.tokens.actorOf(id) : undefined;
    if (actor === undefined || actor.accessRules === null || service.name === 'identity') return actor;
    return accessAllowed(actor.accessRules, service.name, request.method ?? '', path) ? actor : undefined;
  };

  const answer = async (
    service: Service,
    route: Route,
    request: IncomingMessage,
    bytes: Buffer | null,
    call: Omit<Call, 'actor' | 'body' | 'bytes' | 'microversion'>,
  ): Promise<Answer> => {
    const body = service.bytes === true ? {} : parseBody(bytes);
    const wait = deps.latency(USUAL_MS[call.method] ?? 4);
    if (wait > 0) await sleep(wait);
    const actor = authorize(service, request, call.path);
    const host = call.baseUrl.slice(0, -service.prefix.length);
    if (actor === undefined && route.open !== true) return unauthorized(`${host}/identity`);
    const { minor, headers } = negotiate(service, request);
    try {
      const result = await route.handle({ ...call, body, bytes, actor: actor ?? ANONYMOUS, microversion: minor });
      return { ...result, headers: { ...headers, ...result.headers } };
    } catch (error) {
      if (error instanceof ApiError) Object.assign(error.headers, headers);
      throw error;
    }
  };

  const serve = async (
    m: Mounted,
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    path: string,
    found: ReturnType<Router>,
    bytes: Buffer | null,
    staleMs: number | null,
  ): Promise<void> => {
    const requestId = `req-${randomUUID()}`;
    const method = request.method ?? 'GET';
    try {
      if (found === 'noPath') throw new ApiError(404, 'The resource could not be found.', 'HTTPNotFound');
      if (found === 'noMethod') throw new ApiError(405, 'The method is not allowed for this resource.', 'HTTPMethodNotAllowed');
      const call = {
        method,
        path,
        params: found.params,
        query: url.searchParams,
        headers: request.headers,
        baseUrl: `${url.origin}${m.service.prefix}`,
        requestId,
      };
      const given = await answer(m.service, found.route, request, bytes, call);
      send(response, staleness.pass(m.service.name, path + url.search, method, given, staleMs), requestId);
    } catch (error) {
      const known =
        error instanceof ApiError
          ? error
          : new ApiError(500, `Unexpected API Error: ${error instanceof Error ? error.stack : String(error)}`, 'HTTPInternalServerError');
      const { body, contentType } = m.service.errorBody(known, { method });
      send(response, { status: known.status, body, headers: known.headers }, requestId, contentType);
    }
  };

  const front = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const scheme = 'encrypted' in request.socket ? 'https' : 'http';
    const url = new URL(request.url ?? '/', `${scheme}://${request.headers.host ?? '127.0.0.1'}`);
    const [, prefix = ''] = url.pathname.split('/', 2);
    const m = mounted.get(prefix);
    if (m === undefined) {
      response.writeHead(404).end();
      return;
    }
    const path = url.pathname.slice(prefix.length + 1) || '/';
    const method = request.method ?? 'GET';
    const found = m.router(method, path);
    const bytes = await readBody(request, m.service.bytes === true);
    const fault = deps.faults.take(m.service.name, method, path + url.search);
    const template = typeof found === 'string' ? path : found.route.template;
    const digest = createHash('sha256')
      .update(bytes ?? '')
      .digest('hex')
      .slice(0, 12);
    const passedOn = request.headers['x-openstack-request-id'];
    deps.counters.count(m.service.name, method, template, {
      path: path + url.search,
      name: nameIn(bytes),
      digest,
      requestId: typeof passedOn === 'string' ? passedOn : null,
      fault: fault?.kind ?? null,
    });
    const staleMs = fault?.kind === 'staleList' ? fault.ageMs : null;
    const handle = (): Promise<void> => serve(m, request, response, url, path, found, bytes, staleMs);
    if (fault === undefined || staleMs !== null) await handle();
    else deps.playFault(fault, request, response, handle);
  };

  return (request, response) => {
    // Who goes away before his request is whole gets no answer.
    front(request, response).catch(() => response.destroy());
  };
};
