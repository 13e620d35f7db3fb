/** What an upgrade of a cluster would change, and what stands in its way: read from what is known, without asking the cloud or the seed. */
import { ADDON_NAMES, addonInfo, isWanted } from '../domain/addons.ts';
import type { ProjectCatalogue } from '../domain/cloud.ts';
import { type DeprecatedApi, removedBetween, sayRemoved } from '../domain/deprecatedApi.ts';
import { type Problem, SeedbedError } from '../domain/errors.ts';
import { expirationOf, listTargets, newerOf, runningVersionOf } from '../domain/upgrade.ts';
import { checkUpgrade, hasStayedBehind } from '../domain/upgradeCheck.ts';
import { findRelease, type Release } from '../domain/version.ts';
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
  /** APIs that are asked for in the cluster and that this version does not serve any more. */
  removedApis: DeprecatedApi[];
  /** What it would be refused for now; null: it can be asked for. */
  problem: Problem | null;
  /** The same with controlPlaneOnly. */
  controlPlaneOnlyProblem: Problem | null;
}

/** Every version that the cluster's control plane can go to by its number, newest first, with what that changes and what stands in its way. */
export const planUpgrades = (facts: UpgradeFacts): UpgradeTarget[] => {
  const { cluster } = facts;
  const running = runningVersionOf(cluster);
  const from = findRelease(running ?? '');
  if (cluster.deleteRequestedAt !== null || running === null || from === undefined) return [];
  const open = listTargets(running, newerOf(running, cluster.upgrade?.newestApiServer ?? running));
  // Nodes that have stayed behind, and the way back.
  const behind = hasStayedBehind(facts, running);
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
  const replaced = groups.map((nodeGroup) => ({
    nodeGroup,
    from: nodeGroup.kubernetesVersion ?? from.version,
    nodes: nodesBehind(nodeGroup, nodes, from.version, to.version).length,
  }));
  const removedApis = removedBetween(cluster.deprecatedApis, from, to);
  return {
    version: to.version,
    endOfLifeAt: to.endOfLifeAt,
    components: componentsOf(from, to),
    addons: ADDON_NAMES.filter((name) => isWanted(name, cluster.spec)).map((name) => {
      const { title, version } = addonInfo(name);
      return { name, title, from: version(from), to: version(to) };
    }),
    nodeGroups: replaced.filter((group) => group.nodes > 0),
    warnings: [...warningsOf(cluster, to, now), ...removedApis.map(sayRemoved)],
    removedApis,
    problem: problemOf(false),
    controlPlaneOnlyProblem: problemOf(true),
  };
};

/** Nodes of the group that are not at the version that it comes to. `running`: what the control plane is at. */
export const nodesBehind = (group: NodeGroupRow, nodes: readonly NodeRow[], running: string, to: string): NodeRow[] =>
  nodes.filter(
    (node) =>
      node.nodeGroupId === group.id &&
      node.deleteRequestedAt === null &&
      (node.kubernetesVersion ?? group.kubernetesVersion ?? running) !== to,
  );

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
