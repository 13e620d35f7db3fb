/** Knows where each kind of Kubernetes object lives under the API's root, so that nobody has to ask the server for it. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  [key: string]: unknown;
}

/** Any Kubernetes object as its JSON, untouched: fields that are newer than we are pass through. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [key: string]: unknown;
}

export interface KindRef {
  apiVersion: string;
  kind: string;
}
export interface ObjectRef extends KindRef {
  namespace?: string;
  name: string;
}
export interface CollectionRef extends KindRef {
  /** Absent: in all namespaces. */
  namespace?: string;
}

export interface Resource {
  /** The API group; empty for the core group. */
  group: string;
  /** Plural, lower case, as in a URL and in a role's rules. */
  plural: string;
  namespaced: boolean;
}

/** Kind → plural for kinds in namespaces, by group and version. From the Kubernetes API reference, v1.34 to v1.36, and from addons that bring their own. */
const NAMESPACED: Record<string, Record<string, string>> = {
  v1: {
    ConfigMap: 'configmaps',
    Endpoints: 'endpoints',
    Event: 'events',
    LimitRange: 'limitranges',
    PersistentVolumeClaim: 'persistentvolumeclaims',
    Pod: 'pods',
    ResourceQuota: 'resourcequotas',
    Secret: 'secrets',
    Service: 'services',
    ServiceAccount: 'serviceaccounts',
  },
  'apps/v1': { DaemonSet: 'daemonsets', Deployment: 'deployments', ReplicaSet: 'replicasets', StatefulSet: 'statefulsets' },
  'autoscaling/v2': { HorizontalPodAutoscaler: 'horizontalpodautoscalers' },
  'batch/v1': { CronJob: 'cronjobs', Job: 'jobs' },
  'cert-manager.io/v1': { Certificate: 'certificates', Issuer: 'issuers' },
  'coordination.k8s.io/v1': { Lease: 'leases' },
  'discovery.k8s.io/v1': { EndpointSlice: 'endpointslices' },
  'networking.k8s.io/v1': { Ingress: 'ingresses', NetworkPolicy: 'networkpolicies' },
  'policy/v1': { PodDisruptionBudget: 'poddisruptionbudgets' },
  'rbac.authorization.k8s.io/v1': { Role: 'roles', RoleBinding: 'rolebindings' },
  'storage.k8s.io/v1': { CSIStorageCapacity: 'csistoragecapacities' },
};

/** The same for kinds that belong to the whole cluster. */
const CLUSTER_WIDE: Record<string, Record<string, string>> = {
  v1: { Namespace: 'namespaces', Node: 'nodes', PersistentVolume: 'persistentvolumes' },
  'admissionregistration.k8s.io/v1': {
    MutatingWebhookConfiguration: 'mutatingwebhookconfigurations',
    ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
    ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybindings',
    ValidatingWebhookConfiguration: 'validatingwebhookconfigurations',
  },
  'apiextensions.k8s.io/v1': { CustomResourceDefinition: 'customresourcedefinitions' },
  'apiregistration.k8s.io/v1': { APIService: 'apiservices' },
  'authorization.k8s.io/v1': { SelfSubjectAccessReview: 'selfsubjectaccessreviews', SelfSubjectRulesReview: 'selfsubjectrulesreviews' },
  'cert-manager.io/v1': { ClusterIssuer: 'clusterissuers' },
  'certificates.k8s.io/v1': { CertificateSigningRequest: 'certificatesigningrequests' },
  'flowcontrol.apiserver.k8s.io/v1': { FlowSchema: 'flowschemas', PriorityLevelConfiguration: 'prioritylevelconfigurations' },
  'networking.k8s.io/v1': { IngressClass: 'ingressclasses', ServiceCIDR: 'servicecidrs' },
  'node.k8s.io/v1': { RuntimeClass: 'runtimeclasses' },
  'rbac.authorization.k8s.io/v1': { ClusterRole: 'clusterroles', ClusterRoleBinding: 'clusterrolebindings' },
  'scheduling.k8s.io/v1': { PriorityClass: 'priorityclasses' },
  'storage.k8s.io/v1': {
    CSIDriver: 'csidrivers',
    CSINode: 'csinodes',
    StorageClass: 'storageclasses',
    VolumeAttachment: 'volumeattachments',
  },
};

