/**
 * Calico: a vxlan overlay with NetworkPolicies that are really kept. Its data lie in the tenant's own API; no operator, which would
 * fight with us for the same objects, and no Typha, which pays from a hundred nodes on.
 */
import type { ReachableCluster } from '../controlPlane/hostedCluster.ts';
import { imageFrom } from '../controlPlane/images.ts';
import type { KubernetesObject } from '../controlPlane/object.ts';
import { fingerprint } from '../lib/json.ts';
import { type Addon, versionOf } from './addon.ts';
import { buildKinds } from './calico/kinds.ts';
import { buildRights, CONTROLLERS, NODE } from './calico/rights.ts';
import { type Parts, partsOf } from './parts.ts';

const NAMESPACE = 'kube-system';
const CONFIG = 'calico-config';
const CNI_CONFIG = 'cni_network_config';

export const calico: Addon = {
  name: 'calico',
  objects: (cluster) => buildCalico(cluster),
};

/** What it needs to know of a cluster; a seed that Seedbed makes has it as well. */
export type CalicoCluster = Pick<
  ReachableCluster,
  'id' | 'projectId' | 'release' | 'imageRegistry' | 'imageDigests' | 'podCidr' | 'ipv6' | 'endpoint'
> & { addons: Pick<ReachableCluster['addons'], 'calico' | 'kubeProxy'> };

/** Throws a plain Error when there is no version for the release: commands refuse such a cluster before. */
export const buildCalico = (cluster: CalicoCluster): KubernetesObject[] => {
  const parts = partsOf(cluster, 'calico', NAMESPACE);
  const config = buildConfig(cluster, parts);
  return [
    ...buildKinds(parts),
    ...buildRights(parts),
    config,
    buildDaemonSet(cluster, parts, config),
    buildControllers(cluster, parts),
    buildDisruptionBudget(parts),
  ];
};

const selectorOf = (name: string) => ({ 'k8s-app': name });

/** The installer puts in what is written between double underscores. */
const buildConfig = (cluster: CalicoCluster, parts: Parts): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: parts.meta(CONFIG),
  data: {
    [CNI_CONFIG]: `${JSON.stringify(
      {
        name: 'k8s-pod-network',
        cniVersion: '0.3.1',
        plugins: [
          {
            type: 'calico',
            log_level: 'info',
            log_file_path: '/var/log/calico/cni/cni.log',
            datastore_type: 'kubernetes',
            nodename: '__KUBERNETES_NODE_NAME__',
            mtu: cluster.addons.calico.mtu,
            ipam: { type: 'calico-ipam', ...(cluster.ipv6 !== null && { assign_ipv4: 'true', assign_ipv6: 'true' }) },
            policy: { type: 'k8s' },
            kubernetes: { kubeconfig: '__KUBECONFIG_FILEPATH__' },
          },
          { type: 'portmap', snat: true, capabilities: { portMappings: true } },
          { type: 'bandwidth', capabilities: { bandwidth: true } },
        ],
      },
      null,
      2,
    )}\n`,
  },
});

const imageOf = (cluster: CalicoCluster, program: string): string =>
  imageFrom(cluster, `quay.io/calico/${program}:${versionOf(cluster, 'calico')}`);

const buildDaemonSet = (cluster: CalicoCluster, parts: Parts, config: KubernetesObject): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: parts.meta(NODE),
  spec: {
    selector: { matchLabels: selectorOf(NODE) },
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
    template: {
      metadata: {
        labels: parts.labels(selectorOf(NODE)),
        annotations: { 'seedbed.io/mounted': fingerprint(config.data).slice(0, 32) },
      },
      spec: {
        priorityClassName: 'system-node-critical',
        serviceAccountName: NODE,
        hostNetwork: true,
        // What it set up at the node goes on without it: there is nothing to wait for.
        terminationGracePeriodSeconds: 0,
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        tolerations: [{ operator: 'Exists' }],
        securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
        initContainers: [installerOf(cluster)],
        containers: [nodeOf(cluster)],
        volumes: [
          { name: 'cni-bin-dir', hostPath: { path: '/opt/cni/bin', type: 'DirectoryOrCreate' } },
          { name: 'cni-net-dir', hostPath: { path: '/etc/cni/net.d', type: 'DirectoryOrCreate' } },
          { name: 'lib-modules', hostPath: { path: '/lib/modules' } },
          { name: 'var-run-calico', hostPath: { path: '/var/run/calico', type: 'DirectoryOrCreate' } },
          { name: 'var-lib-calico', hostPath: { path: '/var/lib/calico', type: 'DirectoryOrCreate' } },
          { name: 'xtables-lock', hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' } },
        ],
      },
    },
  },
});

const env = (values: Record<string, string>): object[] => Object.entries(values).map(([name, value]) => ({ name, value }));

const NODE_NAME = { valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } };

/** The real address: the `kubernetes` Service works only once kube-proxy runs, and the two start side by side. */
const apiOf = ({ endpoint }: CalicoCluster): Record<string, string> => ({
  KUBERNETES_SERVICE_HOST: endpoint.host,
  KUBERNETES_SERVICE_PORT: String(endpoint.port),
});

const installerOf = (cluster: CalicoCluster): object => ({
  name: 'install-cni',
  image: imageOf(cluster, 'cni'),
  command: ['/opt/cni/bin/install'],
  env: [
    { name: 'KUBERNETES_NODE_NAME', ...NODE_NAME },
    { name: 'CNI_NETWORK_CONFIG', valueFrom: { configMapKeyRef: { name: CONFIG, key: CNI_CONFIG } } },
    ...env({ CNI_CONF_NAME: '10-calico.conflist', SLEEP: 'false', ...apiOf(cluster) }),
  ],
  securityContext: { privileged: true },
  volumeMounts: [
    { name: 'cni-bin-dir', mountPath: '/host/opt/cni/bin' },
    { name: 'cni-net-dir', mountPath: '/host/etc/cni/net.d' },
  ],
});

