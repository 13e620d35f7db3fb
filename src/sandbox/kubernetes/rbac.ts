/** Who may do what: RBAC evaluated over the cluster's own role objects, after the built-in rules for masters and nodes. */
import type { Cluster, User } from './cluster.ts';
import { CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING } from './kinds.ts';
import { array, type Dict, dict, dicts, type KubeObject, labelsOf, namespaceOf, text, texts } from './objects.ts';
import { selectorMatch } from './selectors.ts';

export interface Attributes {
  verb: string;
  /** Set for resources; undefined for paths. */
  group?: string;
  resource?: string;
  subresource?: string;
  namespace?: string;
  name?: string;
  path?: string;
}

const has = (list: unknown, value: string): boolean => {
  const values = array(list);
  return values.includes('*') || values.includes(value);
};

const resourceFits = (rule: Dict, asked: Attributes): boolean => {
  const full = asked.subresource ? `${asked.resource}/${asked.subresource}` : (asked.resource ?? '');
  const resources = texts(rule.resources);
  const fits = resources.some((r) => r === '*' || r === full || (asked.subresource !== undefined && r === `*/${asked.subresource}`));
  const names = texts(rule.resourceNames);
  return fits && has(rule.apiGroups, asked.group ?? '') && (names.length === 0 || names.includes(asked.name ?? ''));
};

const pathFits = (rule: Dict, path: string): boolean =>
  texts(rule.nonResourceURLs).some((p) => p === '*' || p === path || (p.endsWith('*') && path.startsWith(p.slice(0, -1))));

const ruleAllows = (rule: Dict, asked: Attributes): boolean =>
  has(rule.verbs, asked.verb) && (asked.path === undefined ? resourceFits(rule, asked) : pathFits(rule, asked.path));

const subjectFits = (subject: Dict, user: User, namespace: string): boolean => {
  const name = text(subject.name);
  if (subject.kind === 'User') return name === user.name || name === '*';
  if (subject.kind === 'Group') return user.groups.includes(name);
  return user.name === `system:serviceaccount:${text(subject.namespace) || namespace}:${name}`;
};

/** The rules of a role; of an aggregated one, those of all roles that its selectors choose. */
const rulesOf = (cluster: Cluster, role: KubeObject | undefined): Dict[] => {
  if (!role) return [];
  const selectors = dicts(dict(role.aggregationRule).clusterRoleSelectors);
  if (selectors.length === 0) return dicts(role.rules);
  const matches = selectors.map(selectorMatch);
  return cluster.store
    .list(CLUSTER_ROLE)
    .filter((r) => matches.some((m) => m(labelsOf(r))))
    .flatMap((r) => (r === role ? [] : rulesOf(cluster, r)));
};

const roleOf = (cluster: Cluster, binding: KubeObject): KubeObject | undefined => {
  const { kind, name } = dict(binding.roleRef);
  return kind === 'Role' ? cluster.store.get(ROLE, namespaceOf(binding), text(name)) : cluster.store.get(CLUSTER_ROLE, '', text(name));
};

/** Every rule that holds for the user: cluster-wide ones, and those of a namespace. */
export const rulesFor = (cluster: Cluster, user: User, namespace: string | undefined): Dict[] => {
  const bindings = [...cluster.store.list(CLUSTER_ROLE_BINDING), ...(namespace ? cluster.store.list(ROLE_BINDING, namespace) : [])];
  const bound = bindings.filter((b) => dicts(b.subjects).some((s) => subjectFits(s, user, namespaceOf(b))));
  return bound.flatMap((b) => rulesOf(cluster, roleOf(cluster, b)));
};

const NODE_READS = new Set([
  'services',
  'nodes',
  'pods',
  'configmaps',
  'secrets',
  'persistentvolumes',
  'persistentvolumeclaims',
  'serviceaccounts',
  'endpoints',
  'csidrivers',
  'runtimeclasses',
]);
const NODE_WRITES: Record<string, string[]> = {
  nodes: ['create', 'update', 'patch'],
  'nodes/status': ['update', 'patch'],
  pods: ['create', 'delete'],
  'pods/status': ['update', 'patch'],
  events: ['create', 'update', 'patch'],
  leases: ['create', 'get', 'update', 'patch', 'delete'],
  certificatesigningrequests: ['create', 'get', 'list', 'watch'],
  csinodes: ['create', 'get', 'update', 'patch', 'delete'],
  tokenreviews: ['create'],
  subjectaccessreviews: ['create'],
  'serviceaccounts/token': ['create'],
};

/** The node authorizer, simplified: which pods run on the node is not looked up for Secrets and ConfigMaps. */
const nodeAllows = (user: User, asked: Attributes): boolean => {
  if (!user.groups.includes('system:nodes') || !user.name.startsWith('system:node:') || asked.resource === undefined) return false;
  const full = asked.subresource ? `${asked.resource}/${asked.subresource}` : asked.resource;
  if (
    asked.resource === 'leases' &&
    (asked.namespace !== 'kube-node-lease' || (asked.name && asked.name !== user.name.slice('system:node:'.length)))
  )
    return false;
  if (NODE_READS.has(full) && ['get', 'list', 'watch'].includes(asked.verb)) return asked.resource !== 'secrets' || asked.verb === 'get';
  return NODE_WRITES[full]?.includes(asked.verb) ?? false;
};

export const isAllowed = (cluster: Cluster, user: User, asked: Attributes): boolean =>
  user.groups.includes('system:masters') ||
  nodeAllows(user, asked) ||
  rulesFor(cluster, user, asked.namespace).some((r) => ruleAllows(r, asked));

/** The sentence an API server gives as reason for a refusal. */
export const denial = (user: User, asked: Attributes): string => {
  if (asked.path !== undefined) return `forbidden: User "${user.name}" cannot ${asked.verb} path "${asked.path}"`;
  const full = asked.subresource ? `${asked.resource}/${asked.subresource}` : asked.resource;
  const where = asked.namespace ? `in the namespace "${asked.namespace}"` : 'at the cluster scope';
  return `User "${user.name}" cannot ${asked.verb} resource "${full}" in API group "${asked.group ?? ''}" ${where}`;
};
