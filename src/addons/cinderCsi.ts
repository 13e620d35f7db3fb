/** The node half of the Cinder CSI driver, its classes of volumes, and what its controller, which runs in the seed, may do in the cluster. */
import { LIVENESS_PROBE } from '../controlPlane/cinderCsi.ts';
import type { ReachableCluster } from '../controlPlane/hostedCluster.ts';
import { imageFrom } from '../controlPlane/images.ts';
import type { KubernetesObject } from '../controlPlane/object.ts';
import { type Rule, rule } from '../controlPlane/rbac.ts';
import { type Addon, type Facts, versionOf } from './addon.ts';
import { type Parts, partsOf } from './parts.ts';

const COMPONENT = 'cinder-csi';
const NAMESPACE = 'kube-system';
const DRIVER = 'cinder.csi.openstack.org';
const CONTROLLER = 'system:csi-cinder-controller';
const NODE = 'csi-cinder-node-sa';
const SELECTOR = { app: 'csi-cinder-nodeplugin' };
const READ = 'get list watch';

export const cinderCsi: Addon = {
  name: 'cinderCsi',
  asks: 'volumeTypes',
  objects: (cluster, facts) => {
    const parts = partsOf(cluster, COMPONENT, NAMESPACE);
    return [
      ...buildClasses(cluster, parts, facts),
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'CSIDriver',
        metadata: parts.clusterMeta(DRIVER),
        spec: { attachRequired: true, podInfoOnMount: true, volumeLifecycleModes: ['Persistent', 'Ephemeral'] },
      },
      parts.serviceAccount(NODE),
      parts.clusterRole('csi-nodeplugin-role', [rule('', 'events', `${READ} create update patch`)]),
      parts.bindCluster('csi-nodeplugin-binding', 'csi-nodeplugin-role', NODE),
      ...Object.entries(CONTROLLER_ROLES).flatMap(([name, rules]) => [
        parts.clusterRole(`csi-${name}-role`, rules),
        parts.bindUser(null, `csi-${name}-binding`, `csi-${name}-role`, CONTROLLER),
      ]),
      buildDaemonSet(cluster, parts),
    ];
  },
  keptFor: async (kube) => {
    const { items } = await kube.list({ apiVersion: 'v1', kind: 'PersistentVolume' });
    const ours = items.filter((volume) => (volume['spec'] as { csi?: { driver?: string } } | undefined)?.csi?.driver === DRIVER);
    return ours.length === 0 ? null : `${ours.length} volumes to be deleted: no pod could use their data any more`;
  },
};

const LEASES = rule('coordination.k8s.io', 'leases', `${READ} create update delete`);
const EVENTS = rule('', 'events', 'list watch create update patch');

const CONTROLLER_ROLES: Record<string, Rule[]> = {
  attacher: [
    rule('', 'persistentvolumes', `${READ} patch`),
    rule('storage.k8s.io', 'csinodes', READ),
    rule('storage.k8s.io', 'volumeattachments', `${READ} patch`),
    rule('storage.k8s.io', 'volumeattachments/status', 'patch'),
    LEASES,
  ],
  provisioner: [
    rule('', 'persistentvolumes', `${READ} create delete patch`),
    rule('', 'persistentvolumeclaims', `${READ} update`),
    rule('', 'nodes', READ),
    rule('storage.k8s.io', 'storageclasses csinodes volumeattachments', READ),
    EVENTS,
    LEASES,
  ],
  resizer: [
    rule('', 'persistentvolumes', `${READ} patch`),
    rule('', 'persistentvolumeclaims pods', READ),
    rule('', 'persistentvolumeclaims/status', 'patch'),
    EVENTS,
    LEASES,
  ],
};

