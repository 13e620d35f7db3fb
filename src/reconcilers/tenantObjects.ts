/** What we applied to a customer's cluster, watched: drift of any object, and the status of those that have a health. */
import type { Kubernetes } from '../seeds/connection.ts';
import { type KindRef, type KubernetesObject, refOf } from '../seeds/kinds.ts';
import { openVersions, type Versions, versionedMetadata } from '../seeds/versions.ts';
import type { Cache } from '../seeds/watch.ts';
import { hasHealth, healthState } from './health.ts';

export interface TenantObjects {
  status(ref: KubernetesObject, fresh: boolean): Promise<KubernetesObject | undefined>;
  versions: Versions;
  close(): void;
}

const SELECTOR = 'app.kubernetes.io/managed-by=seedbed';

/** `onNews`: the cluster should be looked at. */
export const openTenantObjects = (kube: Kubernetes, onNews: () => void): TenantObjects => {
  const caches = new Map<string, Cache>();
  const told = new Map<string, string>();
  const cacheOf = ({ apiVersion, kind }: KindRef): Cache => {
    const known = caches.get(kind);
    if (known !== undefined) return known;
    const cache = kube.watch(
      { apiVersion, kind, labelSelector: SELECTOR },
      {
        project: trimmed,
        onChange: (object, type) => {
          const key = `${kind}/${object.metadata.namespace}/${object.metadata.name}`;
          const state = type === 'DELETED' ? 'gone' : healthState(object);
          if (told.get(key) === state) return;
          told.set(key, state);
          onNews();
        },
      },
    );
    caches.set(kind, cache);
    return cache;
  };
  const versions = openVersions(kube, {
    labelSelector: SELECTOR,
    kinds: [],
    onDrift: onNews,
    cacheOf: (ref) => (hasHealth(ref) ? cacheOf(ref) : undefined),
  });
  return {
    status: async (object, fresh) => {
      const ref = refOf(object);
      const cache = cacheOf(ref);
      if (!fresh && cache.synced && cache.problem === undefined) return cache.get(ref.namespace, ref.name);
      return kube.get(ref);
    },
    versions,
    close: () => {
      versions.close();
      for (const cache of caches.values()) cache.close();
    },
  };
};

const trimmed = ({ apiVersion, kind, metadata, spec, status }: KubernetesObject): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: versionedMetadata(metadata),
  spec: { replicas: (spec as { replicas?: number } | undefined)?.replicas },
  status,
});
