/** What an upgrade of a cluster would change, and what stands in its way: read from what is known, without asking the cloud or the seed. */
import { ADDON_NAMES, addonInfo, checkAddons, isWanted } from '../domain/addons.ts';
import { type CloudImage, findByNameOrId, type ProjectCatalogue } from '../domain/cloud.ts';
import { Conflict, type Problem, SeedbedError, UserError } from '../domain/errors.ts';
import { expirationOf, getTarget, listTargets, newerOf, runningVersionOf } from '../domain/upgrade.ts';
import { compareVersions, findRelease, kubeletMayJoin, parseVersion, type Release, versionText } from '../domain/version.ts';
import type { ClusterRow, NodeGroupRow, NodeRow } from '../store/reconcile.ts';

/** All that a plan is read from. */
export interface UpgradeFacts {
  cluster: ClusterRow;
  groups: readonly NodeGroupRow[];
  nodes: readonly NodeRow[];
  /** null: nothing is known of the project's cloud. */
  catalogue: ProjectCatalogue | null;
  /** Milliseconds since the epoch. */
  now: number;
}

export interface VersionChange {
  name: string;
  title: string;
  /** null: it has none for that release. */
  from: string | null;
  to: string | null;
}

export interface GroupReplacement {
  nodeGroup: NodeGroupRow;
  from: string;
  /** Nodes that are replaced by others. */
  nodes: number;
}

export interface UpgradeTarget {
  version: string;
  endOfLifeAt: number;
  components: VersionChange[];
  addons: VersionChange[];
  nodeGroups: GroupReplacement[];
  warnings: string[];
  /** What it would be refused for now; null: it can be asked for. */
  problem: Problem | null;
  /** The same with controlPlaneOnly. */
  controlPlaneOnlyProblem: Problem | null;
}

const FIELD = ['version'];

/** That all of the control plane has run. @throws Conflict before it first ran. */
export const getRunningVersion = (cluster: ClusterRow): string => {
  const running = runningVersionOf(cluster);
  if (running === null)
    throw new Conflict('CONFLICT', `Cluster ${cluster.name} has not been READY yet; wait until it is, or delete it and make another.`);
  return running;
};

/**
 * The release that the cluster may be upgraded to.
 * @throws UserError or Conflict that names the field and says what to do.
 */
export const checkUpgrade = (facts: UpgradeFacts, wanted: string, controlPlaneOnly: boolean): Release => {
  const { cluster, groups } = facts;
  const running = getRunningVersion(cluster);
  const release = getTarget(cluster, running, wanted);
  const rests = cluster.upgrade === null && wanted === cluster.spec.kubernetesVersion;
  if (rests && (controlPlaneOnly || groups.every(({ kubernetesVersion }) => kubernetesVersion === null || kubernetesVersion === wanted)))
    throw new UserError('INVALID_INPUT', `Cluster ${cluster.name} runs ${wanted} already, so there is nothing to upgrade.`, {
      field: FIELD,
    });
  const spec = { ...cluster.spec, kubernetesVersion: release.version };
  checkAddons(
    spec,
    release,
    () => false,
    () => FIELD,
  );
  for (const group of groups) {
    checkSkew(facts, group, running, release);
    if (!controlPlaneOnly) checkImage(facts, group, release);
  }
  return release;
};

/** Until its nodes are replaced they meet the new control plane as they are. */
const checkSkew = ({ nodes }: UpgradeFacts, group: NodeGroupRow, running: string, release: Release): void => {
  const own = nodes.filter(({ nodeGroupId }) => nodeGroupId === group.id);
  const versions = [group.kubernetesVersion ?? running, ...own.flatMap((node) => node.kubeletVersion ?? node.kubernetesVersion ?? [])]
    .flatMap((text) => parseVersion(text) ?? [])
    .toSorted(compareVersions);
  const [oldest] = versions;
  const target = parseVersion(release.version);
  if (oldest === undefined || target === undefined || kubeletMayJoin(oldest, target)) return;
  if (oldest.minor > target.minor) return;
  throw new UserError(
    'UNSUPPORTED_VERSION',
    `Node group ${group.name} has nodes of ${versionText(oldest)}, which would be more than three minor releases behind ${release.version}; bring its nodes to the version of the control plane first: upgrade the cluster to ${running} without controlPlaneOnly.`,
    { field: FIELD },
  );
};

