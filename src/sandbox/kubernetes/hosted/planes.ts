/** All hosted clusters of a seed: which pod belongs to which, and the programs that the seed's kubelets start. */
import type { DiskMs, World } from '../../contract.ts';
import type { Cluster } from '../cluster.ts';
import { targetPort } from '../controllers/endpoints.ts';
import { NODE, POD, PVC, SERVICE } from '../kinds.ts';
import { isConnectionAllowed } from '../networkPolicies.ts';
import { at, dicts, type KubeObject, labelsOf, namespaceOf, number, spec, status, text } from '../objects.ts';
import { mapMatch } from '../selectors.ts';
import type { StoreRows } from '../store.ts';
import { type ApiServerConfig, startApiServer } from './apiServer.ts';
import { startCloudController } from './cloudController.ts';
import { startClusterAutoscaler } from './clusterAutoscaler.ts';
import { parseCommandLine } from './commandLine.ts';
import { type Reached, startControllerManager, startScheduler } from './components.ts';
import { type EtcdRegistry, startEtcd } from './etcd.ts';
import { createEtcdClusters } from './etcdClusters.ts';
import { corruptAlarms } from './etcdCorruption.ts';
import { playEtcdctl } from './etcdctl.ts';
import { startKeystoneAuth } from './keystoneAuth.ts';
import { playMetricsTask } from './metricsTask.ts';
import { type Address, createPlane, type Plane, type PlaneDeps } from './plane.ts';
import type { Process } from './process.ts';
import { type EtcdContent, playSnapshotTask } from './snapshotTask.ts';
import type { Webhooks } from './tokenWebhook.ts';

export interface Planes {
  /** For the seed's kubelets: the program in a pod, or undefined. Throws the line with which it ends at once. */
  startProcess(pod: KubeObject): Process | undefined;
  list(): { dataId: string; plane: Plane }[];
  close(): void;
}

const loadBalancerAddresses = (service: KubeObject): string[] =>
  dicts(at(service, 'status', 'loadBalancer', 'ingress'))
    .map((i) => text(i.ip))
    .filter(Boolean);

const nodeAddresses = (seed: Cluster): string[] =>
  seed.store.list(NODE).flatMap((n) =>
    dicts(status(n).addresses)
      .filter((a) => a.type === 'InternalIP')
      .map((a) => text(a.address)),
  );

/** Where the world reaches what listens at an address of a node of the seed. */
type ReachedAt = (address: string) => readonly string[];

/** Some client's address. */
const OUTSIDE = '203.0.113.7';

/** Where a Service makes one port of a pod reachable from outside the seed. */
const addressesOf = (seed: Cluster, config: ApiServerConfig, portOfPod: number, reachedAt: ReachedAt): Address[] => {
  const pod = seed.store.get(POD, config.namespace, config.podName);
  if (!pod || !isConnectionAllowed(seed, { from: { address: OUTSIDE }, to: { pod }, port: portOfPod })) return [];
  return seed.store.list(SERVICE, config.namespace).flatMap((service) => {
    if (!mapMatch(spec(service).selector)(labelsOf(pod))) return [];
    return dicts(spec(service).ports)
      .filter((p) => targetPort(p, pod) === portOfPod)
      .flatMap((p): Address[] => {
        if (spec(service).type === 'LoadBalancer')
          return loadBalancerAddresses(service).map((host) => ({
            host,
            port: number(p.port, 0),
            ranges: (spec(service).loadBalancerSourceRanges ?? []) as string[],
          }));
        return spec(service).type === 'NodePort'
          ? nodeAddresses(seed)
              .flatMap(reachedAt)
              .map((host) => ({ host, port: number(p.nodePort, 0) }))
          : [];
      });
  });
};

