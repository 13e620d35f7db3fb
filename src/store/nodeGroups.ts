/** Node groups: by cluster, of one that the caller has seen, and by id. */
import { and, eq, isNull, sql } from 'drizzle-orm';
import type { NodeGroupState } from '../domain/nodeGroup.ts';
import { inserter } from './insert.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db, Tx } from './open.ts';
import { type Order, type Page, readPages, type Slice } from './page.ts';
import type { NodeGroupRow } from './reconcile.ts';
import { inSightOfCluster, type Sight } from './sight.ts';
import { nodeGroups } from './tables.ts';

const order: Order = { at: nodeGroups.createdAt, id: nodeGroups.id };

export const insertNodeGroup = inserter(nodeGroups);

export interface NodeGroupFilter {
  name?: string | null;
  states?: readonly NodeGroupState[] | null;
  isDefault?: boolean | null;
}

/** Live groups of many clusters, oldest first. */
export const listNodeGroupsByClusters = async (
  db: Db,
  clusterIds: readonly string[],
  filter: NodeGroupFilter,
  page: Page,
): Promise<Map<string, Slice<NodeGroupRow>>> => {
  const where = and(
    isNull(nodeGroups.deletedAt),
    filter.name == null ? undefined : eq(nodeGroups.name, filter.name),
    filter.states == null ? undefined : isOneOf(nodeGroups.state, filter.states),
    filter.isDefault == null ? undefined : eq(nodeGroups.isDefault, filter.isDefault),
  );
  return readPages(db, { table: nodeGroups, parent: 'clusterId', order, where }, clusterIds, page);
};

/** By id, of clusters that are seen; deleted ones included. */
export const loadNodeGroups = (db: Db, sight: Sight, ids: readonly string[]): Promise<NodeGroupRow[]> =>
  db
    .select()
    .from(nodeGroups)
    .where(and(isOneOf(nodeGroups.id, ids), inSightOfCluster(db, nodeGroups.clusterId, sight)));

/** Marks all live groups of a cluster for removal. */
export const requestDeletionOfNodeGroups = async (tx: Tx, clusterId: string, now: number): Promise<void> => {
  await tx.db
    .update(nodeGroups)
    .set({ deleteRequestedAt: now, state: 'DELETING', generation: sql`${nodeGroups.generation} + 1`, updatedAt: now })
    .where(and(eq(nodeGroups.clusterId, clusterId), isNull(nodeGroups.deletedAt), isNull(nodeGroups.deleteRequestedAt)));
};
