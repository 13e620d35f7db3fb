/** What we applied to a customer's cluster, watched: drift of any object, and the status of workloads. */
import type { Kubernetes } from '../seeds/connection.ts';
import type { KubernetesObject } from '../seeds/kinds.ts';
import { openVersions, type Versions } from '../seeds/versions.ts';
import type { Cache } from '../seeds/watch.ts';
import { healthState } from './health.ts';

export interface TenantObjects {
  workload(ref: KubernetesObject, fresh: boolean): Promise<KubernetesObject | undefined>;
  versions: Versions;
  close(): void;
}

const SELECTOR = 'app.kubernetes.io/managed-by=seedbed';

/** `onNews`: the cluster should be looked at. */
export const openTenantObjects = (kube: Kubernetes, onNews: () => void): TenantObjects => {
  const caches = new Map<string, Cache>();
  const told = new Map<string, string>();
  const cacheOf = (kind: string): Cache => {
    const known = caches.get(kind);
    if (known !== undefined) return known;
    const cache = kube.watch(
      { apiVersion: 'apps/v1', kind, labelSelector: SELECTOR },
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
  const versions = openVersions(kube, { labelSelector: SELECTOR, kinds: [], onDrift: onNews });
  return {
    workload: async (object, fresh) => {
      const { apiVersion, kind } = object;
      const { name, namespace = '' } = object.metadata;
      const cache = cacheOf(kind);
      if (!fresh && cache.synced && cache.problem === undefined) return cache.get(namespace, name);
      return kube.get({ apiVersion, kind, namespace, name });
    },
    versions,
    close: () => {
      versions.close();
      for (const cache of caches.values()) cache.close();
    },
  };
};

const trimmed = ({ apiVersion, kind, metadata, spec, status }: KubernetesObject): KubernetesObject => {
  const { name, namespace, generation } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, ...(namespace !== undefined && { namespace }), ...(generation !== undefined && { generation }) },
    spec: { replicas: (spec as { replicas?: number } | undefined)?.replicas },
    status,
  };
};
