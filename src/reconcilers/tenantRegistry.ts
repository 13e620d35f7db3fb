/** One open connection per customer's cluster, with watches on its nodes and on what we applied that become hints for ours. */
import { Unavailable } from '../domain/errors.ts';
import { whyNoProblem } from '../domain/healing.ts';
import type { Clock } from '../lib/clock.ts';
import { fingerprint } from '../lib/json.ts';
import type { ClusterPki } from '../pki/bundle.ts';
import { trustOf } from '../pki/rotation.ts';
import type { AddressPolicy } from '../seeds/address.ts';
import { type Kubernetes, openKubernetes } from '../seeds/connection.ts';
import type { KubernetesObject } from '../seeds/kinds.ts';
import type { KubernetesAccess } from '../seeds/kubeconfig.ts';
import type { Versions } from '../seeds/versions.ts';
import type { Cache } from '../seeds/watch.ts';
import type { Store } from '../store/open.ts';
import { type ClusterRow, findNodeByName } from '../store/reconcile.ts';
import type { Secrets } from '../store/secrets.ts';
import { enqueue } from '../store/workItems.ts';
import { openTenantObjects } from './tenantObjects.ts';

export interface TenantHandle {
  kube: Kubernetes;
  /** By a connection that is made for it: of several API servers it may lead to another one. */
  anew<T>(use: (kube: Kubernetes) => Promise<T>): Promise<T>;
  /** The cluster's Node objects; opened at the first call. */
  nodes(): Cache;
  nodeCount(): Promise<{ total: number; ready: number }>;
  /** A watch through the cluster's public address is open: its API answers without being asked. */
  isHeard(): boolean;
  /** An object of ours with its status. `fresh`: what a watch has told so far is too old. */
  status(ref: KubernetesObject, fresh: boolean): Promise<KubernetesObject | undefined>;
  /** Of everything that is applied to the cluster; kinds are watched once they are followed. */
  versions: Versions;
}

export interface TenantRegistry {
  /** Throws Unavailable while the cluster has no address or no certificates. */
  get(row: ClusterRow): Promise<TenantHandle>;
  close(clusterId: string): void;
  closeAll(): void;
}

const GATHER_MS = 200;
const LONGEST_CALL_MS = 30_000;

