/** node-problem-detector: what the kernel of a node complains of, as conditions and events of the node. */
import type { ReachableCluster } from '../controlPlane/hostedCluster.ts';
import { imageFrom } from '../controlPlane/images.ts';
import { type Addon, versionOf } from './addon.ts';
import { partsOf } from './parts.ts';

const NAMESPACE = 'kube-system';
const NAME = 'node-problem-detector';
const SELECTOR = { app: NAME };
/** Its image brings these; each reads the kernel's messages. */
const MONITORS = ['/config/kernel-monitor.json', '/config/readonly-monitor.json'];

export const nodeProblemDetector: Addon = {
  name: 'nodeProblemDetector',
  objects: (cluster) => {
    const parts = partsOf(cluster, NAME, NAMESPACE);
    return [
      parts.serviceAccount(NAME),
      parts.bindCluster('npd-binding', 'system:node-problem-detector', NAME),
      {
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        metadata: parts.meta(NAME),
        spec: {
          selector: { matchLabels: SELECTOR },
          template: {
            metadata: { labels: parts.labels(SELECTOR) },
            spec: {
              priorityClassName: 'system-node-critical',
              serviceAccountName: NAME,
              nodeSelector: { 'kubernetes.io/os': 'linux' },
              tolerations: [{ operator: 'Exists' }],
              containers: [containerOf(cluster)],
              volumes: [
                { name: 'kmsg', hostPath: { path: '/dev/kmsg' } },
                { name: 'localtime', hostPath: { path: '/etc/localtime' } },
              ],
            },
          },
        },
      },
    ];
  },
};

const containerOf = (cluster: ReachableCluster): object => ({
  name: NAME,
  image: imageFrom(cluster, `registry.k8s.io/node-problem-detector/node-problem-detector:${versionOf(cluster, 'nodeProblemDetector')}`),
  imagePullPolicy: 'IfNotPresent',
  command: [
    '/node-problem-detector',
    '--logtostderr',
    `--config.system-log-monitor=${MONITORS.join(',')}`,
    ...(cluster.addons.nodeProblemDetector.metrics ? ['--prometheus-address=0.0.0.0'] : ['--prometheus-port=0']),
  ],
  env: [{ name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
  ports: [{ name: 'metrics', containerPort: 20257, protocol: 'TCP' }],
  resources: { requests: { cpu: '10m', memory: '80Mi' }, limits: { memory: '160Mi' } },
  // The kernel's messages are for privileged processes only.
  securityContext: { privileged: true },
  volumeMounts: [
    { name: 'kmsg', mountPath: '/dev/kmsg', readOnly: true },
    { name: 'localtime', mountPath: '/etc/localtime', readOnly: true },
  ],
});
