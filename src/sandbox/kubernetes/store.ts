/** The object store of one simulated cluster: what etcd holds, with revisions, a bounded history for watches, and change listeners. */
import type { WorldTable } from '../contract.ts';
import { kindsOfDefinition } from './customKinds.ts';
import { findKind, groupVersion, isCustomKind, type Kind, storageKind } from './kinds.ts';
import { type KubeObject, namespaceOf } from './objects.ts';

export interface StoreEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  kind: Kind;
  object: KubeObject;
  previous: KubeObject | undefined;
  revision: number;
}

/** The rows that keep a store over a restart: an object each, or the word for a shared object that was deleted here. */
export type StoreRows = WorldTable<KubeObject | 'deleted'>;

/** Revisions of deletions are not written; this gap makes sure that none is given twice after a restart. */
const RESTART_GAP = 1000;

export interface Store {
  revision(): number;
  get(kind: Kind, namespace: string, name: string): KubeObject | undefined;
  /** All of a kind, or those of one namespace; in no particular order. */
  list(kind: Kind, namespace?: string): KubeObject[];
  /** Writes the object under the next revision and tells the listeners. Returns what was stored. */
  put(kind: Kind, object: KubeObject): KubeObject;
  remove(kind: Kind, namespace: string, name: string): KubeObject | undefined;
  /** Changes after a revision, or undefined when the history no longer reaches back that far. */
  since(revision: number): StoreEvent[] | undefined;
  oldestRevision(): number;
  subscribe(listener: (event: StoreEvent) => void): () => void;
  /** Forgets everything, on disk too: the volume was deleted. */
  wipe(): void;
}

type Shelf = Map<string, Map<string, KubeObject>>;

/** Objects that every cluster starts with: one frozen set shared by all of them; a cluster keeps only what it changed. */
export type SharedObjects = ReadonlyMap<Kind, ReadonlyMap<string, KubeObject>>;

const none: ReadonlyMap<string, KubeObject> = new Map();

const createShelves = (): { own: (kind: Kind) => Shelf; all: () => IterableIterator<Shelf> } => {
  const shelves = new Map<Kind, Shelf>();
  return {
    own: (kind) => {
      const known = shelves.get(kind);
      if (known) return known;
      const made: Shelf = new Map();
      shelves.set(kind, made);
      return made;
    },
    all: () => shelves.values(),
  };
};

const createHistory = (limit: number, start: number) => {
  let events: StoreEvent[] = [];
  let oldest = start;
  return {
    oldest: () => oldest,
    add(event: StoreEvent): void {
      events.push(event);
      if (events.length <= limit * 2) return;
      const dropped = events.length - limit;
      oldest = events[dropped - 1]?.revision ?? oldest;
      events = events.slice(dropped);
    },
    since: (revision: number): StoreEvent[] | undefined => {
      if (revision < oldest) return undefined;
      let from = events.length;
      while (from > 0 && (events[from - 1]?.revision ?? 0) > revision) from -= 1;
      return events.slice(from);
    },
  };
};

/**
 * `shared` objects are cluster-scoped and named; `historyLimit` is the number of changes kept for watches that resume.
 * A store loaded from its rows has no history: a watch that resumes from before the restart gets 410, as after a compaction.
 */
