/** Speaks to one Kubernetes API: reads, writes by server-side apply, asks for rights, watches. */
import { setTimeout as wait } from 'node:timers/promises';
import type { V1SelfSubjectAccessReview } from '@kubernetes/client-node';
import { Conflict, NotFound, Unavailable } from '../domain/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { pauseAfter } from '../lib/tries.ts';
import { turn } from '../lib/turn.ts';
import { type AddressPolicy, defaultAddressPolicy } from './address.ts';
import { createDiscovery, type WithResource } from './discovery.ts';
import { type Attempt, failureOfStatus, failureOfTransport, type Subject } from './failure.ts';
import { collectionPath, type KubernetesObject, type ObjectRef, objectPath, type Resource, refOf } from './kinds.ts';
import type { KubernetesAccess } from './kubeconfig.ts';
import { type ListAnswer, type ListPage, type ListQuery, listCalls } from './lists.ts';
import { type Call, openTransport, type Reply } from './transport.ts';
import { type Cache, openCache, type WatchHandlers, type WatchQuery } from './watch.ts';

export interface RemoveOptions {
  propagation?: 'Foreground' | 'Background';
  /** Only the object with this uid is removed; another of the same name gives Conflict. */
  uid?: string;
}

export interface AccessAttributes {
  verb: string;
  group: string;
  resource: string;
  subresource?: string;
  namespace?: string;
}

/**
 * All calls throw SeedbedErrors (failure.ts): Unavailable SEED_UNAVAILABLE when a later try may succeed, UserError SEED_REFUSED when
 * somebody must act, Conflict, NotFound. For a connection to a customer's cluster the code is CLUSTER_UNAVAILABLE.
 */
export interface Kubernetes {
  readonly server: string;
  version(): Promise<{ gitVersion: string; major: string; minor: string }>;
  /** Undefined when it is not there. */
  get(ref: ObjectRef): Promise<KubernetesObject | undefined>;
  /** CLUSTER_UNAVAILABLE when a customer's cluster has more of them than are taken in. */
  list(query: ListQuery): Promise<ListAnswer>;
  /** All objects, `limit` at a time and no more than these in memory. Throws VersionGone when a later page has expired. */
  pages(query: ListQuery): AsyncGenerator<KubernetesObject[]>;
  /** Server-side apply as `seedbed`, taking over fields from others. */
  apply(object: KubernetesObject): Promise<KubernetesObject>;
  /** Writes an object back as it was read; nothing when it was changed or removed since. */
  rewrite(object: KubernetesObject): Promise<void>;
  /** Conflict when it exists. */
  create(object: KubernetesObject): Promise<KubernetesObject>;
  /** False: it was not there. True: its deletion was accepted, which for objects with finalizers is not yet its end. */
  remove(ref: ObjectRef, options?: RemoveOptions): Promise<boolean>;
  /** Asks a pod to go, as its PodDisruptionBudgets let it. @returns null: it is going or gone; else what a budget says against it now. */
  evict(pod: { namespace: string; name: string; uid: string }): Promise<string | null>;
  can(attributes: AccessAttributes): Promise<boolean>;
  /** For /readyz and the like: any status is an answer, except a redirect. */
  raw(path: string): Promise<{ status: number; body: string }>;
  /** What a container has said until now. Empty when there is no such pod or container, or it has not begun. */
  log(pod: { namespace: string; name: string }, container: string): Promise<string>;
  watch(query: WatchQuery, handlers?: WatchHandlers): Cache;
  /** Ends all calls and watches. */
  close(): void;
  /** HTTP requests sent so far. */
  readonly requests: number;
}

export interface KubernetesDeps {
  access: KubernetesAccess;
  clock: Clock;
  policy?: AddressPolicy;
  /** A call's time from start to end of answer, waiting for its turn included; at most 30,000. */
  timeoutMs?: number;
  subject?: Subject;
  /** 0 ≤ x < 1; spreads reconnects. */
  random?: () => number;
  /** After every call: for metrics. `status` 0: no answer. */
  onCall?: (call: { verb: string; resource: string; status: number; durationMs: number }) => void;
}

const FIELD_MANAGER = 'seedbed';
const LONGEST_MS = 30_000;

