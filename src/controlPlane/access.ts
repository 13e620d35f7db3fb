/** What makes an issued certificate worth something: a binding of its user name to one of Kubernetes' own roles for people. */
import type { KubeconfigRole } from '../domain/kubeconfig.ts';
import type { HostedCluster } from './hostedCluster.ts';
import { type KubernetesObject, tenantMeta } from './object.ts';
import { bind, userSubject } from './rbac.ts';

export const ROLES = { ADMIN: 'cluster-admin', EDITOR: 'edit', VIEWER: 'view' } as const satisfies Record<KubeconfigRole, string>;

export interface Access {
  id: string;
  /** The name in the certificate, which no other has. */
  userName: string;
  role: KubeconfigRole;
}

/** Kubernetes cannot revoke a certificate; without its binding it is a name that may do nothing. */
export const buildAccess = (cluster: HostedCluster, { id, userName, role }: Access): KubernetesObject =>
  bind(tenantMeta(cluster, `seedbed:kubeconfig:${id}`, 'access', null), 'ClusterRole', ROLES[role], [userSubject(userName)]);
