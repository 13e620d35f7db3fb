/** metrics-server: what pods and nodes use now, for `kubectl top` and for HorizontalPodAutoscalers. */
import type { ReachableCluster } from '../controlPlane/hostedCluster.ts';
import { imageFrom } from '../controlPlane/images.ts';
import type { KubernetesObject } from '../controlPlane/object.ts';
import { type Addon, versionOf } from './addon.ts';
import { partsOf } from './parts.ts';

const NAMESPACE = 'kube-system';
const NAME = 'metrics-server';
const SELECTOR = { 'k8s-app': NAME };
const AGGREGATED = Object.fromEntries(['view', 'edit', 'admin'].map((role) => [`rbac.authorization.k8s.io/aggregate-to-${role}`, 'true']));
const READ = ['get', 'list', 'watch'];

export const metricsServer: Addon = {
  name: 'metricsServer',
  objects: (cluster) => {
    const parts = partsOf(cluster, NAME, NAMESPACE);
    return [
      parts.serviceAccount(NAME),
      parts.clusterRole(
        'system:aggregated-metrics-reader',
        [{ apiGroups: ['metrics.k8s.io'], resources: ['pods', 'nodes'], verbs: READ }],
        AGGREGATED,
      ),
      parts.clusterRole('system:metrics-server', [
        { apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] },
        { apiGroups: [''], resources: ['pods', 'nodes'], verbs: READ },
      ]),
      parts.bindCluster('system:metrics-server', 'system:metrics-server', NAME),
      parts.bindCluster('metrics-server:system:auth-delegator', 'system:auth-delegator', NAME),
      parts.bindIn(NAMESPACE, 'metrics-server-auth-reader', 'extension-apiserver-authentication-reader', NAME),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: parts.meta(NAME),
        spec: { selector: SELECTOR, ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 'https', appProtocol: 'https' }] },
      },
      buildDeployment(cluster),
      {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: parts.clusterMeta('v1beta1.metrics.k8s.io'),
        spec: {
          group: 'metrics.k8s.io',
          version: 'v1beta1',
          service: { namespace: NAMESPACE, name: NAME, port: 443 },
          // Its certificate is its own and made at its start.
          insecureSkipTLSVerify: true,
          groupPriorityMinimum: 100,
          versionPriority: 100,
        },
      },
    ];
  },
};

const buildDeployment = (cluster: ReachableCluster): KubernetesObject => {
  const parts = partsOf(cluster, NAME, NAMESPACE);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: parts.meta(NAME),
    spec: {
      replicas: cluster.addons.metricsServer.replicas,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } },
      selector: { matchLabels: SELECTOR },
      template: {
        metadata: { labels: parts.labels(SELECTOR) },
        spec: {
          priorityClassName: 'system-cluster-critical',
          serviceAccountName: NAME,
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }],
          containers: [containerOf(cluster)],
          volumes: [{ name: 'tmp', emptyDir: {} }],
        },
      },
    },
  };
};

const containerOf = (cluster: ReachableCluster): object => ({
  name: NAME,
  image: imageFrom(cluster, `registry.k8s.io/metrics-server/metrics-server:${versionOf(cluster, 'metricsServer')}`),
  imagePullPolicy: 'IfNotPresent',
  args: [
    '--cert-dir=/tmp',
    '--secure-port=10250',
    '--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname',
    '--kubelet-use-node-status-port',
    // Kubelets serve with certificates that they signed themselves.
    '--kubelet-insecure-tls',
    `--metric-resolution=${cluster.addons.metricsServer.resolutionSeconds}s`,
  ],
  ports: [{ name: 'https', containerPort: 10250, protocol: 'TCP' }],
  // Ready after its first round of questions.
  readinessProbe: { httpGet: { path: '/readyz', port: 'https', scheme: 'HTTPS' }, initialDelaySeconds: 10, periodSeconds: 5 },
  livenessProbe: { httpGet: { path: '/livez', port: 'https', scheme: 'HTTPS' }, periodSeconds: 10 },
  resources: { requests: { cpu: '100m', memory: '200Mi' } },
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    runAsUser: 1000,
    seccompProfile: { type: 'RuntimeDefault' },
    capabilities: { drop: ['ALL'] },
  },
  volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
});
