/** The controller half of the Cinder CSI driver: it makes, attaches and resizes volumes for a cluster, and runs in the seed. */
import { cloudProviderVersion } from '../domain/addons.ts';
import type { ClusterPki } from '../pki/bundle.ts';
import { priorityOf } from './availability.ts';
import { buildCloudFiles, type CloudAccess, CONFIG_FOLDER } from './cloudConfig.ts';
import { namesOf, type ReachableCluster } from './hostedCluster.ts';
import { imageFrom } from './images.ts';
import { buildCloudPolicy } from './networkPolicies.ts';
import { type KubernetesObject, seedMeta } from './object.ts';
import { containerSecurity, podSecurity } from './podSecurity.ts';
import { type Mount, mountAnnotations, podLabelsOf, selectorOf, volumeMountsOf, volumesOf } from './workload.ts';

const COMPONENT = 'cinder-csi';
const SOCKETS = { name: 'socket', mountPath: '/csi' };

/** Tags of the helpers that go with the driver; upstream's manifests of 1.34 to 1.36 name the same ones. */
const HELPERS = { attacher: 'v4.10.0', provisioner: 'v5.3.0', resizer: 'v1.14.0' } as const;
export const LIVENESS_PROBE = 'registry.k8s.io/sig-storage/livenessprobe:v2.17.0';

/** Secret, NetworkPolicy and Deployment in the seed. */
export const buildCinderCsi = (cluster: ReachableCluster, pki: ClusterPki, cloud: CloudAccess): KubernetesObject[] => {
  const files = buildCloudFiles(cluster, 'cinderCsi', COMPONENT, cloud, pki.kubeconfigs.csiController, {
    BlockStorage: { 'ignore-volume-az': !cluster.addons.cinderCsi.zones },
  });
  const mounts: Mount[] = [{ volume: 'files', path: CONFIG_FOLDER, source: files }];
  const deployment: KubernetesObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: seedMeta(cluster, namesOf(cluster).cinderCsi, COMPONENT),
    spec: {
      replicas: 1,
      revisionHistoryLimit: 2,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: selectorOf(cluster, COMPONENT) },
      template: {
        metadata: { labels: podLabelsOf(cluster, COMPONENT), annotations: mountAnnotations(mounts) },
        spec: {
          ...podSecurity,
          ...priorityOf(cluster),
          containers: [
            helper(cluster, mounts, 'attacher', ['--default-fstype=ext4']),
            helper(cluster, mounts, 'provisioner', [
              '--default-fstype=ext4',
              `--feature-gates=Topology=${cluster.addons.cinderCsi.zones}`,
              '--extra-create-metadata',
            ]),
            helper(cluster, mounts, 'resizer', ['--handle-volume-inuse-error=false']),
            {
              name: 'liveness-probe',
              image: imageFrom(cluster, LIVENESS_PROBE),
              imagePullPolicy: 'IfNotPresent',
              args: ['--csi-address=/csi/csi.sock', '--health-port=9808'],
              ...LITTLE,
              volumeMounts: [SOCKETS],
            },
            plugin(cluster, mounts),
          ],
          volumes: [...volumesOf(mounts), { name: SOCKETS.name, emptyDir: {} }],
        },
      },
    },
  };
  return [files, buildCloudPolicy(cluster, COMPONENT, cloud.ports), deployment];
};

const LITTLE = { resources: { requests: { cpu: '10m', memory: '32Mi' } }, securityContext: containerSecurity };

const helper = (cluster: ReachableCluster, mounts: Mount[], name: keyof typeof HELPERS, args: string[]): object => ({
  name: `csi-${name}`,
  image: imageFrom(cluster, `registry.k8s.io/sig-storage/csi-${name}:${HELPERS[name]}`),
  imagePullPolicy: 'IfNotPresent',
  args: [
    '--csi-address=/csi/csi.sock',
    `--kubeconfig=${CONFIG_FOLDER}/kubeconfig`,
    '--timeout=3m',
    '--leader-election=true',
    // Outside the cluster there is no namespace of its own to find.
    '--leader-election-namespace=kube-system',
    ...args,
  ],
  ...LITTLE,
  volumeMounts: [...volumeMountsOf(mounts), SOCKETS],
});

const plugin = (cluster: ReachableCluster, mounts: Mount[]): object => ({
  name: 'cinder-csi-plugin',
  image: imageFrom(cluster, `registry.k8s.io/provider-os/cinder-csi-plugin:${cloudProviderVersion(cluster.release)}`),
  imagePullPolicy: 'IfNotPresent',
  args: [
    '/bin/cinder-csi-plugin',
    '--endpoint=unix://csi/csi.sock',
    `--cloud-config=${CONFIG_FOLDER}/cloud.conf`,
    // In the metadata of every volume.
    `--cluster=${cluster.shortId}`,
    '--provide-node-service=false',
    `--with-topology=${cluster.addons.cinderCsi.zones}`,
  ],
  ports: [{ name: 'healthz', containerPort: 9808, protocol: 'TCP' }],
  livenessProbe: {
    httpGet: { path: '/healthz', port: 'healthz', scheme: 'HTTP' },
    initialDelaySeconds: 10,
    timeoutSeconds: 10,
    periodSeconds: 60,
    failureThreshold: 5,
  },
  ...LITTLE,
  volumeMounts: [...volumeMountsOf(mounts), SOCKETS],
});
