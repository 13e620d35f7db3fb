/** The cluster's own etcd. */
import { buildEtcd } from '../../../controlPlane/etcd.ts';
import { namesOf } from '../../../controlPlane/hostedCluster.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { readyReplicas } from '../../workload.ts';
import type { ClusterScope } from '../scope.ts';
import { certificates } from './certificates.ts';
import { seedTurn } from './seedTurn.ts';

export const etcd: Step<ClusterScope> = {
  name: 'EtcdReady',
  title: 'Start etcd',
  usuallyMs: 60_000,
  needs: [certificates, seedTurn],
  ensure: async (scope) => {
    const hosted = await scope.reachable();
    await scope.applyToSeed('etcd', buildEtcd(hosted, await scope.pki()));
    const live = (await scope.seed()).statefulSets.get(hosted.namespace, namesOf(hosted).etcd);
    return readyReplicas(live) >= hosted.etcd.replicas ? done() : waiting('etcd to be ready', 10_000);
  },
};
