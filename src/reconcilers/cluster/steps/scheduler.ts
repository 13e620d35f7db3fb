/** The scheduler of the cluster. */

import { namesOf } from '../../../controlPlane/hostedCluster.ts';
import { buildScheduler } from '../../../controlPlane/scheduler.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { remembering } from '../../../lib/remember.ts';
import { readyReplicas } from '../../workload.ts';
import type { ClusterScope } from '../scope.ts';
import { apiServer } from './apiServer.ts';

const objectsOf = remembering(buildScheduler);

export const scheduler: Step<ClusterScope> = {
  name: 'SchedulerReady',
  title: 'Start the scheduler',
  usuallyMs: 60_000,
  // Earlier it would only back off: without an API it cannot take its lease.
  needs: [apiServer],
  ensure: async (scope) => {
    const hosted = await scope.reachable();
    await scope.applyToSeed('kube-scheduler', objectsOf(hosted, await scope.pki()));
    const live = (await scope.seed()).deployments.get(hosted.namespace, namesOf(hosted).scheduler);
    return readyReplicas(live) >= 1 ? done() : waiting('the scheduler to be ready', 10_000);
  },
};
