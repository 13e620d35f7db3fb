/** The request handler of a simulated API server: who asks, may they, and which operation answers. Shared by the seed and all hosted clusters. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse } from 'yaml';
import type { Counters, Faults, PlayFault } from '../contract.ts';
import { type Authentication, authenticate } from './authentication.ts';
import type { Cluster, User } from './cluster.ts';
import { customKinds } from './customKinds.ts';
import { deleteObject } from './deletion.ts';
import type { Deprecations } from './deprecations.ts';
import { discover, versionBody } from './discovery.ts';
import { groupVersion } from './kinds.ts';
import { deletedList, type Form, formOf, listBody, metadataOf, streamWatch } from './listing.ts';
import { type Dict, dict, jsonOf, type KubeObject, namespaceOf } from './objects.ts';
import { readProtobuf } from './protobuf.ts';
import { type Attributes, denial, isAllowed } from './rbac.ts';
import { attributesOf, parseResourceRequest, pathTemplate, type ResourceRequest } from './requestInfo.ts';
import { createObject, getObject, type PatchType, patchObject, replaceObject, type WriteContext } from './resources.ts';
import { answerReview } from './reviews.ts';
import { badRequest, forbidden, StatusError, unauthorized } from './statusError.ts';
import { issueToken, type NodeProxy, type PodLog, podAction, readLog, scale } from './subresources.ts';
import { tableOf } from './tables.ts';

/** As real API servers: 3 MiB. */
const LARGEST_BODY = 3 * 1024 * 1024;

export interface ApiOptions {
  cluster: Cluster;
  authentication: Authentication;
  /** `kubernetes` for a seed, `hosted` for a hosted cluster: the name under which calls are counted and faults are looked up. */
  service: string;
  counters: Counters;
  faults: Faults;
  playFault: PlayFault;
  podLog: PodLog;
  /** Absent: the sandbox plays no kubelets that could be asked. */
  nodeProxy?: NodeProxy;
  /** Absent: it tells nothing of what it is asked. */
  deprecations?: Deprecations;
  /** False while it starts or its etcd is away: /readyz then fails. */
  ready: () => boolean;
}

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY) throw new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${LARGEST_BODY}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

const parseBody = (type: string, body: Buffer): unknown => {
  if (body.length === 0) return undefined;
  if (type.includes('protobuf') || type.includes('cbor')) {
    const known = type.includes('protobuf') ? readProtobuf(body) : undefined;
    if (known) return known;
    throw new StatusError(
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml',
    );
  }
  try {
    return type.includes('yaml') && body[0] !== 123 ? parse(body.toString()) : JSON.parse(body.toString());
  } catch (error) {
    throw badRequest(`the object provided is not valid: ${error instanceof Error ? error.message.split('\n')[0] : ''}`);
  }
};

const PATCH_TYPES: Record<string, PatchType> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
  'application/apply-patch+json': 'apply',
};