type Action = Pick<Attempt, 'verb' | 'resource' | 'secret'>;
/** Sends one call and gives its answer; failures of the way there are already ours. */
type Send = (action: Action, call: Call) => Promise<Reply>;

export const openKubernetes = (deps: KubernetesDeps): Kubernetes => {
  const { access, clock, onCall, policy = defaultAddressPolicy, subject = 'seed', random = Math.random } = deps;
  const transport = openTransport({ access, policy, timeoutMs: Math.min(deps.timeoutMs ?? LONGEST_MS, LONGEST_MS) });
  const caches = new Set<Cache>();
  let closed = false;

  const send: Send = async (action, call) => {
    const startedAt = clock.now();
    let status = 0;
    try {
      const reply = await transport.call(call);
      status = reply.status;
      await turn();
      return reply;
    } catch (error) {
      throw failureOfTransport({ ...action, subject }, error);
    } finally {
      onCall?.({ verb: action.verb, resource: action.resource, status, durationMs: clock.now() - startedAt });
    }
  };
  const sendAgain: Send = async (action, call) => {
    for (let tries = 1; ; tries += 1) {
      const reply = await send(action, call);
      const askedMs = reply.retryAfter === undefined || !/^\d+$/.test(reply.retryAfter) ? null : Number(reply.retryAfter) * 1000;
      const busy = (reply.status === 503 || reply.status === 429) && call.repeatable;
      const pauseMs = busy ? pauseAfter(tries, askedMs, random()) : null;
      if (pauseMs === null) return reply;
      await wait(pauseMs);
    }
  };
  const readSized = async <T>(action: Action, call: Call): Promise<{ answer: T; size: number }> => {
    const reply = await sendAgain(action, call);
    if (reply.status >= 300 || reply.status < 200)
      throw failureOfStatus({ ...action, subject }, reply.status, reply.body, reply.retryAfter);
    return { answer: parse<T>(reply.body, subject), size: reply.body.length };
  };
  const read = async <T>(action: Action, call: Call): Promise<T> => (await readSized<T>(action, call)).answer;
  const withResource = createDiscovery((path) => read({ verb: 'get', resource: path, secret: false }, get(path)));
  const { list, pages } = listCalls({
    withResource,
    read: (query, resource, path, form) => readSized<ListPage>(actionOf('list', query, resource), { ...get(path), ...form }),
    subject,
  });

  return {
    server: access.server,
    version: () => read({ verb: 'get', resource: 'version', secret: false }, get('/version')),
    ...objectCalls(read, withResource),
    list,
    pages,
    evict: async ({ namespace, name, uid }) => {
      const action = { verb: 'create', resource: 'pods/eviction', secret: false };
      const body = JSON.stringify({
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { namespace, name },
        deleteOptions: { preconditions: { uid } },
      });
      const path = `${objectPath({ apiVersion: 'v1', kind: 'Pod', namespace, name })}/eviction`;
      // Not repeatable: 429 is a budget's answer.
      const reply = await send(action, { method: 'POST', path, body, repeatable: false });
      // 409: another pod has the name by now.
      if (reply.status < 300 || reply.status === 404 || reply.status === 409) return null;
      if (reply.status === 429) return budgetSays(parse<EvictionRefusal>(reply.body, subject));
      throw failureOfStatus({ ...action, subject }, reply.status, reply.body, reply.retryAfter);
    },
    can: async (attributes) => {
      const body = JSON.stringify({
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: attributes },
      });
      const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
      const action = { verb: 'create', resource: 'selfsubjectaccessreviews', secret: false };
      const review = await read<V1SelfSubjectAccessReview>(action, { method: 'POST', path, body, repeatable: true });
      return review.status?.allowed === true;
    },
    raw: async (path) => {
      const action = { verb: 'get', resource: path, secret: false };
      const reply = await send(action, get(path));
      if (reply.status >= 300 && reply.status < 400) throw failureOfStatus({ ...action, subject }, reply.status, '', undefined);
      return { status: reply.status, body: reply.body };
    },
    log: async ({ namespace, name }, container) => {
      const action = { verb: 'get', resource: 'pods/log', secret: false };
      const path = `${objectPath({ apiVersion: 'v1', kind: 'Pod', namespace, name })}/log?container=${encodeURIComponent(container)}`;
      const reply = await send(action, { ...get(path), accept: '*/*' });
      if (reply.status === 400 || reply.status === 404) return '';
      if (reply.status !== 200) throw failureOfStatus({ ...action, subject }, reply.status, reply.body, reply.retryAfter);
      return reply.body;
    },
    watch: (query, handlers = {}) => {
      const cache = openCache(
        { list, stream: transport.stream, subject, clock, random, onClose: () => caches.delete(cache) },
        query,
        handlers,
      );
      caches.add(cache);
      // Steps of a pass may hold a connection that has been closed, and nobody would close this once more.
      if (closed) cache.close();
      return cache;
    },
    close: () => {
      closed = true;
      for (const cache of [...caches]) cache.close();
      transport.close();
    },
    get requests() {
      return transport.requests;
    },
  };
};

