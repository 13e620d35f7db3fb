/** The scheduler of the cluster. */

import { namesOf } from '../../../controlPlane/hostedCluster.ts';
import { buildScheduler } from '../../../controlPlane/scheduler.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { remembering } from '../../../lib/remember.ts';
import { readyReplicas } from '../../workload.ts';
import type { ClusterScope } from '../scope.ts';
import { untilMoved } from '../upgradeOrder.ts';
import { apiServer } from './apiServer.ts';
import { separated } from './separated.ts';

const objectsOf = remembering(buildScheduler);

export const scheduler: Step<ClusterScope> = {
  name: 'SchedulerReady',
  title: 'Start the scheduler',
  usuallyMs: 60_000,
  // Earlier it would only back off: without an API it cannot take its lease.
  needs: [apiServer, separated],
  ensure: async (scope) => {
    const hosted = await scope.reachable();
    const objects = objectsOf(hosted, await scope.pki());
    await scope.applyToSeed('kube-scheduler', objects);
    const live = (await scope.seed()).deployments.get(hosted.namespace, namesOf(hosted).scheduler);
    if (readyReplicas(live) < 1) return waiting('the scheduler to be ready', 10_000);
    return (await untilMoved(scope, objects)) ?? done();
  },
};
