/** The shape of Kubernetes objects as we write them, and the labels that every one of ours carries. */
import type { HostedCluster } from './hostedCluster.ts';

export interface ObjectMeta {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  [key: string]: unknown;
}

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [key: string]: unknown;
}

/** Values for app.kubernetes.io/component. */
export type Component =
  | 'namespace'
  | 'network-policy'
  | 'etcd'
  | 'etcd-task'
  | 'etcd-backup'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'bootstrap'
  | 'access'
  | 'kube-proxy'
  | 'coredns'
  | 'flannel'
  | 'calico'
  | 'cilium'
  | 'metrics-server'
  | 'cert-manager'
  | 'headlamp'
  | 'node-problem-detector'
  | 'ingress-controller'
  | 'konnectivity-server'
  | 'konnectivity-agent'
  | 'cloud-controller-manager'
  | 'cinder-csi'
  | 'keystone-auth'
  | 'cluster-autoscaler'
  | 'addon-bundle';

export const CLUSTER_LABEL = 'seedbed.io/cluster';
export const PROJECT_LABEL = 'seedbed.io/project';
export const CLUSTER_NAME_ANNOTATION = 'seedbed.io/cluster-name';
/** Selects all that is ours. */
export const MANAGED_LABEL = 'app.kubernetes.io/managed-by=seedbed';

/** For finding and pruning: may change over time, so never used in a selector. */
export const labelsOf = (cluster: Pick<HostedCluster, 'id' | 'projectId'>, component: Component): Record<string, string> => ({
  'app.kubernetes.io/managed-by': 'seedbed',
  'app.kubernetes.io/component': component,
  [CLUSTER_LABEL]: cluster.id,
  [PROJECT_LABEL]: cluster.projectId,
});

/** Metadata of an object in the cluster's namespace of the seed. */
export const seedMeta = (cluster: HostedCluster, name: string, component: Component): ObjectMeta => ({
  name,
  namespace: cluster.namespace,
  labels: labelsOf(cluster, component),
});

/** Metadata of an object inside the tenant's cluster; `namespace` null for cluster-wide kinds. */
export const tenantMeta = (
  cluster: Pick<HostedCluster, 'id' | 'projectId'>,
  name: string,
  component: Component,
  namespace: string | null,
): ObjectMeta => ({
  name,
  ...(namespace === null ? {} : { namespace }),
  labels: labelsOf(cluster, component),
});
