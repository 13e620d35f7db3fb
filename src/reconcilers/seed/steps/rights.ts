/** The kubeconfig's user may do what control planes need. */
import { done, type Step } from '../../../engine/flow.ts';
import { mendSeed, type SeedScope } from '../scope.ts';
import { reachable } from './reachable.ts';

export const rights: Step<SeedScope> = {
  name: 'RightsGranted',
  title: 'Check the rights in the seed',
  usuallyMs: 10_000,
  needs: [reachable],
  ensure: async (scope) => {
    const missing = (await scope.probe()).rights.filter((right) => right.missing.length > 0);
    if (missing.length === 0) return done();
    const words = missing
      .slice(0, 5)
      .map((right) => `${right.missing.join('/')} ${right.resource}${right.group === '' ? '' : `.${right.group}`}`);
    throw mendSeed(
      `The kubeconfig's user may not ${words.join(', ')}${missing.length > 5 ? ` and ${missing.length - 5} more` : ''}; grant it the ClusterRole of the admin guide.`,
    );
  },
};
