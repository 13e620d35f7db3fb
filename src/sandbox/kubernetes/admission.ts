/** What happens to an object between the request and the store: server-made fields, admission, allocation. */
import { randomUUID } from 'node:crypto';
import type { Cluster, User } from './cluster.ts';
import { withDefaults } from './defaults.ts';
import { INGRESS_CLASS, isCustomKind, type Kind, NAMESPACE, PRIORITY_CLASS, SERVICE, SERVICE_ACCOUNT, STORAGE_CLASS } from './kinds.ts';
import { at, type Dict, dict, dicts, isDict, type KubeObject, labelsOf, namespaceOf, spec, text, timestamp } from './objects.ts';
import { filled } from './podDefaults.ts';
import { podSecurityViolation } from './podSecurity.ts';
import { forbidden, notFound } from './statusError.ts';

const WITH_GENERATION = new Set([
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'Job',
  'CronJob',
  'PodDisruptionBudget',
  'NetworkPolicy',
  'Ingress',
  'Pod',
  'HorizontalPodAutoscaler',
]);
/** Kinds whose status a create may carry: their makers report what they already know. */
const STATUS_ON_CREATE = new Set(['Node', 'Event']);
const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
const DEFAULT_INGRESS_CLASS = 'ingressclass.kubernetes.io/is-default-class';
const CLASS_OF_OLD = 'kubernetes.io/ingress.class';

export const hasGeneration = (kind: Kind): boolean => isCustomKind(kind) || WITH_GENERATION.has(kind.kind);

/** Throws when the namespace is missing or going away. */
export const requireNamespace = (cluster: Cluster, kind: Kind, namespace: string, name: string): void => {
  const found = cluster.store.get(NAMESPACE, '', namespace);
  if (!found) throw notFound(NAMESPACE, namespace);
  if (found.metadata.deletionTimestamp)
    throw forbidden(kind, name, `unable to create new content in namespace ${namespace} because it is being terminated`);
};

const defaultStorageClass = (cluster: Cluster): string | undefined =>
  cluster.store.list(STORAGE_CLASS).find((c) => c.metadata.annotations?.[DEFAULT_CLASS] === 'true')?.metadata.name;

