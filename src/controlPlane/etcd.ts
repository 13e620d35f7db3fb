/** The cluster's own etcd: a StatefulSet with TLS everywhere and a volume a member. */

import { quotaBytesOf } from '../domain/controlPlane.ts';
import type { ClusterPki } from '../pki/bundle.ts';
import { buildDisruptionBudget, priorityOf, topologySpreadOf } from './availability.ts';
import { buildEtcdHealthCheck } from './etcdTask.ts';
import { etcdMembersOf, type HostedCluster, namesOf, type ReachableCluster } from './hostedCluster.ts';
import { imageOf } from './images.ts';
import { type KubernetesObject, seedMeta } from './object.ts';
import { containerSecurity, podSecurity } from './podSecurity.ts';
import { buildEtcdClientSecret, buildEtcdSecret } from './secrets.ts';
import { ETCD_SERVING } from './serving.ts';
import { type Mount, mountAnnotations, podLabelsOf, probesOf, requestsOf, selectorOf, volumeMountsOf, volumesOf } from './workload.ts';

const FILES = '/etc/etcd/pki';

/** Services, Secret, list of members, StatefulSet and disruption budget. */
export const buildEtcd = (cluster: ReachableCluster, pki: ClusterPki): KubernetesObject[] => {
  const secret = buildEtcdSecret(cluster, pki);
  return [
    ...buildEtcdServices(cluster),
    secret,
    buildEtcdClientSecret(cluster, pki),
    buildMembers(cluster),
    buildEtcdHealthCheck(cluster),
    buildStatefulSet(cluster, { volume: 'files', path: FILES, source: secret }),
    ...buildDisruptionBudget(cluster, 'etcd', namesOf(cluster).etcd, cluster.etcd.members),
  ];
};

/** Both publish addresses before readiness: members must find each other to become ready, and the API server's first dial may meet etcd half a second earlier. */
export const buildEtcdServices = (cluster: HostedCluster): KubernetesObject[] => {
  const { etcd, etcdPeer } = namesOf(cluster);
  const client = { name: 'client', protocol: 'TCP', port: 2379, targetPort: 2379 };
  const common = { selector: selectorOf(cluster, 'etcd'), publishNotReadyAddresses: true };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: seedMeta(cluster, etcdPeer, 'etcd'),
      spec: { clusterIP: 'None', ...common, ports: [client, { name: 'peer', protocol: 'TCP', port: 2380, targetPort: 2380 }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: seedMeta(cluster, etcd, 'etcd'),
      spec: { type: 'ClusterIP', ...common, ports: [client] },
    },
  ];
};

/** A name that no member has: a list with it fits no cluster. */
const NOBODY = 'nobody=https://nobody.invalid:2380';

/**
 * Read by a member that begins without data, and by no other. In the environment and not among the flags, so that a change of the
 * list restarts nobody. A settled list is made not to fit: a member that begins empty has lost its volume, and with the true list it
 * would join under its old name without the log that it has voted for (seen with etcd 3.6; with "new", a single one begins anew).
 */
const buildMembers = (cluster: HostedCluster): KubernetesObject => {
  const { members, phase } = cluster.etcd;
  const list = etcdMembersOf(cluster, members).map(({ name, host }) => `${name}=https://${host}:2380`);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: seedMeta(cluster, namesOf(cluster).etcdMembers, 'etcd'),
    data: {
      'initial-cluster': [...list, ...(phase === 'SETTLED' ? [NOBODY] : [])].join(','),
      'initial-cluster-state': phase === 'FORMING' ? 'new' : 'existing',
    },
  };
};

const buildStatefulSet = (cluster: ReachableCluster, files: Mount): KubernetesObject => {
  const { etcd, etcdPeer } = namesOf(cluster);
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: seedMeta(cluster, etcd, 'etcd'),
    spec: {
      replicas: cluster.etcd.members,
      serviceName: etcdPeer,
      // In order, the first member would wait for a quorum that cannot come.
      podManagementPolicy: 'Parallel',
      revisionHistoryLimit: 2,
      selector: { matchLabels: selectorOf(cluster, 'etcd') },
      // Data outlives a StatefulSet deleted by mistake; the namespace takes the claims along in the end. And `Delete` would have
      // two controllers write the fresh claim at once, which costs the scheduler a conflict and a second or two of back-off.
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      template: {
        metadata: { labels: podLabelsOf(cluster, 'etcd'), annotations: mountAnnotations([files]) },
        spec: {
          ...podSecurity,
          ...priorityOf(cluster),
          topologySpreadConstraints: topologySpreadOf(cluster, 'etcd', false),
          containers: [containerOf(cluster, files)],
          volumes: volumesOf([files]),
        },
      },
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: 'data' },
          spec: claimSpecOf(cluster),
        },
      ],
    },
  };
};

