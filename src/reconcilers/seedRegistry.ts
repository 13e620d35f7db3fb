/** One open connection per seed, with the watches that turn a change in the seed into a hint for the cluster it belongs to. */
import { CLUSTER_LABEL, MANAGED_LABEL } from '../controlPlane/object.ts';
import { type Problem, Unavailable } from '../domain/errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { AddressPolicy } from '../seeds/address.ts';
import { type Kubernetes, type KubernetesDeps, openKubernetes } from '../seeds/connection.ts';
import type { KindRef } from '../seeds/kinds.ts';
import { parseKubeconfig } from '../seeds/kubeconfig.ts';
import { readClusterUid, requireSameCluster } from '../seeds/probe.ts';
import { openVersions, type Versions, versionedMetadata } from '../seeds/versions.ts';
import type { Cache } from '../seeds/watch.ts';
import type { Store } from '../store/open.ts';
import { loadSeed } from '../store/reconcile.ts';
import type { Secrets } from '../store/secrets.ts';
import { enqueue } from '../store/workItems.ts';
import { readyState } from './tenantRegistry.ts';
import { endOf, trimmed } from './workload.ts';

export interface SeedHandle {
  kube: Kubernetes;
  services: Cache;
  statefulSets: Cache;
  deployments: Cache;
  /** Errands to etcd. */
  jobs: Cache;
  /** Of everything that is applied to the seed. */
  versions: Versions;
  /** Resolves once the caches have been read: before that, what they lack says nothing. Rejects when the seed cannot be read. */
  synced(): Promise<void>;
  /** How long the etcd that was started last took until it was ready, in milliseconds; null: none was started since the connection was opened. */
  etcdStart: { tookMs: number | null };
  /** Why the caches are not kept up to date now, if they are not: what they show may be long past. */
  problem(): Problem | undefined;
}

export interface SeedRegistry {
  /**
   * The connection with the kubeconfig stored now; a changed kubeconfig opens a new one.
   * @throws Unavailable when that leads to another Kubernetes cluster than the one that is known as this seed.
   */
  get(seedId: string): Promise<SeedHandle>;
  /** One call on a connection of its own, without any watch. Throws when there is no answer; asked again within a second, it throws the same. */
  ping(seedId: string): Promise<void>;
  close(seedId: string): void;
  closeAll(): void;
}

/** A seed that does not answer is not asked more often. */
const PING_MS = 1_000;
const PING_TIMEOUT_MS = 5_000;

