/**
 * Cilium: a vxlan overlay of programs in the nodes' kernels, with NetworkPolicies that are really kept. Its kinds are made by its
 * operator when it runs for the first time, so they are none of ours: they are not put back by us but by the operator at its next start,
 * they go with the cluster, and until the first worker is there nobody has made them.
 */
import type { ReachableCluster } from '../controlPlane/hostedCluster.ts';
import type { KubernetesObject } from '../controlPlane/object.ts';
import type { Addon } from './addon.ts';
import { buildAgent, CGROUP_ROOT, CNI_CONFIG_FOLDER, configHash, environmentOf, imageOf, PROC } from './cilium/agent.ts';
import { buildRights, CONFIG, OPERATOR } from './cilium/rights.ts';
import { type Parts, partsOf } from './parts.ts';

const NAMESPACE = 'kube-system';
const OPERATOR_PORT = 9234;
/** Upstream's, by which its own command line finds the pods. */
const OPERATOR_SELECTOR = { 'io.cilium/app': 'operator', name: OPERATOR };

export const cilium: Addon = {
  name: 'cilium',
  objects: (cluster) => {
    const parts = partsOf(cluster, 'cilium', NAMESPACE);
    const config: KubernetesObject = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: parts.meta(CONFIG),
      data: settingsOf(cluster),
    };
    return [
      ...buildRights(parts, NAMESPACE),
      config,
      buildAgent(cluster, parts, config),
      buildOperator(cluster, parts, config),
      buildDisruptionBudget(parts),
    ];
  },
};

/** Both programs read them; what is not here is as the programs have it. */
const settingsOf = (cluster: ReachableCluster): Record<string, string> => {
  const { mtu, encryption } = cluster.addons.cilium;
  return {
    debug: 'false',
    // A mesh of clusters would need names and numbers of their own.
    'cluster-name': 'default',
    'cluster-id': '0',
    'identity-allocation-mode': 'crd',
    'enable-ipv4': 'true',
    'enable-ipv6': String(cluster.ipv6 !== null),
    'enable-ipv4-masquerade': 'true',
    'enable-ipv6-masquerade': String(cluster.ipv6 !== null),
    // Neutron drops packets with addresses that are not the port's, in one subnet too.
    'routing-mode': 'tunnel',
    'tunnel-protocol': 'vxlan',
    // The controller manager gives each node a range out of the cluster's.
    ipam: 'kubernetes',
    'k8s-require-ipv4-pod-cidr': 'true',
    ...(cluster.ipv6 !== null && { 'k8s-require-ipv6-pod-cidr': 'true' }),
    ...(mtu > 0 && { mtu: String(mtu) }),
    'enable-wireguard': String(encryption === 'WIREGUARD'),
    // kube-proxy stays, and so do ports of the node by the plugin that every worker has.
    'kube-proxy-replacement': 'false',
    'bpf-lb-sock': 'false',
    'cni-chaining-mode': 'portmap',
    'enable-host-legacy-routing': 'true',
    'cni-exclusive': 'true',
    // The kubelet takes a node for ready when it sees this file.
    'write-cni-conf-when-ready': `${CNI_CONFIG_FOLDER}/05-cilium.conflist`,
    'cgroup-root': CGROUP_ROOT,
    procfs: PROC,
    'bpf-map-dynamic-size-ratio': '0.0025',
    'preallocate-bpf-maps': 'false',
    'monitor-aggregation': 'medium',
    'enable-policy': 'default',
    // Rules about HTTP and names need a proxy beside the agent.
    'enable-l7-proxy': 'false',
    'enable-hubble': 'false',
    'mesh-auth-enabled': 'false',
    'enable-well-known-identities': 'false',
    // Services of type LoadBalancer are the cloud controller's.
    'enable-lb-ipam': 'false',
    'default-lb-service-ipam': 'none',
    // A change of this ConfigMap starts the pods anew.
    'enable-dynamic-config': 'false',
    'enable-drift-checker': 'false',
    'operator-api-serve-addr': `127.0.0.1:${OPERATOR_PORT}`,
    'set-cilium-is-up-condition': 'true',
    // Nodes come without a network and are not ready until there is one: no pod is there before, and none needs to be held off.
    'set-cilium-node-taints': 'false',
    'remove-cilium-node-taints': 'false',
    'unmanaged-pod-watcher-interval': '0',
  };
};

const buildOperator = (cluster: ReachableCluster, parts: Parts, config: KubernetesObject): KubernetesObject => {
  const healthy = { httpGet: { host: '127.0.0.1', port: OPERATOR_PORT, path: '/healthz' }, timeoutSeconds: 3 };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: parts.meta(OPERATOR),
    spec: {
      replicas: 1,
      // A second one at the same node would not get its port.
      strategy: { type: 'Recreate' },
      selector: { matchLabels: OPERATOR_SELECTOR },
      template: {
        metadata: { labels: parts.labels(OPERATOR_SELECTOR), annotations: configHash(config) },
        spec: {
          priorityClassName: 'system-cluster-critical',
          serviceAccountName: OPERATOR,
          // Agents wait for the kinds that it makes, and no node has a network before its agent: it needs none, and takes nodes as they come.
          hostNetwork: true,
          tolerations: ['CriticalAddonsOnly', 'node.kubernetes.io/not-ready', 'node.cloudprovider.kubernetes.io/uninitialized'].map(
            (key) => ({
              key,
              operator: 'Exists',
            }),
          ),
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: OPERATOR,
              image: imageOf(cluster, 'operator-generic'),
              command: ['cilium-operator-generic'],
              args: ['--config-dir=/tmp/cilium/config-map'],
              env: environmentOf(cluster),
              livenessProbe: { ...healthy, initialDelaySeconds: 60, periodSeconds: 10 },
              readinessProbe: { ...healthy, periodSeconds: 5, failureThreshold: 5 },
              resources: { requests: { cpu: '10m', memory: '128Mi' } },
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
              volumeMounts: [{ name: 'cilium-config-path', mountPath: '/tmp/cilium/config-map', readOnly: true }],
            },
          ],
          volumes: [{ name: 'cilium-config-path', configMap: { name: CONFIG } }],
        },
      },
    },
  };
};

/** It lets the one pod go: an autoscaler moves no pod of kube-system that has no budget. */
const buildDisruptionBudget = (parts: Parts): KubernetesObject => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: parts.meta(OPERATOR),
  spec: { maxUnavailable: 1, selector: { matchLabels: OPERATOR_SELECTOR } },
});
