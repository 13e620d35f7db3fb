/** Nodes: by cluster and by group, of a cluster that the caller has seen, and by id. */
import { and, desc, eq, isNotNull, isNull, type SQL, sql } from 'drizzle-orm';
import type { NodeState } from '../domain/node.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db, Tx } from './open.ts';
import { type Order, type Page, readPages, type Slice } from './page.ts';
import type { NodeGroupRow, NodeRow } from './reconcile.ts';
import { inSightOfCluster, type Sight } from './sight.ts';
import { nodeGroups, nodes } from './tables.ts';

const order: Order = { at: nodes.createdAt, id: nodes.id };

export interface NodeFilter {
  states?: readonly NodeState[] | null;
}

const isWanted = (filter: NodeFilter) =>
  and(isNull(nodes.deletedAt), filter.states == null ? undefined : isOneOf(nodes.state, filter.states));

/** Live nodes of many clusters, oldest first. */
export const listNodesByClusters = (
  db: Db,
  clusterIds: readonly string[],
  filter: NodeFilter,
  page: Page,
): Promise<Map<string, Slice<NodeRow>>> =>
  readPages(db, { table: nodes, parent: 'clusterId', order, where: isWanted(filter) }, clusterIds, page);

/** Live nodes of many groups, oldest first. */
export const listNodesByGroups = (
  db: Db,
  groupIds: readonly string[],
  filter: NodeFilter,
  page: Page,
): Promise<Map<string, Slice<NodeRow>>> =>
  readPages(db, { table: nodes, parent: 'nodeGroupId', order, where: isWanted(filter) }, groupIds, page);

/** All live nodes of many groups. */
export const listLiveNodesByGroups = async (db: Db, groupIds: readonly string[]): Promise<Map<string, NodeRow[]>> => {
  const rows = await db
    .select()
    .from(nodes)
    .where(and(isOneOf(nodes.nodeGroupId, groupIds), isNull(nodes.deletedAt)));
  return new Map(groupIds.map((id) => [id, rows.filter((row) => row.nodeGroupId === id)]));
};

/** Nodes from before it was kept have what their group has said until now. */
export const noteSettingsDigest = async (tx: Tx, nodeGroupId: string, settingsDigest: string): Promise<void> => {
  const isUnknown = and(isNull(nodes.settingsDigest), isNotNull(nodes.kubernetesVersion), isNull(nodes.deletedAt));
  await tx.db
    .update(nodes)
    .set({ settingsDigest })
    .where(and(eq(nodes.nodeGroupId, nodeGroupId), isUnknown));
};

/** Live groups and nodes of many clusters. */
export const listWorkersByClusters = async (
  db: Db,
  clusterIds: readonly string[],
): Promise<Map<string, { groups: NodeGroupRow[]; nodes: NodeRow[] }>> => {
  const ids = [...clusterIds];
  const groups = await db
    .select()
    .from(nodeGroups)
    .where(and(isOneOf(nodeGroups.clusterId, ids), isNull(nodeGroups.deletedAt)))
    .orderBy(nodeGroups.createdAt, nodeGroups.id);
  const own = await db
    .select()
    .from(nodes)
    .where(and(isOneOf(nodes.clusterId, ids), isNull(nodes.deletedAt)));
  const of = <Row extends { clusterId: string }>(rows: Row[], id: string): Row[] => rows.filter(({ clusterId }) => clusterId === id);
  return new Map(ids.map((id) => [id, { groups: of(groups, id), nodes: of(own, id) }]));
};

/** By id, of clusters that are seen; deleted ones included. */
export const loadNodes = (db: Db, sight: Sight, ids: readonly string[]): Promise<NodeRow[]> =>
  db
    .select()
    .from(nodes)
    .where(and(isOneOf(nodes.id, ids), inSightOfCluster(db, nodes.clusterId, sight)));

/** One of the three by which a node is known outside. */
export type NodeKey = { id: string } | { serverId: string } | { name: string };

const isKnownBy = (key: NodeKey): SQL =>
  'id' in key ? eq(nodes.id, key.id) : 'serverId' in key ? eq(nodes.serverId, key.serverId) : eq(nodes.name, key.name);

/** A live node of a cluster's. */
export const findClusterNode = async (db: Db, clusterId: string, key: NodeKey): Promise<NodeRow | undefined> => {
  const [row] = await db
    .select()
    .from(nodes)
    .where(and(eq(nodes.clusterId, clusterId), isNull(nodes.deletedAt), isKnownBy(key)))
    .limit(1);
  return row;
};

/** A node of a group's, deleted ones included. */
export const findGroupNode = async (db: Db, groupId: string, key: NodeKey): Promise<NodeRow | undefined> => {
  const [row] = await db
    .select()
    .from(nodes)
    .where(and(eq(nodes.nodeGroupId, groupId), isKnownBy(key)))
    .orderBy(desc(nodes.createdAt))
    .limit(1);
  return row;
};

/** Marks all live nodes of a cluster or of a group for removal in one statement. */
export const requestDeletionOfNodes = async (
  tx: Tx,
  below: { clusterId: string } | { nodeGroupId: string },
  now: number,
): Promise<void> => {
  const parent: SQL = 'clusterId' in below ? eq(nodes.clusterId, below.clusterId) : eq(nodes.nodeGroupId, below.nodeGroupId);
  await tx.db
    .update(nodes)
    .set({ deleteRequestedAt: now, state: 'DELETING', generation: sql`${nodes.generation} + 1`, updatedAt: now })
    .where(and(parent, isNull(nodes.deletedAt), isNull(nodes.deleteRequestedAt)));
};
