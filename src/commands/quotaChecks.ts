/** Refuses what has no room in the project's quotas, as far as they are known; the reconciler looks again before it makes anything. */
import { findByNameOrId } from '../domain/cloud.ts';
import { type ClusterWish, clusterDemands, groupDemand, membersDemand, type Size, workersDemand } from '../domain/demand.ts';
import type { NodeGroupSpec } from '../domain/nodeGroup.ts';
import { replicasOf } from '../domain/projectQuota.ts';
import { type Demand, requireQuotas, sumOf } from '../domain/quota.ts';
import type { Looking } from '../store/open.ts';
import { requireRoom } from '../store/projectQuotas.ts';
import { type ClusterRow, listLiveNodes, type NodeGroupRow } from '../store/reconcile.ts';
import type { CommandDeps } from './call.ts';

/** Whose flavors are looked at. */
interface Owner {
  projectId: string;
  userId: string;
}

/** @throws UserError QUOTA_EXCEEDED that names every resource that is short. */
export const checkClusterQuotas = (deps: CommandDeps, owner: Owner, spec: ClusterWish, groups: readonly { spec: NodeGroupSpec }[]): void =>
  check(deps, owner, () => [clusterDemand(deps, owner, spec, groups)], undefined);

/** What a new cluster with its groups takes of the cloud's quotas. */
export const clusterDemand = (deps: CommandDeps, owner: Owner, spec: ClusterWish, groups: readonly { spec: NodeGroupSpec }[]): Demand =>
  sumOf([...clusterDemands(spec), ...groups.map((group) => groupDemand(group.spec, sizeOf(deps, owner, group.spec.flavor)))]);

/** @throws UserError QUOTA_EXCEEDED that names every resource that is short. */
export const checkGroupQuotas = (deps: CommandDeps, owner: Owner, spec: NodeGroupSpec): void =>
  check(deps, owner, () => [groupDemand(spec, sizeOf(deps, owner, spec.flavor))], ['count']);

/**
 * For a group that is to have more workers than it was to have so far.
 * @throws UserError QUOTA_EXCEEDED that names every resource that is short.
 */
export const checkGrowth = async (
  deps: CommandDeps,
  at: Looking,
  owner: Owner,
  group: NodeGroupRow,
  count: number,
  field: string[],
): Promise<void> => {
  if (count <= group.spec.count || deps.peekQuotas(owner.projectId) === null) return;
  const demand = await growthDemand(deps, at, owner, group, count);
  check(deps, owner, () => [demand], field);
};

/** What a group takes of the cloud's quotas beyond what it has, to come to so many workers. */
export const growthDemand = async (deps: CommandDeps, at: Looking, owner: Owner, group: NodeGroupRow, count: number): Promise<Demand> => {
  // What is counted as used is what has a server.
  const servers = (await listLiveNodes(at.db, group.id)).filter(({ serverId }) => serverId !== null).length;
  const size = machineSize(deps, owner, group);
  return sumOf([workersDemand(group.spec, size, Math.max(0, count - servers)), membersDemand(group.spec, count)]);
};

/** Of a worker of the group, as it was looked up, or else as the flavor of its name is; null where nobody knows. */
export const machineSize = (deps: CommandDeps, owner: Owner, { resolved, spec }: Pick<NodeGroupRow, 'resolved' | 'spec'>): Size | null =>
  resolved?.machine ?? sizeOf(deps, owner, spec.flavor);

/**
 * For a group that is to have another number of workers, or others: Seedbed's own quota of its project.
 * @throws UserError QUOTA_EXCEEDED that names every resource that is short.
 */
export const checkGroupRoom = (
  deps: CommandDeps,
  at: Looking,
  { projectId }: Owner,
  group: NodeGroupRow,
  next: { count: number; vcpus: number | null },
  field: string[],
): Promise<void> => {
  return requireRoom(at, deps.settings.projectLimits, projectId, roomDemand(group, next), field);
};