/** New nodes of an image that fixes another kubelet would be as old as those in whose place they come. */
const checkImage = ({ catalogue }: UpgradeFacts, group: NodeGroupRow, release: Release): void => {
  const image = imageOf(catalogue, group);
  const fixed = parseVersion(image?.kubeVersion ?? '');
  if (image === undefined || fixed === undefined || versionText(fixed) === release.version) return;
  throw new UserError(
    'UNSUPPORTED_VERSION',
    `Node group ${group.name} has the image ${image.name}, whose kubelet is of ${image.kubeVersion} (kube_version), so its nodes cannot come to ${release.version}; give the group another image, or upgrade with controlPlaneOnly.`,
    { field: FIELD },
  );
};

const imageOf = (catalogue: ProjectCatalogue | null, { spec, resolved }: NodeGroupRow): CloudImage | undefined =>
  catalogue === null
    ? undefined
    : (catalogue.images.find(({ id }) => id === resolved?.imageId) ?? findByNameOrId(catalogue.images, spec.image));

/** Every version that the cluster's control plane can go to by its number, newest first, with what that changes and what stands in its way. */
export const planUpgrades = (facts: UpgradeFacts): UpgradeTarget[] => {
  const { cluster, groups } = facts;
  const running = runningVersionOf(cluster);
  const from = findRelease(running ?? '');
  if (cluster.deleteRequestedAt !== null || running === null || from === undefined) return [];
  const open = listTargets(running, newerOf(running, cluster.upgrade?.newestApiServer ?? running));
  // The nodes of groups that have stayed behind, and the way back.
  const behind = groups.some(({ kubernetesVersion }) => kubernetesVersion !== null && kubernetesVersion !== running);
  const back = cluster.upgrade !== null && cluster.upgrade.newestApiServer === running && cluster.spec.kubernetesVersion !== running;
  return [...open, ...(behind || back ? [from] : [])].map((to) => targetOf(facts, from, to));
};

export const targetOf = (facts: UpgradeFacts, from: Release, to: Release): UpgradeTarget => {
  const { cluster, groups, nodes, now } = facts;
  const problemOf = (controlPlaneOnly: boolean): Problem | null => {
    try {
      checkUpgrade(facts, to.version, controlPlaneOnly);
      return null;
    } catch (error) {
      if (error instanceof SeedbedError) return error.toProblem();
      throw error;
    }
  };
  const replaced = groups.map((nodeGroup) => {
    const at = nodeGroup.kubernetesVersion ?? from.version;
    const own = nodes.filter((node) => node.nodeGroupId === nodeGroup.id && node.deleteRequestedAt === null);
    return { nodeGroup, from: at, nodes: own.filter((node) => (node.kubernetesVersion ?? at) !== to.version).length };
  });
  return {
    version: to.version,
    endOfLifeAt: to.endOfLifeAt,
    components: componentsOf(from, to),
    addons: ADDON_NAMES.filter((name) => isWanted(name, cluster.spec)).map((name) => {
      const { title, version } = addonInfo(name);
      return { name, title, from: version(from), to: version(to) };
    }),
    nodeGroups: replaced.filter((group) => group.nodes > 0),
    warnings: warningsOf(cluster, to, now),
    problem: problemOf(false),
    controlPlaneOnlyProblem: problemOf(true),
  };
};

const componentsOf = (from: Release, to: Release): VersionChange[] => [
  { name: 'etcd', title: 'etcd', from: from.images.etcd, to: to.images.etcd },
  { name: 'kube-apiserver', title: 'API servers', from: from.version, to: to.version },
  { name: 'kube-controller-manager', title: 'Controller managers', from: from.version, to: to.version },
  { name: 'kube-scheduler', title: 'Schedulers', from: from.version, to: to.version },
  { name: 'konnectivity', title: 'Tunnel', from: from.images.konnectivity, to: to.images.konnectivity },
];

const warningsOf = ({ spec }: ClusterRow, to: Release, now: number): string[] => {
  const bundles = spec.bundles.map(({ name }) => name);
  return [
    ...[expirationOf(to.version, now)].filter((text) => text !== null),
    ...(bundles.length === 0
      ? []
      : [`Addon bundles do not say which versions they are for: see yourself that ${bundles.join(', ')} will do with ${to.version}.`]),
  ];
};
