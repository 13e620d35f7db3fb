/** The kinds that the simulated API servers know: one line each, read by routing, discovery and RBAC. */

export interface Kind {
  group: string;
  version: string;
  kind: string;
  plural: string;
  singular: string;
  namespaced: boolean;
  shortNames: readonly string[];
  subresources: readonly string[];
  categories: readonly string[];
  /** Reviews and the like: posted, answered, never stored. */
  virtual: boolean;
}

type Line = [kind: string, plural: string, namespaced: boolean, shortNames?: string, subresources?: string, categories?: string];

const kindsOf = (group: string, version: string, lines: Line[], virtual = false): Kind[] =>
  lines.map(([kind, plural, namespaced, shortNames = '', subresources = '', categories = '']) => ({
    group,
    version,
    kind,
    plural,
    singular: kind.toLowerCase(),
    namespaced,
    shortNames: shortNames.split(' ').filter(Boolean),
    subresources: subresources.split(' ').filter(Boolean),
    categories: categories.split(' ').filter(Boolean),
    virtual,
  }));

export const kinds: readonly Kind[] = [
  ...kindsOf('', 'v1', [
    ['Namespace', 'namespaces', false, 'ns', 'status finalize'],
    ['Node', 'nodes', false, 'no', 'status proxy'],
    ['PersistentVolume', 'persistentvolumes', false, 'pv', 'status'],
    ['Pod', 'pods', true, 'po', 'status log binding eviction exec attach portforward proxy', 'all'],
    ['Service', 'services', true, 'svc', 'status proxy', 'all'],
    ['Secret', 'secrets', true],
    ['ConfigMap', 'configmaps', true, 'cm'],
    ['ServiceAccount', 'serviceaccounts', true, 'sa', 'token'],
    ['Endpoints', 'endpoints', true, 'ep'],
    ['Event', 'events', true, 'ev'],
    ['PersistentVolumeClaim', 'persistentvolumeclaims', true, 'pvc', 'status'],
    ['ResourceQuota', 'resourcequotas', true, 'quota', 'status'],
    ['LimitRange', 'limitranges', true, 'limits'],
    ['ReplicationController', 'replicationcontrollers', true, 'rc', 'status scale', 'all'],
    ['PodTemplate', 'podtemplates', true],
  ]),
  ...kindsOf('apps', 'v1', [
    ['Deployment', 'deployments', true, 'deploy', 'status scale', 'all'],
    ['StatefulSet', 'statefulsets', true, 'sts', 'status scale', 'all'],
    ['DaemonSet', 'daemonsets', true, 'ds', 'status', 'all'],
    ['ReplicaSet', 'replicasets', true, 'rs', 'status scale', 'all'],
    ['ControllerRevision', 'controllerrevisions', true],
  ]),
  ...kindsOf('batch', 'v1', [
    ['Job', 'jobs', true, '', 'status', 'all'],
    ['CronJob', 'cronjobs', true, 'cj', 'status', 'all'],
  ]),
  ...kindsOf('autoscaling', 'v2', [['HorizontalPodAutoscaler', 'horizontalpodautoscalers', true, 'hpa', 'status', 'all']]),
  ...kindsOf('rbac.authorization.k8s.io', 'v1', [
    ['ClusterRole', 'clusterroles', false],
    ['ClusterRoleBinding', 'clusterrolebindings', false],
    ['Role', 'roles', true],
    ['RoleBinding', 'rolebindings', true],
  ]),
  ...kindsOf('policy', 'v1', [['PodDisruptionBudget', 'poddisruptionbudgets', true, 'pdb', 'status']]),
  ...kindsOf('networking.k8s.io', 'v1', [
    ['NetworkPolicy', 'networkpolicies', true, 'netpol'],
    ['Ingress', 'ingresses', true, 'ing', 'status'],
    ['IngressClass', 'ingressclasses', false],
  ]),
  ...kindsOf('storage.k8s.io', 'v1', [
    ['StorageClass', 'storageclasses', false, 'sc'],
    ['CSIDriver', 'csidrivers', false],
    ['CSINode', 'csinodes', false],
    ['VolumeAttachment', 'volumeattachments', false, '', 'status'],
    ['CSIStorageCapacity', 'csistoragecapacities', true],
  ]),
  // Upstream it has to be switched on; here it is, so that something deprecated can be asked for.
  ...kindsOf('storage.k8s.io', 'v1beta1', [['VolumeAttributesClass', 'volumeattributesclasses', false, 'vac']]),
  ...kindsOf('resource.k8s.io', 'v1', [
    ['DeviceClass', 'deviceclasses', false],
    ['ResourceClaim', 'resourceclaims', true, '', 'status'],
    ['ResourceClaimTemplate', 'resourceclaimtemplates', true],
    ['ResourceSlice', 'resourceslices', false],
  ]),
  ...kindsOf('coordination.k8s.io', 'v1', [['Lease', 'leases', true]]),
  ...kindsOf('certificates.k8s.io', 'v1', [['CertificateSigningRequest', 'certificatesigningrequests', false, 'csr', 'status approval']]),
  ...kindsOf('scheduling.k8s.io', 'v1', [['PriorityClass', 'priorityclasses', false, 'pc']]),
  ...kindsOf('node.k8s.io', 'v1', [['RuntimeClass', 'runtimeclasses', false]]),
  ...kindsOf('discovery.k8s.io', 'v1', [['EndpointSlice', 'endpointslices', true]]),
  ...kindsOf('apiextensions.k8s.io', 'v1', [
    ['CustomResourceDefinition', 'customresourcedefinitions', false, 'crd crds', 'status', 'api-extensions'],
  ]),
  ...kindsOf('apiregistration.k8s.io', 'v1', [['APIService', 'apiservices', false, '', 'status', 'api-extensions']]),
  ...kindsOf('events.k8s.io', 'v1', [['Event', 'events', true, 'ev']]),
  ...kindsOf('admissionregistration.k8s.io', 'v1', [
    ['ValidatingWebhookConfiguration', 'validatingwebhookconfigurations', false],
    ['MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', false],
  ]),
  ...kindsOf(
    'authorization.k8s.io',
    'v1',
    [
      ['SelfSubjectAccessReview', 'selfsubjectaccessreviews', false],
      ['SelfSubjectRulesReview', 'selfsubjectrulesreviews', false],
      ['SubjectAccessReview', 'subjectaccessreviews', false],
      ['LocalSubjectAccessReview', 'localsubjectaccessreviews', true],
    ],
    true,
  ),
  ...kindsOf(
    'authentication.k8s.io',
    'v1',
    [
      ['TokenReview', 'tokenreviews', false],
      ['SelfSubjectReview', 'selfsubjectreviews', false],
    ],
    true,
  ),
];

