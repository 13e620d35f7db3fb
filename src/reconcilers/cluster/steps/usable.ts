/** The last look: everything runs, and the API answers as a customer would meet it. */
import { namesOf } from '../../../controlPlane/hostedCluster.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { readyReplicas } from '../../workload.ts';
import type { ClusterScope } from '../scope.ts';
import { addonSteps } from './addons.ts';
import { apiServer } from './apiServer.ts';
import { autoScaling } from './autoScaling.ts';
import { controllerManager } from './controllerManager.ts';
import { etcd } from './etcd.ts';
import { keystoneAuth } from './keystoneAuth.ts';
import { nodeGroups } from './nodeGroups.ts';
import { scheduler } from './scheduler.ts';
import { tunnel } from './tunnel.ts';

export const usable: Step<ClusterScope> = {
  name: 'Usable',
  title: 'Check that the cluster can be used',
  usuallyMs: 5_000,
  needs: [etcd, apiServer, controllerManager, scheduler, keystoneAuth, autoScaling, ...addonSteps, nodeGroups, tunnel],
  ensure: async (scope) => {
    const missing = await missingReplicas(scope);
    if (missing !== undefined) return waiting(missing, 10_000);
    const { kube, isHeard } = await scope.tenant();
    if (scope.look === 'full' && isHeard()) return done();
    const { status } = await kube.raw('/readyz');
    return status === 200 ? done() : waiting('the API to answer', 1_000);
  },
};

/** The steps before are content with one of each, so that a broken second one holds nothing up but this. */
const missingReplicas = async (scope: ClusterScope): Promise<string | undefined> => {
  const hosted = await scope.reachable();
  const names = namesOf(hosted);
  const { deployments } = await scope.seed();
  const wanted: [string, string, number][] = [
    ['API servers', names.apiServer, hosted.apiServerReplicas],
    ['controller managers', names.controllerManager, hosted.managerReplicas],
    ['schedulers', names.scheduler, hosted.managerReplicas],
  ];
  for (const [what, name, count] of wanted) {
    const ready = readyReplicas(deployments.get(hosted.namespace, name));
    if (ready < count) return `all ${count} ${what} to be ready (${ready} are)`;
  }
  return undefined;
};
