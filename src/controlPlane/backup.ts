/**
 * Jobs that carry a snapshot of etcd to the object store, and back. Neither etcd's image nor curl's is asked for a shell: each step is a
 * container of its own, the order is that of init containers, and what one leaves for the next is in a volume between them.
 */
import { RESTORE_LIFT } from '../domain/backup.ts';
import { isIpv4 } from '../domain/cidr.ts';
import { priorityOf } from './availability.ts';
import { claimSpecOf } from './etcd.ts';
import { etcdMembersOf, type HostedCluster, namesOf, type ReachableCluster } from './hostedCluster.ts';
import { CURL, imageFrom, imageOf } from './images.ts';
import { policy, tcp } from './networkPolicies.ts';
import { type KubernetesObject, seedMeta } from './object.ts';
import { containerSecurity, podSecurity, SECRET_FILE_MODE } from './podSecurity.ts';
import { podLabelsOf, selectorOf } from './workload.ts';

const FILES = '/etc/etcd/pki';
const TRANSFER = '/etc/transfer';
const SNAPSHOT = '/snapshot/etcd.db';
const SCRATCH = '/scratch/data';

/** How long a Job may take; a transfer that stands still ends earlier. */
export const LONGEST_SECONDS = 3_600;
/** Of what ended and was not read, because its reason went away. */
const KEPT_SECONDS = 300;
/** In seconds, below a byte a second in which a transfer is given up. */
const STALL_SECONDS = 60;

/** Where the pods of a transfer dial, and what they say there. */
export interface TransferOrder {
  url: string;
  headers: Record<string, string>;
  caPem: string | null;
  /** Of the URL's host; null: the pod's resolver knows it. */
  addresses: string[] | null;
}

/** Names one errand of one backup: two never meet, and one is found again by whoever goes on with it. */
export const backupTaskName = (cluster: HostedCluster, backupId: string, errand: 'save' | 'verify'): string =>
  `${namesOf(cluster).etcdBackup}-${backupId.slice(0, 8)}-${errand}`;

/** Takes a snapshot from one member, says what is in it, and sends it. */
export const buildSaveTask = (cluster: HostedCluster, name: string, member: number): KubernetesObject =>
  buildTask(cluster, name, {
    before: [
      etcdContainer(cluster, 'save', etcdctlOf(cluster, member, ['snapshot', 'save', SNAPSHOT]), [files, snapshot]),
      etcdContainer(cluster, 'status', ['etcdutl', 'snapshot', 'status', SNAPSHOT, '--write-out=json'], [snapshot]),
    ],
    last: [curlContainer(cluster, 'send')],
    volumes: [{ name: 'files', secret: { secretName: `${namesOf(cluster).etcdTask}-files`, defaultMode: SECRET_FILE_MODE } }],
  });

/** Fetches a snapshot, restores it and asks an etcd that runs on it, in a pod of its own, how much there is. */
export const buildVerifyTask = (cluster: HostedCluster, name: string): KubernetesObject =>
  buildTask(cluster, name, {
    before: [
      curlContainer(cluster, 'fetch'),
      etcdContainer(cluster, 'restore', ['etcdutl', 'snapshot', 'restore', SNAPSHOT, `--data-dir=${SCRATCH}`], [snapshot, scratch]),
      // Beside the last ones for as long as they run, and ended with them.
      { ...etcdContainer(cluster, 'etcd', scratchEtcd, [scratch]), restartPolicy: 'Always', startupProbe },
    ],
    last: [
      etcdContainer(cluster, 'status', [...askScratch, 'endpoint', 'status', '--write-out=json'], []),
      // With --count-only etcdctl writes in no other way.
      etcdContainer(cluster, 'count', [...askScratch, 'get', '', '--prefix', '--count-only', '--write-out=fields'], []),
    ],
    volumes: [{ name: 'scratch', emptyDir: {} }],
  });

/**
 * Fetches a snapshot and makes the data of one member of it, on the volume that the member will have. Revisions go on far above all that
 * anybody has seen, and what is before counts as compacted: whoever watches lists anew, and no cache goes back in time.
 * https://etcd.io/docs/v3.6/op-guide/recovery/#restoring-with-revision-bump
 */
