/** The `Table` form of objects that `kubectl get` asks for, with the columns people know. */
import { at, conditionStatus, type Dict, dict, dicts, type KubeObject, labelsOf, number, spec, status, text, texts } from './objects.ts';

type Cell = string | number;
interface Column {
  name: string;
  /** 1: shown with -o wide only. */
  priority?: 0 | 1;
  cell: (object: KubeObject, now: number) => Cell;
}

/** Kubernetes' short form of a duration: 45s, 3m20s, 5h, 4d. */
const age = (since: string | undefined, now: number): string => {
  if (!since) return '<unknown>';
  const s = Math.max(0, Math.floor((now - Date.parse(since)) / 1000));
  if (s < 120) return `${s}s`;
  const m = Math.floor(s / 60);
  if (m < 10) return s % 60 ? `${m}m${s % 60}s` : `${m}m`;
  if (m < 180) return `${m}m`;
  const h = Math.floor(m / 60);
  return h < 48 ? `${h}h` : `${Math.floor(h / 24)}d`;
};

const none = (value: unknown): string => text(value) || '<none>';
const AGE: Column = { name: 'Age', cell: (o, now) => age(o.metadata.creationTimestamp, now) };
const NAME: Column = { name: 'Name', cell: (o) => o.metadata.name };
const count = (name: string, ...path: string[]): Column => ({ name, cell: (o) => number(at(o, ...path), 0) });
const wide = (name: string, cell: Column['cell']): Column => ({ name, priority: 1, cell });

const containers = (o: KubeObject): Dict[] => dicts(at(o, 'spec', 'template', 'spec', 'containers'));
const IMAGES = [
  wide('Containers', (o) =>
    containers(o)
      .map((c) => text(c.name))
      .join(','),
  ),
  wide('Images', (o) =>
    containers(o)
      .map((c) => text(c.image))
      .join(','),
  ),
];
const SELECTOR = wide(
  'Selector',
  (o) =>
    Object.entries(dict(at(o, 'spec', 'selector', 'matchLabels')))
      .map(([k, v]) => `${k}=${String(v)}`)
      .join(',') || '<none>',
);

const podState = (o: KubeObject): string => {
  if (o.metadata.deletionTimestamp) return 'Terminating';
  const states = dicts(status(o).containerStatuses).map((c) => dict(c.state));
  const reason = states.map((s) => text(dict(s.waiting).reason) || text(dict(s.terminated).reason)).find(Boolean);
  return reason || text(status(o).reason) || text(status(o).phase) || 'Unknown';
};

const readyOf = (o: KubeObject): string => {
  const states = dicts(status(o).containerStatuses);
  return `${states.filter((s) => s.ready === true).length}/${dicts(spec(o).containers).length}`;
};

const addresses = (o: KubeObject): string => {
  if (spec(o).type !== 'LoadBalancer') return texts(spec(o).externalIPs).join(',') || '<none>';
  return (
    dicts(at(o, 'status', 'loadBalancer', 'ingress'))
      .map((i) => text(i.ip))
      .join(',') || '<pending>'
  );
};

const servicePorts = (o: KubeObject): string =>
  dicts(spec(o).ports)
    .map((p) => `${String(p.port)}${p.nodePort ? `:${String(p.nodePort)}` : ''}/${text(p.protocol)}`)
    .join(',') || '<none>';

const roles = (o: KubeObject): string =>
  Object.keys(labelsOf(o))
    .filter((l) => l.startsWith('node-role.kubernetes.io/'))
    .map((l) => l.slice('node-role.kubernetes.io/'.length))
    .join(',') || '<none>';

const nodeState = (o: KubeObject): string =>
  ({ True: 'Ready', False: 'NotReady' })[conditionStatus(o, 'Ready')] ?? (conditionStatus(o, 'Ready') ? 'NotReady' : 'Unknown');

const address = (o: KubeObject, type: string): string => text(dicts(status(o).addresses).find((a) => a.type === type)?.address) || '<none>';

