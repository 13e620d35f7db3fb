/**
 * A Job in the seed that reads the metrics of etcd's members. Seedbed itself reaches only the seed's API; its proxy to pods would take a right
 * on every pod of the seed, and would be let through by the NetworkPolicies of some networks and not of others. So curl asks from a pod that
 * may speak to etcd anyway, at the port for clients, where etcd shows its metrics to whoever has a client's certificate.
 */
import { etcdTaskName, FILES, taskPodOf } from './etcdTask.ts';
import { etcdMembersOf, type HostedCluster } from './hostedCluster.ts';
import { CURL, imageFrom } from './images.ts';
import { type KubernetesObject, seedMeta } from './object.ts';
import { containerSecurity } from './podSecurity.ts';

const KEPT_SECONDS = 300;
const LONGEST_SECONDS = 120;
const MOST_BYTES = 4_000_000;

/** One container a member, by `metricsContainerOf` its number; its log is the answer. A learner answers no client. */
export const buildEtcdMetricsTask = (cluster: HostedCluster): KubernetesObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: seedMeta(cluster, etcdTaskName(cluster, 'metrics'), 'etcd-task'),
  spec: {
    backoffLimit: 0,
    activeDeadlineSeconds: LONGEST_SECONDS,
    ttlSecondsAfterFinished: KEPT_SECONDS,
    template: taskPodOf(
      cluster,
      etcdMembersOf(cluster, cluster.etcd.members)
        .map(({ host }, number) => containerOf(cluster, host, number))
        .filter((_, number) => number !== cluster.etcd.joining),
    ),
  },
});

export const metricsContainerOf = (number: number): string => `member-${number}`;

const containerOf = (cluster: HostedCluster, host: string, number: number): object => ({
  name: metricsContainerOf(number),
  image: imageFrom(cluster, CURL),
  imagePullPolicy: 'IfNotPresent',
  command: ['curl', '--silent', '--show-error', '--fail', ...limits, ...access, `https://${host}:2379/metrics`],
  resources: { requests: { cpu: '5m', memory: '16Mi' } },
  securityContext: containerSecurity,
  volumeMounts: [{ name: 'files', mountPath: FILES, readOnly: true }],
});

const limits = ['--max-time', '20', '--max-filesize', String(MOST_BYTES)];
const access = ['--cacert', `${FILES}/ca.crt`, '--cert', `${FILES}/client.crt`, '--key', `${FILES}/client.key`];
