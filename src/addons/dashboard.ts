/** Headlamp, the dashboard of the Kubernetes project: everybody sees in it what the token that he logs in with may see. */
import type { ReachableCluster } from '../controlPlane/hostedCluster.ts';
import { imageFrom } from '../controlPlane/images.ts';
import { type Addon, versionOf } from './addon.ts';
import { partsOf } from './parts.ts';

const NAME = 'headlamp';
const SELECTOR = { 'k8s-app': NAME };

export const dashboard: Addon = {
  name: 'dashboard',
  objects: (cluster) => {
    const parts = partsOf(cluster, NAME, NAME);
    const namespace = parts.clusterMeta(NAME);
    return [
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { ...namespace, labels: { ...namespace.labels, 'pod-security.kubernetes.io/enforce': 'restricted' } },
      },
      // Without any right of its own.
      parts.serviceAccount(NAME),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: parts.meta(NAME),
        spec: { selector: SELECTOR, ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' }] },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: parts.meta(NAME),
        spec: {
          replicas: cluster.addons.dashboard.replicas,
          selector: { matchLabels: SELECTOR },
          template: {
            metadata: { labels: parts.labels(SELECTOR) },
            spec: {
              serviceAccountName: NAME,
              nodeSelector: { 'kubernetes.io/os': 'linux' },
              // The user and group "headlamp" of its image.
              securityContext: { runAsNonRoot: true, runAsUser: 100, runAsGroup: 101, seccompProfile: { type: 'RuntimeDefault' } },
              containers: [containerOf(cluster)],
            },
          },
        },
      },
    ];
  },
};

const containerOf = (cluster: ReachableCluster): object => ({
  name: NAME,
  image: imageFrom(cluster, `ghcr.io/headlamp-k8s/headlamp:${versionOf(cluster, 'dashboard')}`),
  imagePullPolicy: 'IfNotPresent',
  args: [
    '-in-cluster',
    `-in-cluster-context-name=${cluster.name}`,
    '-plugins-dir=/headlamp/plugins',
    `-session-ttl=${cluster.addons.dashboard.sessionSeconds}`,
  ],
  ports: [{ name: 'http', containerPort: 4466, protocol: 'TCP' }],
  readinessProbe: { httpGet: { path: '/', port: 'http', scheme: 'HTTP' }, periodSeconds: 5 },
  livenessProbe: { httpGet: { path: '/', port: 'http', scheme: 'HTTP' }, initialDelaySeconds: 30, periodSeconds: 10, timeoutSeconds: 5 },
  resources: { requests: { cpu: '20m', memory: '64Mi' } },
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
});
