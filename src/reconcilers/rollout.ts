/** Whether a change of a component has reached the last of its pods. */
import type { HostedCluster } from '../controlPlane/hostedCluster.ts';
import type { Component, KubernetesObject } from '../controlPlane/object.ts';
import { MOUNTED, selectorOf } from '../controlPlane/workload.ts';
import type { SeedHandle } from './seedRegistry.ts';

interface Scope {
  hosted(): Promise<HostedCluster>;
  seed(): Promise<SeedHandle>;
}
interface Pod {
  metadata: { annotations?: Record<string, string> };
  status?: { conditions?: { type: string; status: string }[] };
}

/**
 * True when every pod of the component is ready and reads the files that `objects` (as its builder gives them) describe; a pod that
 * is on its way out counts, too, for it still serves. Asks the seed, so it is for the time of a change only.
 */
export const allRolled = async (scope: Scope, component: Component, objects: readonly KubernetesObject[]): Promise<boolean> => {
  const hosted = await scope.hosted();
  const { kube } = await scope.seed();
  const labelSelector = Object.entries(selectorOf(hosted, component))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const { items } = await kube.list({ apiVersion: 'v1', kind: 'Pod', namespace: hosted.namespace, labelSelector });
  const wanted = mountedOf(objects);
  return items.length > 0 && items.every((pod) => isReady(pod as unknown as Pod) && mountedIn(pod as unknown as Pod) === wanted);
};

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
const mountedIn = ({ metadata }: Pod): string | undefined => metadata.annotations?.[MOUNTED];

const mountedOf = (objects: readonly KubernetesObject[]): string => {
  const workload = objects.find(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');
  const template = (workload?.spec as { template?: Pod } | undefined)?.template;
  const mounted = template && mountedIn(template);
  if (mounted === undefined) throw new Error('A component without mounted files cannot be told from its older form.');
  return mounted;
};
