/** The Kubernetes releases that are offered, the images that belong to each, and which versions may meet. */
import { UserError } from './errors.ts';

export type ReleaseStatus = 'SUPPORTED' | 'DEPRECATED' | 'EXPIRED';

/** Tags of the images that go with a release, but for addons; names of repositories are in `controlPlane/images.ts`. */
export interface ReleaseImages {
  etcd: string;
  pause: string;
  /** Of konnectivity's server and agent. */
  konnectivity: string;
}

export interface Release {
  /** As upstream tags it: "v1.36.3". */
  version: string;
  /** Minor release without "v": "1.36". */
  minor: string;
  status: ReleaseStatus;
  /** The day after which upstream mends nothing in this minor release any more, in milliseconds since the epoch. */
  endOfLifeAt: number;
  images: ReleaseImages;
}

// etcd and pause as kubeadm 1.36 pairs them; its table gives the same etcd for 1.34 and 1.35.
const IMAGES: Omit<ReleaseImages, 'konnectivity'> = {
  etcd: '3.6.8-0',
  pause: '3.10.2',
};

/** As upstream publishes them: https://kubernetes.io/releases/patch-releases/. */
const END_OF_LIFE: Record<string, string> = { '1.33': '2026-06-28', '1.34': '2026-10-27', '1.35': '2027-02-28', '1.36': '2027-06-28' };

const release = (version: string, status: ReleaseStatus): Release => {
  const minor = version.slice(1).split('.').slice(0, 2).join('.');
  const endOfLifeAt = Date.parse(END_OF_LIFE[minor] ?? '');
  // konnectivity is released once for each minor of Kubernetes, and carries its number.
  return { version, minor, status, endOfLifeAt, images: { ...IMAGES, konnectivity: `v0.${minor.split('.')[1]}.0` } };
};

/** Newest first. EXPIRED stays listed so that old clusters can be shown, and cannot be asked for. */
const CATALOGUE: readonly Release[] = [
  release('v1.36.3', 'SUPPORTED'),
  release('v1.35.4', 'SUPPORTED'),
  release('v1.34.8', 'DEPRECATED'),
  release('v1.33.13', 'EXPIRED'),
];

/** All releases of the catalogue, newest first. */
export const listReleases = (): readonly Release[] => CATALOGUE;

/** What a template gets that names no version. */
export const defaultRelease: Release = release('v1.36.3', 'SUPPORTED');

/** Exact match in the catalogue, expired ones included. */
export const findRelease = (version: string): Release | undefined => CATALOGUE.find((r) => r.version === version);

/**
 * The release that a new cluster may run.
 * @throws UserError UNSUPPORTED_VERSION that lists what is offered.
 */
export const getOfferedRelease = (version: string, field: string[] = ['kubernetesVersion']): Release => {
  const found = findRelease(version);
  if (found !== undefined && found.status !== 'EXPIRED') return found;
  const offered = CATALOGUE.filter((r) => r.status !== 'EXPIRED').map((r) => r.version);
  const what = found === undefined ? 'is not offered' : 'has expired';
  throw new UserError('UNSUPPORTED_VERSION', `Kubernetes ${quoted(version)} ${what}. Choose one of ${offered.join(', ')}.`, { field });
};

export interface Version {
  major: number;
  minor: number;
  patch: number;
}

/** "v1.36.3" or "1.36.3" (a build suffix is ignored) as numbers, else undefined. */
export const parseVersion = (text: string): Version | undefined => {
  const match = /^v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?:[-+][0-9A-Za-z.+-]*)?$/.exec(text);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3]) };
};

/** Negative: a is older than b; 0: equal. */
export const compareVersions = (a: Version, b: Version): number => a.major - b.major || a.minor - b.minor || a.patch - b.patch;

/** Kubernetes' skew policy for nodes: never newer than the API server (patch releases do not count), at most three minors older. */
export const kubeletMayJoin = (kubelet: Version, apiServer: Version): boolean =>
  kubelet.major === apiServer.major && kubelet.minor <= apiServer.minor && apiServer.minor - kubelet.minor <= 3;

/** The same of versions as texts; one that cannot be read is taken at its word. */
export const mayJoin = (kubelet: string, apiServer: string): boolean => {
  const [node, control] = [parseVersion(kubelet), parseVersion(apiServer)];
  return node === undefined || control === undefined || kubeletMayJoin(node, control);
};

/** "v1.36.3". */
export const versionText = ({ major, minor, patch }: Version): string => `v${major}.${minor}.${patch}`;

/** An upgrade goes to the same minor or the next, and never back. */
export const mayUpgrade = (from: Version, to: Version): boolean =>
  from.major === to.major && compareVersions(to, from) > 0 && to.minor - from.minor <= 1;

const quoted = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
