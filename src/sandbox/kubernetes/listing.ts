/** Lists with selectors and pages, and watches with resume, bookmarks and time-outs. */
import type { ServerResponse } from 'node:http';
import type { Cluster } from './cluster.ts';
import { groupVersion, isCustomKind, type Kind, storageKind } from './kinds.ts';
import { type Dict, jsonOf, type KubeObject, namespaceOf } from './objects.ts';
import type { ResourceRequest } from './requestInfo.ts';
import { requestMatch } from './selectors.ts';
import { badRequest, expired } from './statusError.ts';
import type { StoreEvent } from './store.ts';
import { tableOf } from './tables.ts';

/** Bookmarks come about once a minute in life; twice as often here, as runs are short. */
const BOOKMARK_EVERY_MS = 30_000;
const LONGEST_WATCH_MS = 1_800_000;

/** How the client wants objects: as they are, as a table, or their metadata alone. */
export type Form = { as: 'objects' } | { as: 'table'; include: string } | { as: 'metadata' };

export const formOf = (accept: string, query: URLSearchParams): Form => {
  const wish = accept.split(',')[0] ?? '';
  if (wish.includes('as=Table')) return { as: 'table', include: query.get('includeObject') ?? 'Metadata' };
  return /as=PartialObjectMetadata(List)?\b/.test(wish) ? { as: 'metadata' } : { as: 'objects' };
};

/** The text of one object without all that is not metadata. */
export const metadataOf = ({ metadata }: KubeObject): string =>
  JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata });

const keyOf = (object: KubeObject): string => `${namespaceOf(object)}\u0000${object.metadata.name}`;
const byKey = (a: KubeObject, b: KubeObject): number => (keyOf(a) < keyOf(b) ? -1 : 1);

const pageStart = (token: string): string => {
  try {
    return String((JSON.parse(Buffer.from(token, 'base64url').toString()) as Dict).start);
  } catch {
    throw badRequest('continue key is not valid');
  }
};

/** An object as the asked API group and version show it: events live once and are shown by two groups. */
const shown = (kind: Kind, object: KubeObject): KubeObject =>
  kind.group === 'events.k8s.io' || isCustomKind(kind) ? { ...object, apiVersion: groupVersion(kind) } : object;

const selected = (cluster: Cluster, request: ResourceRequest): KubeObject[] => {
  const match = requestMatch(request.query);
  const all = cluster.store.list(request.kind, request.namespace || undefined);
  return (match ? all.filter(match) : all).sort(byKey);
};

