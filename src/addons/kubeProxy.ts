/** kube-proxy: Service addresses on every node. */
import { stringify } from 'yaml';
import { podRangesOf, publicServerOf, type ReachableCluster } from '../controlPlane/hostedCluster.ts';
import { imageFrom } from '../controlPlane/images.ts';
import { type KubernetesObject, labelsOf, tenantMeta } from '../controlPlane/object.ts';
import { bind, serviceAccountSubject } from '../controlPlane/rbac.ts';
import { fingerprint } from '../lib/json.ts';
import { type Addon, versionOf } from './addon.ts';

const NAMESPACE = 'kube-system';
const NAME = 'kube-proxy';
const MOUNT = '/var/lib/kube-proxy';
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

export const kubeProxy: Addon = {
  name: 'kubeProxy',
  objects: (cluster) => {
    const config = buildConfig(cluster);
    return [
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: tenantMeta(cluster, NAME, NAME, NAMESPACE) },
      bind(tenantMeta(cluster, 'kubeadm:node-proxier', NAME, null), 'ClusterRole', 'system:node-proxier', [
        serviceAccountSubject(NAMESPACE, NAME),
      ]),
      config,
      buildDaemonSet(cluster, config),
    ];
  },
};

/** It makes the `kubernetes` Service work, so it cannot reach the API through it: the kubeconfig names the real address. */
const buildConfig = (cluster: ReachableCluster): KubernetesObject => {
  const proxy = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: cluster.addons.kubeProxy.mode.toLowerCase(),
    clusterCIDR: podRangesOf(cluster),
    clientConnection: { kubeconfig: `${MOUNT}/kubeconfig.conf` },
  };
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'default', cluster: { server: publicServerOf(cluster), 'certificate-authority': `${SERVICE_ACCOUNT}/ca.crt` } }],
    users: [{ name: 'default', user: { tokenFile: `${SERVICE_ACCOUNT}/token` } }],
    contexts: [{ name: 'default', context: { cluster: 'default', namespace: 'default', user: 'default' } }],
    'current-context': 'default',
  };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: tenantMeta(cluster, NAME, NAME, NAMESPACE),
    data: { 'config.conf': stringify(proxy), 'kubeconfig.conf': stringify(kubeconfig) },
  };
};

const buildDaemonSet = (cluster: ReachableCluster, config: KubernetesObject): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: tenantMeta(cluster, NAME, NAME, NAMESPACE),
  spec: {
    selector: { matchLabels: { 'k8s-app': NAME } },
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '10%' } },
    template: {
      metadata: {
        labels: { ...labelsOf(cluster, NAME), 'k8s-app': NAME },
        annotations: { 'seedbed.io/mounted': fingerprint(config.data).slice(0, 32) },
      },
      spec: {
        priorityClassName: 'system-node-critical',
        serviceAccountName: NAME,
        hostNetwork: true,
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        tolerations: [{ operator: 'Exists' }],
        containers: [containerOf(cluster)],
        volumes: [
          { name: 'config', configMap: { name: NAME } },
          { name: 'xtables-lock', hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' } },
          { name: 'modules', hostPath: { path: '/lib/modules' } },
        ],
      },
    },
  },
});

const containerOf = (cluster: ReachableCluster): object => ({
  name: NAME,
  image: imageFrom(cluster, `registry.k8s.io/kube-proxy:${versionOf(cluster, 'kubeProxy')}`),
  imagePullPolicy: 'IfNotPresent',
  command: ['/usr/local/bin/kube-proxy', `--config=${MOUNT}/config.conf`, '--hostname-override=$(NODE_NAME)'],
  env: [{ name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
  securityContext: { privileged: true },
  volumeMounts: [
    { name: 'config', mountPath: MOUNT },
    { name: 'xtables-lock', mountPath: '/run/xtables.lock' },
    { name: 'modules', mountPath: '/lib/modules', readOnly: true },
  ],
});