/** Of a member's volume. */
export const claimSpecOf = ({ etcd }: HostedCluster): object => ({
  accessModes: ['ReadWriteOnce'],
  ...(etcd.storageClass !== null && { storageClassName: etcd.storageClass }),
  resources: { requests: { storage: `${etcd.volumeSizeGiB}Gi` } },
});

const containerOf = (cluster: ReachableCluster, files: Mount): object => ({
  name: 'etcd',
  image: imageOf(cluster, 'etcd'),
  imagePullPolicy: 'IfNotPresent',
  command: commandOf(cluster),
  env: [
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    ...['initial-cluster', 'initial-cluster-state'].map((key) => ({
      name: `ETCD_${key.toUpperCase().replaceAll('-', '_')}`,
      valueFrom: { configMapKeyRef: { name: namesOf(cluster).etcdMembers, key } },
    })),
  ],
  // Its last words say why it does not start, and they are read where a member has lost its data.
  terminationMessagePolicy: 'FallbackToLogsOnError',
  ports: [
    { name: 'client', containerPort: 2379, protocol: 'TCP' },
    { name: 'peer', containerPort: 2380, protocol: 'TCP' },
    { name: 'metrics', containerPort: 2381, protocol: 'TCP' },
  ],
  // A member that has no quorum yet, or no vote, has started all the same.
  ...probesOf('HTTP', 2381, { start: '/livez', live: '/livez', ready: '/readyz' }),
  resources: { requests: requestsOf(cluster.resources.etcd) },
  securityContext: containerSecurity,
  volumeMounts: [{ name: 'data', mountPath: '/var/lib/etcd' }, ...volumeMountsOf([files])],
});

const commandOf = (cluster: ReachableCluster): string[] => {
  const { etcdPeer } = namesOf(cluster);
  const { autoCompaction } = cluster.etcd;
  const self = `https://$(POD_NAME).${etcdPeer}.${cluster.namespace}.svc`;
  return [
    'etcd',
    '--name=$(POD_NAME)',
    // A folder below the mount: a volume's top may hold lost+found and have rights that etcd refuses.
    '--data-dir=/var/lib/etcd/data',
    '--listen-client-urls=https://0.0.0.0:2379',
    `--advertise-client-urls=${self}:2379`,
    '--listen-peer-urls=https://0.0.0.0:2380',
    `--initial-advertise-peer-urls=${self}:2380`,
    `--initial-cluster-token=${cluster.shortId}`,
    '--client-cert-auth=true',
    `--trusted-ca-file=${FILES}/ca.crt`,
    `--cert-file=${FILES}/server.crt`,
    `--key-file=${FILES}/server.key`,
    '--peer-client-cert-auth=true',
    `--peer-trusted-ca-file=${FILES}/ca.crt`,
    `--peer-cert-file=${FILES}/peer.crt`,
    `--peer-key-file=${FILES}/peer.key`,
    ...ETCD_SERVING,
    '--listen-metrics-urls=http://0.0.0.0:2381',
    `--snapshot-count=${cluster.etcd.snapshotCount}`,
    `--quota-backend-bytes=${quotaBytesOf(cluster.etcd)}`,
    `--heartbeat-interval=${cluster.etcd.heartbeatMs}`,
    `--election-timeout=${cluster.etcd.electionMs}`,
    ...(autoCompaction === null ? [] : ['--auto-compaction-mode=periodic', `--auto-compaction-retention=${autoCompaction}`]),
    // The first names whoever starts beside one that holds other data; the second, after each compaction, the one that the others outvote.
    '--feature-gates=InitialCorruptCheck=true,CompactHashCheck=true',
    '--watch-progress-notify-interval=5s',
  ];
};
