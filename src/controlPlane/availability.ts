/** What keeps a component there while machines go: where its pods are put, and how many may be taken away at once. */
import type { HostedCluster } from './hostedCluster.ts';
import { type Component, type KubernetesObject, seedMeta } from './object.ts';
import { selectorOf } from './workload.ts';

/**
 * Apart from each other if the seed can, and together rather than not at all.
 * @param perRevision for a Deployment: while it rolls, the pods of the form that goes do not count.
 */
export const topologySpreadOf = (cluster: HostedCluster, component: Component, perRevision: boolean): object[] =>
  ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: selectorOf(cluster, component) },
    ...(perRevision && { matchLabelKeys: ['pod-template-hash'] }),
  }));

/** Of a pod of the control plane, which is not to give way to what else runs in the seed if its administrator has said so. */
export const priorityOf = ({ priorityClass }: HostedCluster): { priorityClassName?: string } =>
  priorityClass === null ? {} : { priorityClassName: priorityClass };

/** One pod at a time may be moved away by those who drain nodes. None for a single pod: a budget would only stop the drain. */
export const buildDisruptionBudget = (cluster: HostedCluster, component: Component, name: string, replicas: number): KubernetesObject[] =>
  replicas < 2
    ? []
    : [
        {
          apiVersion: 'policy/v1',
          kind: 'PodDisruptionBudget',
          metadata: seedMeta(cluster, name, component),
          spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(cluster, component) } },
        },
      ];
