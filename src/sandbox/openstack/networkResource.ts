/** What all resources of the simulated Neutron share: listing with filters and pages, showing, tags, and the refusals. */
import type { Collection } from './collection.ts';
import { ApiError, type Call, noContent, ok, type Route } from './http.ts';
import { stringList } from './input.ts';
import type { NetworkRow, NetworkState } from './networkState.ts';
import type { Actor } from './tokens.ts';

type Row = Omit<NetworkRow, 'name'>;

export interface Resource<T extends Row> {
  singular: string;
  /** As in the body of a list, such as `security_groups`. */
  plural: string;
  /** As in the path, such as `security-groups`. */
  path: string;
  /** Neutron's exception name, such as `Network`. */
  kind: string;
  rows: Collection<T>;
  visible: (actor: Actor, row: T) => boolean;
  describe: (row: T, actor: Actor) => object;
  /** Filters that are not plain fields; undefined = it is a plain field. */
  filter?: (name: string, value: string) => ((row: T) => boolean) | undefined;
  /** Runs before a list, for what Neutron makes on first sight (default security groups). */
  beforeList?: (actor: Actor) => void;
}

export const ownOrAdmin = (actor: Actor, row: Row): boolean =>
  actor.isAdmin || (row.project_id !== '' && row.project_id === actor.projectId);

export const notFound = (kind: string, id: string): ApiError =>
  new ApiError(404, `${kind} ${id} could not be found.`, `${kind.replace(/ /g, '')}NotFound`);

/** The row with this id as far as the caller may see it; 404 otherwise. */
export const getVisible = <T extends Row>(resource: Resource<T>, actor: Actor, id: string): T => {
  const row = resource.rows.get(id);
  if (row === undefined || !resource.visible(actor, row)) throw notFound(resource.kind, id);
  return row;
};

/** Refuses readers; what they cannot change they can still see, hence 403. */
export const requireWrite = (actor: Actor, action: string): void => {
  if (!actor.canWrite) throw new ApiError(403, `rule:${action} is disallowed by policy`, 'PolicyNotAuthorized');
};

/** The row for a change: 404 when it cannot be seen, 403 when it can but is somebody else's or the caller only reads. */
export const getWritable = <T extends Row>(resource: Resource<T>, actor: Actor, id: string, action: string): T => {
  const row = getVisible(resource, actor, id);
  requireWrite(actor, action);
  if (!ownOrAdmin(actor, row)) throw new ApiError(403, `rule:${action} is disallowed by policy`, 'PolicyNotAuthorized');
  return row;
};

/** The project a new resource belongs to; only an administrator may name another. */
export const projectFor = (actor: Actor, fields: Record<string, unknown>, action: string): string => {
  const asked = fields.project_id ?? fields.tenant_id;
  if (typeof asked !== 'string' || asked === actor.projectId) return actor.projectId;
  if (!actor.isAdmin) throw new ApiError(403, `(rule:${action} and rule:admin_only) is disallowed by policy`, 'PolicyNotAuthorized');
  return asked;
};

const RESERVED = new Set([
  'limit',
  'marker',
  'fields',
  'sort_key',
  'sort_dir',
  'page_reverse',
  'tags',
  'tags-any',
  'any_tags',
  'not-tags',
  'not-tags-any',
]);

type Test<T> = (row: T) => boolean;

const words = (query: URLSearchParams, name: string): string[] => query.getAll(name).flatMap((v) => v.split(','));

const tagTests = <T extends Row>(query: URLSearchParams): Test<T>[] => {
  const tests: Test<T>[] = [];
  if (query.has('tags')) tests.push((row) => words(query, 'tags').every((t) => row.tags.includes(t)));
  if (query.has('tags-any')) tests.push((row) => words(query, 'tags-any').some((t) => row.tags.includes(t)));
  if (query.has('not-tags')) tests.push((row) => !words(query, 'not-tags').every((t) => row.tags.includes(t)));
  if (query.has('not-tags-any')) tests.push((row) => !words(query, 'not-tags-any').some((t) => row.tags.includes(t)));
  return tests;
};

const same = (value: unknown, wanted: readonly string[]): boolean =>
  Array.isArray(value)
    ? value.some((v) => wanted.includes(String(v)))
    : wanted.some((w) => String(value ?? '').toLowerCase() === w.toLowerCase());

const fieldTests = <T extends Row>(resource: Resource<T>, query: URLSearchParams): Test<T>[] =>
  [...new Set(query.keys())]
    .filter((name) => !RESERVED.has(name))
    .map((name) => {
      const values = query.getAll(name);
      const special = resource.filter?.(name, values[0] ?? '');
      const field = name === 'tenant_id' ? 'project_id' : name;
      return special ?? ((row) => same((row as Record<string, unknown>)[field], values));
    });

