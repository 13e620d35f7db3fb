/** Refuses what has no room in the project's quotas, as far as they are known; the reconciler looks again before it makes anything. */
import { findByNameOrId } from '../domain/cloud.ts';
import { type ClusterWish, clusterDemands, groupDemand, membersDemand, type Size, workersDemand } from '../domain/demand.ts';
import type { NodeGroupSpec } from '../domain/nodeGroup.ts';
import { replicasOf } from '../domain/projectQuota.ts';
import { type Demand, requireQuotas, sumOf } from '../domain/quota.ts';
import type { Tx } from '../store/open.ts';
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
  check(
    deps,
    owner,
    () => [...clusterDemands(spec), ...groups.map((group) => groupDemand(group.spec, sizeOf(deps, owner, group.spec.flavor)))],
    undefined,
  );

/** @throws UserError QUOTA_EXCEEDED that names every resource that is short. */
export const checkGroupQuotas = (deps: CommandDeps, owner: Owner, spec: NodeGroupSpec): void =>
  check(deps, owner, () => [groupDemand(spec, sizeOf(deps, owner, spec.flavor))], ['count']);

/**
 * For a group that is to have more workers than it was to have so far.
 * @throws UserError QUOTA_EXCEEDED that names every resource that is short.
 */
export const checkGrowth = async (
  deps: CommandDeps,
  tx: Tx,
  owner: Owner,
  group: NodeGroupRow,
  count: number,
  field: string[],
): Promise<void> => {
  if (count <= group.spec.count || deps.peekQuotas(owner.projectId) === null) return;
  // What is counted as used is what has a server.
  const servers = (await listLiveNodes(tx.db, group.id)).filter(({ serverId }) => serverId !== null).length;
  const size = group.resolved?.machine ?? sizeOf(deps, owner, group.spec.flavor);
  check(deps, owner, () => [workersDemand(group.spec, size, Math.max(0, count - servers)), membersDemand(group.spec, count)], field);
};

/**
 * For a group that is to have another number of workers, or others: Seedbed's own quota of its project.
 * @throws UserError QUOTA_EXCEEDED that names every resource that is short.
 */
export const checkGroupRoom = (
  deps: CommandDeps,
  tx: Tx,
  { projectId }: Owner,
  group: NodeGroupRow,
  next: { count: number; vcpus: number | null },
  field: string[],
): Promise<void> => {
  const { count, vcpus } = next;
  const before = group.spec.count * (countedVcpus(group) ?? 0);
  const demand = { nodes: count - group.spec.count, workerVcpus: count * (vcpus ?? 0) - before };
  return requireRoom(tx, deps.settings.projectLimits, projectId, demand, field);
};

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
  tx: Tx,
  row: ClusterRow,
  { spec, moves }: { spec: ClusterRow['spec']; moves: readonly { nodeGroup: NodeGroupRow; vcpus: number | null }[] },
  field: string[],
): Promise<void> => {
  const controlPlaneReplicas = replicasOf(spec.controlPlane) - replicasOf(row.spec.controlPlane);
  const workerVcpus = moves.reduce((sum, { nodeGroup, vcpus }) => {
    const before = countedVcpus(nodeGroup) ?? 0;
    return sum + nodeGroup.spec.count * ((vcpus ?? before) - before);
  }, 0);
  return requireRoom(tx, deps.settings.projectLimits, row.projectId, { controlPlaneReplicas, workerVcpus }, field);
};

/**
 * For a cluster whose control plane is to have other replicas: Seedbed's own quota of its project.
 * @throws UserError QUOTA_EXCEEDED.
 */
export const checkReplicas = (deps: CommandDeps, tx: Tx, row: ClusterRow, spec: ClusterRow['spec'], field: string[]): Promise<void> => {
  const demand = { controlPlaneReplicas: replicasOf(spec.controlPlane) - replicasOf(row.spec.controlPlane) };
  return requireRoom(tx, deps.settings.projectLimits, row.projectId, demand, field);
};

/** What so many workers take of Seedbed's own quota. */
export const nodesDemand = (count: number, vcpus: number | null) => ({ nodes: count, workerVcpus: count * (vcpus ?? 0) });

const sizeOf = (deps: CommandDeps, { projectId, userId }: Owner, flavor: string): Size | null =>
  findByNameOrId(deps.peekCatalogue(projectId, userId)?.flavors ?? [], flavor) ?? null;
