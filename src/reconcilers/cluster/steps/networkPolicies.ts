/** Who may speak to whom in the cluster's namespace, settled before anything runs there. */
import { buildNetworkPolicies } from '../../../controlPlane/networkPolicies.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { remembering } from '../../../lib/remember.ts';
import type { ClusterScope } from '../scope.ts';
import { apiEndpoint } from './apiEndpoint.ts';

const objectsOf = remembering(buildNetworkPolicies);

export const networkPolicies: Step<ClusterScope> = {
  name: 'NetworkPoliciesReady',
  title: 'Shut the namespace in the seed',
  usuallyMs: 2_000,
  // The API's port can be the seed's choice.
  needs: [apiEndpoint],
  ensure: async (scope) => {
    await scope.applyToSeed('network-policies', objectsOf(await scope.reachable()));
    return done();
  },
};
