/** The control endpoint: how tests switch faults, latencies and quotas, and read counters and the world. See test/README.md. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Fault, KubernetesHalf } from './contract.ts';
import type { CounterBoard } from './counters.ts';
import type { DialBoard, ServerFault, ServerTrouble } from './dials.ts';
import type { FaultBoard, FaultRule } from './faults.ts';
import type { OpenStackHalf } from './openstack/start.ts';

export interface ControlDeps {
  counters: CounterBoard;
  faults: FaultBoard;
  dials: DialBoard;
  openstack: OpenStackHalf;
  kubernetes: Pick<KubernetesHalf, 'snapshot'>;
  holders: Set<string>;
}

type Body = Record<string, unknown>;

class BadControl extends Error {}

const readJson = async (request: IncomingMessage): Promise<Body> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  if (chunks.length === 0) return {};
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new BadControl('The body must be a JSON object.');
  return value as Body;
};

const text = (body: Body, name: string): string | null => {
  const value = body[name] ?? null;
  if (value !== null && typeof value !== 'string') throw new BadControl(`${name} must be a string.`);
  return value;
};

const number = (body: Body, name: string): number | null => {
  const value = body[name] ?? null;
  if (value !== null && (typeof value !== 'number' || !Number.isFinite(value) || value < 0))
    throw new BadControl(`${name} must be a number of at least 0.`);
  return value;
};

const regex = (body: Body, name: string): string | null => {
  const value = text(body, name);
  if (value === null) return null;
  try {
    new RegExp(value);
  } catch {
    throw new BadControl(`${name} is not a regular expression.`);
  }
  return value;
};

const readFault = (body: Body): Fault => {
  const kind = text(body, 'kind');
  if (kind === 'status') {
    const status = number(body, 'status') ?? 503;
    if (!Number.isInteger(status) || status < 200 || status > 599) throw new BadControl('status must be a final HTTP status.');
    return {
      kind,
      status,
      body: text(body, 'body'),
      retryAfterSeconds: number(body, 'retryAfterSeconds'),
      requestId: text(body, 'requestId'),
    };
  }
  if (kind === 'stall') return { kind, stallMs: number(body, 'stallMs') ?? 1000 };
  if (kind === 'resetBefore' || kind === 'resetAfter' || kind === 'truncate') return { kind };
  if (kind === 'staleList' || kind === 'duplicate') {
    if (!OPENSTACK.test(text(body, 'service') ?? '')) throw new BadControl(`${kind} needs the service, and is played by OpenStack's only.`);
    return kind === 'duplicate' ? { kind } : { kind, ageMs: number(body, 'ageMs') ?? 5000 };
  }
  throw new BadControl('kind must be status, resetBefore, resetAfter, stall, truncate, duplicate or staleList.');
};

const OPENSTACK = /^(identity|compute|network|image|volume|load-balancer)$/;

const readRule = (body: Body): FaultRule => ({
  id: randomUUID(),
  service: text(body, 'service'),
  method: text(body, 'method'),
  path: regex(body, 'path'),
  skip: number(body, 'skip') ?? 0,
  times: number(body, 'times'),
  probability: number(body, 'probability') ?? 1,
  fault: readFault(body),
  hits: 0,
});

const TROUBLES: readonly string[] = [
  'noValidHost',
  'buildError',
  'neverActive',
  'slow',
  'diesAfterJoin',
  'neverBoots',
  'deleteError',
  'volumeError',
] satisfies ServerTrouble[];

const readServerFault = (body: Body): ServerFault => {
  const trouble = text(body, 'trouble');
  if (trouble === null || !TROUBLES.includes(trouble)) throw new BadControl(`trouble must be one of ${TROUBLES.join(', ')}.`);
  return {
    id: randomUUID(),
    name: regex(body, 'name') ?? '',
    zone: text(body, 'zone'),
    trouble: trouble as ServerTrouble,
    times: number(body, 'times'),
    slowMs: number(body, 'slowMs') ?? 0,
  };
};

type Action = (deps: ControlDeps, body: Body, id: string) => unknown;

const setDials = (deps: ControlDeps, body: Body): unknown => {
  const { data, changed } = deps.dials;
  data.latencyScale = number(body, 'latencyScale') ?? data.latencyScale;
  data.tokenLifetimeSeconds = number(body, 'tokenLifetimeSeconds') ?? data.tokenLifetimeSeconds;
  const { zones } = body;
  if (zones !== undefined) {
    if (!Array.isArray(zones) || zones.length === 0 || !zones.every((zone) => typeof zone === 'string'))
      throw new BadControl('zones must be a list of names.');
    data.zones = zones;
  }
  changed();
  return data;
};

const setQuota = (deps: ControlDeps, body: Body, id: string): unknown => {
  for (const name of Object.keys(body)) if (typeof body[name] !== 'number') throw new BadControl(`${name} must be a number.`);
  deps.openstack.setQuota(id, body as Record<string, number>);
  return {};
};

/** Method and first word of the path, after /control/. */
const ACTIONS: Record<string, Action> = {
  'GET health': () => ({ ok: true, pid: process.pid }),
  'GET counters': (deps) => deps.counters.report(),
  'DELETE counters': (deps) => deps.counters.reset(),
  'GET record': (deps) => ({ calls: deps.counters.recorded() }),
  'POST record': (deps) => deps.counters.record(true),
  'DELETE record': (deps) => deps.counters.record(false),
  'GET faults': (deps) => ({ faults: deps.faults.list() }),
  'POST faults': (deps, body) => {
    const rule = readRule(body);
    deps.faults.add(rule);
    return rule;
  },
  'DELETE faults': (deps, _body, id) => (id === '' ? deps.faults.clear() : { removed: deps.faults.remove(id) }),
  'GET dials': (deps) => deps.dials.data,
  'PATCH dials': setDials,
  'POST serverFaults': (deps, body) => {
    const fault = readServerFault(body);
    deps.dials.data.serverFaults.push(fault);
    deps.dials.changed();
    return fault;
  },
  'DELETE serverFaults': (deps, _body, id) => {
    deps.dials.data.serverFaults = deps.dials.data.serverFaults.filter((f) => id !== '' && f.id !== id);
    deps.dials.changed();
  },
  'POST slowDisks': (deps, body) => {
    deps.dials.data.slowDisks.push({ name: regex(body, 'name') ?? '', fsyncMs: number(body, 'fsyncMs') ?? 60 });
    deps.dials.changed();
  },
  'DELETE slowDisks': (deps) => {
    deps.dials.data.slowDisks = [];
    deps.dials.changed();
  },
  'POST lostImages': (deps, body) => {
    deps.dials.data.lostImages.push(regex(body, 'name') ?? '');
    deps.dials.changed();
  },
  'DELETE lostImages': (deps) => {
    deps.dials.data.lostImages = [];
    deps.dials.changed();
  },
  'POST kubelets': ({ openstack }, body) => ({
    servers: openstack.setKubelets(new RegExp(regex(body, 'name') ?? ''), body['running'] === true, body['forGood'] === true),
  }),
  'POST failedServers': ({ openstack }, body) => ({ servers: openstack.failServers(new RegExp(regex(body, 'name') ?? '')) }),
  'PUT quotas': setQuota,
  'POST revokeTokens': (deps, body) => ({ revoked: deps.openstack.revokeTokens(number(body, 'ageMs') ?? 0) }),
  'DELETE hold': (deps, _body, id) => {
    deps.holders.delete(id);
    return { holders: deps.holders.size };
  },
  'GET world': (deps) => ({ openstack: deps.openstack.snapshot(), kubernetes: deps.kubernetes.snapshot() }),
};

