/** Chooses the seed that holds the control plane, and keeps the reasons. */
import { choosePlacement } from '../../../domain/placement.ts';
import type { SeedCandidate } from '../../../domain/seed.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { countClustersOnSeed, listLiveSeeds } from '../../../store/reconcile.ts';
import type { ClusterScope } from '../scope.ts';

export const placement: Step<ClusterScope> = {
  name: 'Placed',
  title: 'Choose a seed',
  usuallyMs: 5_000,
  ensure: async (scope) => {
    if (scope.row.seedId !== null) return done();
    const { spec } = scope.row;
    const candidates = await listCandidates(scope);
    const choice = choosePlacement(candidates, {
      seedId: scope.row.requestedSeedId,
      region: null,
      selector: spec.seedSelector,
      cidrs: [spec.podCidr, spec.serviceCidr],
    });
    if (choice.seedId === null) {
      await scope.patch({ placement: choice.reasons });
      return waiting('a seed with room for this cluster', 15_000, 'CLOUD_ADMIN');
    }
    await scope.patch({ placement: choice.reasons, seedId: choice.seedId });
    return done();
  },
};

const listCandidates = async ({ db }: ClusterScope): Promise<SeedCandidate[]> =>
  Promise.all(
    (await listLiveSeeds(db)).map(async (seed) => ({
      id: seed.id,
      name: seed.name,
      region: seed.region,
      labels: seed.labels,
      cordoned: seed.cordoned || seed.deleteRequestedAt !== null,
      state: seed.state,
      maxClusters: seed.maxClusters,
      used: await countClustersOnSeed(db, seed.id),
      cidrs: [seed.podCidr, seed.serviceCidr, ...(seed.facts?.podCidrs ?? [])].filter((cidr) => cidr !== null),
    })),
  );
