/** The cluster's scheduler. */

import type { ClusterPki } from '../pki/bundle.ts';
import { buildDisruptionBudget } from './availability.ts';
import { namesOf, type ReachableCluster } from './hostedCluster.ts';
import { imageOf } from './images.ts';
import type { KubernetesObject } from './object.ts';
import { buildSchedulerSecret } from './secrets.ts';
import { SERVING } from './serving.ts';
import { buildDeployment, LEASE } from './workload.ts';

const FILES = '/etc/kubernetes/pki';

/** Secret, Deployment and disruption budget. */
export const buildScheduler = (cluster: ReachableCluster, pki: ClusterPki): KubernetesObject[] => {
  const files = buildSchedulerSecret(cluster, pki);
  const kubeconfig = `${FILES}/scheduler.conf`;
  const deployment = buildDeployment(cluster, {
    component: 'kube-scheduler',
    name: namesOf(cluster).scheduler,
    image: imageOf(cluster, 'kube-scheduler'),
    replicas: cluster.managerReplicas,
    command: [
      'kube-scheduler',
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--bind-address=0.0.0.0',
      '--leader-elect=true',
      ...LEASE,
      ...SERVING,
    ],
    port: 10259,
    probes: { live: '/livez', ready: '/readyz' },
    mounts: [{ volume: 'files', path: FILES, source: files }],
    resources: cluster.resources.scheduler,
    graceSeconds: null,
  });
  return [files, deployment, ...buildDisruptionBudget(cluster, 'kube-scheduler', namesOf(cluster).scheduler, cluster.managerReplicas)];
};