/** What a group takes of Seedbed's own quota with another number of workers, or with others. */
export const roomDemand = (group: NodeGroupRow, { count, vcpus }: { count: number; vcpus: number | null }) => ({
  nodes: count - group.spec.count,
  workerVcpus: count * (vcpus ?? 0) - group.spec.count * (countedVcpus(group) ?? 0),
});

const check = (deps: CommandDeps, { projectId }: Owner, demands: () => Demand[], field: string[] | undefined): void => {
  const quotas = deps.peekQuotas(projectId);
  if (quotas !== null) requireQuotas(quotas, sumOf(demands()), { field });
};

/** As a worker of the group counts. */
const countedVcpus = ({ vcpus, resolved }: Pick<NodeGroupRow, 'vcpus' | 'resolved'>): number | null =>
  vcpus ?? resolved?.machine?.vcpus ?? null;

/** Of a worker of the group, as far as anybody knows: its first pass looks again. */
export const vcpusOf = (deps: CommandDeps, owner: Owner, group: NodeGroupRow): number | null =>
  countedVcpus(group) ?? flavorVcpus(deps, owner, group.spec);

/** Of a worker with the spec's flavor; null where nobody knows. */
export const flavorVcpus = (deps: CommandDeps, owner: Owner, { flavor }: Pick<NodeGroupSpec, 'flavor'>): number | null =>
  sizeOf(deps, owner, flavor)?.vcpus ?? null;

/**
 * For a cluster that takes over other settings for its control plane and its groups, whose counts stay.
 * @throws UserError QUOTA_EXCEEDED that names every resource that is short.
 */
export const checkMoveRoom = (
  deps: CommandDeps,
  at: Looking,
  row: ClusterRow,
  { spec, moves }: { spec: ClusterRow['spec']; moves: readonly { nodeGroup: NodeGroupRow; vcpus: number | null }[] },
  field: string[],
): Promise<void> => {
  const controlPlaneReplicas = replicasOf(spec.controlPlane) - replicasOf(row.spec.controlPlane);
  const workerVcpus = moves.reduce((sum, { nodeGroup, vcpus }) => {
    const before = countedVcpus(nodeGroup) ?? 0;
    return sum + nodeGroup.spec.count * ((vcpus ?? before) - before);
  }, 0);
  return requireRoom(at, deps.settings.projectLimits, row.projectId, { controlPlaneReplicas, workerVcpus }, field);
};

/**
 * For a cluster whose control plane is to have other replicas: Seedbed's own quota of its project.
 * @throws UserError QUOTA_EXCEEDED.
 */
export const checkReplicas = (deps: CommandDeps, at: Looking, row: ClusterRow, spec: ClusterRow['spec'], field: string[]): Promise<void> =>
  requireRoom(at, deps.settings.projectLimits, row.projectId, replicasDemand(row.spec, spec), field);

/** What a control plane takes of Seedbed's own quota with other replicas. */
export const replicasDemand = (before: ClusterRow['spec'], after: ClusterRow['spec']) => ({
  controlPlaneReplicas: replicasOf(after.controlPlane) - replicasOf(before.controlPlane),
});

/** The same of a new cluster with its groups. */
export const newClusterDemand = (
  spec: ClusterRow['spec'],
  groups: readonly { spec: Pick<NodeGroupSpec, 'count'>; vcpus: number | null }[],
): Demand =>
  sumOf([
    { clusters: 1, controlPlaneReplicas: replicasOf(spec.controlPlane) },
    ...groups.map(({ spec: { count }, vcpus }) => nodesDemand(count, vcpus)),
  ]);

/** What so many workers take of Seedbed's own quota. */
export const nodesDemand = (count: number, vcpus: number | null) => ({ nodes: count, workerVcpus: count * (vcpus ?? 0) });

const sizeOf = (deps: CommandDeps, { projectId, userId }: Owner, flavor: string): Size | null =>
  findByNameOrId(deps.peekCatalogue(projectId, userId)?.flavors ?? [], flavor) ?? null;
