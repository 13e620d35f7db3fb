/** A control plane at zero: nothing of it runs; its volumes, Secrets and addresses stay. The steps that start a cluster start it again. */
import { buildApiServer } from '../../controlPlane/apiServer.ts';
import { buildControllerManager } from '../../controlPlane/controllerManager.ts';
import { buildEtcd } from '../../controlPlane/etcd.ts';
import type { ReachableCluster } from '../../controlPlane/hostedCluster.ts';
import type { Component, KubernetesObject } from '../../controlPlane/object.ts';
import { buildScheduler } from '../../controlPlane/scheduler.ts';
import { selectorOf } from '../../controlPlane/workload.ts';
import { selectorText } from '../workload.ts';
import type { ClusterScope } from './scope.ts';

/** Everything that reads etcd, and etcd: what writes goes first. */
const STOPPED: readonly [Component, string][] = [
  ['kube-controller-manager', 'the controller manager'],
  ['kube-scheduler', 'the scheduler'],
  ['kube-apiserver', 'the API servers'],
  ['etcd', 'etcd'],
];

/** @returns what has not stopped yet; undefined: all has. */
export const stopControlPlane = async (scope: ClusterScope): Promise<string | undefined> => {
  const hosted = await scope.reachable();
  const pki = await scope.pki();
  await scope.applyToSeed('kube-controller-manager', atZero(buildControllerManager(hosted, pki)));
  await scope.applyToSeed('kube-scheduler', atZero(buildScheduler(hosted, pki)));
  await scope.applyToSeed('kube-apiserver', atZero(buildApiServer(hosted, pki)));
  await scope.applyToSeed('etcd', atZero(buildEtcd(hosted, pki)));
  // Whoever looks at the cluster from here would look at one that is gone.
  scope.world.tenants.close(scope.row.id);
  for (const [component, what] of STOPPED) if (await hasPods(scope, hosted, component)) return what;
  return undefined;
};

const atZero = (objects: readonly KubernetesObject[]): KubernetesObject[] =>
  objects.map((object) => {
    const { kind } = object;
    if (kind === 'Deployment' || kind === 'StatefulSet') return { ...object, spec: { ...(object.spec as object), replicas: 0 } };
    // A look at what does not run would fail, hour by hour.
    return kind === 'CronJob' ? { ...object, spec: { ...(object.spec as object), suspend: true } } : object;
  });

export const hasPods = async (scope: ClusterScope, hosted: ReachableCluster, component: Component): Promise<boolean> => {
  const labelSelector = selectorText(selectorOf(hosted, component));
  const { kube } = await scope.seed();
  return (await kube.list({ apiVersion: 'v1', kind: 'Pod', namespace: hosted.namespace, labelSelector })).items.length > 0;
};
