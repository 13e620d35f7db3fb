/** flannel: a vxlan overlay that lets pods of different nodes talk; shaped like upstream's own manifest. */
import type { ReachableCluster } from '../controlPlane/hostedCluster.ts';
import { imageFrom } from '../controlPlane/images.ts';
import { type KubernetesObject, labelsOf, tenantMeta } from '../controlPlane/object.ts';
import { bind, serviceAccountSubject } from '../controlPlane/rbac.ts';
import { fingerprint } from '../lib/json.ts';
import { type Addon, versionOf } from './addon.ts';

const NAMESPACE = 'kube-flannel';
const NAME = 'flannel';
const CONFIG = 'kube-flannel-cfg';
/** The version that flannel's own manifest of this release names. */
const CNI_PLUGIN = 'v1.9.1-flannel3';
const SELECTOR = { app: 'flannel', 'k8s-app': 'flannel' };

export const flannel: Addon = {
  name: 'flannel',
  objects: (cluster) => buildFlannel(cluster),
};

/** What it needs to know of a cluster; a seed that Seedbed makes has it as well. */
export type FlannelCluster = Pick<
  ReachableCluster,
  'id' | 'projectId' | 'release' | 'imageRegistry' | 'imageDigests' | 'podCidr' | 'ipv6' | 'endpoint'
> & { addons: Pick<ReachableCluster['addons'], 'flannel'> };

export const buildFlannel = (cluster: FlannelCluster): KubernetesObject[] => {
  const config = buildConfig(cluster);
  return [...buildRights(cluster), config, buildDaemonSet(cluster, config)];
};

const buildRights = (cluster: FlannelCluster): KubernetesObject[] => {
  const namespace = tenantMeta(cluster, NAMESPACE, NAME, null);
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      // It works in the node's network and writes to the node's folders.
      metadata: { ...namespace, labels: { ...namespace.labels, 'k8s-app': NAME, 'pod-security.kubernetes.io/enforce': 'privileged' } },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: tenantMeta(cluster, NAME, NAME, NAMESPACE) },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: tenantMeta(cluster, NAME, NAME, null),
      rules: [
        { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
        { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
      ],
    },
    bind(tenantMeta(cluster, NAME, NAME, null), 'ClusterRole', NAME, [serviceAccountSubject(NAMESPACE, NAME)]),
  ];
};

const buildConfig = (cluster: FlannelCluster): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: tenantMeta(cluster, CONFIG, NAME, NAMESPACE),
  data: {
    'cni-conf.json': pretty({
      name: 'cbr0',
      cniVersion: '0.3.1',
      plugins: [
        { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true } },
        { type: 'portmap', capabilities: { portMappings: true } },
      ],
    }),
    'net-conf.json': pretty({
      Network: cluster.podCidr,
      ...(cluster.ipv6 !== null && { EnableIPv6: true, IPv6Network: cluster.ipv6.podCidr }),
      EnableNFTables: false,
      Backend: { Type: cluster.addons.flannel.backend.toLowerCase() },
    }),
  },
});

const buildDaemonSet = (cluster: FlannelCluster, config: KubernetesObject): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: tenantMeta(cluster, 'kube-flannel-ds', NAME, NAMESPACE),
  spec: {
    selector: { matchLabels: SELECTOR },
    template: {
      metadata: {
        labels: { ...labelsOf(cluster, NAME), ...SELECTOR },
        annotations: { 'seedbed.io/mounted': fingerprint(config.data).slice(0, 32) },
      },
      spec: {
        priorityClassName: 'system-node-critical',
        serviceAccountName: NAME,
        hostNetwork: true,
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        tolerations: [{ operator: 'Exists' }],
        initContainers: initContainersOf(cluster),
        containers: [containerOf(cluster)],
        volumes: [
          { name: 'run', hostPath: { path: '/run/flannel', type: 'DirectoryOrCreate' } },
          { name: 'cni-plugin', hostPath: { path: '/opt/cni/bin', type: 'DirectoryOrCreate' } },
          { name: 'cni', hostPath: { path: '/etc/cni/net.d', type: 'DirectoryOrCreate' } },
          { name: 'flannel-cfg', configMap: { name: CONFIG } },
          { name: 'xtables-lock', hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' } },
        ],
      },
    },
  },
});

const initContainersOf = (cluster: FlannelCluster): object[] => [
  {
    name: 'install-cni-plugin',
    image: imageFrom(cluster, `ghcr.io/flannel-io/flannel-cni-plugin:${CNI_PLUGIN}`),
    command: ['cp'],
    args: ['-f', '/flannel', '/opt/cni/bin/flannel'],
    volumeMounts: [{ name: 'cni-plugin', mountPath: '/opt/cni/bin' }],
  },
  {
    name: 'install-cni',
    image: imageFrom(cluster, `ghcr.io/flannel-io/flannel:${versionOf(cluster, 'flannel')}`),
    command: ['cp'],
    args: ['-f', '/etc/kube-flannel/cni-conf.json', '/etc/cni/net.d/10-flannel.conflist'],
    volumeMounts: [
      { name: 'cni', mountPath: '/etc/cni/net.d' },
      { name: 'flannel-cfg', mountPath: '/etc/kube-flannel/' },
    ],
  },
];

const containerOf = (cluster: FlannelCluster): object => ({
  name: 'kube-flannel',
  image: imageFrom(cluster, `ghcr.io/flannel-io/flannel:${versionOf(cluster, 'flannel')}`),
  command: ['/opt/bin/flanneld'],
  args: ['--ip-masq', '--kube-subnet-mgr'],
  env: [
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
    { name: 'EVENT_QUEUE_DEPTH', value: '5000' },
    // The real address: the `kubernetes` Service works only once kube-proxy runs, and the two start side by side.
    { name: 'KUBERNETES_SERVICE_HOST', value: cluster.endpoint.host },
    { name: 'KUBERNETES_SERVICE_PORT', value: String(cluster.endpoint.port) },
  ],
  resources: { requests: { cpu: '100m', memory: '50Mi' } },
  securityContext: { privileged: false, capabilities: { add: ['NET_ADMIN', 'NET_RAW'] } },
  volumeMounts: [
    { name: 'run', mountPath: '/run/flannel' },
    { name: 'flannel-cfg', mountPath: '/etc/kube-flannel/' },
    { name: 'xtables-lock', mountPath: '/run/xtables.lock' },
  ],
});

const pretty = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