/** One for the cloud's own choice of a type, which is the cluster's default, and one for each type. */
const buildClasses = (cluster: ReachableCluster, parts: Parts, { volumeTypes }: Facts): KubernetesObject[] => {
  const { reclaim, fileSystem, defaultClass } = cluster.addons.cinderCsi;
  const build = (name: string, type: string | null): KubernetesObject => {
    const metadata = parts.clusterMeta(name);
    const isDefault = String(type === null && defaultClass);
    return {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { ...metadata, annotations: { 'storageclass.kubernetes.io/is-default-class': isDefault } },
      provisioner: DRIVER,
      parameters: { 'csi.storage.k8s.io/fstype': fileSystem.toLowerCase(), ...(type !== null && { type }) },
      reclaimPolicy: reclaim === 'RETAIN' ? 'Retain' : 'Delete',
      // The volume is made where the pod can run.
      volumeBindingMode: 'WaitForFirstConsumer',
      allowVolumeExpansion: true,
    };
  };
  const names = new Set<string>();
  const perType = [...volumeTypes].sort().flatMap((type) => {
    const name = `cinder-${slugOf(type)}`;
    // Two types that differ only in what a name cannot hold: the first has the class.
    if (name === 'cinder-' || names.has(name)) return [];
    names.add(name);
    return [build(name, type)];
  });
  return [build('cinder', null), ...perType];
};

const slugOf = (type: string): string =>
  type
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 200);

const buildDaemonSet = (cluster: ReachableCluster, parts: Parts): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: parts.meta('csi-cinder-nodeplugin'),
  spec: {
    selector: { matchLabels: SELECTOR },
    template: {
      metadata: { labels: parts.labels(SELECTOR) },
      spec: {
        priorityClassName: 'system-node-critical',
        serviceAccountName: NODE,
        hostNetwork: true,
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        tolerations: [{ operator: 'Exists' }],
        containers: [registrar(cluster), prober(cluster), plugin(cluster)],
        volumes: [
          { name: 'socket', hostPath: { path: `/var/lib/kubelet/plugins/${DRIVER}`, type: 'DirectoryOrCreate' } },
          { name: 'registration', hostPath: { path: '/var/lib/kubelet/plugins_registry/', type: 'Directory' } },
          { name: 'kubelet', hostPath: { path: '/var/lib/kubelet', type: 'Directory' } },
          { name: 'devices', hostPath: { path: '/dev', type: 'Directory' } },
        ],
      },
    },
  },
});

const LITTLE = { imagePullPolicy: 'IfNotPresent', resources: { requests: { cpu: '10m', memory: '32Mi' } } };

const registrar = (cluster: ReachableCluster): object => ({
  name: 'node-driver-registrar',
  image: imageFrom(cluster, 'registry.k8s.io/sig-storage/csi-node-driver-registrar:v2.15.0'),
  args: ['--csi-address=/csi/csi.sock', `--kubelet-registration-path=/var/lib/kubelet/plugins/${DRIVER}/csi.sock`],
  env: [{ name: 'KUBE_NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
  ...LITTLE,
  volumeMounts: [
    { name: 'socket', mountPath: '/csi' },
    { name: 'registration', mountPath: '/registration' },
  ],
});

const prober = (cluster: ReachableCluster): object => ({
  name: 'liveness-probe',
  image: imageFrom(cluster, LIVENESS_PROBE),
  args: ['--csi-address=/csi/csi.sock', '--health-port=9808'],
  ...LITTLE,
  volumeMounts: [{ name: 'socket', mountPath: '/csi' }],
});

/** It asks the server's own metadata and needs no cloud.conf: no credential leaves the seed. */
const plugin = (cluster: ReachableCluster): object => ({
  name: 'cinder-csi-plugin',
  image: imageFrom(cluster, `registry.k8s.io/provider-os/cinder-csi-plugin:${versionOf(cluster, 'cinderCsi')}`),
  args: [
    '/bin/cinder-csi-plugin',
    '--endpoint=unix://csi/csi.sock',
    '--provide-controller-service=false',
    `--with-topology=${cluster.addons.cinderCsi.zones}`,
  ],
  ...LITTLE,
  ports: [{ name: 'healthz', containerPort: 9808, protocol: 'TCP' }],
  livenessProbe: {
    httpGet: { path: '/healthz', port: 'healthz', scheme: 'HTTP' },
    initialDelaySeconds: 10,
    timeoutSeconds: 3,
    periodSeconds: 10,
    failureThreshold: 5,
  },
  // It formats and mounts on the node.
  securityContext: { privileged: true, allowPrivilegeEscalation: true, capabilities: { add: ['SYS_ADMIN'] } },
  volumeMounts: [
    { name: 'socket', mountPath: '/csi' },
    { name: 'kubelet', mountPath: '/var/lib/kubelet', mountPropagation: 'Bidirectional' },
    { name: 'devices', mountPath: '/dev', mountPropagation: 'HostToContainer' },
  ],
});
