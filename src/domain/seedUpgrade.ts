/** Which version of Kubernetes a seed that Seedbed made may go to, and which of its machines are not there yet. */
import { Conflict, UserError } from './errors.ts';
import type { MadeSeedSpec } from './madeSeed.ts';
import type { SeedFacts } from './seed.ts';
import { isOlder, listTargets } from './upgrade.ts';
import { getOfferedRelease, parseVersion, type Release } from './version.ts';

export interface UpgradableSeed {
  name: string;
  made: Pick<MadeSeedSpec, 'kubernetesVersion' | 'upgradedFrom'>;
  facts: Pick<SeedFacts, 'kubernetesVersion' | 'kubeletVersions'> | null;
  observedGeneration: number;
}

const FIELD = ['version'];

/** Oldest first; what is no version is left out. */
export const sortVersions = (versions: readonly string[]): string[] =>
  [...new Set(versions)].filter((text) => parseVersion(text) !== undefined).sort((a, b) => (isOlder(a, b) ? -1 : isOlder(b, a) ? 1 : 0));

const minorOf = (version: string): number => parseVersion(version)?.minor ?? 0;

/**
 * A patch or the next minor release, counted from the oldest that its API server or a machine of it runs: one that was passed over on the way to
 * another is gone through first. Never back, not even before the first machine has begun: nobody can see into one for sure.
 * @throws UserError that names `version`, or Conflict before the seed was READY.
 */
export const getSeedTarget = ({ name, made, facts, observedGeneration }: UpgradableSeed, version: string): Release => {
  if (facts === null || observedGeneration === 0)
    throw new Conflict('CONFLICT', `Seed ${name} has not been READY yet; wait until it is, or delete it and make another.`);
  const target = getOfferedRelease(version, FIELD);
  const wanted = made.kubernetesVersion;
  const [oldest = wanted] = sortVersions([facts.kubernetesVersion, ...(facts.kubeletVersions ?? [])]);
  if (isOlder(target.version, wanted))
    throw new UserError(
      'UNSUPPORTED_VERSION',
      `Seed ${name} is to run ${wanted}, and Kubernetes does not go back to an older version; ${offer(oldest, wanted)}`,
      { field: FIELD },
    );
  if (target.version === wanted && (oldest === wanted || made.upgradedFrom !== undefined))
    throw new UserError('INVALID_INPUT', `Seed ${name} ${oldest === wanted ? 'runs' : 'is on its way to'} ${wanted} already.`, {
      field: FIELD,
    });
  if (minorOf(target.version) - minorOf(oldest) > 1)
    throw new UserError(
      'UNSUPPORTED_VERSION',
      `A machine of seed ${name} runs ${oldest}, from which to ${target.version} is more than one minor release, and Kubernetes goes up one at a time; ${offer(oldest, wanted)}`,
      { field: FIELD },
    );
  return target;
};

/** Some of it is not there yet, as far as the last look could tell. */
export const isUpgrading = ({ made, facts }: { made: UpgradableSeed['made'] | null; facts: UpgradableSeed['facts'] }): boolean =>
  made?.upgradedFrom !== undefined &&
  facts !== null &&
  sortVersions([facts.kubernetesVersion, ...(facts.kubeletVersions ?? [])]).some((version) => isOlder(version, made.kubernetesVersion));

/** Of the versions beside `wanted`, which stands for itself. */
const offer = (oldest: string, wanted: string): string => {
  const open = listTargets(oldest, wanted).flatMap(({ version }) => (version === wanted ? [] : version));
  return open.length === 0 ? `there is no other to choose until all of it is at ${wanted}.` : `choose ${open.join(' or ')}.`;
};