const byPath = new Map(kinds.map((k) => [`${k.group}/${k.version}/${k.plural}`, k]));
const byKind = new Map(kinds.map((k) => [`${k.group}/${k.kind}`, k]));

export const groupVersion = (kind: Kind): string => (kind.group === '' ? kind.version : `${kind.group}/${kind.version}`);

export const findKindByPath = (group: string, version: string, plural: string): Kind | undefined =>
  byPath.get(`${group}/${version}/${plural}`);

/** Throws for a kind that is not in the table: callers inside the sandbox name only kinds that are. */
const kindOf = (kind: string, group?: string): Kind => {
  const found = group === undefined ? kinds.find((k) => k.kind === kind) : byKind.get(`${group}/${kind}`);
  if (!found) throw new Error(`the sandbox has no kind ${group ?? ''}/${kind}`);
  return found;
};

export const findKind = (apiVersion: string, kind: string): Kind | undefined => {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return byKind.get(`${group}/${kind}`);
};

const builtIn: ReadonlySet<Kind> = new Set(kinds);
const customStorage = new Map<string, Kind>();

/** By a definition: known in one cluster alone, and by a name that may be another kind's too. */
export const isCustomKind = (kind: Kind): boolean => !builtIn.has(kind);

/** Events have two API groups over one storage; a custom kind's versions are one object, shown in each of them. */
export const storageKind = (kind: Kind): Kind => {
  if (!isCustomKind(kind)) return kind.kind === 'Event' && kind.group !== '' ? kindOf('Event', '') : kind;
  const key = `${kind.plural}.${kind.group}/${kind.namespaced}`;
  const known = customStorage.get(key);
  if (known === undefined) customStorage.set(key, kind);
  return known ?? kind;
};

export const NAMESPACE = kindOf('Namespace');
export const NODE = kindOf('Node');
export const POD = kindOf('Pod');
export const SERVICE = kindOf('Service');
export const SECRET = kindOf('Secret');
export const CONFIG_MAP = kindOf('ConfigMap');
export const SERVICE_ACCOUNT = kindOf('ServiceAccount');
export const ENDPOINTS = kindOf('Endpoints');
export const ENDPOINT_SLICE = kindOf('EndpointSlice');
export const EVENT = kindOf('Event', '');
export const PVC = kindOf('PersistentVolumeClaim');
export const PV = kindOf('PersistentVolume');
export const DEPLOYMENT = kindOf('Deployment');
export const REPLICA_SET = kindOf('ReplicaSet');
export const STATEFUL_SET = kindOf('StatefulSet');
export const DAEMON_SET = kindOf('DaemonSet');
export const JOB = kindOf('Job');
export const CRON_JOB = kindOf('CronJob');
export const LEASE = kindOf('Lease');
export const CSR = kindOf('CertificateSigningRequest');
export const STORAGE_CLASS = kindOf('StorageClass');
export const CLUSTER_ROLE = kindOf('ClusterRole');
export const CLUSTER_ROLE_BINDING = kindOf('ClusterRoleBinding');
export const ROLE = kindOf('Role');
export const ROLE_BINDING = kindOf('RoleBinding');
export const POD_DISRUPTION_BUDGET = kindOf('PodDisruptionBudget');
export const CUSTOM_RESOURCE_DEFINITION = kindOf('CustomResourceDefinition');
export const API_SERVICE = kindOf('APIService');
export const INGRESS_CLASS = kindOf('IngressClass');
export const NETWORK_POLICY = kindOf('NetworkPolicy');
export const PRIORITY_CLASS = kindOf('PriorityClass');