export const buildRestoreTask = (cluster: ReachableCluster, name: string, member: number): KubernetesObject => {
  const members = etcdMembersOf(cluster, cluster.etcd.members).map((m) => ({ name: m.name, url: `https://${m.host}:2380` }));
  const own = members[member];
  if (own === undefined) throw new Error(`no member ${member}`);
  const restore = [
    'etcdutl',
    'snapshot',
    'restore',
    SNAPSHOT,
    '--data-dir=/var/lib/etcd/data',
    `--name=${own.name}`,
    `--initial-cluster=${members.map((m) => `${m.name}=${m.url}`).join(',')}`,
    `--initial-cluster-token=${cluster.shortId}`,
    `--initial-advertise-peer-urls=${own.url}`,
    `--bump-revision=${RESTORE_LIFT}`,
    '--mark-compacted',
  ];
  return buildTask(cluster, name, {
    before: [curlContainer(cluster, 'fetch')],
    last: [etcdContainer(cluster, 'restore', restore, [snapshot, { name: 'data', mountPath: '/var/lib/etcd' }])],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: claimNameOf(cluster, member) } }],
  });
};

const claimNameOf = (cluster: HostedCluster, member: number): string => `data-${namesOf(cluster).etcd}-${member}`;

/** Says which restore made a claim. */
export const RESTORE_ANNOTATION = 'seedbed.io/restore';

/** The claim that the StatefulSet would make for a member, and takes over when it is there. */
export const buildClaim = (cluster: HostedCluster, member: number, restore: number): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: {
    name: claimNameOf(cluster, member),
    namespace: cluster.namespace,
    labels: selectorOf(cluster, 'etcd'),
    annotations: { [RESTORE_ANNOTATION]: String(restore) },
  },
  spec: claimSpecOf(cluster),
});

/** By the name of a Job or Secret. */
export const isOfEarlierRestore = (cluster: HostedCluster, name: string, restore: number): boolean => {
  const prefix = `${namesOf(cluster).etcdBackup}-restore-`;
  return name.startsWith(prefix) && Number.parseInt(name.slice(prefix.length), 10) < restore;
};

export const restoreTaskName = (cluster: HostedCluster, restore: number, member: number): string =>
  `${namesOf(cluster).etcdBackup}-restore-${restore}-${member}`;

/** What curl is told: in a Secret, for whoever has the URL has the snapshot. It lives as long as the Job. */
export const buildTransferSecret = (
  cluster: HostedCluster,
  name: string,
  direction: 'upload' | 'download',
  order: TransferOrder,
): KubernetesObject => {
  const lines = [
    `url = ${quoted(order.url)}`,
    `${direction === 'upload' ? 'upload-file' : 'output'} = ${quoted(SNAPSHOT)}`,
    ...Object.entries(order.headers).map(([header, value]) => `header = ${quoted(`${header}: ${value}`)}`),
    ...(order.caPem === null ? [] : [`cacert = ${quoted(`${TRANSFER}/ca.crt`)}`]),
    ...pinOf(order),
    // An error of the store's is an error of curl's, and says what it is without the URL.
    'fail',
    'silent',
    'show-error',
    'connect-timeout = 30',
    'speed-limit = 1',
    `speed-time = ${STALL_SECONDS}`,
    'retry = 3',
  ];
  const files = { 'curl.conf': `${lines.join('\n')}\n`, ...(order.caPem === null ? {} : { 'ca.crt': order.caPem }) };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: seedMeta(cluster, name, 'etcd-backup'),
    type: 'Opaque',
    data: Object.fromEntries(Object.entries(files).map(([file, text]) => [file, Buffer.from(text).toString('base64')])),
  };
};

/** Stores change their addresses from one question to the next, and the policy lets a pod dial those alone that Seedbed was told. */
const pinOf = ({ url, addresses }: TransferOrder): string[] => {
  const { hostname, port, protocol } = new URL(url);
  if (addresses === null || addresses.includes(hostname.replace(/^\[(.*)\]$/, '$1'))) return [];
  const listed = addresses.map((address) => (isIpv4(address) ? address : `[${address}]`)).join(',');
  return [`resolve = ${quoted(`${hostname}:${port || (protocol === 'https:' ? 443 : 80)}:${listed}`)}`];
};