/** An open connection cannot outlive its process, not even one that was killed: so long as it is there, somebody uses the sandbox. */
const hold = ({ holders }: ControlDeps, id: string, response: ServerResponse): void => {
  holders.add(id);
  response.once('close', () => holders.delete(id));
  response.writeHead(200).flushHeaders();
};

/** Answers 200 with JSON, 400 with a sentence, 404. A web page (any request with an Origin) is refused: the endpoint asks for no password. */
export const createControl =
  (deps: ControlDeps): RequestListener =>
  async (request, response) => {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body ?? {}));
    };
    const [, root, word = '', id = ''] = new URL(request.url ?? '/', 'http://control').pathname.split('/');
    const action = root === 'control' ? ACTIONS[`${request.method} ${word}`] : undefined;
    if (request.headers.origin !== undefined) answer(403, { error: 'Not for web pages.' });
    else if (request.method === 'GET' && root === 'control' && word === 'hold') hold(deps, id, response);
    else if (action === undefined) answer(404, { error: `There is no ${request.method} ${request.url}.` });
    else {
      try {
        answer(200, action(deps, await readJson(request), decodeURIComponent(id)));
      } catch (error) {
        answer(error instanceof BadControl || error instanceof SyntaxError ? 400 : 500, {
          error: error instanceof Error ? error.message : String(error),
        });
      }
    }
  };