const NOT_READY_TOLERATIONS: Dict[] = ['not-ready', 'unreachable'].map((key) => ({
  key: `node.kubernetes.io/${key}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 300,
}));

const withTolerations = (given: unknown): Dict[] => {
  const known = dicts(given);
  const everything = known.some((t) => t.operator === 'Exists' && text(t.key) === '');
  return everything ? known : [...known, ...NOT_READY_TOLERATIONS.filter((t) => !known.some((k) => k.key === t.key))];
};

const admitPod = (cluster: Cluster, kind: Kind, pod: KubeObject): KubeObject => {
  const namespace = namespaceOf(pod);
  const account = text(spec(pod).serviceAccountName) || 'default';
  if (!cluster.store.get(SERVICE_ACCOUNT, namespace, account)) {
    throw forbidden(
      kind,
      pod.metadata.name,
      `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`,
    );
  }
  const home = cluster.store.get(NAMESPACE, '', namespace);
  const violation = podSecurityViolation(home && labelsOf(home)['pod-security.kubernetes.io/enforce'], spec(pod));
  if (violation) throw forbidden(kind, pod.metadata.name, violation);
  const className = text(spec(pod).priorityClassName);
  const priority = className ? cluster.store.get(PRIORITY_CLASS, '', className) : undefined;
  if (className && !priority) throw forbidden(kind, pod.metadata.name, `no PriorityClass with name ${className} was found`);
  const admitted = {
    ...filled(spec(pod), {
      serviceAccountName: account,
      serviceAccount: account,
      priority: priority?.value ?? 0,
      preemptionPolicy: 'PreemptLowerPriority',
    }),
    tolerations: withTolerations(spec(pod).tolerations),
  };
  return { ...pod, spec: admitted, status: { phase: 'Pending', qosClass: 'Burstable' } };
};

const admitClaim = (cluster: Cluster, claim: KubeObject): KubeObject => {
  const className = defaultStorageClass(cluster);
  if (spec(claim).storageClassName !== undefined || className === undefined) return claim;
  return { ...claim, spec: { ...spec(claim), storageClassName: className } };
};

/** Of several that are the default, the one made last. */
const admitIngress = (cluster: Cluster, ingress: KubeObject): KubeObject => {
  if (spec(ingress).ingressClassName !== undefined || ingress.metadata.annotations?.[CLASS_OF_OLD] !== undefined) return ingress;
  const [newest] = cluster.store
    .list(INGRESS_CLASS)
    .filter(({ metadata }) => metadata.annotations?.[DEFAULT_INGRESS_CLASS] === 'true')
    .sort((a, b) => text(b.metadata.creationTimestamp).localeCompare(text(a.metadata.creationTimestamp)));
  return newest === undefined ? ingress : { ...ingress, spec: { ...spec(ingress), ingressClassName: newest.metadata.name } };
};

/** Labels a kubelet may set on its own Node within Kubernetes' label domains (NodeRestriction). */
const KUBELET_LABELS = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
]);

export const isForbiddenKubeletLabel = (label: string): boolean => {
  const domain = label.includes('/') ? label.slice(0, label.indexOf('/')) : '';
  if (!/(^|\.)(kubernetes|k8s)\.io$/.test(domain) || KUBELET_LABELS.has(label)) return false;
  return !/(^|\.)(kubelet|node)\.kubernetes\.io$/.test(domain);
};

const nodeOf = (user: User): string | undefined =>
  user.groups.includes('system:nodes') && user.name.startsWith('system:node:') ? user.name.slice('system:node:'.length) : undefined;

/** NodeRestriction: a kubelet changes its own Node only, and not its taints or protected labels. */
const restrictNode = (kind: Kind, user: User, before: KubeObject | undefined, after: KubeObject): void => {
  const node = nodeOf(user);
  if (node === undefined || kind.kind !== 'Node') return;
  if (after.metadata.name !== node)
    throw forbidden(kind, after.metadata.name, `node "${node}" is not allowed to modify node "${after.metadata.name}"`);
  const changed = Object.keys(labelsOf(after)).filter(
    (l) => isForbiddenKubeletLabel(l) && (!before || labelsOf(before)[l] !== labelsOf(after)[l]),
  );
  if (changed.length > 0)
    throw forbidden(kind, node, `is not allowed to ${before ? 'modify' : 'set the following'} labels: ${changed.join(', ')}`);
  if (before && JSON.stringify(spec(before).taints) !== JSON.stringify(spec(after).taints))
    throw forbidden(kind, node, `node "${node}" is not allowed to modify taints`);
};

const admitRequest = (request: KubeObject, user: User): KubeObject => ({
  ...request,
  spec: {
    usages: [],
    ...spec(request),
    username: user.name,
    groups: [...user.groups, ...(user.groups.includes('system:authenticated') ? [] : ['system:authenticated'])],
  },
});

const admitByKind = (cluster: Cluster, kind: Kind, object: KubeObject, user: User): KubeObject => {
  if (isCustomKind(kind)) return object;
  switch (kind.kind) {
    case 'Pod':
      return admitPod(cluster, kind, object);
    case 'PersistentVolumeClaim':
      return admitClaim(cluster, object);
    case 'Ingress':
      return admitIngress(cluster, object);
    case 'CertificateSigningRequest':
      return admitRequest(object, user);
    case 'Service':
      return cluster.services.allocate(object);
    default:
      return object;
  }
};

/** What a status looks like before any controller has written one. */
const INITIAL_STATUS: Record<string, Dict> = {
  Deployment: {},
  ReplicaSet: { replicas: 0 },
  StatefulSet: { replicas: 0, availableReplicas: 0 },
  DaemonSet: { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
  Service: { loadBalancer: {} },
};

const withoutStatus = (kind: Kind, object: KubeObject): KubeObject => {
  if (!kind.subresources.includes('status') || STATUS_ON_CREATE.has(kind.kind)) return object;
  const { status: _status, ...rest } = object;
  const initial = isCustomKind(kind) ? undefined : INITIAL_STATUS[kind.kind];
  return (initial ? { ...rest, status: initial } : rest) as KubeObject;
};

const SUFFIX = 'bcdfghjklmnpqrstvwxz2456789';
const randomSuffix = (): string => Array.from({ length: 5 }, () => SUFFIX[Math.floor(Math.random() * SUFFIX.length)]).join('');

/** A new object with identity, defaults, admission and allocations done. */
export const prepareCreate = (cluster: Cluster, kind: Kind, given: KubeObject, user: User): KubeObject => {
  const prefix = text(given.metadata.generateName);
  const name = text(given.metadata.name) || (prefix ? `${prefix}${randomSuffix()}` : '');
  const { resourceVersion: _rv, deletionTimestamp: _dt, managedFields: _mf, ...metadata } = given.metadata;
  const identified: KubeObject = {
    ...withoutStatus(kind, given),
    metadata: {
      ...metadata,
      name,
      uid: randomUUID(),
      resourceVersion: '0',
      creationTimestamp: timestamp(cluster.now()),
      ...(hasGeneration(kind) ? { generation: 1 } : {}),
    },
  };
  const defaulted = withDefaults(kind, identified);
  restrictNode(kind, user, undefined, defaulted);
  return admitByKind(cluster, kind, defaulted, user);
};

/** Server-made values that a replace may leave out are taken over; a Service's addresses are allocated again where its type changed. */
export const prepareUpdate = (cluster: Cluster, kind: Kind, before: KubeObject, after: KubeObject, user: User): KubeObject => {
  restrictNode(kind, user, before, after);
  if (kind !== SERVICE) return withDefaults(kind, after);
  const kept = ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'healthCheckNodePort'].filter(
    (f) => spec(after)[f] === undefined && spec(before)[f] !== undefined,
  );
  const old = dicts(spec(before).ports);
  const ports = dicts(spec(after).ports).map((p) => {
    const same = old.find((o) => o.port === p.port && (o.protocol ?? 'TCP') === (p.protocol ?? 'TCP'));
    return p.nodePort === undefined && same?.nodePort !== undefined ? { ...p, nodePort: same.nodePort } : p;
  });
  const merged = { ...spec(after), ...Object.fromEntries(kept.map((f) => [f, spec(before)[f]])), ...(ports.length > 0 ? { ports } : {}) };
  return cluster.services.allocate(withDefaults(kind, { ...after, spec: merged }));
};

/** What Pod Security would say to a workload's pods: the API warns at once and refuses only the pods. */
export const podSecurityWarning = (cluster: Cluster, object: KubeObject): string | undefined => {
  const template = at(object, 'spec', 'template', 'spec');
  if (!isDict(template)) return undefined;
  const home = cluster.store.get(NAMESPACE, '', namespaceOf(object));
  const violation = podSecurityViolation(home && labelsOf(home)['pod-security.kubernetes.io/enforce'], dict(template));
  return violation === undefined ? undefined : `would ${violation.replace(/^violates/, 'violate')}`;
};
