/** CoreDNS: names of Services and pods inside the tenant's cluster. */
import { dnsAddressOf, type ReachableCluster } from '../controlPlane/hostedCluster.ts';
import { imageFrom } from '../controlPlane/images.ts';
import { type KubernetesObject, labelsOf, tenantMeta } from '../controlPlane/object.ts';
import { bind, serviceAccountSubject } from '../controlPlane/rbac.ts';
import { fingerprint } from '../lib/json.ts';
import { type Addon, versionOf } from './addon.ts';

const NAMESPACE = 'kube-system';
const NAME = 'coredns';
/** What kubelets, tools and people's selectors expect of every cluster's DNS. */
const SELECTOR = { 'k8s-app': 'kube-dns' };

export const coreDns: Addon = {
  name: 'coreDns',
  objects: (cluster) => {
    const config = buildConfig(cluster);
    return [...buildRights(cluster), config, buildService(cluster), buildDeployment(cluster, config)];
  },
};

const buildRights = (cluster: ReachableCluster): KubernetesObject[] => [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: tenantMeta(cluster, NAME, NAME, NAMESPACE) },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: tenantMeta(cluster, 'system:coredns', NAME, null),
    rules: [
      { apiGroups: [''], resources: ['endpoints', 'services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ],
  },
  bind(tenantMeta(cluster, 'system:coredns', NAME, null), 'ClusterRole', 'system:coredns', [serviceAccountSubject(NAMESPACE, NAME)]),
];

const buildConfig = (cluster: ReachableCluster): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: tenantMeta(cluster, NAME, NAME, NAMESPACE),
  data: { Corefile: corefile(cluster) },
});

const cacheLine = (seconds: number): string => (seconds === 0 ? '' : `\n    cache ${seconds}`);

/** `lameduck` answers on while endpoints still list a pod that leaves. */
const corefile = ({ dnsDomain, addons: { coreDns: options } }: ReachableCluster): string => `.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes ${dnsDomain} in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
        max_concurrent 1000
    }${cacheLine(options.cacheSeconds)}
    loop
    reload
    loadbalance
}
`;

const buildService = (cluster: ReachableCluster): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    ...tenantMeta(cluster, 'kube-dns', NAME, NAMESPACE),
    labels: { ...labelsOf(cluster, NAME), ...SELECTOR, 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' },
  },
  spec: {
    clusterIP: dnsAddressOf(cluster),
    // Kubelets tell pods of the first address; a pod may ask the other one.
    ...(cluster.ipv6 !== null && { ipFamilyPolicy: 'PreferDualStack' }),
    selector: SELECTOR,
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
      { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
      { name: 'metrics', port: 9153, protocol: 'TCP', targetPort: 9153 },
    ],
  },
});

const buildDeployment = (cluster: ReachableCluster, config: KubernetesObject): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: tenantMeta(cluster, NAME, NAME, NAMESPACE),
  spec: {
    replicas: cluster.addons.coreDns.replicas,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
    selector: { matchLabels: SELECTOR },
    template: {
      metadata: {
        labels: { ...labelsOf(cluster, NAME), ...SELECTOR },
        annotations: { 'seedbed.io/mounted': fingerprint(config.data).slice(0, 32) },
      },
      spec: {
        priorityClassName: 'system-cluster-critical',
        serviceAccountName: NAME,
        // The node's own resolvers, not itself.
        dnsPolicy: 'Default',
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }],
        affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [apartByHost] } },
        containers: [containerOf(cluster)],
        volumes: [{ name: 'config', configMap: { name: NAME, items: [{ key: 'Corefile', path: 'Corefile' }] } }],
      },
    },
  },
});

const apartByHost = { weight: 100, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: SELECTOR } } };

const containerOf = (cluster: ReachableCluster): object => ({
  name: NAME,
  image: imageFrom(cluster, `registry.k8s.io/coredns/coredns:${versionOf(cluster, 'coreDns')}`),
  imagePullPolicy: 'IfNotPresent',
  args: ['-conf', '/etc/coredns/Corefile'],
  ports: [
    { name: 'dns', containerPort: 53, protocol: 'UDP' },
    { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
    { name: 'metrics', containerPort: 9153, protocol: 'TCP' },
  ],
  readinessProbe: { httpGet: { path: '/ready', port: 8181, scheme: 'HTTP' }, periodSeconds: 2 },
  livenessProbe: {
    httpGet: { path: '/health', port: 8080, scheme: 'HTTP' },
    initialDelaySeconds: 60,
    timeoutSeconds: 5,
    failureThreshold: 5,
  },
  resources: { requests: { cpu: '100m', memory: '70Mi' }, limits: { memory: '170Mi' } },
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] },
  },
  volumeMounts: [{ name: 'config', mountPath: '/etc/coredns', readOnly: true }],
});