/** Undefined for kinds that are not in the tables: those that a cluster's own definitions bring. */
export const findResource = ({ apiVersion, kind }: KindRef): Resource | undefined => {
  const namespaced = NAMESPACED[apiVersion]?.[kind];
  const plural = namespaced ?? CLUSTER_WIDE[apiVersion]?.[kind];
  return plural === undefined ? undefined : { group: groupOf(apiVersion), plural, namespaced: namespaced !== undefined };
};

/** Known only where somebody has defined it. */
export const isCustom = (ref: KindRef): boolean => findResource(ref) === undefined;

/** Throws a plain Error on a kind that is not in the tables. */
export const resourceOf = (ref: KindRef): Resource => {
  const found = findResource(ref);
  if (found === undefined) throw new Error(`no path is known for ${ref.apiVersion} ${ref.kind}`);
  return found;
};

export const groupOf = (apiVersion: string): string => (apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '');

/** `/apis/apps/v1`. */
export const groupPath = (apiVersion: string): string => (apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`);

/** `/apis/apps/v1/namespaces/x/deployments`; without a namespace, the collection over all of them. */
export const collectionPath = (ref: CollectionRef, { plural, namespaced }: Resource = resourceOf(ref)): string => {
  const root = groupPath(ref.apiVersion);
  return namespaced && ref.namespace !== undefined ? `${root}/namespaces/${segment(ref.namespace)}/${plural}` : `${root}/${plural}`;
};

export const objectPath = (ref: ObjectRef, resource: Resource = resourceOf(ref)): string => {
  if (resource.namespaced && ref.namespace === undefined) throw new Error(`${ref.kind} ${ref.name} needs a namespace`);
  return `${collectionPath(ref, resource)}/${segment(ref.name)}`;
};

/** Of a kind that is not in the tables, the namespace is taken as it stands. */
export const refOf = ({ apiVersion, kind, metadata }: KubernetesObject): ObjectRef =>
  metadata.namespace !== undefined && findResource({ apiVersion, kind })?.namespaced !== false
    ? { apiVersion, kind, namespace: metadata.namespace, name: metadata.name }
    : { apiVersion, kind, name: metadata.name };

/** `apps/v1/Deployment/namespace/name`; the namespace is empty for cluster-wide kinds. */
export const keyOf = (ref: ObjectRef): string => `${ref.apiVersion}/${ref.kind}/${ref.namespace ?? ''}/${ref.name}`;

/** `apps/Deployment/namespace/name`: what stays the same in another version of its group. */
export const identityOf = (ref: ObjectRef): string => `${groupOf(ref.apiVersion)}/${ref.kind}/${ref.namespace ?? ''}/${ref.name}`;

/** The reverse of keyOf. Throws a plain Error on any other text. */
export const refOfKey = (key: string): ObjectRef => {
  const parts = key.split('/');
  const [kind, namespace, name] = parts.slice(-3);
  const apiVersion = parts.slice(0, -3).join('/');
  if (kind === undefined || namespace === undefined || !name || apiVersion === '') throw new Error('not the key of an object');
  return namespace === '' ? { apiVersion, kind, name } : { apiVersion, kind, namespace, name };
};

/** One path segment. The API server refuses these names too; a client that lets them through speaks to another path. */
const segment = (name: string): string => {
  if (name === '' || name === '.' || name === '..' || /[/%\s]/.test(name)) throw new Error('not a name that can stand in a path');
  return encodeURIComponent(name);
};
