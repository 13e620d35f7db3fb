/** The controllers of one cluster behind one queue: each change names the objects to look at again. */
import type { Cluster } from '../cluster.ts';
import { removeQuietly, startGarbageCollector } from '../deletion.ts';
import {
  API_SERVICE,
  CONFIG_MAP,
  CRON_JOB,
  CUSTOM_RESOURCE_DEFINITION,
  DAEMON_SET,
  DEPLOYMENT,
  ENDPOINTS,
  JOB,
  type Kind,
  NAMESPACE,
  NODE,
  POD,
  POD_DISRUPTION_BUDGET,
  PVC,
  REPLICA_SET,
  SERVICE,
  SERVICE_ACCOUNT,
  STATEFUL_SET,
} from '../kinds.ts';
import { controllerOf, type KubeObject, labelsOf, namespaceOf, spec, text } from '../objects.ts';
import { mapMatch } from '../selectors.ts';
import type { StoreEvent } from '../store.ts';
import { reconcileApiService } from './apiServices.ts';
import { reconcileCronJob } from './cronJobs.ts';
import { reconcileDaemonSet, reconcileJob } from './daemonSets.ts';
import { reconcileDefinition, removeObjectsOf } from './definitions.ts';
import { reconcileDeployment, reconcileReplicaSet } from './deployments.ts';
import { budgetsOf, reconcileDisruptionBudget } from './disruptions.ts';
import { reconcileEndpoints } from './endpoints.ts';
import { reconcileNamespace } from './namespaces.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { reconcileStatefulSet } from './statefulSets.ts';
import { bindClaim, bindIfImmediate, reclaim } from './volumes.ts';
import { createWorkQueue, type WorkQueue } from './workQueue.ts';

const WORKLOADS: ReadonlyMap<string, Kind> = new Map([DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET, JOB].map((k) => [k.kind, k]));
const LOOKED_AT: readonly Kind[] = [SERVICE, PVC, POD_DISRUPTION_BUDGET, API_SERVICE, CUSTOM_RESOURCE_DEFINITION, CRON_JOB];
const RECONCILE: Record<string, (cluster: Cluster, namespace: string, name: string) => void> = {
  Deployment: reconcileDeployment,
  ReplicaSet: reconcileReplicaSet,
  StatefulSet: reconcileStatefulSet,
  DaemonSet: reconcileDaemonSet,
  Job: reconcileJob,
  Service: reconcileEndpoints,
  PodDisruptionBudget: reconcileDisruptionBudget,
  APIService: reconcileApiService,
  CustomResourceDefinition: reconcileDefinition,
};
/** How often a refused pod is tried again: a missing service account or right may come. */
const RETRY_MS = 1000;
/** How long the pods of a node that was deleted stay: 40 s in life, a tenth of it here. */
const ORPHANED_MS = 4000;

const keyOf = (kind: Kind, object: KubeObject): string => `${kind.kind}|${namespaceOf(object)}|${object.metadata.name}`;

const fail =
  (cluster: Cluster) =>
  (error: unknown, key: string): void =>
    cluster.log.error({ err: error, cluster: cluster.id, key }, 'a simulated controller failed');

/** Pods of a node that is not there go at once: no kubelet could end them. */
const removeOrphans = (cluster: Cluster, node: string): void => {
  if (cluster.store.get(NODE, '', node)) return;
  for (const pod of cluster.store.list(POD))
    if (text(spec(pod).nodeName) === node) removeQuietly(cluster, POD, pod, { gracePeriodSeconds: 0 });
};

const addDependents = (cluster: Cluster, queue: WorkQueue, { kind, object, type }: StoreEvent): void => {
  const owner = controllerOf(object);
  if (owner && WORKLOADS.has(owner.kind) && (kind === POD || kind === REPLICA_SET))
    queue.add(`${owner.kind}|${namespaceOf(object)}|${owner.name}`);
  if (owner?.kind === 'CronJob' && kind === JOB) queue.add(`CronJob|${namespaceOf(object)}|${owner.name}`);
  if (kind === POD) {
    for (const service of cluster.store.list(SERVICE, namespaceOf(object)))
      if (mapMatch(spec(service).selector)(labelsOf(object))) queue.add(keyOf(SERVICE, service));
    for (const budget of budgetsOf(cluster, object)) queue.add(keyOf(POD_DISRUPTION_BUDGET, budget));
  }
  if (kind === SERVICE || kind === ENDPOINTS) for (const api of cluster.store.list(API_SERVICE)) queue.add(keyOf(API_SERVICE, api));
  if (kind === NODE && type !== 'MODIFIED') for (const set of cluster.store.list(DAEMON_SET)) queue.add(keyOf(DAEMON_SET, set));
  if (kind.namespaced && (type === 'DELETED' || object.metadata.deletionTimestamp)) queue.add(`Namespace||${namespaceOf(object)}`);
};