export const createTenantRegistry = (deps: { store: Store; secrets: Secrets; clock: Clock; policy: AddressPolicy }): TenantRegistry => {
  const open = new Map<string, { version: string; login: string; handle: TenantHandle; end: () => void }>();
  /** What is to come of connections that another took the place of. */
  const ends = new Set<() => void>();

  const hint = async (clusterId: string, name: string) => {
    const node = await findNodeByName(deps.store.db, clusterId, name);
    if (node !== undefined) await deps.store.transaction((tx) => enqueue(tx, 'NODE', node.id, deps.clock.now()));
  };

  const hintCluster = (clusterId: string) => {
    // A roll-out says many things at once, and one look takes them all in.
    deps.store
      .transaction((tx) => enqueue(tx, 'CLUSTER', clusterId, deps.clock.now() + GATHER_MS))
      .catch(() => {
        // A lost hint costs one poll.
      });
  };

  const connect = (row: ClusterRow, access: KubernetesAccess) => {
    const dial = () => openKubernetes({ access, clock: deps.clock, policy: deps.policy, subject: 'cluster' });
    const kube = dial();
    const anew = async <T>(use: (kube: Kubernetes) => Promise<T>): Promise<T> => {
      const other = dial();
      try {
        return await use(other);
      } finally {
        other.close();
      }
    };
    let cache: Cache | null = null;
    const told = new Map<string, string>();
    const nodes = () => {
      cache ??= kube.watch(
        { apiVersion: 'v1', kind: 'Node' },
        {
          project: trimmed,
          onChange: (object, type) => {
            // Heartbeats change a node every few seconds; only what a pass would see differently is a hint.
            const state = type === 'DELETED' ? 'gone' : [readyState(object), ...problemsOf(object)].join(' ');
            if (told.get(object.metadata.name) === state) return;
            told.set(object.metadata.name, state);
            hint(row.id, object.metadata.name).catch(() => {
              // A lost hint costs one poll.
            });
          },
        },
      );
      return cache;
    };
    const isHeard = () => nodes().synced && nodes().problem === undefined;
    const nodeCount = async () => {
      const list = isHeard() ? nodes().list() : (await kube.list({ apiVersion: 'v1', kind: 'Node' })).items;
      return { total: list.length, ready: list.filter((node) => readyState(node) === 'True').length };
    };
    const objects = openTenantObjects(kube, deps.clock, () => hintCluster(row.id));
    const end = () => {
      objects.close();
      cache?.close();
      kube.close();
    };
    return { handle: { kube, anew, nodes, nodeCount, isHeard, status: objects.status, versions: objects.versions }, end };
  };

  const close = (clusterId: string) => {
    open.get(clusterId)?.end();
    open.delete(clusterId);
  };

  /** Steps of a pass that is under way still hold it: their calls come to their end. */
  const closeSoon = (end: () => void) => {
    const finish = () => {
      clearTimeout(timer);
      ends.delete(finish);
      end();
    };
    const timer = setTimeout(finish, LONGEST_CALL_MS);
    timer.unref();
    ends.add(finish);
  };

  return {
    get: async (row) => {
      // Opening the secret at each use would cost more than most calls.
      const sealing = await deps.secrets.version(deps.store.db, row.id, 'pki');
      if (sealing === undefined || row.endpointHost === null || row.endpointPort === null) throw unknownAddress();
      const server = `https://${row.endpointHost}:${row.endpointPort}`;
      const version = `${sealing} ${server}`;
      const known = open.get(row.id);
      if (known?.version === version) return known.handle;
      const text = await deps.secrets.find(deps.store.db, row.id, 'pki');
      const meanwhile = open.get(row.id);
      if (meanwhile?.version === version) return meanwhile.handle;
      if (text === undefined) throw unknownAddress();
      const access = accessOf(JSON.parse(text) as ClusterPki, server);
      const login = fingerprint(access);
      // Much else lies in the same secret, such as the key of the Secrets.
      if (meanwhile?.login === login) {
        meanwhile.version = version;
        return meanwhile.handle;
      }
      if (meanwhile !== undefined) closeSoon(meanwhile.end);
      const made = connect(row, access);
      open.set(row.id, { version, login, ...made });
      return made.handle;
    },
    close,
    closeAll: () => {
      for (const clusterId of [...open.keys()]) close(clusterId);
      for (const end of [...ends]) end();
    },
  };
};

const accessOf = (pki: ClusterPki, server: string): KubernetesAccess => ({
  server,
  caPem: trustOf(pki).ca,
  clientCertPem: pki.leaves.superAdmin.cert,
  clientKeyPem: pki.leaves.superAdmin.key,
});

const unknownAddress = (): Unavailable => new Unavailable('CLUSTER_UNAVAILABLE', "The cluster's API has no address yet.");

interface NodeStatus {
  conditions?: { type: string; status: string }[];
  nodeInfo?: { kubeletVersion?: string };
}

/** "True", "False", "Unknown" or "" of a Node object's Ready condition. */
export const readyState = (node: KubernetesObject): string =>
  (node['status'] as NodeStatus | undefined)?.conditions?.find((c) => c.type === 'Ready')?.status ?? '';

/** The problems that it reports, by the names of its conditions: all that Kubernetes itself does not set. Which of them count is its group's to say. */
export const problemsOf = (node: KubernetesObject): string[] =>
  ((node['status'] as NodeStatus | undefined)?.conditions ?? [])
    .filter(({ type, status }) => status === 'True' && whyNoProblem(type) === null)
    .map(({ type }) => type)
    .sort();

export const kubeletVersionOf = (node: KubernetesObject): string | null =>
  (node['status'] as NodeStatus | undefined)?.nodeInfo?.kubeletVersion ?? null;

/** Which server a Node object says that it is; "" when it says nothing. */
export const providerIdIn = ({ spec }: KubernetesObject): string => (spec as { providerID?: string } | undefined)?.providerID ?? '';

const trimmed = (node: KubernetesObject): KubernetesObject => {
  const status = node.status as NodeStatus | undefined;
  const kept = {
    conditions: status?.conditions?.filter((c) => c.type === 'Ready' || (c.status === 'True' && whyNoProblem(c.type) === null)),
    nodeInfo: { kubeletVersion: status?.nodeInfo?.kubeletVersion },
  };
  return {
    apiVersion: node.apiVersion,
    kind: node.kind,
    metadata: { name: node.metadata.name },
    spec: { providerID: providerIdIn(node) },
    status: kept,
  } as unknown as KubernetesObject;
};
