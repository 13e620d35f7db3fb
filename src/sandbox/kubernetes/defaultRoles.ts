/** The roles and bindings that every API server makes at its first start, in a short notation: `groups|resources|verbs`, `path …|verbs`. */
import { CLUSTER_ROLE, CLUSTER_ROLE_BINDING, type Kind, PRIORITY_CLASS } from './kinds.ts';
import type { Dict, KubeObject } from './objects.ts';
import type { SharedObjects } from './store.ts';

const READ = 'get,list,watch';
const WRITE = 'create,delete,deletecollection,patch,update';
const WORKLOADS = 'daemonsets,deployments,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale';
const EVENTS = `,events.k8s.io|events|create,patch,update`;

const AGGREGATE: Record<string, string[]> = {
  view: [
    `|configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,serviceaccounts,services,services/status,bindings,limitranges,namespaces,namespaces/status,pods/log,pods/status,resourcequotas,resourcequotas/status|${READ}`,
    `,events.k8s.io|events|${READ}`,
    `discovery.k8s.io|endpointslices|${READ}`,
    `apps|controllerrevisions,${WORKLOADS},daemonsets/status,deployments/status,replicasets/status,statefulsets/status|${READ}`,
    `autoscaling|horizontalpodautoscalers,horizontalpodautoscalers/status|${READ}`,
    `batch|cronjobs,cronjobs/status,jobs,jobs/status|${READ}`,
    `policy|poddisruptionbudgets,poddisruptionbudgets/status|${READ}`,
    `networking.k8s.io|ingresses,ingresses/status,networkpolicies|${READ}`,
  ],
  edit: [
    `|pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy|${READ}`,
    '|serviceaccounts|impersonate',
    `|pods,pods/attach,pods/exec,pods/portforward,pods/proxy,configmaps,persistentvolumeclaims,replicationcontrollers,secrets,serviceaccounts,services,services/proxy|${WRITE}`,
    '|pods/eviction,serviceaccounts/token|create',
    `,events.k8s.io|events|${WRITE}`,
    `apps|${WORKLOADS}|${WRITE}`,
    `autoscaling|horizontalpodautoscalers|${WRITE}`,
    `batch|cronjobs,jobs|${WRITE}`,
    `policy|poddisruptionbudgets|${WRITE}`,
    `networking.k8s.io|ingresses,networkpolicies|${WRITE}`,
    `coordination.k8s.io|leases|${WRITE},${READ}`,
  ],
  admin: ['authorization.k8s.io|localsubjectaccessreviews|create', `rbac.authorization.k8s.io|rolebindings,roles|${WRITE},${READ}`],
};

const ROLES: Record<string, string[]> = {
  'cluster-admin': ['*|*|*', 'path *|*'],
  'system:discovery': ['path /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/|get'],
  'system:public-info-viewer': ['path /healthz,/livez,/readyz,/version,/version/|get'],
  'system:monitoring': ['path /healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*|get', '|nodes/metrics|get'],
  'system:service-account-issuer-discovery': ['path /.well-known/openid-configuration,/openid/v1/jwks|get'],
  'system:basic-user': [
    'authorization.k8s.io|selfsubjectaccessreviews,selfsubjectrulesreviews|create',
    'authentication.k8s.io|selfsubjectreviews|create',
  ],
  'system:auth-delegator': ['authentication.k8s.io|tokenreviews|create', 'authorization.k8s.io|subjectaccessreviews|create'],
  'system:kubelet-api-admin': [
    `|nodes|${READ},proxy`,
    '|nodes/log,nodes/metrics,nodes/proxy,nodes/stats,nodes/configz,nodes/healthz,nodes/pods|*',
  ],
  'system:node-bootstrapper': [`certificates.k8s.io|certificatesigningrequests|create,${READ}`],
  'system:certificates.k8s.io:certificatesigningrequests:nodeclient': ['certificates.k8s.io|certificatesigningrequests/nodeclient|create'],
  'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient': [
    'certificates.k8s.io|certificatesigningrequests/selfnodeclient|create',
  ],
  'system:node-proxier': [
    `|endpoints,services|list,watch`,
    `|nodes|${READ}`,
    EVENTS,
    'networking.k8s.io|servicecidrs|list,watch',
    'discovery.k8s.io|endpointslices|list,watch',
  ],
  'system:node-problem-detector': ['|nodes|get', '|nodes/status|patch', EVENTS],
  'system:persistent-volume-provisioner': [
    `|persistentvolumes|create,delete,${READ}`,
    `|persistentvolumeclaims|update,${READ}`,
    `storage.k8s.io|storageclasses|${READ}`,
    `${EVENTS},watch`,
  ],
  'system:kube-dns': ['|endpoints,services|list,watch'],
  'system:volume-scheduler': [`|persistentvolumes,persistentvolumeclaims|patch,update,${READ}`, `storage.k8s.io|storageclasses|${READ}`],
  'system:kube-scheduler': [
    EVENTS,
    `coordination.k8s.io|leases|create,update,${READ}`,
    `|nodes,pods,replicationcontrollers,services,persistentvolumeclaims,persistentvolumes,namespaces|${READ}`,
    '|pods|delete',
    '|bindings,pods/binding|create',
    '|pods/status|patch,update',
    `apps|replicasets,statefulsets|${READ}`,
    `policy|poddisruptionbudgets|${READ}`,
    `storage.k8s.io|csinodes,csidrivers,csistoragecapacities,volumeattachments|${READ}`,
    'authentication.k8s.io|tokenreviews|create',
    'authorization.k8s.io|subjectaccessreviews|create',
  ],
  'system:kube-controller-manager': [
    EVENTS,
    'coordination.k8s.io|leases|create,get,update',
    '|secrets,serviceaccounts|create,get,update',
    '|secrets|delete',
    '|configmaps,namespaces|get',
    'authentication.k8s.io|tokenreviews|create',
    'authorization.k8s.io|subjectaccessreviews|create',
    '*|*|list,watch',
    '|serviceaccounts/token|create',
  ],
  'system:node': [],
};

