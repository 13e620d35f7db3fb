/** A request's URL as an API server reads it: kind, namespace, name, subresource, and the verb for RBAC. */
import { findKindByPath, type Kind } from './kinds.ts';
import type { Attributes } from './rbac.ts';

export interface ResourceRequest {
  kind: Kind;
  namespace: string;
  name: string;
  subresource: string | undefined;
  /** What follows the subresource, as in `proxy/healthz`: '/healthz'. */
  rest: string;
  verb: string;
  query: URLSearchParams;
}

const VERBS: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

const verbOf = (method: string, name: string, query: URLSearchParams): string => {
  if (method === 'DELETE' && name === '') return 'deletecollection';
  if (method !== 'GET' && method !== 'HEAD') return VERBS[method] ?? method.toLowerCase();
  if (name !== '') return 'get';
  return ['1', 'true'].includes(query.get('watch') ?? '') ? 'watch' : 'list';
};

/** Undefined when the path names no kind that exists. */
export const parseResourceRequest = (
  method: string,
  path: string,
  query: URLSearchParams,
  customs: () => readonly Kind[] = () => [],
): ResourceRequest | undefined => {
  const parts = path.split('/').filter(Boolean).map(decodeURIComponent);
  const core = parts[0] === 'api';
  const group = core ? '' : (parts[1] ?? '');
  const version = (core ? parts[1] : parts[2]) ?? '';
  const rest = parts.slice(core ? 2 : 3);
  if (parts[0] !== 'api' && parts[0] !== 'apis') return undefined;
  const inNamespace = rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] ?? '');
  const [plural = '', name = '', subresource, ...after] = inNamespace ? rest.slice(2) : rest;
  const kind =
    findKindByPath(group, version, plural) ?? customs().find((k) => k.group === group && k.version === version && k.plural === plural);
  if (!kind || (inNamespace && !kind.namespaced)) return undefined;
  if (subresource !== undefined && !kind.subresources.includes(subresource)) return undefined;
  const namespace = inNamespace ? (rest[1] ?? '') : '';
  return { kind, namespace, name, subresource, rest: `/${after.join('/')}`, verb: verbOf(method, name, query), query };
};

export const attributesOf = (request: ResourceRequest): Attributes => ({
  verb: request.verb,
  group: request.kind.group,
  resource: request.kind.plural,
  ...(request.subresource ? { subresource: request.subresource } : {}),
  // A Namespace's own rights count in that namespace too.
  ...(request.namespace || request.kind.kind === 'Namespace' ? { namespace: request.namespace || request.name } : {}),
  name: request.name,
});

/** The path with its variable parts replaced, for counters. */
export const pathTemplate = (request: ResourceRequest): string => {
  const base = request.kind.group === '' ? `/api/${request.kind.version}` : `/apis/${request.kind.group}/${request.kind.version}`;
  const scope = request.kind.namespaced && request.namespace ? '/namespaces/{namespace}' : '';
  return `${base}${scope}/${request.kind.plural}${request.name ? '/{name}' : ''}${request.subresource ? `/${request.subresource}` : ''}`;
};
