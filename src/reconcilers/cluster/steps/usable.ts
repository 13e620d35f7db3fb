/** The last look: everything runs, and the API answers as a customer would meet it. */
import { done, type Step, waiting } from '../../../engine/flow.ts';
import type { ClusterScope } from '../scope.ts';
import { addonSteps } from './addons.ts';
import { apiServer } from './apiServer.ts';
import { controllerManager } from './controllerManager.ts';
import { etcd } from './etcd.ts';
import { nodeGroups } from './nodeGroups.ts';
import { scheduler } from './scheduler.ts';

export const usable: Step<ClusterScope> = {
  name: 'Usable',
  title: 'Check that the cluster can be used',
  usuallyMs: 5_000,
  needs: [etcd, apiServer, controllerManager, scheduler, ...addonSteps, nodeGroups],
  ensure: async (scope) => {
    const { kube } = await scope.tenant();
    const { status } = await kube.raw('/readyz');
    return status === 200 ? done() : waiting('the API to answer', 1_000);
  },
};