const BINDINGS: Record<string, [kind: 'Group' | 'User', name: string][]> = {
  'cluster-admin': [['Group', 'system:masters']],
  'system:basic-user': [['Group', 'system:authenticated']],
  'system:discovery': [['Group', 'system:authenticated']],
  'system:public-info-viewer': [
    ['Group', 'system:authenticated'],
    ['Group', 'system:unauthenticated'],
  ],
  'system:monitoring': [['Group', 'system:monitoring']],
  'system:service-account-issuer-discovery': [['Group', 'system:serviceaccounts']],
  'system:kube-scheduler': [['User', 'system:kube-scheduler']],
  'system:volume-scheduler': [['User', 'system:kube-scheduler']],
  'system:kube-controller-manager': [['User', 'system:kube-controller-manager']],
  'system:node-proxier': [['User', 'system:kube-proxy']],
  'system:node': [],
};

const words = (list: string): string[] => list.split(',');

const ruleOf = (line: string): Dict => {
  const [first = '', second = '', third = ''] = line.split('|');
  if (first.startsWith('path ')) return { nonResourceURLs: words(first.slice(5)), verbs: words(second) };
  return { apiGroups: words(first), resources: words(second), verbs: words(third) };
};

const RBAC = { apiVersion: 'rbac.authorization.k8s.io/v1' };
const DEFAULT_LABELS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };

const metadata = (uid: string, name: string, labels?: Record<string, string>): KubeObject['metadata'] => ({
  name,
  uid: `00000000-0000-4000-8000-${Buffer.from(`${uid}${name}`).toString('hex').slice(-12).padStart(12, '0')}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...(labels ? { labels } : {}),
});

const aggregates = (): KubeObject[] =>
  ['view', 'edit', 'admin'].flatMap((name, i, names) => {
    // edit holds view, and admin holds both: each part carries the label of the smallest role that has it, and the larger roles select it too.
    const selectors = names.slice(0, i + 1).map((n) => ({ matchLabels: { [`rbac.authorization.k8s.io/aggregate-to-${n}`]: 'true' } }));
    const part = `system:aggregate-to-${name}`;
    return [
      {
        ...RBAC,
        kind: 'ClusterRole',
        metadata: metadata('a', name, DEFAULT_LABELS),
        aggregationRule: { clusterRoleSelectors: selectors },
        rules: names.slice(0, i + 1).flatMap((n) => (AGGREGATE[n] ?? []).map(ruleOf)),
      },
      {
        ...RBAC,
        kind: 'ClusterRole',
        metadata: metadata('p', part, { ...DEFAULT_LABELS, [`rbac.authorization.k8s.io/aggregate-to-${name}`]: 'true' }),
        rules: (AGGREGATE[name] ?? []).map(ruleOf),
      },
    ];
  });

const roles = (): KubeObject[] =>
  Object.entries(ROLES).map(([name, lines]) => ({
    ...RBAC,
    kind: 'ClusterRole',
    metadata: metadata('r', name, DEFAULT_LABELS),
    rules: lines.map(ruleOf),
  }));

const bindings = (): KubeObject[] =>
  Object.entries(BINDINGS).map(([name, subjects]) => ({
    ...RBAC,
    kind: 'ClusterRoleBinding',
    metadata: metadata('b', name, DEFAULT_LABELS),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: subjects.map(([kind, subject]) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name: subject })),
  }));

const priority = (name: string, value: number): KubeObject => ({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: metadata('c', name),
  value,
  preemptionPolicy: 'PreemptLowerPriority',
  description: 'Used for system critical pods.',
});

const byName = (objects: KubeObject[]): ReadonlyMap<string, KubeObject> => new Map(objects.map((o) => [o.metadata.name, Object.freeze(o)]));

/** One set for all clusters of the process. */
export const sharedObjects: SharedObjects = new Map<Kind, ReadonlyMap<string, KubeObject>>([
  [CLUSTER_ROLE, byName([...roles(), ...aggregates()])],
  [CLUSTER_ROLE_BINDING, byName(bindings())],
  [PRIORITY_CLASS, byName([priority('system-node-critical', 2_000_001_000), priority('system-cluster-critical', 2_000_000_000)])],
]);
