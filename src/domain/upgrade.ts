/** A control plane's way from one version of Kubernetes to another. */
import type { Condition } from './condition.ts';
import { UserError } from './errors.ts';
import { compareVersions, findRelease, getOfferedRelease, listReleases, parseVersion, type Release, type Version } from './version.ts';

export interface Upgrade {
  /**
   * The newest version that any API server has been seen to have run: what it wrote may be in a form that an older one cannot read,
   * so there is no way back behind it.
   */
  newestApiServer: string;
  /** False: node groups that stay at a version follow again once the control plane is there. */
  controlPlaneOnly: boolean;
  /** Nothing else begins before it can be restored; absent: it does not wait for one, or not any more. */
  backupId?: string;
}

/** What a cluster's versions are read from. */
export interface Versioned {
  name: string;
  spec: { kubernetesVersion: string };
  runningVersion: string | null;
  upgrade: Upgrade | null;
  observedGeneration: number;
}

/** That all of the control plane has run last; null before it first ran. A cluster from before it was noted has always run what it wants. */
export const runningVersionOf = ({ runningVersion, observedGeneration, spec }: Versioned): string | null =>
  runningVersion ?? (observedGeneration > 0 ? spec.kubernetesVersion : null);

export const isUpgrading = ({ runningVersion, upgrade, spec }: Pick<Versioned, 'runningVersion' | 'upgrade' | 'spec'>): boolean =>
  upgrade !== null || (runningVersion !== null && runningVersion !== spec.kubernetesVersion);

/** The version that is carried out now: until there is a backup to go back to, the one that runs. */
export const versionNow = ({ runningVersion, upgrade, spec }: Pick<Versioned, 'runningVersion' | 'upgrade' | 'spec'>): string =>
  upgrade?.backupId !== undefined && runningVersion !== null ? runningVersion : spec.kubernetesVersion;

/** What is noted of a cluster whose control plane is to go from `running` to the version that is wanted from now on. */
export const upgradeTo = ({ upgrade }: Pick<Versioned, 'upgrade'>, running: string, more: Omit<Upgrade, 'newestApiServer'>) => ({
  runningVersion: running,
  upgrade: { newestApiServer: upgrade?.newestApiServer ?? running, ...more },
});

const versionOf = (text: string): Version => {
  const version = parseVersion(text);
  if (version === undefined) throw new Error(`${text} is no version.`);
  return version;
};

const order = (a: string, b: string): number => compareVersions(versionOf(a), versionOf(b));

/** The newer of the two. */
export const newerOf = (a: string, b: string): string => (order(a, b) < 0 ? b : a);

export const isOlder = (a: string, b: string): boolean => order(a, b) < 0;

/** What stands in the way back from what an API server has run. */
export const noWayBack = (newest: string, wanted: string): UserError =>
  new UserError(
    'UNSUPPORTED_VERSION',
    `An API server of this cluster has run ${newest} already, and what it wrote may be in a form that ${wanted} cannot read, so there is no way back; go on: upgrade the cluster to ${newest}.`,
    { field: ['version'], whoMustAct: 'CUSTOMER' },
  );

/**
 * The release that the control plane may go to from where it is: a patch, the next minor release, or back as long as no API server has run the newer one.
 * @throws UserError UNSUPPORTED_VERSION or INVALID_INPUT, naming `version`.
 */
export const getTarget = (cluster: Versioned, running: string, wanted: string): Release => {
  const field = ['version'];
  const newest = cluster.upgrade?.newestApiServer ?? running;
  const known = findRelease(wanted);
  // Back to what runs is a way out, and expired or not it runs.
  const target = wanted === running && known !== undefined ? known : getOfferedRelease(wanted, field);
  const { version } = target;
  if (isOlder(version, running))
    throw new UserError(
      'UNSUPPORTED_VERSION',
      `Cluster ${cluster.name} runs ${running}, and Kubernetes does not go back to an older version; ${offer(running, newest)}`,
      { field },
    );
  if (isOlder(version, newest)) throw noWayBack(newest, version);
  if (versionOf(version).minor - versionOf(running).minor > 1)
    throw new UserError(
      'UNSUPPORTED_VERSION',
      `From ${running} to ${version} is more than one minor release, and Kubernetes goes up one at a time; ${offer(running, newest)}`,
      { field },
    );
  return target;
};

/** Releases that are open to a control plane at `running`, whose newest API server has run `newest`; newest first. */
export const listTargets = (running: string, newest: string): Release[] =>
  listReleases().filter(
    ({ version, status }) =>
      status !== 'EXPIRED' &&
      version !== running &&
      !isOlder(version, newest) &&
      versionOf(version).major === versionOf(running).major &&
      versionOf(version).minor - versionOf(running).minor <= 1,
  );

const offer = (running: string, newest: string): string => {
  const open = listTargets(running, newest).map(({ version }) => version);
  return open.length === 0 ? 'there is no newer one to choose.' : `choose ${open.join(' or ')}.`;
};

/** "At v1.35.4, wants v1.36.3; stuck at …": null while the control plane runs what is wanted. */
export const upgradeSentence = (cluster: Versioned, conditions: readonly Condition[]): string | null => {
  if (!isUpgrading(cluster)) return null;
  const { runningVersion, upgrade, spec } = cluster;
  const at = `The control plane is at ${runningVersion ?? 'no version yet'} and wants ${spec.kubernetesVersion}`;
  const back = upgrade !== null && runningVersion !== null && upgrade.newestApiServer === runningVersion;
  const way = back && runningVersion !== spec.kubernetesVersion ? ` It can still go back to ${runningVersion}.` : '';
  const stuck = [...conditions]
    .sort((a, b) => a.ordinal - b.ordinal)
    .find(({ state }) => state === 'FAILED' || state === 'WAITING' || state === 'RUNNING');
  if (stuck === undefined) return `${at}.${way}`;
  const why = stuck.state === 'WAITING' ? `waiting for ${stuck.message}` : stuck.message;
  return `${at}; it is at "${stuck.title}": ${/[.!?]$/.test(why) ? why : `${why}.`}${way}`;
};

const DAY_MS = 86_400_000;
/** So long before a release's end of life it is told. */
const WARN_BEFORE_MS = 90 * DAY_MS;

/** What whoever runs the version, or is about to, should know of its end; null while that is far away. */
export const expirationOf = (version: string, now: number): string | null => {
  const release = findRelease(version);
  if (release === undefined) return null;
  const day = new Date(release.endOfLifeAt).toISOString().slice(0, 10);
  if (release.status === 'EXPIRED') return `Kubernetes ${release.minor} has expired: no new cluster can have ${version}. Upgrade soon.`;
  if (now > release.endOfLifeAt + DAY_MS) return `Upstream mends nothing in Kubernetes ${release.minor} since ${day}. Upgrade soon.`;
  if (now < release.endOfLifeAt - WARN_BEFORE_MS) return null;
  return `Upstream mends nothing in Kubernetes ${release.minor} after ${day}. Upgrade before.`;
};
