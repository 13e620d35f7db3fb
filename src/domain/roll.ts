/** Rolls: which nodes of a group are not what it says any more, and how many are made and go at a time. */
import { fingerprint } from '../lib/json.ts';
import type { NodeGroupSpec, ResolvedGroup } from './nodeGroup.ts';
import type { RollLimits } from './upgradeStrategy.ts';
import { parseVersion, versionText } from './version.ts';

interface Group {
  spec: NodeGroupSpec;
  resolved: ResolvedGroup | null;
  kubernetesVersion: string | null;
}

interface Cluster {
  spec: { kubernetesVersion: string };
  runningVersion: string | null;
}

/** What the cluster's API servers run; while they are on their way to another version, the one before. */
export const apiServerVersionOf = ({ runningVersion, spec }: Cluster): string => runningVersion ?? spec.kubernetesVersion;

/** The version that a group's new nodes are told to join with. */
export const joinVersionOf = ({ kubernetesVersion }: Pick<Group, 'kubernetesVersion'>, cluster: Cluster): string =>
  kubernetesVersion ?? apiServerVersionOf(cluster);

/** What a new node's kubelet is: that of its image, where it says so; only what an image lacks is installed. */
export const nodeVersionOf = (group: Omit<Group, 'spec'>, cluster: Cluster): string => {
  const inImage = parseVersion(group.resolved?.kubeVersion ?? '');
  return inImage === undefined ? joinVersionOf(group, cluster) : versionText(inImage);
};

/** Of the settings that only a new server learns of. Another field in it must leave the digest of groups without it as it is, or all nodes are replaced. */
export const settingsDigestOf = ({ keypair, labels, taints, metadata, cloudInit }: NodeGroupSpec): string =>
  fingerprint({ keypair, labels, taints, metadata, cloudInit: cloudInit?.sha256 ?? null });

interface MadeNode {
  kubernetesVersion: string | null;
  imageId: string | null;
  flavorId: string | null;
  settingsDigest: string | null;
}

/** It was made with something else than a new one would be; one that has not been made yet is not. */
export const isOutdated = (node: MadeNode, group: Group, cluster: Cluster): boolean => {
  const { resolved } = group;
  if (node.kubernetesVersion === null || resolved === null) return false;
  // Nodes from before images were asked have the version that they were told.
  const versions = [nodeVersionOf(group, cluster), joinVersionOf(group, cluster)];
  const imageIds = [resolved.imageId, ...(resolved.formerImageIds ?? [])];
  const flavorIds = [resolved.flavorId, ...(resolved.formerFlavorIds ?? [])];
  return (
    !versions.includes(node.kubernetesVersion) ||
    (node.imageId !== null && !imageIds.includes(node.imageId)) ||
    (node.flavorId !== null && !flavorIds.includes(node.flavorId)) ||
    (node.settingsDigest !== null && node.settingsDigest !== settingsDigestOf(group.spec))
  );
};

/** Another takes its place: somebody asked for that, or it is not what the group says any more. */
export const isReplaced = (
  node: MadeNode & { replaceRequestedAt: number | null; createdAt: number },
  group: Group,
  cluster: Cluster & { nodesSince: number | null },
): boolean => node.replaceRequestedAt !== null || node.createdAt < (cluster.nodesSince ?? 0) || isOutdated(node, group, cluster);

/** It was made with another version and with nothing else that is different: what an upgrade alone replaces. */
export const isOnlyBehind = (node: MadeNode, group: Group, cluster: Cluster): boolean =>
  isOutdated(node, group, cluster) && !isOutdated({ ...node, kubernetesVersion: joinVersionOf(group, cluster) }, group, cluster);

/** Of one cluster's groups this many roll at a time: pods that leave one land on what another is about to take, and each asks the cloud for more. */
export const GROUPS_AT_ONCE = 2;

interface Turn {
  id: string;
  state: string;
  createdAt: number;
}

/** Whether the roll of `one` comes before that of `other`: the older group's first, but one that cannot go on lets others pass. */
export const rollsBefore = (one: Turn, other: Turn): boolean => {
  const stuck = (group: Turn) => Number(group.state === 'FAILED' || group.state === 'DEGRADED');
  const order = stuck(one) - stuck(other) || one.createdAt - other.createdAt;
  return order < 0 || (order === 0 && one.id < other.id);
};

/** Nodes of a group, counted. */
export interface RollCount {
  wanted: number;
  /** To be replaced, and those that take or have their places; neither counts those on their way out. */
  old: number;
  fresh: number;
  /** Of the fresh, those that do not serve yet. */
  late: number;
  leaving: number;
}

/**
 * How many nodes are made and how many of the old go now. What is broken among the old and those that stay is nobody's to wait for: only
 * successors that do not serve yet count as missing. Those that go count until they are gone, for until then they take room in the project.
 */
export const planRoll = ({ wanted, old, fresh, late, leaving }: RollCount, { surge, unavailable }: RollLimits) => {
  const staying = old + fresh;
  const most = wanted + Math.min(surge, old);
  const made = old === 0 ? wanted - staying : Math.min(most - staying - leaving, wanted - fresh);
  const dropped = Math.min(old, staying - late - (wanted - unavailable));
  return { surplus: Math.max(0, staying - most), made: Math.max(0, made), dropped: Math.max(0, dropped) };
};
