/** Whether a change has reached the last pod that is to read it. Asks the seed, so it is for the time of a change only. */
import { type HostedCluster, namesOf } from '../controlPlane/hostedCluster.ts';
import type { Component, KubernetesObject } from '../controlPlane/object.ts';
import { MOUNTED, selectorOf } from '../controlPlane/workload.ts';
import type { SeedHandle } from './seedRegistry.ts';

interface Scope {
  hosted(): Promise<HostedCluster>;
  seed(): Promise<SeedHandle>;
}
interface Pod {
  metadata: { labels?: Record<string, string>; annotations?: Record<string, string> };
  status?: { conditions?: { type: string; status: string }[] };
}
interface Workload {
  metadata: { name: string };
  spec: { replicas?: number; selector: { matchLabels: Record<string, string> }; template: Pod };
}

/**
 * True when every pod of the component is ready and reads the files that `objects` (as its builder gives them) describe; a pod that
 * is on its way out counts, too, for it still serves.
 */
export const allRolled = async (scope: Scope, component: Component, objects: readonly KubernetesObject[]): Promise<boolean> => {
  const labelSelector = Object.entries(selectorOf(await scope.hosted(), component))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const pods = await list<Pod>(scope, 'v1', 'Pod', labelSelector);
  const workload = objects.find(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet') as unknown as Workload | undefined;
  return workload !== undefined && pods.length > 0 && pods.every((pod) => isCurrent(pod, workload));
};

/**
 * The same for all that runs in the cluster's namespace, against the workloads as the seed has them: the name of one that is late, or
 * undefined. What is not of the control plane itself and does not get ready anyway is late only while it reads an older form.
 */
export const findLate = async (scope: Scope): Promise<string | undefined> => {
  const { etcd, apiServer, controllerManager, scheduler } = namesOf(await scope.hosted());
  const [pods, deployments, statefulSets] = await Promise.all([
    list<Pod>(scope, 'v1', 'Pod'),
    list<Workload>(scope, 'apps/v1', 'Deployment'),
    list<Workload>(scope, 'apps/v1', 'StatefulSet'),
  ]);
  return [...deployments, ...statefulSets].find((workload) => {
    const { replicas = 1, selector } = workload.spec;
    const own = pods.filter(({ metadata }) => fits(selector.matchLabels, metadata.labels ?? {}));
    const current = own.filter((pod) => isCurrent(pod, workload));
    if ([etcd, apiServer, controllerManager, scheduler].includes(workload.metadata.name))
      // A pod that is to come will read what is there now, but whoever goes on before it does takes another one away.
      return current.length < own.length || current.length < replicas;
    return own.some((pod) => isReady(pod) && !current.includes(pod));
  })?.metadata.name;
};

const list = async <T>(scope: Scope, apiVersion: string, kind: string, labelSelector?: string): Promise<T[]> => {
  const { namespace } = await scope.hosted();
  const { kube } = await scope.seed();
  const { items } = await kube.list({ apiVersion, kind, namespace, ...(labelSelector !== undefined && { labelSelector }) });
  return items as unknown as T[];
};

const fits = (wanted: Record<string, string>, labels: Record<string, string>): boolean =>
  Object.entries(wanted).every(([key, value]) => labels[key] === value);

const isCurrent = (pod: Pod, { spec: { template } }: Workload): boolean =>
  pod.metadata.annotations?.[MOUNTED] === template.metadata.annotations?.[MOUNTED] && isReady(pod);

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
