/** Tells from metadata alone whether an applied object is still as it was when it was last looked at: at rest that costs no request. */
import type { Kubernetes } from './connection.ts';
import type { KindRef, KubernetesObject, ObjectRef } from './kinds.ts';
import { keyOf, refOf } from './kinds.ts';
import type { Cache } from './watch.ts';

export interface Versions {
  /** Known to be as at its last confirmation. False when it changed, went, or cannot be known: then the object itself must be looked at. */
  unchanged(ref: ObjectRef): boolean;
  /** Not there, or known to have changed since its last confirmation. What was written a moment ago may seem so, too. */
  changed(ref: ObjectRef): boolean;
  /** From now on these kinds are watched, too. */
  follow(kinds: readonly KindRef[]): void;
  /** The object was seen, or written, and is as wanted. */
  confirm(object: KubernetesObject): void;
  close(): void;
}

export interface VersionsOptions {
  labelSelector: string;
  kinds: readonly KindRef[];
  /** Metadata of an object that somebody else has changed or deleted since it was confirmed. */
  onDrift(object: KubernetesObject): void;
}

/** One watch a kind over the whole cluster; a few dozen bytes an object. */
export const openVersions = (kube: Kubernetes, { labelSelector, kinds, onDrift }: VersionsOptions): Versions => {
  const confirmed = new Map<string, string>();
  const watch = (ref: KindRef): Cache =>
    kube.watch(
      { ...ref, labelSelector, metadataOnly: true },
      {
        project: ({ metadata: { name, namespace, labels, uid, generation, resourceVersion } }) =>
          ({ ...ref, metadata: { name, namespace, labels, uid, generation, resourceVersion } }) as KubernetesObject,
        onChange: (object, type) => {
          const key = keyOf(refOf(object));
          const known = confirmed.get(key);
          if (type === 'DELETED') confirmed.delete(key);
          if (known !== undefined && (type === 'DELETED' || known !== versionOf(object))) onDrift(object);
        },
      },
    );
  const caches = new Map<string, Cache>();
  const follow = (wanted: readonly KindRef[]): void => {
    for (const { apiVersion, kind } of wanted)
      if (!caches.has(`${apiVersion}/${kind}`)) caches.set(`${apiVersion}/${kind}`, watch({ apiVersion, kind }));
  };
  follow(kinds);
  const cacheOf = ({ apiVersion, kind }: KindRef): Cache | undefined => caches.get(`${apiVersion}/${kind}`);

  /** The cache of a kind, unless a watch that is cut just now may have missed something. */
  const reliable = (ref: KindRef): Cache | undefined => {
    const cache = cacheOf(ref);
    return cache?.synced === true && cache.problem === undefined ? cache : undefined;
  };

  return {
    unchanged: (ref) => {
      const known = confirmed.get(keyOf(ref));
      const live = reliable(ref)?.get(ref.namespace, ref.name);
      return known !== undefined && live !== undefined && versionOf(live) === known;
    },
    changed: (ref) => {
      const known = confirmed.get(keyOf(ref));
      const cache = reliable(ref);
      if (cache === undefined) return false;
      const live = cache.get(ref.namespace, ref.name);
      return live === undefined || (known !== undefined && versionOf(live) !== known);
    },
    follow,
    confirm: (object) => {
      if (cacheOf(object) !== undefined) confirmed.set(keyOf(refOf(object)), versionOf(object));
    },
    close: () => {
      for (const cache of caches.values()) cache.close();
      confirmed.clear();
    },
  };
};

/** A status changes all the time and is nobody's drift, so the generation counts where the kind has one. The uid tells a new one of the same name. */
const versionOf = ({ metadata: { uid, generation, resourceVersion } }: KubernetesObject): string =>
  `${uid}/${generation ?? `v${resourceVersion}`}`;
