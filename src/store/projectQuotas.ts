/** Seedbed's own quotas of projects: what was set for one, what it has, and the look that refuses what would be too much. */
import { and, count, eq, isNull, sql } from 'drizzle-orm';
import {
  type ClusterShare,
  type GroupShare,
  limitsOf,
  NO_LIMIT,
  PROJECT_RESOURCES,
  type ProjectLimits,
  type ProjectResource,
  type ProjectShares,
  sharesOf,
} from '../domain/projectQuota.ts';
import { type Demand, type ResourceQuota, requireQuotas } from '../domain/quota.ts';
import type { Db, Looking, Tx } from './open.ts';
import { clusters, nodeGroups, nodes, projectQuotas } from './tables.ts';

export type ProjectQuotaRow = typeof projectQuotas.$inferSelect;

/** Undefined: nothing was ever set for it. */
export const findProjectQuota = async (db: Db, projectId: string): Promise<ProjectQuotaRow | undefined> => {
  const [row] = await db.select().from(projectQuotas).where(eq(projectQuotas.projectId, projectId));
  return row;
};

export const saveProjectQuota = async (tx: Tx, row: ProjectQuotaRow): Promise<void> => {
  await tx.db.insert(projectQuotas).values(row).onConflictDoUpdate({ target: projectQuotas.projectId, set: row });
};

/** Settings that came after a cluster was written are the usual ones: one replica. */
const clusterShares = async (db: Db, projectId: string): Promise<ClusterShare[]> => {
  const rows = await db
    .select({
      replicas: sql<number | null>`json_extract(${clusters.spec}, '$.controlPlane.replicas')`,
      apiServerReplicas: sql<number | null>`json_extract(${clusters.spec}, '$.controlPlane.apiServerReplicas')`,
      seedId: clusters.seedId,
      phase: sql<string | null>`json_extract(${clusters.hibernation}, '$.phase')`,
    })
    .from(clusters)
    .where(and(eq(clusters.projectId, projectId), isNull(clusters.deletedAt)));
  return rows.map(({ replicas, apiServerReplicas, seedId, phase }) => ({
    replicas: replicas ?? 1,
    apiServerReplicas,
    hasSeed: seedId !== null,
    isAsleep: phase === 'ASLEEP',
  }));
};

const groupShares = async (db: Db, projectId: string): Promise<GroupShare[]> => {
  const rows = await db
    .select({
      count: sql<number>`json_extract(${nodeGroups.spec}, '$.count')`,
      vcpus: sql<number>`coalesce(${nodeGroups.vcpus}, json_extract(${nodeGroups.resolved}, '$.machine.vcpus'), 0)`,
      isDeleting: sql<number>`${nodeGroups.deleteRequestedAt} is not null`,
      nodes: count(nodes.id),
      servers: count(nodes.serverId),
    })
    .from(nodeGroups)
    .innerJoin(clusters, eq(clusters.id, nodeGroups.clusterId))
    .leftJoin(nodes, and(eq(nodes.nodeGroupId, nodeGroups.id), isNull(nodes.deletedAt)))
    .where(and(eq(clusters.projectId, projectId), isNull(clusters.deletedAt), isNull(nodeGroups.deletedAt)))
    .groupBy(nodeGroups.id);
  return rows.map((row) => ({ ...row, isDeleting: row.isDeleting === 1 }));
};

export const loadShares = async (db: Db, projectId: string): Promise<ProjectShares> =>
  sharesOf(await clusterShares(db, projectId), await groupShares(db, projectId));

/** What the project has of each, and may have. */
export const listProjectQuotas = async (db: Db, usual: ProjectLimits, projectId: string): Promise<ResourceQuota[]> => {
  const limits = limitsOf(usual, (await findProjectQuota(db, projectId))?.limits ?? {});
  const shares = await loadShares(db, projectId);
  return PROJECT_RESOURCES.map((resource) => ({
    resource,
    used: shares[resource].used + shares[resource].reserved,
    limit: limits[resource] === NO_LIMIT ? null : limits[resource],
  }));
};

/**
 * Whether there is room for so much more. Writers go one after the other, so two that ask in their transactions never pass together.
 * @throws UserError QUOTA_EXCEEDED that names every resource that is short.
 */
export const requireRoom = async (
  { db }: Looking,
  usual: ProjectLimits,
  projectId: string,
  demand: Demand & { [Resource in ProjectResource]?: number },
  field?: string[],
): Promise<void> => {
  if (PROJECT_RESOURCES.every((resource) => (demand[resource] ?? 0) <= 0)) return;
  const limits = limitsOf(usual, (await findProjectQuota(db, projectId))?.limits ?? {});
  const asked = PROJECT_RESOURCES.filter((resource) => (demand[resource] ?? 0) > 0 && limits[resource] !== NO_LIMIT);
  if (asked.length === 0) return;
  const shares = await loadShares(db, projectId);
  const quotas = asked.map((resource) => ({
    resource,
    used: shares[resource].used + shares[resource].reserved,
    limit: limits[resource],
  }));
  requireQuotas(quotas, demand, { field, source: 'SEEDBED' });
};
