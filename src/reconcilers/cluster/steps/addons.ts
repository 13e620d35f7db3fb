/** One step for each addon of the list. */
import { addons } from '../../../addons/index.ts';
import { done, type Step } from '../../../engine/flow.ts';
import type { ClusterScope } from '../scope.ts';
import { tenantBootstrap } from './tenantBootstrap.ts';

export const addonSteps: readonly Step<ClusterScope>[] = addons.map((addon) => ({
  name: `Addon${addon.name}Installed`,
  title: `Install ${addon.title}`,
  usuallyMs: 10_000,
  needs: [tenantBootstrap],
  ensure: async (scope) => {
    const cluster = await scope.reachable();
    // An addon that is not wanted is an empty group: what was there before is pruned.
    await scope.applyToTenant(addon.name, addon.wanted(cluster) ? addon.objects(cluster) : []);
    return done();
  },
}));
