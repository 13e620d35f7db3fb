/** Objects that most addons have, under one component and in one namespace of the tenant's cluster. */
import type { HostedCluster } from '../controlPlane/hostedCluster.ts';
import { type Component, type KubernetesObject, labelsOf, type ObjectMeta, tenantMeta } from '../controlPlane/object.ts';
import { bind, type Rule, serviceAccountSubject, userSubject } from '../controlPlane/rbac.ts';

export interface Parts {
  /** In the namespace of the parts, or in another. */
  meta(name: string, namespace?: string): ObjectMeta;
  clusterMeta(name: string): ObjectMeta;
  /** For pods: ours, and those that the selector names. */
  labels(selector: Record<string, string>): Record<string, string>;
  serviceAccount(name: string): KubernetesObject;
  clusterRole(name: string, rules: Rule[], labels?: Record<string, string>): KubernetesObject;
  role(namespace: string, name: string, rules: Rule[]): KubernetesObject;
  /** Gives a service account of the namespace a ClusterRole. */
  bindCluster(name: string, role: string, account: string): KubernetesObject;
  /** Gives a user a ClusterRole; or with a namespace, a Role in it. */
  bindUser(namespace: string | null, name: string, role: string, user: string): KubernetesObject;
  /** Gives a service account of the namespace a Role in `namespace`. */
  bindIn(namespace: string, name: string, role: string, account: string): KubernetesObject;
}

export const partsOf = (cluster: Pick<HostedCluster, 'id' | 'projectId'>, component: Component, namespace: string): Parts => {
  const meta = (name: string, other = namespace) => tenantMeta(cluster, name, component, other);
  const clusterMeta = (name: string) => tenantMeta(cluster, name, component, null);
  return {
    meta,
    clusterMeta,
    labels: (selector) => ({ ...labelsOf(cluster, component), ...selector }),
    serviceAccount: (name) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(name) }),
    clusterRole: (name, rules, labels = {}) => {
      const metadata = clusterMeta(name);
      return {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { ...metadata, labels: { ...metadata.labels, ...labels } },
        rules,
      };
    },
    role: (other, name, rules) => ({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: meta(name, other), rules }),
    bindCluster: (name, role, account) => bind(clusterMeta(name), 'ClusterRole', role, [serviceAccountSubject(namespace, account)]),
    bindUser: (other, name, role, user) =>
      other === null
        ? bind(clusterMeta(name), 'ClusterRole', role, [userSubject(user)])
        : bind(meta(name, other), 'Role', role, [userSubject(user)]),
    bindIn: (other, name, role, account) => bind(meta(name, other), 'Role', role, [serviceAccountSubject(namespace, account)]),
  };
};
