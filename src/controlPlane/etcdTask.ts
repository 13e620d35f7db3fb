/** An errand to etcd: a Job in the seed that runs etcdctl, since Seedbed itself reaches only the seed's API. */
import { fingerprint } from '../lib/json.ts';
import { priorityOf } from './availability.ts';
import { etcdMembersOf, type HostedCluster, namesOf } from './hostedCluster.ts';
import { imageOf } from './images.ts';
import { type KubernetesObject, labelsOf, seedMeta } from './object.ts';
import { containerSecurity, podSecurity, SECRET_FILE_MODE } from './podSecurity.ts';
import { podLabelsOf } from './workload.ts';

export const FILES = '/etc/etcd/pki';
/** Of what ended and was not read, because its reason went away. */
const KEPT_SECONDS = 300;
const LONGEST_SECONDS = 120;
/** A look asks each member, and one that is down is waited for. */
const TIMEOUTS: Record<EtcdTask['kind'], string> = { look: '4s', compare: '20s', check: '4s', change: '20s', errand: '60s' };

export interface EtcdTask {
  /** One Job of a kind at a time: look, compare and change are for the list of members, check and errand for looking after those there are. */
  kind: 'look' | 'compare' | 'change' | 'check' | 'errand';
  /** Words for etcdctl by the name of their container; all run at the same time. */
  commands: Record<string, string[]>;
  /** Number of the only member that is asked; without it, all that have a vote. */
  only?: number;
}

export const etcdTaskName = (cluster: HostedCluster, kind: EtcdTask['kind'] | 'health' | 'metrics'): string =>
  `${namesOf(cluster).etcdTask}-${kind}`;

/** etcd's image has no shell, so each command is a container of its own, and its log is the answer. */
export const buildEtcdTask = (cluster: HostedCluster, { kind, commands, only }: EtcdTask): KubernetesObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: seedMeta(cluster, etcdTaskName(cluster, kind), 'etcd-task'),
  spec: { ...jobSpecOf(cluster, commands, TIMEOUTS[kind], only), ttlSecondsAfterFinished: KEPT_SECONDS },
});

/**
 * Once an hour the seed itself asks whether all members answer and none has raised an alarm. It costs Seedbed no call: a Job that
 * fails is seen by the watch, and then etcd is looked at.
 */
export const buildEtcdHealthCheck = (cluster: HostedCluster): KubernetesObject => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: seedMeta(cluster, etcdTaskName(cluster, 'health'), 'etcd-task'),
  spec: {
    // Not all clusters in the same minute.
    schedule: `${Number.parseInt(fingerprint(cluster.id).slice(0, 6), 16) % 60} * * * *`,
    concurrencyPolicy: 'Forbid',
    startingDeadlineSeconds: 600,
    successfulJobsHistoryLimit: 0,
    failedJobsHistoryLimit: 1,
    jobTemplate: {
      metadata: { labels: labelsOf(cluster, 'etcd-task') },
      spec: jobSpecOf(cluster, { health: ['endpoint', 'health'] }, '20s'),
    },
  },
});

const jobSpecOf = (cluster: HostedCluster, commands: EtcdTask['commands'], timeout: string, only?: number): object => {
  const { members, joining } = cluster.etcd;
  // A learner answers no client.
  const asked = etcdMembersOf(cluster, members).filter((_, number) => (only === undefined ? number !== joining : number === only));
  const container = ([name, words]: [string, string[]]): object => ({
    name,
    image: imageOf(cluster, 'etcd'),
    imagePullPolicy: 'IfNotPresent',
    command: [
      'etcdctl',
      `--endpoints=${asked.map(({ host }) => `https://${host}:2379`).join(',')}`,
      `--cacert=${FILES}/ca.crt`,
      `--cert=${FILES}/client.crt`,
      `--key=${FILES}/client.key`,
      `--command-timeout=${timeout}`,
      '--write-out=json',
      ...words,
    ],
    resources: { requests: { cpu: '5m', memory: '16Mi' } },
    securityContext: containerSecurity,
    volumeMounts: [{ name: 'files', mountPath: FILES, readOnly: true }],
  });
  return {
    backoffLimit: 0,
    activeDeadlineSeconds: LONGEST_SECONDS,
    template: taskPodOf(cluster, Object.entries(commands).map(container)),
  };
};

/** A pod that may speak to etcd, with a client's certificate as the volume `files`. */
export const taskPodOf = (cluster: HostedCluster, containers: object[]): object => ({
  metadata: { labels: podLabelsOf(cluster, 'etcd-task') },
  spec: {
    ...podSecurity,
    ...priorityOf(cluster),
    restartPolicy: 'Never',
    containers,
    volumes: [{ name: 'files', secret: { secretName: `${namesOf(cluster).etcdTask}-files`, defaultMode: SECRET_FILE_MODE } }],
  },
});
