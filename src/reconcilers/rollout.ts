/** Whether a change has reached the last pod that is to read it. Asks the seed, so it is for the time of a change only. */
import { type HostedCluster, namesOf } from '../controlPlane/hostedCluster.ts';
import type { Component, KubernetesObject } from '../controlPlane/object.ts';
import { MOUNTED, selectorOf } from '../controlPlane/workload.ts';
import type { SeedHandle } from './seedRegistry.ts';
import { selectorText } from './workload.ts';

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
  const labelSelector = selectorText(selectorOf(await scope.hosted(), component));
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

/**
 * What is missing until no pods but those of this form are there, such as "all 3 pods of x-kube-apiserver (1 does)"; undefined: nothing.
 * One that is on its way out still serves, and counts. By numbers and not by the pods' images, which a seed may write anew.
 */
export const findUnmoved = async (scope: Scope, objects: readonly KubernetesObject[]): Promise<string | undefined> => {
  const { namespace } = await scope.hosted();
  const { kube } = await scope.seed();
  for (const object of objects.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')) {
    const { metadata, spec } = object as unknown as Moving;
    const { replicas = 1, selector } = spec;
    const live = (await kube.get({ apiVersion: 'apps/v1', kind: object.kind, namespace, name: metadata.name })) as Moving | undefined;
    const labelSelector = selectorText(selector.matchLabels);
    const pods = (await list<LivePod>(scope, 'v1', 'Pod', labelSelector)).filter(({ status }) => !ENDED.has(status?.phase ?? ''));
    const { observedGeneration = 0, updatedReplicas = 0, readyReplicas = 0 } = live?.status ?? {};
    const seen =
      live !== undefined && imagesOf(live) === imagesOf(object as unknown as Moving) && observedGeneration >= live.metadata.generation;
    const moved = seen ? Math.min(updatedReplicas, readyReplicas, replicas) : 0;
    const name = metadata.name;
    const all = replicas === 1 ? `the pod of ${name}` : `all ${replicas} pods of ${name} (${moved} do)`;
    if (moved < replicas) return all;
    if (pods.length > replicas || pods.some((pod) => pod.metadata.deletionTimestamp !== undefined))
      return `the last old pod of ${name} to end, and ${all}`;
  }
  return undefined;
};

interface Moving {
  metadata: { name: string; generation: number };
  spec: { replicas?: number; selector: { matchLabels: Record<string, string> }; template: { spec: { containers: { image: string }[] } } };
  status?: { observedGeneration?: number; updatedReplicas?: number; readyReplicas?: number };
}
interface LivePod {
  metadata: { deletionTimestamp?: string };
  status?: { phase?: string };
}

/** Pods that run nothing any more. */
const ENDED: ReadonlySet<string> = new Set(['Succeeded', 'Failed']);

const imagesOf = ({ spec }: Moving): string => spec.template.spec.containers.map(({ image }) => image).join();

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
