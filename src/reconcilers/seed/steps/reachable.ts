/** The seed answers, and runs a version that can hold control planes. */
import { listReleases, parseVersion } from '../../../domain/version.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { mendSeed, type SeedScope } from '../scope.ts';

/** Kubernetes itself is supported for three minors; one more is borne for seeds that are being upgraded. */
const OLDEST_MINORS_BEHIND = 4;

export const reachable: Step<SeedScope> = {
  name: 'Reachable',
  title: 'Reach the seed',
  usuallyMs: 10_000,
  ensure: async (scope) => {
    const { version } = await scope.probe();
    const seed = parseVersion(version);
    const newest = parseVersion(listReleases()[0]?.version ?? '');
    if (seed === undefined)
      throw mendSeed(`The seed says its version is ${JSON.stringify(version.slice(0, 40))}, which is not a Kubernetes version.`);
    if (newest !== undefined && newest.minor - seed.minor > OLDEST_MINORS_BEHIND) {
      throw mendSeed(`The seed runs Kubernetes ${version}; upgrade it to 1.${newest.minor - OLDEST_MINORS_BEHIND} or newer.`);
    }
    return done(version);
  },
};
