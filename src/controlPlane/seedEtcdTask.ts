/** An errand to the etcd of a made seed: a Job on one of the machines that run it, with the client certificate that kubeadm left there. */

import type { HostedCluster } from './hostedCluster.ts';
import { imageOf } from './images.ts';
import type { KubernetesObject } from './object.ts';
import { containerSecurity } from './podSecurity.ts';

const FILES = '/etc/kubernetes/pki/etcd';
/** Of what ended and was not read. */
const KEPT_SECONDS = 300;
const LONGEST_SECONDS = 120;

export type SeedEtcdTask = Pick<HostedCluster, 'imageRegistry' | 'imageDigests' | 'release'> & {
  kind: 'look' | 'change';
  /** Of a machine that runs etcd and is Ready. */
  nodeName: string;
  /** Words for etcdctl. */
  words: string[];
};

export const SEED_ETCD_NAMESPACE = 'kube-system';

export const seedEtcdTaskName = (kind: SeedEtcdTask['kind']): string => `seedbed-etcd-${kind}`;

/** etcd's image has no shell, so the command is the container, and its log is the answer. */
export const buildSeedEtcdTask = ({ kind, nodeName, words, ...images }: SeedEtcdTask): KubernetesObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: seedEtcdTaskName(kind), namespace: SEED_ETCD_NAMESPACE },
  spec: {
    backoffLimit: 0,
    activeDeadlineSeconds: LONGEST_SECONDS,
    ttlSecondsAfterFinished: KEPT_SECONDS,
    template: {
      spec: {
        restartPolicy: 'Never',
        hostNetwork: true,
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        priorityClassName: 'system-cluster-critical',
        nodeSelector: { 'kubernetes.io/hostname': nodeName },
        tolerations: [{ operator: 'Exists' }],
        // kubeadm's keys are root's alone.
        securityContext: { runAsUser: 0, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: kind,
            image: imageOf(images, 'etcd'),
            imagePullPolicy: 'IfNotPresent',
            command: [
              'etcdctl',
              '--endpoints=https://127.0.0.1:2379',
              `--cacert=${FILES}/ca.crt`,
              `--cert=${FILES}/healthcheck-client.crt`,
              `--key=${FILES}/healthcheck-client.key`,
              '--command-timeout=20s',
              '--write-out=json',
              ...words,
            ],
            resources: { requests: { cpu: '5m', memory: '16Mi' } },
            securityContext: containerSecurity,
            volumeMounts: [{ name: 'files', mountPath: FILES, readOnly: true }],
          },
        ],
        volumes: [{ name: 'files', hostPath: { path: FILES, type: 'Directory' } }],
      },
    },
  },
});