/** `world` keeps each cluster's objects as a table of its own. */
export const createPlanes = (
  deps: Omit<PlaneDeps, 'id' | 'rows' | 'addressesOf' | 'onMachines'> & {
    seed: Cluster;
    world: World;
    reachedAt?: ReachedAt;
    diskMs?: DiskMs | undefined;
  },
): Planes => {
  const { seed, reachedAt = (address) => [address], diskMs = () => 2 } = deps;
  const registry: EtcdRegistry = { members: new Map(), clusters: createEtcdClusters(deps.world.table(`kubernetes/etcd/${seed.id}`)) };
  const webhooks: Webhooks = new Map();
  const planes = new Map<string, Plane>();
  const planeOfPod = new Map<string, Plane>();
  const rowsOf = (dataId: string): StoreRows => deps.world.table(`kubernetes/hosted/${dataId}`);

  const contentOf = (dataId: string): EtcdContent => {
    const rows = rowsOf(dataId);
    const revision = planeOf(dataId).cluster.store.revision();
    return { revision, rows: [...rows.keys()].map((key) => [key, rows.get(key)]) };
  };
  const fill = (dataId: string, { rows }: EtcdContent): void => {
    const table = rowsOf(dataId);
    for (const [key, row] of rows) table.set(key, row as KubeObject | 'deleted');
  };
  const planeOf = (dataId: string): Plane => {
    const known = planes.get(dataId);
    if (known) return known;
    const made = createPlane({
      ...deps,
      ...registry.clusters.floorOf(dataId),
      id: dataId,
      rows: rowsOf(dataId),
      addressesOf: (config, port) => addressesOf(seed, config, port, reachedAt),
    });
    made.cluster.store.subscribe(() => {
      for (const { cluster, name, disk } of registry.members.values()) if (cluster.dataId === dataId) disk.wrote(diskMs(name));
    });
    // While the alarm is on, etcd takes no writes.
    made.cluster.isFrozen = () =>
      [...registry.members.values()].some(({ cluster }) => cluster.dataId === dataId && corruptAlarms(seed, registry, cluster).length > 0);
    planes.set(dataId, made);
    return made;
  };
  const withdraw = (podUid: string): void => {
    planeOfPod.get(podUid)?.withdraw(podUid);
    planeOfPod.delete(podUid);
  };
  const serve = (config: ApiServerConfig, dataId: string): void => {
    const plane = planeOf(dataId);
    const before = planeOfPod.get(config.podUid);
    if (before && before !== plane) before.withdraw(config.podUid);
    planeOfPod.set(config.podUid, plane);
    plane.serve(config);
  };
  const findPlane = (podUid: string): Reached | undefined => {
    const plane = planeOfPod.get(podUid);
    const config = plane?.apiServers.get(podUid);
    return plane && config ? { config, cluster: plane.cluster } : undefined;
  };
  const planeOfCluster = (reached: Reached): Plane | undefined => planeOfPod.get(reached.config.podUid);

  const unsubscribe = seed.store.subscribe(({ kind, type, object }) => {
    if (kind === SERVICE) {
      const near = new Set(seed.store.list(POD, namespaceOf(object)).map((p) => planeOfPod.get(p.metadata.uid)));
      for (const plane of near) if (plane) setImmediate(() => plane.refresh());
    }
    // What a cluster holds goes with the last of its members' volumes.
    if (type === 'DELETED' && (kind === PVC || kind === POD)) {
      const dataId = registry.clusters.lose(object.metadata.uid);
      if (dataId === undefined) return;
      const plane = planes.get(dataId);
      planes.delete(dataId);
      if (plane) plane.destroy();
      else for (const key of [...rowsOf(dataId).keys()]) rowsOf(dataId).delete(key);
    }
  });

  return {
    startProcess(pod) {
      const snapshot = playSnapshotTask({ seed, registry, contentOf, fill }, pod);
      if (snapshot) return snapshot;
      const metrics = playMetricsTask({ seed, registry }, pod);
      if (metrics) return metrics;
      const sizeOf = (dataId: string): number => 20_480 + 1024 * rowsOf(dataId).size;
      const errand = playEtcdctl({ seed, registry, sizeOf, revisionOf: (dataId) => planeOf(dataId).cluster.store.revision() }, pod);
      if (errand) return errand;
      const line = parseCommandLine(seed, pod);
      if (!line) return undefined;
      const { uid } = pod.metadata;
      const client = { seed, findPlane, withdraw: () => withdraw(uid) };
      const join = (reached: Reached): Plane | undefined => {
        const plane = planeOfCluster(reached);
        if (plane) planeOfPod.set(uid, plane);
        return plane;
      };
      switch (line.program) {
        case 'etcd':
          return startEtcd(seed, registry, line);
        case 'kube-apiserver':
          return startApiServer(seed, registry, webhooks, line, { serve, withdraw });
        case 'kube-controller-manager':
          return startControllerManager(line, { ...client, lead: (reached, config) => join(reached)?.lead('manager', config) });
        case 'openstack-cloud-controller-manager':
          return startCloudController(line, client);
        case 'k8s-keystone-auth':
          return startKeystoneAuth(seed, webhooks, line);
        case 'cluster-autoscaler':
          return startClusterAutoscaler(line, client);
        case 'kube-scheduler':
          return startScheduler(line, {
            ...client,
            lead: (reached) => join(reached)?.lead('scheduler', { podUid: uid, holder: `${pod.metadata.name}_${uid}` }),
          });
        default:
          return undefined;
      }
    },
    list: () => [...planes].map(([dataId, plane]) => ({ dataId, plane })),
    close() {
      unsubscribe();
      for (const plane of planes.values()) plane.close();
    },
  };
};