type Read = <T>(action: Action, call: Call) => Promise<T>;

const objectCalls = (read: Read, withResource: WithResource): Pick<Kubernetes, 'get' | 'apply' | 'rewrite' | 'create' | 'remove'> => ({
  get: (ref) =>
    orMissing(withResource(ref, (resource) => read<KubernetesObject>(actionOf('get', ref, resource), get(objectPath(ref, resource))))),
  apply: (object) =>
    withResource(object, (resource) =>
      read(actionOf('patch', object, resource), {
        method: 'PATCH',
        path: `${objectPath(refOf(object), resource)}?fieldManager=${FIELD_MANAGER}&force=true`,
        // JSON is YAML, and cheaper for both sides.
        contentType: 'application/apply-patch+yaml',
        body: JSON.stringify(object),
        repeatable: true,
      }),
    ),
  rewrite: async (object) => {
    try {
      await withResource(object, (resource) =>
        read<object>(actionOf('update', object, resource), {
          method: 'PUT',
          path: `${objectPath(refOf(object), resource)}?fieldManager=${FIELD_MANAGER}`,
          body: JSON.stringify(object),
          repeatable: true,
        }),
      );
    } catch (error) {
      if (!(error instanceof NotFound) && !(error instanceof Conflict)) throw error;
    }
  },
  create: (object) =>
    withResource(object, (resource) =>
      read(actionOf('create', object, resource), {
        method: 'POST',
        path: `${collectionPath({ ...refOf(object) }, resource)}?fieldManager=${FIELD_MANAGER}`,
        body: JSON.stringify(object),
        repeatable: false,
      }),
    ),
  remove: async (ref, options = {}) => {
    const body = JSON.stringify({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: options.propagation ?? 'Background',
      ...(options.uid !== undefined && { preconditions: { uid: options.uid } }),
    });
    const done = await orMissing(
      withResource(ref, (resource) =>
        read<object>(actionOf('delete', ref, resource), { method: 'DELETE', path: objectPath(ref, resource), body, repeatable: true }),
      ),
    );
    return done !== undefined;
  },
});

interface EvictionRefusal {
  message?: string;
  details?: { causes?: { message?: string }[] | null };
}

/** The cause names the budget, where the API server is new enough to give one. */
const budgetSays = ({ message, details }: EvictionRefusal): string =>
  details?.causes?.[0]?.message ?? message ?? 'A PodDisruptionBudget forbids it.';

const orMissing = <T>(answer: Promise<T>): Promise<T | undefined> =>
  answer.catch((error: unknown) => {
    if (error instanceof NotFound) return undefined;
    throw error;
  });

const get = (path: string): Call => ({ method: 'GET', path, repeatable: true });

const actionOf = (verb: string, ref: { kind: string }, { plural }: Resource): Action => ({
  verb,
  resource: plural,
  secret: ref.kind === 'Secret',
});

const parse = <T>(body: string, subject: Subject): T => {
  try {
    return JSON.parse(body) as T;
  } catch {
    throw new Unavailable(
      subject === 'seed' ? 'SEED_UNAVAILABLE' : 'CLUSTER_UNAVAILABLE',
      `The ${subject}'s API gave an answer that is not JSON.`,
    );
  }
};
