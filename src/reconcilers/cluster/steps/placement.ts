/** Chooses the seed that holds the control plane, and keeps the reasons. */
import { nodeCidrOf } from '../../../domain/cluster.ts';
import { seedDemandOf } from '../../../domain/controlPlane.ts';
import { choosePlacement } from '../../../domain/placement.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { stableJson } from '../../../lib/json.ts';
import { patchCluster } from '../../../store/reconcile.ts';
import { listSeedCandidates } from '../../../store/seeds.ts';
import { enqueue } from '../../../store/workItems.ts';
import type { ClusterScope } from '../scope.ts';

/** While somebody waits for room, seeds are counted this often. */
const RECOUNT_MS = 60_000;

export const placement: Step<ClusterScope> = {
  name: 'Placed',
  title: 'Choose a seed',
  usuallyMs: 5_000,
  ensure: async (scope) => {
    if (scope.row.seedId !== null) return done();
    const { spec } = scope.row;
    const nodeCidr = nodeCidrOf(scope.row);
    if (nodeCidr === null) return waiting('the range of the given subnet', 2_000);
    const placed = await scope.write(async (tx) => {
      // Where it is written down: of clusters that look at the same time each is to see those that were placed before it.
      const candidates = await listSeedCandidates(tx.db);
      const { seedId, reasons } = choosePlacement(candidates, {
        seedId: scope.row.requestedSeedId,
        region: null,
        selector: spec.seedSelector,
        kept: spec.controlPlane.allowedCidrs.length > 0,
        floatingIp: spec.masterLbFloatingIpEnabled,
        demand: seedDemandOf(spec.controlPlane),
        cidrs: [spec.podCidr, spec.serviceCidr, nodeCidr],
      });
      const patch = seedId === null ? { placement: reasons } : { placement: reasons, seedId };
      if (seedId !== null || stableJson(reasons) !== stableJson(scope.row.placement)) await patchCluster(tx, scope.row.id, patch);
      Object.assign(scope.row, patch);
      // What was used up at a seed's last look may be free by now.
      if (seedId === null)
        for (const { id, free } of candidates) if (free !== null) await enqueue(tx, 'SEED', id, scope.clock.now() + RECOUNT_MS);
      return seedId !== null;
    });
    return placed ? done() : waiting('a seed with room for this cluster', 15_000, 'CLOUD_ADMIN');
  },
};
