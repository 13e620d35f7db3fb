/** Lists of servers in the simulated Nova: filters, order and pages. */
import type { Server } from './computeState.ts';
import { ApiError, type Call } from './http.ts';
import type { ServerDeps } from './serverCreate.ts';
import { addressesOf, vmState } from './serverView.ts';

const MAX_PAGE = 1000;

export const denied = (rule: string): ApiError => new ApiError(403, `Policy doesn't allow os_compute_api:${rule} to be performed.`);

const tagList = (query: URLSearchParams, name: string): string[] => (query.get(name) ?? '').split(',').filter((t) => t !== '');

/** Nova filters by name with a regular expression; a bad one is a bad request. */
const pattern = (text: string): RegExp => {
  try {
    return new RegExp(text);
  } catch {
    throw new ApiError(400, `Invalid regular expression: ${text}`);
  }
};

const tests = (deps: ServerDeps, query: URLSearchParams): ((s: Server) => boolean)[] => {
  const found: ((s: Server) => boolean)[] = [];
  const add = (name: string, make: (value: string) => (s: Server) => boolean): void => {
    const value = query.get(name);
    if (value !== null) found.push(make(value));
  };
  add('name', (value) => {
    const regex = pattern(value);
    return (s) => regex.test(s.name);
  });
  const statuses = query.getAll('status').map((s) => s.toUpperCase());
  if (statuses.length > 0) found.push((s) => statuses.includes(s.status));
  add('tags', () => (s) => tagList(query, 'tags').every((t) => s.tags.includes(t)));
  add('tags-any', () => (s) => tagList(query, 'tags-any').some((t) => s.tags.includes(t)));
  add('not-tags', () => (s) => !tagList(query, 'not-tags').every((t) => s.tags.includes(t)));
  add('not-tags-any', () => (s) => !tagList(query, 'not-tags-any').some((t) => s.tags.includes(t)));
  add('flavor', (value) => (s) => s.flavorId === value);
  add('image', (value) => (s) => s.imageId === value);
  add('uuid', (value) => (s) => s.id === value);
  add('host', (value) => (s) => s.host === value);
  add('vm_state', (value) => (s) => vmState(s) === value);
  add('changes-since', (value) => {
    const since = Date.parse(value);
    if (Number.isNaN(since)) throw new ApiError(400, `Invalid input for query parameters changes-since. Value: ${value}.`);
    return (s) => Date.parse(s.updated) >= since;
  });
  add('ip', (value) => {
    const regex = pattern(value);
    return (s) => Object.values(addressesOf(deps, s)).some((list) => list.some((a) => regex.test(a.addr)));
  });
  return found;
};

/** The one name that a regular expression like `^node-1\.x$` means; undefined for one that means more. */
const exactName = (text: string): string | undefined => /^\^((?:[\w-]|\\[.*+?^${}()|[\]\\])+)\$$/.exec(text)?.[1]?.replace(/\\(.)/g, '$1');

/** Candidates by the narrowest index: an exact name, a tag, or the project. Who asks what changed also hears what is gone. */
const candidates = (deps: ServerDeps, call: Call): Server[] => {
  const { query, actor } = call;
  const { servers, deletedServers } = deps.compute;
  const buried = query.has('changes-since');
  const all = query.get('all_tenants') ?? query.get('all_projects');
  if (all !== null && all !== '0' && all.toLowerCase() !== 'false') {
    if (!actor.isAdmin) throw denied('servers:index:get_all_tenants');
    const project = query.get('project_id') ?? query.get('tenant_id');
    const living = project === null ? [...servers.all()] : servers.by('project_id', project);
    return buried ? [...living, ...deletedServers.all()].filter((s) => project === null || s.projectId === project) : living;
  }
  if (buried) return [...servers.by('project_id', actor.projectId), ...deletedServers.by('project_id', actor.projectId)];
  const name = exactName(query.get('name') ?? '');
  if (name !== undefined) return servers.by('name', `${actor.projectId}/${name}`);
  const [tag] = tagList(query, 'tags');
  return tag === undefined ? servers.by('project_id', actor.projectId) : servers.by('tags', `${actor.projectId}/${tag}`);
};

const SORTABLE: Record<string, (s: Server) => string> = {
  created_at: (s) => s.created,
  updated_at: (s) => s.updated,
  display_name: (s) => s.name,
  uuid: (s) => s.id,
};

/** Nova lists the newest first unless told otherwise; rows come in the order they were made, which breaks ties. */
const sorted = (rows: Server[], query: URLSearchParams): Server[] => {
  const key = SORTABLE[query.get('sort_key') ?? 'created_at'];
  if (key === undefined) throw new ApiError(400, `Invalid input for query parameters sort_key. Value: ${query.get('sort_key')}.`);
  const ascending = rows.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  return query.get('sort_dir') === 'asc' ? ascending : ascending.reverse();
};

/** The body of a list; `describe` says how much of each server. */
export const listServers = (deps: ServerDeps, call: Call, describe: (s: Server) => object): object => {
  const { query } = call;
  const passing = tests(deps, query);
  const found = sorted(
    candidates(deps, call).filter((s) => passing.every((t) => t(s))),
    query,
  );
  const marker = query.get('marker');
  const at = marker === null ? -1 : found.findIndex((s) => s.id === marker);
  if (marker !== null && at < 0) throw new ApiError(400, `marker [${marker}] not found`);
  const limit = Math.min(Number(query.get('limit') ?? MAX_PAGE) || MAX_PAGE, MAX_PAGE);
  const page = found.slice(at + 1, at + 1 + limit);
  const last = page.at(-1);
  if (last === undefined || at + 1 + page.length >= found.length) return { servers: page.map(describe) };
  const next = new URLSearchParams(query);
  next.set('marker', last.id);
  return { servers: page.map(describe), servers_links: [{ rel: 'next', href: `${call.baseUrl}${call.path}?${next.toString()}` }] };
};
