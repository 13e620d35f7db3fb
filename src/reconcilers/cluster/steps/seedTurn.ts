/** Waits for a turn: a seed starts only so many control planes at once. */
import { startsAtOnce } from '../../../domain/seed.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { endSeedTurn, takeSeedTurn } from '../../../store/seedTurns.ts';
import type { ClusterScope } from '../scope.ts';
import { placement } from './placement.ts';
import { quotas } from './quotas.ts';

export const seedTurn: Step<ClusterScope> = {
  name: 'SeedTurn',
  title: 'Wait for a turn on the seed',
  usuallyMs: 60_000,
  needs: [quotas, placement],
  ensure: async (scope) => {
    const { row } = scope;
    // A cluster that wakes is started as one that is made.
    const wakes = row.hibernation !== null;
    if (row.seedTurn === 'STARTING' || row.seedTurn === 'DONE' || (row.observedGeneration > 0 && !wakes)) return done();
    const atOnce = startsAtOnce((await scope.seedRow()).facts);
    const { granted, starting, before } = await scope.write((tx) => takeSeedTurn(tx, row, atOnce, scope.clock.now()));
    // Whose they are is not said: they may be another project's.
    return granted
      ? done()
      : waiting(`its turn: ${starting} control planes are being started on the seed, ${before} wait before it`, 5_000);
  },
  remove: async (scope) => {
    await endTurn(scope);
    return done();
  },
};

/** The control plane runs, or is not to run any more: the next may start. */
export const endTurn = async (scope: ClusterScope): Promise<void> => {
  const { row } = scope;
  if (row.seedTurn === 'STARTING' || row.seedTurn === 'WAITING') await scope.write((tx) => endSeedTurn(tx, row, scope.clock.now()));
};
