/** The defaults that an API server writes into pod specs, so that what is read back looks as it does in life. */
import { at, type Dict, dict, dicts, isDict, text } from './objects.ts';

/** `defaults` where the value has nothing; the value itself when it lacks nothing, so that equal stays identical. */
export const filled = (value: unknown, defaults: Dict): Dict => {
  const known = dict(value);
  for (const key of Object.keys(defaults)) if (known[key] === undefined) return { ...defaults, ...known };
  return known;
};

const mapped = (object: Dict, field: string, change: (item: Dict) => Dict): Dict => {
  const items = object[field];
  return Array.isArray(items) ? { ...object, [field]: items.map((i) => (isDict(i) ? change(i) : i)) } : object;
};

const probe = (container: Dict, field: string): Dict => {
  if (!isDict(container[field])) return container;
  const made = filled(container[field], { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  return {
    ...container,
    [field]: isDict(made.httpGet) ? { ...made, httpGet: filled(made.httpGet, { path: '/', scheme: 'HTTP' }) } : made,
  };
};

const pullPolicy = (image: string): string => {
  const name = image.slice(image.lastIndexOf('/') + 1);
  return name.includes('@') || (name.includes(':') && !name.endsWith(':latest')) ? 'IfNotPresent' : 'Always';
};

const environment = (entry: Dict): Dict =>
  isDict(at(entry, 'valueFrom', 'fieldRef'))
    ? { ...entry, valueFrom: { ...dict(entry.valueFrom), fieldRef: filled(at(entry, 'valueFrom', 'fieldRef'), { apiVersion: 'v1' }) } }
    : entry;

const container = (given: Dict): Dict => {
  const base = filled(given, {
    imagePullPolicy: pullPolicy(text(given.image)),
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  });
  const ports = mapped(
    mapped(base, 'ports', (p) => filled(p, { protocol: 'TCP' })),
    'env',
    environment,
  );
  return ['startupProbe', 'livenessProbe', 'readinessProbe'].reduce(probe, ports);
};

const volume = (given: Dict): Dict => {
  const source = ['secret', 'configMap', 'projected'].find((s) => isDict(given[s]));
  if (source) return { ...given, [source]: filled(given[source], { defaultMode: 420 }) };
  if (isDict(given.hostPath)) return { ...given, hostPath: filled(given.hostPath, { type: '' }) };
  // A volume without a source is an empty directory.
  return Object.keys(given).length === 1 ? { ...given, emptyDir: {} } : given;
};

const podSpecDefaults = (given: unknown): Dict => {
  const base = filled(given, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  });
  const account = text(base.serviceAccountName);
  const named = account ? filled(base, { serviceAccount: account }) : base;
  const hostPorts = (c: Dict): Dict =>
    base.hostNetwork === true ? mapped(c, 'ports', (p) => filled(p, { hostPort: p.containerPort })) : c;
  const containers = ['containers', 'initContainers'].reduce((all, field) => mapped(all, field, (c) => hostPorts(container(c))), named);
  return mapped(containers, 'volumes', volume);
};

const templateDefaults = (template: unknown): Dict => {
  const given = dict(template);
  return { ...given, metadata: filled(given.metadata, {}), spec: podSpecDefaults(given.spec) };
};

const workload = (object: Dict, defaults: Dict): Dict => {
  const spec = filled(object.spec, defaults);
  return { ...object, spec: { ...spec, template: templateDefaults(spec.template) } };
};

const rolling = (given: unknown, defaults: Dict): Dict => {
  const strategy = filled(given, { type: 'RollingUpdate' });
  return strategy.type === 'RollingUpdate' ? { ...strategy, rollingUpdate: filled(strategy.rollingUpdate, defaults) } : strategy;
};

const claimTemplate = (given: Dict): Dict => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  ...given,
  metadata: filled(given.metadata, {}),
  spec: filled(given.spec, { volumeMode: 'Filesystem' }),
  status: filled(given.status, { phase: 'Pending' }),
});

const deployment = (object: Dict): Dict => {
  const made = workload(object, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
  const spec = dict(made.spec);
  return { ...made, spec: { ...spec, strategy: rolling(spec.strategy, { maxSurge: '25%', maxUnavailable: '25%' }) } };
};

const statefulSet = (object: Dict): Dict => {
  const made = workload(object, { replicas: 1, revisionHistoryLimit: 10, podManagementPolicy: 'OrderedReady', serviceName: '' });
  const spec = dict(made.spec);
  const retention = filled(spec.persistentVolumeClaimRetentionPolicy, { whenDeleted: 'Retain', whenScaled: 'Retain' });
  const claims = dicts(spec.volumeClaimTemplates).map(claimTemplate);
  return {
    ...made,
    spec: {
      ...spec,
      updateStrategy: rolling(spec.updateStrategy, { partition: 0 }),
      persistentVolumeClaimRetentionPolicy: retention,
      ...(claims.length > 0 ? { volumeClaimTemplates: claims } : {}),
    },
  };
};

const daemonSet = (object: Dict): Dict => {
  const made = workload(object, { revisionHistoryLimit: 10 });
  const spec = dict(made.spec);
  return { ...made, spec: { ...spec, updateStrategy: rolling(spec.updateStrategy, { maxSurge: 0, maxUnavailable: 1 }) } };
};

const job = (object: Dict): Dict =>
  workload(object, { parallelism: 1, completions: 1, backoffLimit: 6, completionMode: 'NonIndexed', suspend: false });

export const workloadDefaults: Record<string, (object: Dict) => Dict> = {
  Deployment: deployment,
  StatefulSet: statefulSet,
  DaemonSet: daemonSet,
  Job: job,
  ReplicaSet: (object) => workload(object, { replicas: 1 }),
  Pod: (object) => ({ ...object, spec: podSpecDefaults(filled(object.spec, { enableServiceLinks: true })) }),
};