const nodeOf = (cluster: CalicoCluster): object => ({
  name: NODE,
  image: imageOf(cluster, 'node'),
  env: [{ name: 'NODENAME', ...NODE_NAME }, ...env({ ...settingsOf(cluster), ...apiOf(cluster) })],
  securityContext: { privileged: true },
  resources: { requests: { cpu: '250m', memory: '128Mi' } },
  lifecycle: { preStop: { exec: { command: ['/bin/calico-node', '-shutdown'] } } },
  livenessProbe: {
    exec: { command: ['/bin/calico-node', '-felix-live'] },
    initialDelaySeconds: 10,
    periodSeconds: 10,
    timeoutSeconds: 10,
    failureThreshold: 6,
  },
  readinessProbe: { exec: { command: ['/bin/calico-node', '-felix-ready'] }, periodSeconds: 10, timeoutSeconds: 10 },
  volumeMounts: [
    // It renews the plugin's login there.
    { name: 'cni-net-dir', mountPath: '/host/etc/cni/net.d' },
    { name: 'lib-modules', mountPath: '/lib/modules', readOnly: true },
    { name: 'xtables-lock', mountPath: '/run/xtables.lock' },
    { name: 'var-run-calico', mountPath: '/var/run/calico' },
    { name: 'var-lib-calico', mountPath: '/var/lib/calico' },
  ],
});

const settingsOf = (cluster: CalicoCluster): Record<string, string> => {
  const { mtu, blockSize, natOutgoing, wireguard } = cluster.addons.calico;
  return {
    DATASTORE_TYPE: 'kubernetes',
    WAIT_FOR_DATASTORE: 'true',
    CLUSTER_TYPE: 'k8s',
    CALICO_NETWORKING_BACKEND: 'vxlan',
    IP: 'autodetect',
    // A worker may have more interfaces than the one that its kubelet told of.
    IP_AUTODETECTION_METHOD: 'kubernetes-internal-ip',
    // The pool is made from these when there is none, and never changed after.
    CALICO_IPV4POOL_CIDR: cluster.podCidr,
    CALICO_IPV4POOL_BLOCK_SIZE: String(blockSize),
    CALICO_IPV4POOL_NAT_OUTGOING: String(natOutgoing),
    // Neutron drops packets with addresses that are not the port's, in one subnet too.
    CALICO_IPV4POOL_VXLAN: 'Always',
    CALICO_IPV4POOL_IPIP: 'Never',
    CALICO_DISABLE_FILE_LOGGING: 'true',
    FELIX_VXLANMTU: String(mtu),
    FELIX_WIREGUARDMTU: String(mtu),
    FELIX_WIREGUARDENABLED: String(wireguard),
    // Both must speak to the kernel in the same way.
    FELIX_NFTABLESMODE: cluster.addons.kubeProxy.mode === 'NFTABLES' ? 'Enabled' : 'Disabled',
    FELIX_DEFAULTENDPOINTTOHOSTACTION: 'ACCEPT',
    FELIX_IPV6SUPPORT: String(cluster.ipv6 !== null),
    FELIX_HEALTHENABLED: 'true',
    ...settingsOfV6(cluster),
  };
};

/** The same for IPv6, where there is any; its blocks have Calico's own size. */
const settingsOfV6 = ({ ipv6, addons: { calico } }: CalicoCluster): Record<string, string> =>
  ipv6 === null
    ? {}
    : {
        IP6: 'autodetect',
        IP6_AUTODETECTION_METHOD: 'kubernetes-internal-ip',
        CALICO_IPV6POOL_CIDR: ipv6.podCidr,
        CALICO_IPV6POOL_NAT_OUTGOING: String(calico.natOutgoing),
        CALICO_IPV6POOL_VXLAN: 'Always',
        FELIX_VXLANMTUV6: String(calico.mtu),
        FELIX_WIREGUARDMTUV6: String(calico.mtu),
        FELIX_WIREGUARDENABLEDV6: String(calico.wireguard),
      };

const buildControllers = (cluster: CalicoCluster, parts: Parts): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: parts.meta(CONTROLLERS),
  spec: {
    // Two at once would give the same addresses free.
    replicas: 1,
    strategy: { type: 'Recreate' },
    selector: { matchLabels: selectorOf(CONTROLLERS) },
    template: {
      metadata: { labels: parts.labels(selectorOf(CONTROLLERS)) },
      spec: {
        priorityClassName: 'system-cluster-critical',
        serviceAccountName: CONTROLLERS,
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }],
        securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: CONTROLLERS,
            image: imageOf(cluster, 'kube-controllers'),
            // Without Calico's load balancer addresses: Services of that type are the cloud controller's.
            env: env({ DATASTORE_TYPE: 'kubernetes', ENABLED_CONTROLLERS: 'node' }),
            livenessProbe: {
              exec: { command: ['/usr/bin/check-status', '-l'] },
              initialDelaySeconds: 10,
              periodSeconds: 10,
              timeoutSeconds: 10,
              failureThreshold: 6,
            },
            readinessProbe: { exec: { command: ['/usr/bin/check-status', '-r'] }, periodSeconds: 10 },
            resources: { requests: { cpu: '10m', memory: '64Mi' } },
            securityContext: { runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          },
        ],
      },
    },
  },
});

/** It lets the one pod go: an autoscaler moves no pod of kube-system that has no budget. */
const buildDisruptionBudget = (parts: Parts): KubernetesObject => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: parts.meta(CONTROLLERS),
  spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(CONTROLLERS) } },
});
