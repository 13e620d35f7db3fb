/** What we applied to a customer's cluster, watched: drift of any object, and the status of those that have a health. */
import type { Clock } from '../lib/clock.ts';
import type { Kubernetes } from '../seeds/connection.ts';
import { type KindRef, type KubernetesObject, keyOf, refOf } from '../seeds/kinds.ts';
import { openVersions, type Versions, versionedMetadata } from '../seeds/versions.ts';
import type { Cache } from '../seeds/watch.ts';
import { createDriftPace } from './driftPace.ts';
import { hasHealth, healthState } from './health.ts';

export interface TenantObjects {
  status(ref: KubernetesObject, fresh: boolean): Promise<KubernetesObject | undefined>;
  versions: Versions;
  close(): void;
}

const SELECTOR = 'app.kubernetes.io/managed-by=seedbed';

/** `onNews`: the cluster should be looked at. */
export const openTenantObjects = (kube: Kubernetes, clock: Clock, onNews: () => void): TenantObjects => {
  const paceOf = createDriftPace(clock);
  const later = new Map<string, NodeJS.Timeout>();
  const onDrift = (object: KubernetesObject): void => {
    const key = keyOf(refOf(object));
    if (later.has(key)) return;
    const afterMs = paceOf(key);
    if (afterMs === 0) {
      onNews();
      return;
    }
    // Not a due time: a pass that is under way would be followed by the next at once.
    const timer = setTimeout(() => {
      later.delete(key);
      onNews();
    }, afterMs);
    timer.unref();
    later.set(key, timer);
  };
  const caches = new Map<string, Cache>();
  const told = new Map<string, string>();
  const cacheOf = ({ apiVersion, kind }: KindRef): Cache => {
    const kindKey = `${apiVersion}/${kind}`;
    const known = caches.get(kindKey);
    if (known !== undefined) return known;
    const cache = kube.watch(
      { apiVersion, kind, labelSelector: SELECTOR },
      {
        project: trimmed,
        onChange: (object, type) => {
          const key = `${kindKey}/${object.metadata.namespace}/${object.metadata.name}`;
          const state = type === 'DELETED' ? 'gone' : healthState(object);
          if (told.get(key) === state) return;
          told.set(key, state);
          onNews();
        },
      },
    );
    caches.set(kindKey, cache);
    return cache;
  };
  const versions = openVersions(kube, {
    labelSelector: SELECTOR,
    kinds: [],
    onDrift,
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
      for (const timer of later.values()) clearTimeout(timer);
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