export interface ControllerOptions {
  /** Published in every namespace as kube-root-ca.crt; undefined: not published. */
  rootCa: string | undefined;
}

/** Starts the controllers; what is already there is looked at once. Returns the way to stop them. */
export const startControllers = (cluster: Cluster, options: ControllerOptions): (() => void) => {
  const handle = (key: string): void => {
    const [kind = '', namespace = '', name = ''] = key.split('|');
    if (kind === 'Namespace') {
      if (reconcileNamespace(cluster, name, options.rootCa)) queue.addAfter(key, RETRY_MS);
      return;
    }
    if (kind === 'PersistentVolumeClaim') {
      const claim = cluster.store.get(PVC, namespace, name);
      if (claim) bindIfImmediate(cluster, claim);
      return;
    }
    if (kind === 'CronJob') {
      const afterMs = reconcileCronJob(cluster, namespace, name);
      if (afterMs !== undefined) queue.addAfter(key, afterMs);
      return;
    }
    if (kind === 'Orphans') removeOrphans(cluster, name);
    else RECONCILE[kind]?.(cluster, namespace, name);
  };
  const queue: WorkQueue = createWorkQueue(handle, fail(cluster));
  const look = (kind: Kind, object: KubeObject): void => {
    if (kind === NAMESPACE) queue.add(`Namespace||${object.metadata.name}`);
    else if (WORKLOADS.get(kind.kind) === kind || LOOKED_AT.includes(kind)) queue.add(keyOf(kind, object));
  };
  // Its node may have gone while no controller ran, or as it was bound.
  const lookForNode = (pod: KubeObject): void => {
    const node = text(spec(pod).nodeName);
    if (node !== '' && !cluster.store.get(NODE, '', node)) queue.addAfter(`Orphans||${node}`, cluster.latency(ORPHANED_MS));
  };
  const stopCollector = startGarbageCollector(cluster);
  const unsubscribe = cluster.store.subscribe((event) => {
    if (event.kind === POD && event.type !== 'DELETED') lookForNode(event.object);
    if (event.type !== 'DELETED') look(event.kind, event.object);
    else if (event.kind === NODE) queue.addAfter(`Orphans||${event.object.metadata.name}`, cluster.latency(ORPHANED_MS));
    else if (event.kind === PVC) reclaim(cluster, event.object);
    else if (event.kind === CUSTOM_RESOURCE_DEFINITION) removeObjectsOf(cluster, event.object);
    if ((event.kind === SERVICE_ACCOUNT || event.kind === CONFIG_MAP) && event.type === 'DELETED')
      queue.add(`Namespace||${namespaceOf(event.object)}`);
    addDependents(cluster, queue, event);
    // A pod that could not be made for want of a service account is tried again when one comes.
    if (event.kind === SERVICE_ACCOUNT && event.type === 'ADDED')
      for (const kind of WORKLOADS.values()) for (const o of cluster.store.list(kind, namespaceOf(event.object))) queue.add(keyOf(kind, o));
  });
  for (const kind of [NAMESPACE, ...WORKLOADS.values(), ...LOOKED_AT]) for (const object of cluster.store.list(kind)) look(kind, object);
  for (const pod of cluster.store.list(POD)) lookForNode(pod);
  return () => {
    unsubscribe();
    stopCollector();
    queue.close();
  };
};

/** Starts the scheduler of a cluster. Pods without a place are tried again when a node or a pod changes. */
export const startScheduler = (cluster: Cluster): (() => void) => {
  const scheduler: Scheduler = createScheduler(cluster, (claim) => bindClaim(cluster, claim));
  const queue = createWorkQueue((key) => {
    const [namespace = '', name = ''] = key.split('/');
    scheduler.schedule(namespace, name);
  }, fail(cluster));
  const unsubscribe = cluster.store.subscribe(({ kind, type, object, previous }) => {
    if (kind === POD && type === 'ADDED') queue.add(`${namespaceOf(object)}/${object.metadata.name}`);
    const freed = kind === POD && type === 'DELETED';
    const nodeChanged = kind === NODE && (type === 'ADDED' || previous?.spec !== object.spec);
    if (freed || nodeChanged || (kind === PVC && type === 'ADDED')) for (const key of scheduler.unplaced()) queue.add(key);
  });
  for (const pod of cluster.store.list(POD)) queue.add(`${namespaceOf(pod)}/${pod.metadata.name}`);
  return () => {
    unsubscribe();
    scheduler.close();
    queue.close();
  };
};
