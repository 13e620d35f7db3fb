/** Once no worker is left, all that runs of the cluster in the seed stops; what it needs to begin anew stays. */
import { isHibernating } from '../../../domain/hibernation.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { stopControlPlane } from '../atZero.ts';
import type { ClusterScope } from '../scope.ts';
import { groupsInSeed } from './addons.ts';
import { KEYSTONE_AUTH } from './keystoneAuth.ts';
import { workersAway } from './workersAway.ts';

export const controlPlaneStopped: Step<ClusterScope> = {
  name: 'ControlPlaneStopped',
  title: 'Stop the control plane',
  usuallyMs: 60_000,
  late: 'CLOUD_ADMIN',
  needs: [workersAway],
  wanted: ({ row }) => isHibernating(row),
  ensure: async (scope) => {
    // What stands beside it holds nothing that is not made anew.
    for (const group of [...groupsInSeed, KEYSTONE_AUTH]) if (await scope.hasApplied(group)) await scope.applyToSeed(group, []);
    const going = await stopControlPlane(scope);
    return going === undefined ? done() : waiting(`${going} to stop`, 1_000);
  },
};