/** The smallest set of rows an index gives for the query; all of them only for an administrator who asks for everything. */
const candidates = <T extends Row>(resource: Resource<T>, query: URLSearchParams, actor: Actor): T[] => {
  const id = query.getAll('id');
  if (id.length > 0) return id.flatMap((one) => resource.rows.get(one) ?? []);
  const rest = [...new Set(query.keys())].filter(
    (n) => n !== 'project_id' && n !== 'tenant_id' && n !== 'shared' && resource.rows.hasIndex(n),
  );
  for (const name of rest) {
    const values = name === 'tags' ? words(query, 'tags').slice(0, 1) : query.getAll(name);
    // Python clients write True.
    return values.flatMap((v) => resource.rows.by(name, name === 'router:external' ? v.toLowerCase() : v));
  }
  const project = query.get('project_id') ?? query.get('tenant_id');
  if (project !== null) return resource.rows.by('project_id', project);
  if (actor.isAdmin) return [...resource.rows.all()];
  const own = resource.rows.by('project_id', actor.projectId);
  if (!resource.rows.hasIndex('shared')) return own;
  const others = [...resource.rows.by('shared', 'true'), ...resource.rows.by('router:external', 'true')];
  return [...new Set([...own, ...others])];
};

const page = <T extends Row>(rows: T[], call: Call, plural: string): { rows: T[]; links: object } => {
  const sorted = sortRows(rows, call.query);
  const marker = call.query.get('marker');
  const limit = Number(call.query.get('limit') ?? 0);
  const from = marker === null ? 0 : sorted.findIndex((r) => r.id === marker) + 1;
  const kept = limit > 0 ? sorted.slice(from, from + limit) : sorted.slice(from);
  const last = kept.at(-1);
  if (limit === 0 || last === undefined || from + kept.length >= sorted.length) return { rows: kept, links: {} };
  const query = new URLSearchParams(call.query);
  query.set('marker', last.id);
  return { rows: kept, links: { [`${plural}_links`]: [{ rel: 'next', href: `${call.baseUrl}${call.path}?${query.toString()}` }] } };
};

const sortRows = <T extends Row>(rows: T[], query: URLSearchParams): T[] => {
  const key = query.get('sort_key');
  if (key === null) return rows;
  const sign = query.get('sort_dir') === 'desc' ? -1 : 1;
  const text = (row: T): string => String((row as Record<string, unknown>)[key] ?? '');
  return [...rows].sort((a, b) => (text(a) < text(b) ? -sign : text(a) > text(b) ? sign : 0));
};

const only = (described: object, fields: readonly string[]): object =>
  fields.length === 0 ? described : Object.fromEntries(Object.entries(described).filter(([name]) => fields.includes(name)));

/** List, show and tag routes of a resource. */
export const commonRoutes = <T extends Row>(resource: Resource<T>, state: NetworkState): Route[] => {
  const base = `/v2.0/${resource.path}`;
  const list = (call: Call): object => {
    resource.beforeList?.(call.actor);
    const tests = [...tagTests<T>(call.query), ...fieldTests(resource, call.query)];
    const found = candidates(resource, call.query, call.actor).filter(
      (row) => resource.visible(call.actor, row) && tests.every((t) => t(row)),
    );
    const { rows, links } = page(found, call, resource.plural);
    const fields = call.query.getAll('fields');
    return { [resource.plural]: rows.map((row) => only(resource.describe(row, call.actor), fields)), ...links };
  };
  const writable = (call: Call): T => getWritable(resource, call.actor, call.params.id ?? '', `update_${resource.singular}`);
  const readable = (call: Call): T => getVisible(resource, call.actor, call.params.id ?? '');
  const setTags = (row: T, tags: string[]): T => {
    const unique = [...new Set(tags)];
    if (unique.some((t) => t.length === 0 || t.length > 255)) throw new ApiError(400, 'Invalid input for tags.', 'HTTPBadRequest');
    row.tags = unique;
    return state.touch(resource.rows, row);
  };
  const requireTag = (row: T, tag: string): void => {
    if (!row.tags.includes(tag)) throw new ApiError(404, `Tag ${tag} could not be found.`, 'TagNotFound');
  };
  return [
    { method: 'GET', template: base, handle: (call) => ok(list(call)) },
    {
      method: 'GET',
      template: `${base}/{id}`,
      handle: (call) => ok({ [resource.singular]: only(resource.describe(readable(call), call.actor), call.query.getAll('fields')) }),
    },
    { method: 'GET', template: `${base}/{id}/tags`, handle: (call) => ok({ tags: readable(call).tags }) },
    {
      method: 'PUT',
      template: `${base}/{id}/tags`,
      handle: (call) => ok({ tags: setTags(writable(call), stringList(call.body, 'tags') ?? []).tags }),
    },
    {
      method: 'DELETE',
      template: `${base}/{id}/tags`,
      handle: (call) => {
        setTags(writable(call), []);
        return noContent;
      },
    },
    {
      method: 'GET',
      template: `${base}/{id}/tags/{tag}`,
      handle: (call) => {
        requireTag(readable(call), call.params.tag ?? '');
        return noContent;
      },
    },
    {
      method: 'PUT',
      template: `${base}/{id}/tags/{tag}`,
      handle: (call) => {
        const row = writable(call);
        setTags(row, [...row.tags, call.params.tag ?? '']);
        return { status: 201, body: 'null' };
      },
    },
    {
      method: 'DELETE',
      template: `${base}/{id}/tags/{tag}`,
      handle: (call) => {
        const row = writable(call);
        const tag = call.params.tag ?? '';
        requireTag(row, tag);
        setTags(
          row,
          row.tags.filter((t) => t !== tag),
        );
        return noContent;
      },
    },
  ];
};