const COLUMNS: Record<string, Column[]> = {
  Pod: [
    NAME,
    { name: 'Ready', cell: readyOf },
    { name: 'Status', cell: podState },
    { name: 'Restarts', cell: (o) => dicts(status(o).containerStatuses).reduce((sum, s) => sum + number(s.restartCount, 0), 0) },
    AGE,
    wide('IP', (o) => none(status(o).podIP)),
    wide('Node', (o) => none(spec(o).nodeName)),
    wide('Nominated Node', () => '<none>'),
    wide('Readiness Gates', () => '<none>'),
  ],
  Deployment: [
    NAME,
    { name: 'Ready', cell: (o) => `${number(status(o).readyReplicas, 0)}/${number(spec(o).replicas, 1)}` },
    count('Up-to-date', 'status', 'updatedReplicas'),
    count('Available', 'status', 'availableReplicas'),
    AGE,
    ...IMAGES,
    SELECTOR,
  ],
  StatefulSet: [
    NAME,
    { name: 'Ready', cell: (o) => `${number(status(o).readyReplicas, 0)}/${number(spec(o).replicas, 1)}` },
    AGE,
    ...IMAGES,
  ],
  DaemonSet: [
    NAME,
    count('Desired', 'status', 'desiredNumberScheduled'),
    count('Current', 'status', 'currentNumberScheduled'),
    count('Ready', 'status', 'numberReady'),
    count('Up-to-date', 'status', 'updatedNumberScheduled'),
    count('Available', 'status', 'numberAvailable'),
    { name: 'Node Selector', cell: () => '<none>' },
    AGE,
    ...IMAGES,
    SELECTOR,
  ],
  ReplicaSet: [
    NAME,
    count('Desired', 'spec', 'replicas'),
    count('Current', 'status', 'replicas'),
    count('Ready', 'status', 'readyReplicas'),
    AGE,
    ...IMAGES,
    SELECTOR,
  ],
  Job: [
    NAME,
    { name: 'Status', cell: (o) => (conditionStatus(o, 'Complete') === 'True' ? 'Complete' : 'Running') },
    { name: 'Completions', cell: (o) => `${number(status(o).succeeded, 0)}/${number(spec(o).completions, 1)}` },
    AGE,
    ...IMAGES,
  ],
  Service: [
    NAME,
    { name: 'Type', cell: (o) => text(spec(o).type) },
    { name: 'Cluster-IP', cell: (o) => none(spec(o).clusterIP) },
    { name: 'External-IP', cell: addresses },
    { name: 'Port(s)', cell: servicePorts },
    AGE,
    wide(
      'Selector',
      (o) =>
        Object.entries(dict(spec(o).selector))
          .map(([k, v]) => `${k}=${String(v)}`)
          .join(',') || '<none>',
    ),
  ],
  Node: [
    NAME,
    { name: 'Status', cell: (o) => `${nodeState(o)}${spec(o).unschedulable ? ',SchedulingDisabled' : ''}` },
    { name: 'Roles', cell: roles },
    AGE,
    { name: 'Version', cell: (o) => text(at(o, 'status', 'nodeInfo', 'kubeletVersion')) },
    wide('Internal-IP', (o) => address(o, 'InternalIP')),
    wide('External-IP', (o) => address(o, 'ExternalIP')),
    wide('OS-Image', (o) => text(at(o, 'status', 'nodeInfo', 'osImage'))),
    wide('Kernel-Version', (o) => text(at(o, 'status', 'nodeInfo', 'kernelVersion'))),
    wide('Container-Runtime', (o) => text(at(o, 'status', 'nodeInfo', 'containerRuntimeVersion'))),
  ],
  Secret: [NAME, { name: 'Type', cell: (o) => text(o.type) }, { name: 'Data', cell: (o) => Object.keys(dict(o.data)).length }, AGE],
  ConfigMap: [NAME, { name: 'Data', cell: (o) => Object.keys(dict(o.data)).length + Object.keys(dict(o.binaryData)).length }, AGE],
  Namespace: [NAME, { name: 'Status', cell: (o) => text(status(o).phase) }, AGE],
  ServiceAccount: [NAME, AGE],
  PersistentVolumeClaim: [
    NAME,
    { name: 'Status', cell: (o) => text(status(o).phase) },
    { name: 'Volume', cell: (o) => text(spec(o).volumeName) },
    { name: 'Capacity', cell: (o) => text(at(o, 'status', 'capacity', 'storage')) },
    {
      name: 'Access Modes',
      cell: (o) =>
        texts(spec(o).accessModes)
          .map((m) => m.replace(/[a-z]/g, ''))
          .join(','),
    },
    { name: 'StorageClass', cell: (o) => text(spec(o).storageClassName) },
    AGE,
  ],
  StorageClass: [
    {
      name: 'Name',
      cell: (o) =>
        `${o.metadata.name}${o.metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true' ? ' (default)' : ''}`,
    },
    { name: 'Provisioner', cell: (o) => text(o.provisioner) },
    { name: 'ReclaimPolicy', cell: (o) => text(o.reclaimPolicy) },
    { name: 'VolumeBindingMode', cell: (o) => text(o.volumeBindingMode) },
    { name: 'AllowVolumeExpansion', cell: (o) => String(o.allowVolumeExpansion ?? false) },
    AGE,
  ],
  Lease: [NAME, { name: 'Holder', cell: (o) => text(spec(o).holderIdentity) }, AGE],
  CertificateSigningRequest: [
    NAME,
    AGE,
    { name: 'SignerName', cell: (o) => text(spec(o).signerName) },
    { name: 'Requestor', cell: (o) => text(spec(o).username) },
    {
      name: 'Condition',
      cell: (o) =>
        [...dicts(status(o).conditions).map((c) => text(c.type)), ...(status(o).certificate ? ['Issued'] : [])].join(',') || 'Pending',
    },
  ],
  Event: [
    { name: 'Last Seen', cell: (o, now) => age(text(o.lastTimestamp), now) },
    { name: 'Type', cell: (o) => text(o.type) },
    { name: 'Reason', cell: (o) => text(o.reason) },
    { name: 'Object', cell: (o) => `${text(at(o, 'involvedObject', 'kind')).toLowerCase()}/${text(at(o, 'involvedObject', 'name'))}` },
    { name: 'Message', cell: (o) => text(o.message) },
  ],
};

const PLAIN: Column[] = [NAME, { name: 'Created At', cell: (o) => o.metadata.creationTimestamp }];

/** `include`: what each row carries of its object (the includeObject parameter). */
export const tableOf = (kind: string, objects: readonly KubeObject[], resourceVersion: string, now: number, include: string): Dict => {
  const columns = COLUMNS[kind] ?? PLAIN;
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion },
    columnDefinitions: columns.map((c) => ({
      name: c.name,
      type: 'string',
      format: c.name === 'Name' ? 'name' : '',
      description: c.name,
      priority: c.priority ?? 0,
    })),
    rows: objects.map((o) => ({
      cells: columns.map((c) => c.cell(o, now)),
      object:
        include === 'None'
          ? null
          : include === 'Object'
            ? o
            : { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: o.metadata },
    })),
  };
};
