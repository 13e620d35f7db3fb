/** The defaults of every other kind, and the fields that an API server rewrites on the way in. */
import { CLUSTER_ROLE, isCustomKind, type Kind } from './kinds.ts';
import { type Dict, dict, dicts, isDict, type KubeObject, text } from './objects.ts';
import { filled, workloadDefaults } from './podDefaults.ts';

const service = (object: Dict): Dict => {
  const spec = filled(object.spec, { type: 'ClusterIP', sessionAffinity: 'None' });
  if (spec.type === 'ExternalName') return { ...object, spec };
  const outside = spec.type !== 'ClusterIP';
  const more = filled(spec, {
    internalTrafficPolicy: 'Cluster',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ...(outside ? { externalTrafficPolicy: 'Cluster' } : {}),
    ...(spec.type === 'LoadBalancer' ? { allocateLoadBalancerNodePorts: true } : {}),
  });
  const ports = dicts(more.ports).map((p) => filled(p, { protocol: 'TCP', targetPort: p.port }));
  return { ...object, spec: ports.length > 0 ? { ...more, ports } : more };
};

const base64 = (value: unknown): string => Buffer.from(text(value)).toString('base64');

/** `stringData` is write-only: its values end up in `data`, encoded. */
const secret = (object: Dict): Dict => {
  const { stringData, ...rest } = filled(object, { type: 'Opaque' });
  if (!isDict(stringData)) return rest;
  return { ...rest, data: { ...dict(rest.data), ...Object.fromEntries(Object.entries(stringData).map(([k, v]) => [k, base64(v)])) } };
};

const RBAC = CLUSTER_ROLE.group;

const binding = (object: Dict): Dict => {
  const subjects = dicts(object.subjects).map((s) => (s.kind === 'ServiceAccount' ? s : filled(s, { apiGroup: RBAC })));
  return { ...object, roleRef: filled(object.roleRef, { apiGroup: RBAC }), ...(subjects.length > 0 ? { subjects } : {}) };
};

const namespace = (object: Dict): Dict => {
  const metadata = dict(object.metadata);
  const labels = filled(metadata.labels, { 'kubernetes.io/metadata.name': metadata.name });
  return {
    ...object,
    metadata: { ...metadata, labels },
    spec: filled(object.spec, { finalizers: ['kubernetes'] }),
    status: filled(object.status, { phase: 'Active' }),
  };
};

const DEFAULTS: Record<string, (object: Dict) => Dict> = {
  ...workloadDefaults,
  Service: service,
  Secret: secret,
  Namespace: namespace,
  RoleBinding: binding,
  ClusterRoleBinding: binding,
  PersistentVolumeClaim: (o) => ({
    ...o,
    spec: filled(o.spec, { volumeMode: 'Filesystem' }),
    status: filled(o.status, { phase: 'Pending' }),
  }),
  StorageClass: (o) => filled(o, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate', allowVolumeExpansion: false }),
  NetworkPolicy: (o) => {
    const spec = dict(o.spec);
    return {
      ...o,
      spec: filled(spec, { podSelector: {}, policyTypes: spec.egress === undefined ? ['Ingress'] : ['Ingress', 'Egress'] }),
    };
  },
  PriorityClass: (o) => filled(o, { preemptionPolicy: 'PreemptLowerPriority' }),
  CSIDriver: (o) => ({
    ...o,
    spec: filled(o.spec, {
      attachRequired: true,
      podInfoOnMount: false,
      requiresRepublish: false,
      storageCapacity: false,
      volumeLifecycleModes: ['Persistent'],
      fsGroupPolicy: 'ReadWriteOnceWithFSType',
    }),
  }),
};

/** The object as an API server would store it. */
export const withDefaults = (kind: Kind, object: KubeObject): KubeObject => {
  const change = isCustomKind(kind) ? undefined : DEFAULTS[kind.kind];
  return change ? ({ ...change(object), apiVersion: object.apiVersion, kind: object.kind } as KubeObject) : object;
};
