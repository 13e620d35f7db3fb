/** Passes what was committed on to those who watch it: by stream, or by topic. Only hints travel here; the tables are the truth. */
import type { Change, Committed, Store } from '../store/open.ts';

export interface Feed {
  /** `wake` gets the number of the stream's newest event, after its commit. */
  onEvents(streamId: string, wake: (number: number) => void): () => void;
  onChanges(topic: Topic, listener: (change: Change) => void): () => void;
  /** The server goes: live streams end. */
  isClosing(): boolean;
  /** Called when it begins to go. */
  onClose(listener: () => void): () => void;
  /** Live subscriptions to events and changes. */
  size(): number;
  close(): void;
}

/** All clusters, those of a project, the nodes of a cluster, or one operation. */
export type Topic = 'clusters' | `clusters/${string}` | `nodes/${string}` | `operation/${string}`;

const topicsOf = (change: Change): Topic[] => {
  if (change.kind === 'CLUSTER') return change.projectId === null ? ['clusters'] : ['clusters', `clusters/${change.projectId}`];
  if (change.kind === 'NODE' && change.clusterId !== null) return [`nodes/${change.clusterId}`];
  if (change.kind === 'OPERATION') return [`operation/${change.id}`];
  return [];
};

export const createFeed = (store: Pick<Store, 'onCommit'>): Feed => {
  const byStream = new Map<string, Set<(number: number) => void>>();
  const byTopic = new Map<Topic, Set<(change: Change) => void>>();
  const closers = new Set<() => void>();
  let closing = false;
  let live = 0;

  const add = <Key, Listener>(map: Map<Key, Set<Listener>>, key: Key, listener: Listener) => {
    live += 1;
    const remove = addTo(map, key, listener);
    return () => {
      if (remove()) live -= 1;
    };
  };

  const unhook = store.onCommit((committed: Committed) => {
    const newest = new Map<string, number>();
    for (const event of committed.events) newest.set(event.streamId, Math.max(event.number, newest.get(event.streamId) ?? 0));
    for (const [streamId, number] of newest) for (const wake of byStream.get(streamId) ?? []) wake(number);
    for (const change of committed.changes)
      for (const topic of topicsOf(change)) for (const listener of byTopic.get(topic) ?? []) listener(change);
  });

  return {
    onEvents: (streamId, wake) => add(byStream, streamId, wake),
    onChanges: (topic, listener) => add(byTopic, topic, listener),
    isClosing: () => closing,
    onClose: (listener) => {
      closers.add(listener);
      return () => closers.delete(listener);
    },
    size: () => live,
    close: () => {
      unhook();
      closing = true;
      byStream.clear();
      byTopic.clear();
      for (const tell of [...closers]) tell();
    },
  };
};

/** Undone by the function that it gives, which tells whether it was still there. */
const addTo = <Key, Listener>(map: Map<Key, Set<Listener>>, key: Key, listener: Listener) => {
  const set = map.get(key) ?? new Set<Listener>();
  map.set(key, set.add(listener));
  return (): boolean => {
    const there = set.delete(listener);
    if (set.size === 0 && map.get(key) === set) map.delete(key);
    return there;
  };
};