const patchType = (type: string): PatchType => {
  const found = PATCH_TYPES[type.split(';')[0]?.trim() ?? ''];
  if (!found)
    throw new StatusError(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${Object.keys(PATCH_TYPES).join(', ')}`,
    );
  return found;
};

interface Call {
  request: ResourceRequest;
  user: User;
  body: unknown;
  contentType: string;
  form: Form;
  context: WriteContext;
}

interface Answer {
  status: number;
  body: Dict | string;
  contentType?: string;
}

const contextOf = (request: ResourceRequest, user: User, agent: string): WriteContext => ({
  user,
  manager: request.query.get('fieldManager') ?? (agent.split('/')[0]?.trim() || 'unknown'),
  subresource: request.subresource,
  dryRun: request.query.get('dryRun') === 'All',
  warnings: [],
});

const shownObject = (cluster: Cluster, call: Call, object: KubeObject, status: number): Answer =>
  call.form.as === 'table'
    ? { status, body: tableOf(object.kind, [object], object.metadata.resourceVersion, cluster.now(), call.form.include) }
    : call.form.as === 'metadata'
      ? { status, body: metadataOf(object) }
      : { status, body: object.metadata.resourceVersion === '0' ? object : jsonOf(object) };

const deleteOne = (cluster: Cluster, call: Call): Answer => {
  const { kind, namespace, name, query } = call.request;
  const asked = (field: string): Dict =>
    query.get(field) === null ? {} : { [field]: field === 'gracePeriodSeconds' ? Number(query.get(field)) : query.get(field) };
  const options = {
    ...asked('propagationPolicy'),
    ...asked('gracePeriodSeconds'),
    ...(call.context.dryRun ? { dryRun: ['All'] } : {}),
    ...dict(call.body),
  };
  const { object, gone } = deleteObject(cluster, kind, namespace, name, options);
  if (!gone || kind.kind === 'Pod') return { status: 200, body: jsonOf(object) };
  const details = { name, ...(kind.group ? { group: kind.group } : {}), kind: kind.plural, uid: object.metadata.uid };
  return { status: 200, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } };
};

const deleteMany = (cluster: Cluster, call: Call): Answer => {
  const { kind } = call.request;
  const items = deletedList(cluster, call.request);
  for (const object of items) deleteObject(cluster, kind, namespaceOf(object), object.metadata.name, dict(call.body));
  return {
    status: 200,
    body: {
      kind: `${kind.kind}List`,
      apiVersion: groupVersion(kind),
      metadata: { resourceVersion: String(cluster.store.revision()) },
      items,
    },
  };
};

const post = async (options: ApiOptions, call: Call): Promise<Answer> => {
  const { cluster } = options;
  const { kind, namespace, subresource } = call.request;
  if (kind.virtual) return { status: 201, body: await answerReview(cluster, options.authentication, kind, dict(call.body), call.user) };
  if (subresource === 'token') return { status: 201, body: issueToken(cluster, call.request, dict(call.body)) };
  if (subresource !== undefined) return { status: 201, body: podAction(cluster, call.request, subresource, dict(call.body), call.context) };
  return shownObject(cluster, call, createObject(cluster, kind, namespace, call.body, call.context), 201);
};

const proxied = ({ nodeProxy }: ApiOptions, { kind, name, rest }: ResourceRequest): string => {
  if (kind.kind !== 'Node' || nodeProxy === undefined)
    throw new StatusError(501, 'NotImplemented', 'the sandbox runs no containers: nothing answers behind a proxy');
  return nodeProxy(name, rest);
};

const operate = (options: ApiOptions, call: Call): Answer | Promise<Answer> => {
  const { cluster } = options;
  const { request, context } = call;
  const { kind, namespace, name, subresource, verb } = request;
  if (subresource === 'scale') {
    const type = verb === 'update' ? 'replace' : verb === 'patch' ? patchType(call.contentType) : undefined;
    return { status: 200, body: scale(cluster, request, type && { type, body: call.body }, context) };
  }
  if (verb !== 'create') cluster.sealing.requireReadable(kind, namespace || undefined, name || undefined);
  switch (verb) {
    case 'list':
      return { status: 200, body: listBody(cluster, request, call.form) };
    case 'get':
      if (subresource === 'log')
        return { status: 200, body: readLog(cluster, request, request.query, options.podLog), contentType: 'text/plain' };
      if (subresource === 'proxy') return { status: 200, body: proxied(options, request), contentType: 'text/plain' };
      return shownObject(cluster, call, getObject(cluster, kind, namespace, name), 200);
    case 'create':
      return post(options, call);
    case 'update':
      return shownObject(cluster, call, replaceObject(cluster, kind, namespace, name, call.body, context), 200);
    case 'patch': {
      const force = ['1', 'true'].includes(request.query.get('force') ?? '');
      const { object, created } = patchObject(cluster, request, { type: patchType(call.contentType), body: call.body, force }, context);
      return shownObject(cluster, call, object, created ? 201 : 200);
    }
    case 'delete':
      return deleteOne(cluster, call);
    case 'deletecollection':
      return deleteMany(cluster, call);
    default:
      throw new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  }
};

const send = (response: ServerResponse, answer: Answer, warnings: readonly string[] = []): void => {
  if (response.writableEnded || response.destroyed) return;
  const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
  response.writeHead(answer.status, {
    'Content-Type': answer.contentType ?? 'application/json',
    'Content-Length': Buffer.byteLength(text),
    ...(warnings.length > 0 ? { Warning: warnings.map((w) => `299 - "${w.replaceAll('"', '\\"')}"`) } : {}),
  });
  response.end(text);
};

const READING = new Set(['get', 'list', 'watch']);

const HEALTH = /^\/(healthz|livez|readyz)(\/.*)?$/;

const plainAnswer = (options: ApiOptions, path: string, accept: string): Answer => {
  if (HEALTH.test(path)) {
    const failing = path.startsWith('/readyz') && !options.ready();
    return failing
      ? { status: 500, body: '[-]etcd failed: reason withheld\nreadyz check failed\n', contentType: 'text/plain' }
      : { status: 200, body: 'ok', contentType: 'text/plain' };
  }
  if (path === '/version' || path === '/version/') return { status: 200, body: versionBody(options.cluster.version) };
  if (path === '/metrics' && options.deprecations) return { status: 200, body: options.deprecations.metrics(), contentType: 'text/plain' };
  const found = discover(path, accept, customKinds(options.cluster.store));
  if (found) return { status: 200, body: found.body, contentType: found.contentType };
  throw new StatusError(404, 'NotFound', 'the server could not find the requested resource');
};

const allow = (options: ApiOptions, user: User, asked: Attributes, request: ResourceRequest | undefined): void => {
  if (isAllowed(options.cluster, user, asked)) return;
  if (!request) throw new StatusError(403, 'Forbidden', denial(user, asked));
  throw forbidden(request.kind, request.name, denial(user, asked));
};

/** The handler for `https.createServer`, and a way to cut the watches that are open when the server goes. */
export const createApiHandler = (
  options: ApiOptions,
): { handle: (request: IncomingMessage, response: ServerResponse) => void; close: () => void } => {
  const watches = new Set<() => void>();

  const resource = async (message: IncomingMessage, response: ServerResponse, request: ResourceRequest, user: User): Promise<void> => {
    allow(options, user, attributesOf(request), request);
    if (!READING.has(request.verb) && options.cluster.isFrozen?.())
      throw new StatusError(500, 'InternalError', 'etcdserver: corrupt cluster');
    options.deprecations?.note(request.kind, request.subresource);
    const form = formOf(message.headers.accept ?? '', request.query);
    if (request.verb === 'watch') {
      const stop = streamWatch(options.cluster, request, response, form);
      watches.add(stop);
      response.on('close', () => watches.delete(stop));
      return;
    }
    const contentType = message.headers['content-type'] ?? '';
    const body = message.method === 'GET' ? undefined : parseBody(contentType, await readBody(message));
    const context = contextOf(request, user, message.headers['user-agent'] ?? '');
    const answer = await operate(options, { request, user, body, contentType, form, context });
    send(response, answer, context.warnings);
  };

  const serve = async (message: IncomingMessage, response: ServerResponse, path: string, query: URLSearchParams): Promise<void> => {
    try {
      const user = await authenticate(options.cluster, options.authentication, message, path);
      if (!user) throw unauthorized();
      const method = message.method ?? 'GET';
      const request = parseResourceRequest(method, path, query, () => customKinds(options.cluster.store));
      options.counters.count(options.service, method, request ? pathTemplate(request) : path);
      if (request) return await resource(message, response, request, user);
      allow(options, user, { verb: method === 'GET' || method === 'HEAD' ? 'get' : method.toLowerCase(), path }, undefined);
      send(response, plainAnswer(options, path, message.headers.accept ?? ''));
    } catch (error) {
      send(response, failure(options, error));
    }
  };

  return {
    handle(message, response) {
      const url = new URL(message.url ?? '/', 'https://sandbox');
      const fault = options.faults.take(options.service, message.method ?? 'GET', message.url ?? '/');
      const handle = (): Promise<void> => serve(message, response, url.pathname, url.searchParams);
      if (fault) options.playFault(fault, message, response, handle);
      else void handle();
    },
    close() {
      for (const stop of watches) stop();
    },
  };
};

const failure = (options: ApiOptions, error: unknown): Answer => {
  if (error instanceof StatusError) return { status: error.code, body: error.toStatus() };
  options.cluster.log.error({ err: error, cluster: options.cluster.id }, 'the simulated API server failed');
  const said = new StatusError(500, 'InternalError', `an error on the server: ${error instanceof Error ? error.message : 'unknown'}`);
  return { status: 500, body: said.toStatus() };
};
