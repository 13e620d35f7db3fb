/** The objects a watch keeps, and who is told of their changes. */
import type { KubernetesObject } from './kinds.ts';
import type { ChangeType, WatchHandlers } from './watch.ts';

interface Entry {
  version: string;
  object: KubernetesObject;
}

/** A put of a known resourceVersion changes nothing and tells nobody; `replace` takes a full reading, so what it lacks is gone. */
export const createCopy = (handlers: WatchHandlers) => {
  const entries = new Map<string, Entry>();
  const callbacks = new Set<(object: KubernetesObject, type: ChangeType) => void>(handlers.onChange ? [handlers.onChange] : []);
  const project = handlers.project ?? ((object: KubernetesObject) => object);
  let filled = false;
  const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? ''}/${name}`;
  const tell = (object: KubernetesObject, type: ChangeType): void => {
    for (const callback of callbacks) callback(object, type);
  };
  const put = (object: KubernetesObject): void => {
    if (!hasName(object)) return;
    const key = keyOf(object.metadata.namespace, object.metadata.name);
    const version = object.metadata.resourceVersion ?? '';
    const known = entries.get(key);
    if (known && known.version === version && version !== '') return;
    const kept = project(object);
    entries.set(key, { version, object: kept });
    tell(kept, known ? 'MODIFIED' : 'ADDED');
  };
  const dropKey = (key: string): void => {
    const known = entries.get(key);
    entries.delete(key);
    if (known) tell(known.object, 'DELETED');
  };
  return {
    get filled() {
      return filled;
    },
    put,
    drop: (object: KubernetesObject): void => {
      if (hasName(object)) dropKey(keyOf(object.metadata.namespace, object.metadata.name));
    },
    replace: (items: KubernetesObject[]): void => {
      const objects = items.filter(hasName);
      const present = new Set(objects.map(({ metadata }) => keyOf(metadata.namespace, metadata.name)));
      for (const key of [...entries.keys()]) if (!present.has(key)) dropKey(key);
      for (const object of objects) put(object);
      filled = true;
    },
    get: (namespace: string | undefined, name: string): KubernetesObject | undefined => entries.get(keyOf(namespace, name))?.object,
    list: (): KubernetesObject[] => [...entries.values()].map(({ object }) => object),
    onChange: (callback: (object: KubernetesObject, type: ChangeType) => void): (() => void) => {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
  };
};

/** One that has no name cannot be kept, and must not take the others of its watch with it. */
const hasName = (object: KubernetesObject): boolean => typeof (object as Partial<KubernetesObject> | null)?.metadata?.name === 'string';