/** With `addresses` null the store has a name that only the seed's resolver need know, and is known by its port alone. */
export const buildBackupPolicies = (
  cluster: ReachableCluster,
  { addresses, port }: { addresses: readonly string[] | null; port: number },
): KubernetesObject[] => {
  const podsOf = (component: 'etcd' | 'etcd-backup') => ({ podSelector: { matchLabels: selectorOf(cluster, component) } });
  const store =
    addresses === null ? ANYWHERE : addresses.map((address) => ({ cidr: isIpv4(address) ? `${address}/32` : `${address}/128` }));
  return [
    policy(cluster, 'etcd-backup', podsOf('etcd-backup'), {
      egress: [
        { to: [podsOf('etcd')], ports: tcp(2379) },
        { to: store.map((ipBlock) => ({ ipBlock })), ports: tcp(port) },
      ],
    }),
    policy(cluster, 'etcd-of-backup', podsOf('etcd'), { ingress: [{ from: [podsOf('etcd-backup')], ports: tcp(2379) }] }),
  ];
};

const ANYWHERE = [
  { cidr: '0.0.0.0/0', except: ['169.254.0.0/16'] },
  { cidr: '::/0', except: ['fe80::/10'] },
];

interface Task {
  before: object[];
  last: object[];
  volumes: object[];
}

const buildTask = (cluster: HostedCluster, name: string, { before, last, volumes }: Task): KubernetesObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: seedMeta(cluster, name, 'etcd-backup'),
  spec: {
    backoffLimit: 0,
    activeDeadlineSeconds: LONGEST_SECONDS,
    ttlSecondsAfterFinished: KEPT_SECONDS,
    template: {
      metadata: { labels: podLabelsOf(cluster, 'etcd-backup') },
      spec: {
        ...podSecurity,
        ...priorityOf(cluster),
        restartPolicy: 'Never',
        initContainers: before,
        containers: last,
        volumes: [
          { name: 'snapshot', emptyDir: {} },
          { name: 'transfer', secret: { secretName: name, defaultMode: SECRET_FILE_MODE } },
          ...volumes,
        ],
      },
    },
  },
});

const files = { name: 'files', mountPath: FILES, readOnly: true };
const snapshot = { name: 'snapshot', mountPath: '/snapshot' };
const scratch = { name: 'scratch', mountPath: '/scratch' };

const container = (name: string, image: string, command: string[], volumeMounts: object[]): object => ({
  name,
  image,
  imagePullPolicy: 'IfNotPresent',
  command,
  resources: { requests: { cpu: '5m', memory: '32Mi' } },
  securityContext: containerSecurity,
  volumeMounts,
});

const etcdContainer = (cluster: HostedCluster, name: string, command: string[], mounts: object[]): object =>
  container(name, imageOf(cluster, 'etcd'), command, mounts);

const curlContainer = (cluster: HostedCluster, name: string): object =>
  container(
    name,
    imageFrom(cluster, CURL),
    ['curl', '--config', `${TRANSFER}/curl.conf`],
    [{ name: 'transfer', mountPath: TRANSFER, readOnly: true }, snapshot],
  );

const etcdctlOf = (cluster: HostedCluster, member: number, words: string[]): string[] => [
  'etcdctl',
  ...etcdMembersOf(cluster, member + 1)
    .slice(-1)
    .map(({ host }) => `--endpoints=https://${host}:2379`),
  `--cacert=${FILES}/ca.crt`,
  `--cert=${FILES}/client.crt`,
  `--key=${FILES}/client.key`,
  ...words,
];

const askScratch = ['etcdctl', '--endpoints=http://127.0.0.1:2379'];

const scratchEtcd = [
  'etcd',
  `--data-dir=${SCRATCH}`,
  '--listen-client-urls=http://127.0.0.1:2379',
  '--advertise-client-urls=http://127.0.0.1:2379',
  '--listen-peer-urls=http://127.0.0.1:2380',
];

/** Nothing outside the pod reaches it, so it is asked from inside. */
const startupProbe = {
  exec: { command: [...askScratch, 'endpoint', 'health'] },
  periodSeconds: 1,
  timeoutSeconds: 5,
  failureThreshold: 300,
};

/** As curl reads its configuration: a backslash and a quotation mark are escaped. */
const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
