/** Faults that a test switches on: which calls they meet, and how they are played on a real socket. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { constants, type Http2ServerRequest, type ServerHttp2Stream } from 'node:http2';
import type { Fault, Faults, PlayFault } from './contract.ts';

/** A switched-on fault. `times` null means: until it is cleared. `probability` is tried before `times` is counted. */
export interface FaultRule {
  id: string;
  service: string | null;
  method: string | null;
  /** A regular expression over the path with its query, as the service sees it (without the service's prefix). */
  path: string | null;
  /** So many fitting calls pass unharmed first. */
  skip: number;
  times: number | null;
  probability: number;
  fault: Fault;
  /** How many calls it has met. */
  hits: number;
}

export interface FaultBoard extends Faults {
  add(rule: FaultRule): void;
  remove(id: string): boolean;
  clear(): void;
  list(): FaultRule[];
}

/** The board of faults; `random` gives numbers in [0, 1) for rules with a probability. */
export const createFaultBoard = (deps: { random: () => number }): FaultBoard => {
  let rules: { rule: FaultRule; path: RegExp | null }[] = [];
  const fits = (rule: FaultRule, pathPattern: RegExp | null, service: string, method: string, path: string): boolean =>
    (rule.service === null || rule.service === service) &&
    (rule.method === null || rule.method === method) &&
    (pathPattern === null || pathPattern.test(path));
  const take = (service: string, method: string, path: string): Fault | undefined => {
    for (const { rule, path: pattern } of rules) {
      if (rule.times === 0 || !fits(rule, pattern, service, method, path)) continue;
      if (rule.skip > 0) {
        rule.skip -= 1;
        continue;
      }
      if (rule.probability < 1 && deps.random() >= rule.probability) continue;
      if (rule.times !== null) rule.times -= 1;
      rule.hits += 1;
      return rule.fault;
    }
    return undefined;
  };
  return {
    take,
    add: (rule) => {
      rules.push({ rule, path: rule.path === null ? null : new RegExp(rule.path) });
    },
    remove: (id) => {
      const before = rules.length;
      rules = rules.filter((r) => r.rule.id !== id);
      return rules.length < before;
    },
    clear: () => {
      rules = [];
    },
    list: () => rules.map((r) => r.rule),
  };
};

/** Of a request that came over HTTP/2. */
const streamOf = (request: IncomingMessage): ServerHttp2Stream | undefined =>
  request.httpVersionMajor === 2 ? (request as unknown as Http2ServerRequest).stream : undefined;

/** With all else that is under way on it. */
const cutConnection = (request: IncomingMessage): void => {
  const stream = streamOf(request);
  if (stream === undefined) request.socket.destroy();
  else stream.session?.destroy();
};

/** Plays a fault around a handler. The two resets differ in what the world remembers: before = nothing happened, after = it did and nobody was told. */
export const playFault: PlayFault = (fault, request, response, handle) => {
  if (fault.kind === 'resetBefore') {
    cutConnection(request);
    return;
  }
  if (fault.kind === 'status') {
    if (fault.retryAfterSeconds !== null) response.setHeader('Retry-After', String(fault.retryAfterSeconds));
    const body = fault.body ?? '';
    // What speaks JSON is the service itself, which tells its own id of the request; a proxy does not.
    if (body.startsWith('{')) response.setHeader('X-Openstack-Request-Id', fault.requestId ?? `req-${randomUUID()}`);
    response.writeHead(fault.status, { 'Content-Type': body.startsWith('{') ? 'application/json' : 'text/html; charset=UTF-8' });
    response.end(body);
    return;
  }
  if (fault.kind === 'stall') {
    setTimeout(() => void handle(), fault.stallMs);
    return;
  }
  if (fault.kind === 'duplicate') {
    const { writeHead, end } = response;
    response.writeHead = () => response;
    // A proxy that lost the first answer sends the request again: the client has the second one.
    response.end = () => {
      Object.assign(response, { writeHead, end });
      void handle();
      return response;
    };
    void handle();
    return;
  }
  const cut = (chunk: unknown): typeof response => {
    if (fault.kind === 'truncate') sendHalf(chunk);
    else cutConnection(request);
    return response;
  };
  const sendHalf = (chunk: unknown): void => {
    const whole = Buffer.from(typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk : '');
    const half = whole.subarray(0, Math.floor(whole.length / 2));
    const stream = streamOf(request);
    if (stream !== undefined) {
      stream.respond({ ':status': response.statusCode, 'content-type': 'application/json', 'content-length': whole.length });
      stream.write(half, () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
      return;
    }
    const status = `HTTP/1.1 ${response.statusCode} Cut\r\nContent-Type: application/json\r\nContent-Length: ${whole.length}\r\n\r\n`;
    request.socket.end(Buffer.concat([Buffer.from(status), half]));
  };
  response.writeHead = (status: number) => {
    response.statusCode = status;
    return response;
  };
  response.write = (chunk: unknown) => {
    cut(chunk);
    return true;
  };
  response.end = cut;
  void handle();
};
