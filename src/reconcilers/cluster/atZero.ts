/** A control plane at zero: nothing of it runs; its volumes, Secrets and addresses stay. The steps that start a cluster start it again. */
import { buildApiServer } from '../../controlPlane/apiServer.ts';
import { buildControllerManager } from '../../controlPlane/controllerManager.ts';
import { buildEtcd } from '../../controlPlane/etcd.ts';
import type { ReachableCluster } from '../../controlPlane/hostedCluster.ts';
import type { Component, KubernetesObject } from '../../controlPlane/object.ts';
import { buildScheduler } from '../../controlPlane/scheduler.ts';
import { selectorOf } from '../../controlPlane/workload.ts';
import type { ClusterPki } from '../../pki/bundle.ts';
import { selectorText } from '../workload.ts';
import type { ClusterScope } from './scope.ts';

interface Stopped {
  component: Component;
  what: string;
  build: (cluster: ReachableCluster, pki: ClusterPki) => KubernetesObject[];
}

/** Everything that reads etcd. */
export const WRITERS: readonly Stopped[] = [
  { component: 'kube-controller-manager', what: 'the controller manager', build: buildControllerManager },
  { component: 'kube-scheduler', what: 'the scheduler', build: buildScheduler },
  { component: 'kube-apiserver', what: 'the API servers', build: buildApiServer },
];

/** And etcd: what writes goes first. */
export const ALL_OF_IT: readonly Stopped[] = [...WRITERS, { component: 'etcd', what: 'etcd', build: buildEtcd }];

/** @returns what has not stopped yet; undefined: all has. */
export const stopControlPlane = async (scope: ClusterScope, stopped: readonly Stopped[] = ALL_OF_IT): Promise<string | undefined> => {
  const hosted = await scope.reachable();
  const pki = await scope.pki();
  for (const { component, build } of stopped) await scope.applyToSeed(component, atZero(build(hosted, pki)));
  // Whoever looks at the cluster from here would look at one that is gone.
  scope.world.tenants.close(scope.row.id);
  for (const { component, what } of stopped) if (await hasPods(scope, hosted, component)) return what;
  return undefined;
};

const atZero = (objects: readonly KubernetesObject[]): KubernetesObject[] =>
  objects.map((object) => {
    const { kind } = object;
    if (kind === 'Deployment' || kind === 'StatefulSet') return { ...object, spec: { ...(object.spec as object), replicas: 0 } };
    // A look at what does not run would fail, hour by hour.
    return kind === 'CronJob' ? { ...object, spec: { ...(object.spec as object), suspend: true } } : object;
  });

/** One that was evicted stays, and runs no more: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase */
const ENDED = new Set(['Succeeded', 'Failed']);

const hasPods = async (scope: ClusterScope, hosted: ReachableCluster, component: Component): Promise<boolean> => {
  const labelSelector = selectorText(selectorOf(hosted, component));
  const { kube } = await scope.seed();
  const { items } = await kube.list({ apiVersion: 'v1', kind: 'Pod', namespace: hosted.namespace, labelSelector });
  return items.some((pod) => !ENDED.has((pod.status as { phase?: string } | undefined)?.phase ?? ''));
};
