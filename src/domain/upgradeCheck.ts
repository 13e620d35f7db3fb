/** What stands in the way of an upgrade, whoever begins it: read from what is known, without asking the cloud or the seed. */
import { checkAddons } from './addons.ts';
import { type AutoUpgrade, isByItself } from './autoUpgrade.ts';
import { type CloudImage, findByNameOrId, type ProjectCatalogue } from './cloud.ts';
import { Conflict, UserError } from './errors.ts';
import type { NodeGroupSpec, ResolvedGroup } from './nodeGroup.ts';
import type { TemplateSpec } from './template.ts';
import { getTarget, runningVersionOf, type Versioned } from './upgrade.ts';
import { compareVersions, kubeletMayJoin, parseVersion, type Release, versionText } from './version.ts';

interface Group {
  id: string;
  name: string;
  spec: NodeGroupSpec;
  resolved: ResolvedGroup | null;
  kubernetesVersion: string | null;
}

interface Node {
  nodeGroupId: string;
  kubeletVersion: string | null;
  kubernetesVersion: string | null;
  deleteRequestedAt: number | null;
}

/** All that is read. */
export interface UpgradeCheckFacts {
  cluster: Versioned & { spec: TemplateSpec; autoUpgrade: AutoUpgrade | null };
  groups: readonly Group[];
  nodes: readonly Node[];
  /** null: nothing is known of the project's cloud. */
  catalogue: ProjectCatalogue | null;
}

const FIELD = ['version'];

/** That all of the control plane has run. @throws Conflict before it first ran. */
export const getRunningVersion = (cluster: Versioned): string => {
  const running = runningVersionOf(cluster);
  if (running === null)
    throw new Conflict('CONFLICT', `Cluster ${cluster.name} has not been READY yet; wait until it is, or delete it and make another.`);
  return running;
};

/**
 * The release that the cluster may be upgraded to.
 * @throws UserError or Conflict that names the field and says what to do.
 */
export const checkUpgrade = (facts: UpgradeCheckFacts, wanted: string, controlPlaneOnly: boolean): Release => {
  const { cluster, groups } = facts;
  const running = getRunningVersion(cluster);
  const release = getTarget(cluster, running, wanted);
  const rests = cluster.upgrade === null && wanted === cluster.spec.kubernetesVersion;
  if (rests && (controlPlaneOnly || !hasStayedBehind(facts, wanted)))
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

/**
 * The same of an upgrade that Seedbed begins by itself: groups that were told to stay at a version are left there.
 * @throws UserError or Conflict.
 */
export const checkAutoUpgrade = (facts: UpgradeCheckFacts, wanted: string): Release => {
  // Where only nodes are left there is nothing to do at the control plane.
  if (wanted !== runningVersionOf(facts.cluster)) checkUpgrade(facts, wanted, true);
  return checkUpgrade({ ...facts, groups: facts.groups.filter(({ kubernetesVersion }) => kubernetesVersion === null) }, wanted, false);
};

/** Groups have nodes of another version than `running`, which nobody brings there unless he is asked to or a window opens. */
export const hasStayedBehind = (facts: UpgradeCheckFacts, running: string): boolean =>
  facts.groups.some(({ kubernetesVersion }) => kubernetesVersion !== null && kubernetesVersion !== running) ||
  listLate(facts, running).length > 0;

/** Ids of groups that follow the control plane and have nodes that an upgrade by itself has not reached in its window. */
export const listLate = ({ cluster, groups, nodes }: UpgradeCheckFacts, running: string): string[] => {
  if (!isByItself(cluster) || cluster.upgrade !== null) return [];
  const behind = (node: Node) => node.deleteRequestedAt === null && node.kubernetesVersion !== null && node.kubernetesVersion !== running;
  const late = new Set(nodes.filter(behind).map(({ nodeGroupId }) => nodeGroupId));
  return groups.filter(({ id, kubernetesVersion }) => kubernetesVersion === null && late.has(id)).map(({ id }) => id);
};

/** Until its nodes are replaced they meet the new control plane as they are. */
const checkSkew = ({ nodes }: UpgradeCheckFacts, group: Group, running: string, release: Release): void => {
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
const checkImage = ({ catalogue }: UpgradeCheckFacts, group: Group, release: Release): void => {
  const image = imageOf(catalogue, group);
  // Nobody has a catalogue where nobody asked; what the group's image said when it was looked up is known all the same.
  const said = image === undefined && catalogue === null ? group.resolved?.kubeVersion : image?.kubeVersion;
  const fixed = parseVersion(said ?? '');
  if (fixed === undefined || versionText(fixed) === release.version) return;
  throw new UserError(
    'UNSUPPORTED_VERSION',
    `Node group ${group.name} has the image ${image?.name ?? group.spec.image}, whose kubelet is of ${said} (kube_version), so its nodes cannot come to ${release.version}; give the group another image, or upgrade with controlPlaneOnly.`,
    { field: FIELD },
  );
};

const imageOf = (catalogue: ProjectCatalogue | null, { spec, resolved }: Group): CloudImage | undefined =>
  catalogue === null
    ? undefined
    : (catalogue.images.find(({ id }) => id === resolved?.imageId) ?? findByNameOrId(catalogue.images, spec.image));
