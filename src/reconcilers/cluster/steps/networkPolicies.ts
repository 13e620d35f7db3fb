/** Who may speak to whom in the cluster's namespace, settled before anything runs there. */
import { buildNetworkPolicies } from '../../../controlPlane/networkPolicies.ts';
import { done, type Step } from '../../../engine/flow.ts';
import type { ClusterScope } from '../scope.ts';
import { apiEndpoint } from './apiEndpoint.ts';

export const networkPolicies: Step<ClusterScope> = {
  name: 'NetworkPoliciesReady',
  title: 'Shut the namespace in the seed',
  usuallyMs: 2_000,
  // The API's port can be the seed's choice.
  needs: [apiEndpoint],
  ensure: async (scope) => {
    await scope.applyToSeed('network-policies', buildNetworkPolicies(await scope.reachable()));
    return done();
  },
};
