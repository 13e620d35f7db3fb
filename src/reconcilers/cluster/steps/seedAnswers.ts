/** The seed that the control plane runs in is heard: what is known of the cluster is known now. */
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { saySilence } from '../../holds.ts';
import type { ClusterScope } from '../scope.ts';
import { placement } from './placement.ts';

/** Who sees the seed again wakes its clusters. */
const LOOK_MS = 60_000;

export const seedAnswers: Step<ClusterScope> = {
  name: 'SeedAnswers',
  title: 'Hear from the seed',
  needs: [placement],
  ensure: async (scope) => ((await scope.seedRow()).lostAt === null ? done() : silence(scope)),
};

/** In place of all steps while the seed is lost. Never done: one step that is done would be all that was asked for. */
export const seedSilent: Step<ClusterScope> = { ...seedAnswers, needs: [], ensure: (scope) => silence(scope) };

const silence = async (scope: ClusterScope): Promise<Outcome> => {
  const { silentSince } = await scope.seedRow();
  return waiting(saySilence(silentSince ?? scope.clock.now()), LOOK_MS, 'CLOUD_ADMIN', 'SeedLost');
};