/** What clusters' flows apply to a seed; a kind that is missing here costs a read of its objects at each look. */
const APPLIED: readonly KindRef[] = [
  { apiVersion: 'v1', kind: 'Namespace' },
  { apiVersion: 'v1', kind: 'Secret' },
  { apiVersion: 'v1', kind: 'ConfigMap' },
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'apps/v1', kind: 'StatefulSet' },
  { apiVersion: 'apps/v1', kind: 'Deployment' },
  { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' },
  { apiVersion: 'batch/v1', kind: 'CronJob' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
];

export const createSeedRegistry = (deps: {
  store: Store;
  secrets: Secrets;
  clock: Clock;
  policy: AddressPolicy;
  onCall: NonNullable<KubernetesDeps['onCall']>;
}): SeedRegistry => {
  const open = new Map<string, { version: string; handle: SeedHandle }>();

  const silent = new Map<string, { at: number; error: unknown }>();

  const suspect = (seedId: string) => {
    deps.store
      .transaction((tx) => enqueue(tx, 'SEED', seedId, deps.clock.now()))
      .catch(() => {
        // A lost hint costs one poll.
      });
  };

  const hint = (labels: Record<string, string> | undefined) => {
    const clusterId = labels?.[CLUSTER_LABEL];
    if (clusterId === undefined) return;
    deps.store
      .transaction((tx) => enqueue(tx, 'CLUSTER', clusterId, deps.clock.now()))
      .catch(() => {
        // A lost hint costs one poll: the pass looks again by itself.
      });
  };

  const close = (seedId: string) => {
    const entry = open.get(seedId);
    if (entry === undefined) return;
    open.delete(seedId);
    entry.handle.versions.close();
    for (const cache of [entry.handle.services, entry.handle.statefulSets, entry.handle.deployments, entry.handle.jobs]) cache.close();
    entry.handle.kube.close();
  };

  const openApi = (text: string, timeoutMs?: number): Kubernetes =>
    openKubernetes({
      access: parseKubeconfig(text),
      clock: deps.clock,
      policy: deps.policy,
      subject: 'seed',
      onCall: deps.onCall,
      ...(timeoutMs !== undefined && { timeoutMs }),
    });

  const kubeconfigOf = async (seedId: string): Promise<string> => {
    const text = await deps.secrets.find(deps.store.db, seedId, 'kubeconfig');
    if (text === undefined)
      throw new Unavailable('SEED_UNAVAILABLE', 'The seed has no kubeconfig; register it again.', { whoMustAct: 'CLOUD_ADMIN' });
    return text;
  };

  const connect = (seedId: string, text: string, isMade: boolean): SeedHandle => {
    const kube = openApi(text);
    if (isMade) watchMachines(kube, () => suspect(seedId));
    const watch = (apiVersion: string, kind: string) =>
      kube.watch(
        { apiVersion, kind, labelSelector: MANAGED_LABEL },
        { project: trimmed, onChange: (object) => hint(object.metadata.labels), onProblem: () => suspect(seedId) },
      );
    const caches = {
      services: watch('v1', 'Service'),
      statefulSets: watch('apps/v1', 'StatefulSet'),
      deployments: watch('apps/v1', 'Deployment'),
      jobs: kube.watch(
        { apiVersion: 'batch/v1', kind: 'Job', labelSelector: MANAGED_LABEL },
        { project: trimmed, onChange: (object, type) => type !== 'DELETED' && endOf(object) !== undefined && hint(object.metadata.labels) },
      ),
    };
    return {
      kube,
      ...caches,
      etcdStart: { tookMs: null },
      synced: async () => {
        await Promise.all(Object.values(caches).map((cache) => cache.firstSync()));
      },
      problem: () => Object.values(caches).find((cache) => cache.problem !== undefined)?.problem,
      versions: openVersions(kube, {
        labelSelector: MANAGED_LABEL,
        kinds: APPLIED,
        onDrift: (object) => hint(object.metadata.labels),
        cacheOf: ({ kind }) => ({ Service: caches.services, StatefulSet: caches.statefulSets, Deployment: caches.deployments })[kind],
      }),
    };
  };

  /** One call on a connection of its own; a failure is remembered for a second. */
  const askBriefly = async (seedId: string, text: string, ask: (kube: Kubernetes) => Promise<void>): Promise<void> => {
    const last = silent.get(seedId);
    if (last !== undefined && deps.clock.now() - last.at < PING_MS) throw last.error;
    const kube = openApi(text, PING_TIMEOUT_MS);
    try {
      await ask(kube);
      silent.delete(seedId);
    } catch (error) {
      silent.set(seedId, { at: deps.clock.now(), error });
      throw error;
    } finally {
      kube.close();
    }
  };

  const opening = new Map<string, Promise<SeedHandle>>();

  const openVerified = async (seedId: string, version: string): Promise<SeedHandle> => {
    close(seedId);
    const row = await loadSeed(deps.store.db, seedId);
    const known = row?.clusterUid ?? null;
    const isMade = row !== undefined && row.made !== null;
    const text = await kubeconfigOf(seedId);
    if (known !== null) await askBriefly(seedId, text, async (kube) => requireSameCluster(known, await readClusterUid(kube), { isMade }));
    const handle = connect(seedId, text, isMade);
    open.set(seedId, { version, handle });
    return handle;
  };

  return {
    get: async (seedId) => {
      const version = await deps.secrets.version(deps.store.db, seedId, 'kubeconfig');
      const known = open.get(seedId);
      if (known !== undefined && known.version === version) return known.handle;
      // All that come meanwhile wait for the same look at who it is.
      const coming = opening.get(seedId) ?? openVerified(seedId, version ?? '').finally(() => opening.delete(seedId));
      opening.set(seedId, coming);
      return coming;
    },
    ping: async (seedId) => askBriefly(seedId, await kubeconfigOf(seedId), async (kube) => void (await kube.version())),
    close,
    closeAll: () => {
      for (const seedId of [...open.keys()]) close(seedId);
    },
  };
};

/**
 * A machine that dies says so by its Node, which is Ready no more within a minute: nobody would look for ten otherwise. The connection that it belongs
 * to ends it. Of a seed that was registered nobody may do anything about its machines, nor perhaps watch them.
 */
const watchMachines = (kube: Kubernetes, onLoss: () => void): void => {
  const ready = new Map<string, boolean>();
  kube.watch(
    { apiVersion: 'v1', kind: 'Node' },
    {
      project: (node) => ({
        apiVersion: node.apiVersion,
        kind: node.kind,
        metadata: versionedMetadata(node.metadata),
        ready: readyState(node) === 'True',
      }),
      onChange: (node, type) => {
        const { name } = node.metadata;
        const was = ready.get(name);
        const is = type !== 'DELETED' && node['ready'] === true;
        if (type === 'DELETED') ready.delete(name);
        else ready.set(name, is);
        // One that was not Ready when the connection was opened may have died before.
        if (!is && was !== false) onLoss();
      },
    },
  );
};
