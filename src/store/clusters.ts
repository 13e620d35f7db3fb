/** Clusters: lists, lookups and the insert; nobody's row is found by who may not see its project. */
import { and, eq, isNull, type SQL } from 'drizzle-orm';
import type { ClusterState } from '../domain/cluster.ts';
import { inserter } from './insert.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db } from './open.ts';
import { type Order, type Page, readPage, readPages, type Slice } from './page.ts';
import type { ClusterRow } from './reconcile.ts';
import { inSight, type Sight } from './sight.ts';
import { clusters } from './tables.ts';

export interface ClusterFilter {
  name?: string | null;
  projectId?: string | null;
  states?: readonly ClusterState[] | null;
  seedId?: string | null;
  templateId?: string | null;
}

const order: Order = { at: clusters.createdAt, id: clusters.id };

export const insertCluster = inserter(clusters);

/** Live ones. */
const isWanted = (filter: ClusterFilter) =>
  and(
    isNull(clusters.deletedAt),
    filter.name == null ? undefined : eq(clusters.name, filter.name),
    filter.projectId == null ? undefined : eq(clusters.projectId, filter.projectId),
    filter.states == null ? undefined : isOneOf(clusters.state, filter.states),
    filter.seedId == null ? undefined : eq(clusters.seedId, filter.seedId),
    filter.templateId == null ? undefined : eq(clusters.templateId, filter.templateId),
  );

/** Live clusters, oldest first. */
export const listClusters = async (db: Db, sight: Sight, filter: ClusterFilter, page: Page): Promise<Slice<ClusterRow>> => {
  const where = and(inSight(clusters.projectId, sight), isWanted(filter));
  return readPage(db, { table: clusters, order, where }, page);
};

/** Live clusters with this name that are seen: at most one in a project, perhaps several for a cloud admin. */
export const findClustersByName = (db: Db, sight: Sight, name: string): Promise<ClusterRow[]> =>
  db
    .select()
    .from(clusters)
    .where(and(eq(clusters.name, name), isNull(clusters.deletedAt), inSight(clusters.projectId, sight)))
    .limit(20);

/** By id; deleted ones too (`deletedAt` is set), since their operations and events can still be asked for. */
export const loadClusters = (db: Db, sight: Sight, ids: readonly string[]): Promise<ClusterRow[]> =>
  db
    .select()
    .from(clusters)
    .where(and(isOneOf(clusters.id, ids), inSight(clusters.projectId, sight)));

/** Live clusters of many seeds, oldest first. */
export const listClustersBySeeds = (db: Db, seedIds: readonly string[], filter: ClusterFilter, page: Page) =>
  readPagesOfSeeds(db, seedIds, { order, where: isWanted(filter) }, page);

/** A page of each of these seeds' clusters. */
export const readPagesOfSeeds = (
  db: Db,
  seedIds: readonly string[],
  { order, where }: { order: Order; where: SQL | undefined },
  page: Page,
): Promise<Map<string, Slice<ClusterRow>>> => readPages(db, { table: clusters, parent: 'seedId', order, where }, seedIds, page);
