/** The API server, up to its answering through the public address. */
import { buildApiServer } from '../../../controlPlane/apiServer.ts';
import { namesOf } from '../../../controlPlane/hostedCluster.ts';
import { selectorOf } from '../../../controlPlane/workload.ts';
import { SeedbedError } from '../../../domain/errors.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { remembering } from '../../../lib/remember.ts';
import { readyReplicas } from '../../workload.ts';
import type { ClusterScope } from '../scope.ts';
import { certificates } from './certificates.ts';
import { networkPolicies } from './networkPolicies.ts';
import { endTurn, seedTurn } from './seedTurn.ts';

const objectsOf = remembering(buildApiServer);

export const apiServer: Step<ClusterScope> = {
  name: 'ApiServerReady',
  title: 'Start the API server',
  usuallyMs: 60_000,
  // Not after etcd: it waits for etcd by itself, and its image is pulled meanwhile.
  needs: [networkPolicies, certificates, seedTurn],
  ensure: async (scope) => {
    const hosted = await scope.reachable();
    await scope.applyToSeed('kube-apiserver', objectsOf(hosted, await scope.pki()));
    const live = (await scope.seed()).deployments.get(hosted.namespace, namesOf(hosted).apiServer);
    const ready = readyReplicas(live);
    if (ready < 1) return waiting('the API server to be ready', 10_000);
    const outcome = await answers(scope);
    // One is enough to go on with. The seed is as busy with the second as it was with the first: one that has no CPU to set up
    // its roles within 30 s ends itself, and begins anew.
    if (outcome.kind === 'done' && ready >= hosted.apiServerReplicas) await endTurn(scope);
    return outcome;
  },
  // With etcd gone first it would wait out its whole grace period: https://github.com/kubernetes/kubernetes keeps lease writers waiting.
  remove: async (scope) => {
    scope.world.tenants.close(scope.row.id);
    if (scope.row.seedId === null || scope.row.seedAbandoned) return done();
    const hosted = await scope.hosted();
    const { kube } = await scope.seed();
    await kube.remove(
      { apiVersion: 'apps/v1', kind: 'Deployment', namespace: hosted.namespace, name: namesOf(hosted).apiServer },
      { propagation: 'Background' },
    );
    const labelSelector = Object.entries(selectorOf(hosted, 'kube-apiserver'))
      .map(([key, value]) => `${key}=${value}`)
      .join(',');
    const pods = await kube.list({ apiVersion: 'v1', kind: 'Pod', namespace: hosted.namespace, labelSelector });
    return pods.items.length === 0 ? done() : waiting('the API server to end', 1_000);
  },
};

/** Ready pods are not enough: the way through the seed's load balancer must be open too. At rest an open watch says so. */
const answers = async (scope: ClusterScope): Promise<Outcome> => {
  try {
    const { kube, isHeard } = await scope.tenant();
    if (scope.look === 'full' && isHeard()) return done();
    const { status } = await kube.raw('/readyz');
    return status === 200 ? done() : waiting('the API to answer on its public address', 500);
  } catch (error) {
    if (error instanceof SeedbedError && error.retryable) return waiting('the API to answer on its public address', 500);
    throw error;
  }
};