export const createStore = (deps: { shared?: SharedObjects; rows: StoreRows; historyLimit: number; revisionFloor?: number }): Store => {
  const shelves = createShelves();
  const gone = new Set<string>();
  const listeners = new Set<(event: StoreEvent) => void>();
  let revision = Math.max(highestRevision(deps.rows), deps.revisionFloor ?? 0);
  const history = createHistory(deps.historyLimit, revision);
  const sharedOf = (kind: Kind): ReadonlyMap<string, KubeObject> => deps.shared?.get(kind) ?? none;
  const findShared = (kind: Kind, name: string): KubeObject | undefined =>
    gone.has(rowKey(kind, '', name)) ? undefined : sharedOf(kind).get(name);
  const place = (kind: Kind, object: KubeObject): void => {
    const shelf = shelves.own(kind);
    const namespace = namespaceOf(object);
    const row = shelf.get(namespace) ?? new Map<string, KubeObject>();
    row.set(object.metadata.name, object);
    shelf.set(namespace, row);
  };
  const rows = [...deps.rows.keys()].map((key) => [key, deps.rows.get(key)] as const);
  const customs = rows.flatMap(([, row]) =>
    typeof row === 'object' && row.kind === 'CustomResourceDefinition' ? kindsOfDefinition(row) : [],
  );
  const kindOfRow = ({ apiVersion, kind }: KubeObject): Kind | undefined =>
    findKind(apiVersion, kind) ?? customs.find((k) => k.kind === kind && k.group === apiVersion.split('/')[0]);
  for (const [key, row] of rows) {
    if (row === 'deleted') gone.add(key);
    const kind = typeof row === 'object' ? kindOfRow(row) : undefined;
    if (kind && typeof row === 'object') place(storageKind(kind), row);
  }
  const tell = (event: StoreEvent): void => {
    history.add(event);
    for (const listener of listeners) listener(event);
  };
  const get = (asked: Kind, namespace: string, name: string): KubeObject | undefined => {
    const kind = storageKind(asked);
    const found = shelves.own(kind).get(namespace)?.get(name) ?? (kind.namespaced ? undefined : findShared(kind, name));
    return found && inVersion(asked, found);
  };
  return {
    revision: () => revision,
    get,
    list(asked, namespace) {
      const kind = storageKind(asked);
      const shelf = shelves.own(kind);
      if (namespace !== undefined && kind.namespaced)
        return [...(shelf.get(namespace)?.values() ?? [])].map((object) => inVersion(asked, object));
      const found: KubeObject[] = [];
      for (const row of shelf.values()) for (const object of row.values()) found.push(inVersion(asked, object));
      for (const [name, object] of sharedOf(kind)) if (!gone.has(rowKey(kind, '', name)) && !shelf.get('')?.has(name)) found.push(object);
      return found;
    },
    put(asked, object) {
      const kind = storageKind(asked);
      const previous = get(kind, namespaceOf(object), object.metadata.name);
      revision += 1;
      const stored: KubeObject = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
      place(kind, stored);
      deps.rows.set(rowKey(kind, namespaceOf(object), object.metadata.name), stored);
      tell({ type: previous ? 'MODIFIED' : 'ADDED', kind, object: stored, previous, revision });
      return stored;
    },
    remove(asked, namespace, name) {
      const kind = storageKind(asked);
      const previous = get(kind, namespace, name);
      if (!previous) return undefined;
      const row = shelves.own(kind).get(namespace);
      row?.delete(name);
      if (row?.size === 0) shelves.own(kind).delete(namespace);
      const key = rowKey(kind, namespace, name);
      if (sharedOf(kind).has(name)) {
        gone.add(key);
        deps.rows.set(key, 'deleted');
      } else deps.rows.delete(key);
      revision += 1;
      // A deletion is told with the revision of the deletion, so that a watch can resume after it.
      const last: KubeObject = { ...previous, metadata: { ...previous.metadata, resourceVersion: String(revision) } };
      tell({ type: 'DELETED', kind, object: last, previous, revision });
      return last;
    },
    since: (from) => history.since(from),
    oldestRevision: () => history.oldest(),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    wipe() {
      for (const key of [...deps.rows.keys()]) deps.rows.delete(key);
      listeners.clear();
    },
  };
};

const rowKey = (kind: Kind, namespace: string, name: string): string =>
  `${isCustomKind(kind) ? `${kind.plural}.${kind.group}` : kind.plural}/${namespace}/${name}`;

/** Without a conversion of their own, versions differ in nothing else. */
const inVersion = (asked: Kind, object: KubeObject): KubeObject =>
  isCustomKind(asked) && object.apiVersion !== groupVersion(asked) ? { ...object, apiVersion: groupVersion(asked) } : object;

const highestRevision = (rows: StoreRows): number => {
  let highest = 0;
  for (const row of rows.values()) if (typeof row === 'object') highest = Math.max(highest, Number(row.metadata.resourceVersion));
  return highest === 0 ? 1 : highest + RESTART_GAP;
};
