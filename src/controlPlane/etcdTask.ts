/** An errand to etcd: a Job in the seed that runs etcdctl, since Seedbed itself reaches only the seed's API. */
import { etcdMembersOf, type HostedCluster, namesOf } from './hostedCluster.ts';
import { imageOf } from './images.ts';
import { type KubernetesObject, seedMeta } from './object.ts';
import { containerSecurity, podSecurity, SECRET_FILE_MODE } from './podSecurity.ts';
import { podLabelsOf } from './workload.ts';

const FILES = '/etc/etcd/pki';
/** Of what ended and was not read, because its reason went away. */
const KEPT_SECONDS = 300;
const LONGEST_SECONDS = 60;
/** A look asks each member, and one that is down is waited for. */
const TIMEOUTS: Record<EtcdTask['kind'], string> = { look: '4s', change: '20s' };

export interface EtcdTask {
  /** LOOK changes nothing and may be repeated at will. */
  kind: 'look' | 'change';
  /** Words for etcdctl by the name of their container; all run at the same time. */
  commands: Record<string, string[]>;
}

export const etcdTaskName = (cluster: HostedCluster, kind: EtcdTask['kind']): string => `${namesOf(cluster).etcdTask}-${kind}`;

/** etcd's image has no shell, so each command is a container of its own, and its log is the answer. */
export const buildEtcdTask = (cluster: HostedCluster, { kind, commands }: EtcdTask): KubernetesObject => {
  const { members, joining } = cluster.etcd;
  // A learner answers no client.
  const endpoints = etcdMembersOf(cluster, members).filter((_, number) => number !== joining);
  const container = ([name, words]: [string, string[]]): object => ({
    name,
    image: imageOf(cluster, 'etcd'),
    imagePullPolicy: 'IfNotPresent',
    command: [
      'etcdctl',
      `--endpoints=${endpoints.map(({ host }) => `https://${host}:2379`).join(',')}`,
      `--cacert=${FILES}/ca.crt`,
      `--cert=${FILES}/client.crt`,
      `--key=${FILES}/client.key`,
      `--command-timeout=${TIMEOUTS[kind]}`,
      '--write-out=json',
      ...words,
    ],
    resources: { requests: { cpu: '5m', memory: '16Mi' } },
    securityContext: containerSecurity,
    volumeMounts: [{ name: 'files', mountPath: FILES, readOnly: true }],
  });
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: seedMeta(cluster, etcdTaskName(cluster, kind), 'etcd-task'),
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: LONGEST_SECONDS,
      ttlSecondsAfterFinished: KEPT_SECONDS,
      template: {
        metadata: { labels: podLabelsOf(cluster, 'etcd-task') },
        spec: {
          ...podSecurity,
          restartPolicy: 'Never',
          containers: Object.entries(commands).map(container),
          volumes: [{ name: 'files', secret: { secretName: `${namesOf(cluster).etcdTask}-files`, defaultMode: SECRET_FILE_MODE } }],
        },
      },
    },
  };
};
