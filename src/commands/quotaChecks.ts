/** Refuses what has no room in the project's quotas, as far as they are known; the reconciler looks again before it makes anything. */
import { findByNameOrId } from '../domain/cloud.ts';
import { type ClusterWish, clusterDemands, groupDemand, membersDemand, type Size, workersDemand } from '../domain/demand.ts';
import type { NodeGroupSpec } from '../domain/nodeGroup.ts';
import { type Demand, requireQuotas, sumOf } from '../domain/quota.ts';
import type { Tx } from '../store/open.ts';
import { listLiveNodes, type NodeGroupRow } from '../store/reconcile.ts';
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

const check = (deps: CommandDeps, { projectId }: Owner, demands: () => Demand[], field: string[] | undefined): void => {
  const quotas = deps.peekQuotas(projectId);
  if (quotas !== null) requireQuotas(quotas, sumOf(demands()), field);
};

const sizeOf = (deps: CommandDeps, { projectId, userId }: Owner, flavor: string): Size | null =>
  findByNameOrId(deps.peekCatalogue(projectId, userId)?.flavors ?? [], flavor) ?? null;
