/** What an addon is beside its settings (domain/addons.ts): its objects inside the tenant's cluster, and what it needs. */
import type { HostedCluster, ReachableCluster } from '../controlPlane/hostedCluster.ts';
import type { KubernetesObject } from '../controlPlane/object.ts';
import { type AddonName, addonInfo } from '../domain/addons.ts';

export interface Addon {
  name: AddonName;
  /** Other addons that must be there before it; not wanted ones count as there. */
  needs?: readonly Addon[];
  /** What `objects` must be told of the customer's project. */
  asks?: keyof Facts;
  /** In an order that can be applied one by one. */
  objects: (cluster: ReachableCluster, facts: Facts) => KubernetesObject[];
  /** Before its objects are taken away: what would be lost with them, as a phrase that says what is to be done first; null: nothing. */
  keptFor?: (kube: Reader) => Promise<string | null>;
}

/** Read in the customer's project, and only for an addon that asks. */
export interface Facts {
  /** Names of Cinder's volume types. */
  volumeTypes: readonly string[];
}

/** Reads in the tenant's cluster. */
export interface Reader {
  list(query: { apiVersion: string; kind: string }): Promise<{ items: KubernetesObject[] }>;
}

/** Throws a plain Error when the release has none: commands refuse such a cluster before. */
export const versionOf = ({ release }: Pick<HostedCluster, 'release'>, name: AddonName): string => {
  const version = addonInfo(name).version(release);
  if (version === null) throw new Error(`${name} has no version for Kubernetes ${release.version}.`);
  return version;
};
