/** What must be in the cluster before a node can join it: rights, cluster-info, kubeadm's and the kubelet's configuration. */
import { buildBootstrapObjects } from '../../../controlPlane/bootstrap.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { remembering } from '../../../lib/remember.ts';
import { type ClusterScope, wakeWaitingNodes } from '../scope.ts';
import { apiServer } from './apiServer.ts';

const objectsOf = remembering(buildBootstrapObjects);

export const tenantBootstrap: Step<ClusterScope> = {
  name: 'TenantBootstrapped',
  title: 'Prepare the cluster for nodes',
  usuallyMs: 10_000,
  needs: [apiServer],
  ensure: async (scope) => {
    const { cert } = (await scope.pki()).authorities.ca;
    const written = await scope.applyToTenant('bootstrap', objectsOf(await scope.reachable(), cert));
    // Their tokens can be handed out from now on.
    if (written) await wakeWaitingNodes(scope);
    return done();
  },
};