/** The list's JSON text. Pages carry the name they stopped at; a later page shows the then current objects. */
export const listBody = (cluster: Cluster, request: ResourceRequest, form: Form): string => {
  const { kind, query } = request;
  const limit = Number(query.get('limit') ?? 0);
  const from = query.get('continue');
  const start = from ? pageStart(from) : undefined;
  const all = selected(cluster, request);
  const rest = start === undefined ? all : all.filter((o) => keyOf(o) > start);
  const page = limit > 0 ? rest.slice(0, limit) : rest;
  const last = page.at(-1);
  const resourceVersion = String(cluster.store.revision());
  const more =
    page.length < rest.length && last
      ? {
          continue: Buffer.from(JSON.stringify({ start: keyOf(last) })).toString('base64url'),
          remainingItemCount: rest.length - page.length,
        }
      : {};
  const metadata = { resourceVersion, ...more };
  if (form.as === 'table') {
    const made = tableOf(kind.kind, page, resourceVersion, cluster.now(), form.include);
    return JSON.stringify({ ...made, metadata });
  }
  const bare = form.as === 'metadata';
  const type = bare
    ? { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' }
    : { kind: `${kind.kind}List`, apiVersion: groupVersion(kind) };
  const items = page.map((o) => (bare ? metadataOf(o) : jsonOf(shown(kind, o))));
  return `${JSON.stringify({ ...type, metadata }).slice(0, -1)},"items":[${items.join(',')}]}`;
};

export const deletedList = (cluster: Cluster, request: ResourceRequest): KubeObject[] => selected(cluster, request);

type Line = (type: string, object: KubeObject) => string;

const lineWriter = (cluster: Cluster, kind: Kind, form: Form): Line => {
  const textOf = (object: KubeObject): string => {
    if (form.as === 'metadata') return metadataOf(object);
    if (form.as === 'objects') return jsonOf(shown(kind, object));
    return JSON.stringify(tableOf(kind.kind, [object], object.metadata.resourceVersion, cluster.now(), form.include));
  };
  return (type, object) => `{"type":"${type}","object":${textOf(object)}}\n`;
};

/** What a change means to a watcher whose selector may fit before, after, both or neither. */
const seenAs = (event: StoreEvent, match: ((o: KubeObject) => boolean) | undefined): StoreEvent['type'] | undefined => {
  if (!match) return event.type;
  const before = event.previous !== undefined && match(event.previous);
  const after = event.type !== 'DELETED' && match(event.object);
  if (before && after) return 'MODIFIED';
  return after ? 'ADDED' : before ? 'DELETED' : undefined;
};

const startRevision = (cluster: Cluster, query: URLSearchParams): { after: number; initial: boolean } => {
  const asked = query.get('resourceVersion') ?? '';
  const initial = query.get('sendInitialEvents') === 'true';
  if (asked === '' || asked === '0') return { after: cluster.store.revision(), initial: query.get('sendInitialEvents') !== 'false' };
  if (!/^\d+$/.test(asked)) throw badRequest(`invalid resource version "${asked}"`);
  if (initial) return { after: cluster.store.revision(), initial };
  const after = Number(asked);
  if (after < cluster.store.oldestRevision()) throw expired(after, cluster.store.oldestRevision());
  return { after, initial: false };
};

/** Streams changes until the client leaves, the time is over or `stop` is called (the API server went away). */
export const streamWatch = (cluster: Cluster, request: ResourceRequest, response: ServerResponse, form: Form): (() => void) => {
  const { query } = request;
  const kind = storageKind(request.kind);
  const match = requestMatch(query);
  const start = startRevision(cluster, query);
  const line = lineWriter(cluster, request.kind, form);
  const bookmarks = query.get('allowWatchBookmarks') === 'true';
  response.writeHead(200, { 'Content-Type': 'application/json' });
  const send = (event: StoreEvent): void => {
    if (event.kind !== kind || (request.namespace && namespaceOf(event.object) !== request.namespace)) return;
    if (request.name && event.object.metadata.name !== request.name) return;
    const type = seenAs(event, match);
    if (type) response.write(line(type, type === 'DELETED' && event.type !== 'DELETED' ? { ...event.object } : event.object));
  };
  const bookmark = (annotations: Dict): void => {
    const metadata = { resourceVersion: String(cluster.store.revision()), creationTimestamp: null, ...annotations };
    response.write(
      `${JSON.stringify({ type: 'BOOKMARK', object: { kind: request.kind.kind, apiVersion: groupVersion(request.kind), metadata } })}\n`,
    );
  };
  response.flushHeaders();
  if (start.initial) for (const object of selected(cluster, request)) response.write(line('ADDED', object));
  else for (const event of cluster.store.since(start.after) ?? []) send(event);
  if (query.get('sendInitialEvents') === 'true') bookmark({ annotations: { 'k8s.io/initial-events-end': 'true' } });
  const unsubscribe = cluster.store.subscribe(send);
  const seconds = Number(query.get('timeoutSeconds') ?? 0);
  const timer = setTimeout(() => response.end(), seconds > 0 ? seconds * 1000 : LONGEST_WATCH_MS);
  const ticker = bookmarks ? setInterval(() => bookmark({}), BOOKMARK_EVERY_MS) : undefined;
  response.on('close', () => {
    unsubscribe();
    clearTimeout(timer);
    clearInterval(ticker);
  });
  return () => response.destroy();
};
