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
    // How many begin together is settled before the first of them begins.
    if (scope.row.etcd === null) await scope.patch({ etcd: { members: scope.row.spec.controlPlane.replicas, voters: 0 } });
    await apply(scope);
    const hosted = await scope.reachable();
    const { members, phase } = hosted.etcd;
    const live = (await scope.seed()).statefulSets.get(hosted.namespace, namesOf(hosted).etcd);
    const ready = readyReplicas(live);
    if (ready < members)
      return waiting(members === 1 ? 'etcd to be ready' : `all ${members} members of etcd to be ready (${ready} are)`, 10_000);
    if (phase === 'FORMING') {
      await scope.patch({ etcd: { members, voters: members } });
      await apply(scope);
    }
    return done();
  },
};

const apply = async (scope: ClusterScope): Promise<void> => {
  await scope.applyToSeed('etcd', buildEtcd(await scope.reachable(), await scope.pki()));
};
