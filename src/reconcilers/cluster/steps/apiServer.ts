/** The API server, up to its answering through the public address. */
import { buildApiServer } from '../../../controlPlane/apiServer.ts';
import { type HostedCluster, namesOf } from '../../../controlPlane/hostedCluster.ts';
import { selectorOf } from '../../../controlPlane/workload.ts';
import { SeedbedError } from '../../../domain/errors.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { remembering } from '../../../lib/remember.ts';
import { isSeedTurnShared } from '../../../store/seedTurns.ts';
import type { SeedHandle } from '../../seedRegistry.ts';
import { readyReplicas, selectorText } from '../../workload.ts';
import { noteStarted } from '../move.ts';
import type { ClusterScope } from '../scope.ts';
import { checkWayBack, untilMoved, untilStageMoved } from '../upgradeOrder.ts';
import { certificates } from './certificates.ts';
import { networkPolicies } from './networkPolicies.ts';
import { restored } from './restored.ts';
import { endTurn, seedTurn } from './seedTurn.ts';

const objectsOf = remembering(buildApiServer);

const GROUP = 'kube-apiserver';

/** It ends itself when etcd has not answered for 20 s, and the kubelet lets it wait before it begins anew. */
const ETCD_FAST_MS = 12_000;

export const apiServer: Step<ClusterScope> = {
  name: 'ApiServerReady',
  title: 'Start the API server',
  usuallyMs: 60_000,
  needs: [networkPolicies, certificates, seedTurn, restored],
  ensure: async (scope) => {
    const hosted = await scope.reachable();
    const seed = await scope.seed();
    const early = (await scope.hasApplied(GROUP)) ? wakesBeforeEtcd(scope, hosted, seed) : await isTooEarly(scope, seed);
    if (early) return waiting('etcd to be ready', 10_000);
    const held = await untilStageMoved(scope, 'etcd');
    if (held !== null) return held;
    await checkWayBack(scope);
    const objects = objectsOf(hosted, await scope.pki());
    await noteStarted(scope);
    await scope.applyToSeed(GROUP, objects);
    const live = seed.deployments.get(hosted.namespace, namesOf(hosted).apiServer);
    const ready = readyReplicas(live);
    if (ready < 1) return waiting('the API server to be ready', 10_000);
    const outcome = await answers(scope);
    // One is enough to go on with. The seed is as busy with the second as it was with the first: one that has no CPU to set up
    // its roles within 30 s ends itself, and begins anew.
    if (outcome.kind === 'done' && ready >= hosted.apiServerReplicas) await endTurn(scope);
    // On the way to another version all that comes after waits for the last of them: a controller manager may be no newer than any.
    return outcome.kind === 'waiting' ? outcome : ((await untilMoved(scope, objects)) ?? outcome);
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
    const labelSelector = selectorText(selectorOf(hosted, 'kube-apiserver'));
    const pods = await kube.list({ apiVersion: 'v1', kind: 'Pod', namespace: hosted.namespace, labelSelector });
    return pods.items.length === 0 ? done() : waiting('the API server to end', 1_000);
  },
};

/**
 * Beside an etcd that starts as well it is ready sooner, where etcd is fast: its image is pulled and its pod placed meanwhile. How fast it
 * will be the last one tells, unless the seed starts others at the same time.
 */
const isTooEarly = async ({ db, row }: ClusterScope, { etcdStart }: SeedHandle): Promise<boolean> => {
  if (row.etcd !== null && row.etcd.phase !== 'FORMING') return false;
  return etcdStart.tookMs === null || etcdStart.tookMs > ETCD_FAST_MS || (await isSeedTurnShared(db, row));
};

/** Out of hibernation its volumes have to be attached first. */
const wakesBeforeEtcd = ({ row }: ClusterScope, hosted: HostedCluster, { statefulSets }: SeedHandle): boolean =>
  row.hibernation !== null && readyReplicas(statefulSets.get(hosted.namespace, namesOf(hosted).etcd)) === 0;

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
