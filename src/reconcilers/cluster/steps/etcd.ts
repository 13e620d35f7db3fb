/** The cluster's own etcd. */
import { buildEtcd } from '../../../controlPlane/etcd.ts';
import { namesOf } from '../../../controlPlane/hostedCluster.ts';
import { UserError } from '../../../domain/errors.ts';
import { formingOf } from '../../../domain/etcd.ts';
import { type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { remembering } from '../../../lib/remember.ts';
import { readyReplicas } from '../../workload.ts';
import { countControlPlane } from '../controlPlaneUse.ts';
import { ensureMembership } from '../etcdMembership.ts';
import type { ClusterScope } from '../scope.ts';
import { untilMoved } from '../upgradeOrder.ts';
import { certificates } from './certificates.ts';
import { networkPolicies } from './networkPolicies.ts';
import { restored } from './restored.ts';
import { seedTurn } from './seedTurn.ts';

const objectsOf = remembering(buildEtcd);

export const etcd: Step<ClusterScope> = {
  name: 'EtcdReady',
  title: 'Start etcd',
  usuallyMs: 60_000,
  needs: [networkPolicies, certificates, seedTurn, restored],
  ensure: async (scope) => {
    // How many begin together is settled before the first of them begins.
    if (scope.row.etcd === null) await scope.patch({ etcd: formingOf(scope.row.spec.controlPlane.replicas) });
    await countControlPlane(scope);
    await apply(scope);
    const hosted = await scope.reachable();
    const { members, phase } = hosted.etcd;
    const seed = await scope.seed();
    const live = seed.statefulSets.get(hosted.namespace, namesOf(hosted).etcd);
    const ready = readyReplicas(live);
    if (phase === 'FORMING') {
      if (ready < members) await checkVolumeType(scope);
      if (ready < members) return wait(members, ready);
      await scope.patch({ etcd: { ...formingOf(members), phase: 'SETTLED' } });
      seed.etcdStart.tookMs = scope.clock.now() - (scope.row.seedTurnAt ?? 0);
      await apply(scope);
    }
    const moved = await ensureMembership(scope, ready, () => apply(scope));
    if (moved.kind === 'waiting') return moved;
    if (ready < members) return wait(members, ready);
    return (await untilMoved(scope, objectsOf(await scope.reachable(), await scope.pki()))) ?? moved;
  },
};

const wait = (members: number, ready: number): Outcome =>
  waiting(members === 1 ? 'etcd to be ready' : `all ${members} members of etcd to be ready (${ready} are)`, 10_000);

const apply = async (scope: ClusterScope): Promise<void> => {
  await scope.applyToSeed('etcd', objectsOf(await scope.reachable(), await scope.pki()));
};

/** A claim of a class that is not there waits for ever and says nothing. */
const checkVolumeType = async (scope: ClusterScope): Promise<void> => {
  const name = scope.row.spec.controlPlane.etcd.volumeType;
  if (name === null) return;
  const { kube } = await scope.seed();
  if ((await kube.get({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', name })) !== undefined) return;
  throw new UserError('INVALID_INPUT', `The seed has no StorageClass ${name}; make the cluster with another volumeType, or without one.`, {
    field: ['controlPlane', 'etcd', 'volumeType'],
    whoMustAct: 'CUSTOMER',
  });
};
