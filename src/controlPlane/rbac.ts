/** Role bindings and their subjects, spelled out as the API server stores them. */
import type { KubernetesObject, ObjectMeta } from './object.ts';

const GROUP = 'rbac.authorization.k8s.io';

export interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** `resources`, `verbs` and `names` with blanks between: rule('apps', 'deployments deployments/status', 'get update'). */
export const rule = (group: string, resources: string, verbs: string, names?: string): Rule => ({
  apiGroups: [group],
  resources: resources.split(' '),
  ...(names !== undefined && { resourceNames: names.split(' ') }),
  verbs: verbs.split(' '),
});

export const userSubject = (name: string): object => ({ apiGroup: GROUP, kind: 'User', name });
export const groupSubject = (name: string): object => ({ apiGroup: GROUP, kind: 'Group', name });
export const serviceAccountSubject = (namespace: string, name: string): object => ({ kind: 'ServiceAccount', namespace, name });

/** A RoleBinding when the metadata names a namespace, else a ClusterRoleBinding. */
export const bind = (metadata: ObjectMeta, roleKind: 'Role' | 'ClusterRole', role: string, subjects: object[]): KubernetesObject => ({
  apiVersion: `${GROUP}/v1`,
  kind: metadata.namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
  metadata,
  roleRef: { apiGroup: GROUP, kind: roleKind, name: role },
  subjects,
});
