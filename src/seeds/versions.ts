/** Tells from metadata alone whether an applied object is still as it was when it was last looked at: at rest that costs no request. */
import type { Kubernetes } from './connection.ts';
import type { KindRef, KubernetesObject, ObjectMeta, ObjectRef } from './kinds.ts';
import { keyOf, refOf } from './kinds.ts';
import type { Cache, ChangeType } from './watch.ts';

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
  /** A watch that somebody has on all these objects anyway, which shows their whole metadata: it is used, and left open at the end. */
  cacheOf?: (kind: KindRef) => Cache | undefined;
}

/** What of the metadata must be kept for `Versions`. */
export const versionedMetadata = ({ name, namespace, labels, uid, generation, resourceVersion }: ObjectMeta): ObjectMeta => ({
  name,
  ...(namespace !== undefined && { namespace }),
  ...(labels !== undefined && { labels }),
  ...(uid !== undefined && { uid }),
  ...(generation !== undefined && { generation }),
  // Nothing else tells of a change to what has no generation.
  ...(generation === undefined && resourceVersion !== undefined && { resourceVersion }),
});

/** One watch a kind over the whole cluster; a few dozen bytes an object. */
export const openVersions = (kube: Kubernetes, { labelSelector, kinds, onDrift, cacheOf: shared }: VersionsOptions): Versions => {
  const confirmed = new Map<string, string>();
  const onChange = (object: KubernetesObject, type: ChangeType): void => {
    const key = keyOf(refOf(object));
    const known = confirmed.get(key);
    if (type === 'DELETED') confirmed.delete(key);
    if (known !== undefined && (type === 'DELETED' || known !== versionOf(object))) onDrift(object);
  };
  const watch = (ref: KindRef): { cache: Cache; end: () => void } => {
    const other = shared?.(ref);
    if (other !== undefined) return { cache: other, end: other.onChange(onChange) };
    const project = ({ metadata }: KubernetesObject): KubernetesObject => ({ ...ref, metadata: versionedMetadata(metadata) });
    const cache = kube.watch({ ...ref, labelSelector, metadataOnly: true }, { project, onChange });
    return { cache, end: cache.close };
  };
  const caches = new Map<string, { cache: Cache; end: () => void }>();
  const follow = (wanted: readonly KindRef[]): void => {
    for (const { apiVersion, kind } of wanted)
      if (!caches.has(`${apiVersion}/${kind}`)) caches.set(`${apiVersion}/${kind}`, watch({ apiVersion, kind }));
  };
  follow(kinds);
  const cacheOf = ({ apiVersion, kind }: KindRef): Cache | undefined => caches.get(`${apiVersion}/${kind}`)?.cache;

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
      for (const { end } of caches.values()) end();
      confirmed.clear();
    },
  };
};

/** A status changes all the time and is nobody's drift, so the generation counts where the kind has one. The uid tells a new one of the same name. */
const versionOf = ({ metadata: { uid, generation, resourceVersion } }: KubernetesObject): string =>
  `${uid}/${generation ?? `v${resourceVersion}`}`;
