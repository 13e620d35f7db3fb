/** Reads and updates that only reconcilers need: whole rows in, small patches out. */
import { and, eq, isNotNull, isNull, ne, sql } from 'drizzle-orm';
import type { ObjectKind } from '../domain/condition.ts';
import type { SeedPlace } from '../domain/madeSeed.ts';
import type { SeedFacts } from '../domain/seed.ts';
import { isOneOf } from './isOneOf.ts';
import type { Change, Db, Tx } from './open.ts';
import { perConnection } from './prepared.ts';
import { clusters, nodeGroups, nodes, seeds } from './tables.ts';

export type SeedRow = typeof seeds.$inferSelect;
export type ClusterRow = typeof clusters.$inferSelect;
export type NodeGroupRow = typeof nodeGroups.$inferSelect;
export type NodeRow = typeof nodes.$inferSelect;

const first = <T>(rows: T[]): T | undefined => rows[0];
const id = sql.placeholder('id');

const seedById = perConnection((db) => db.select().from(seeds).where(eq(seeds.id, id)).prepare());
const clusterById = perConnection((db) => db.select().from(clusters).where(eq(clusters.id, id)).prepare());
const nodeGroupById = perConnection((db) => db.select().from(nodeGroups).where(eq(nodeGroups.id, id)).prepare());
const nodeById = perConnection((db) => db.select().from(nodes).where(eq(nodes.id, id)).prepare());

/** Of the seed's other clusters, those whose etcd had no majority at the last look. */
export const countWithoutQuorum = async (db: Db, seedId: string, butId: string): Promise<number> =>
  (
    await db
      .select({ id: clusters.id })
      .from(clusters)
      .where(
        and(
          eq(clusters.seedId, seedId),
          ne(clusters.id, butId),
          isNull(clusters.deleteRequestedAt),
          sql`json_extract(${clusters.quorum}, '$.missing.goneSince') is not null`,
        ),
      )
  ).length;

export const loadSeed = async (db: Db, seedId: string): Promise<SeedRow | undefined> => first(await seedById(db).execute({ id: seedId }));
export const loadCluster = async (db: Db, clusterId: string): Promise<ClusterRow | undefined> =>
  first(await clusterById(db).execute({ id: clusterId }));
export const loadNodeGroup = async (db: Db, groupId: string): Promise<NodeGroupRow | undefined> =>
  first(await nodeGroupById(db).execute({ id: groupId }));
export const loadNode = async (db: Db, nodeId: string): Promise<NodeRow | undefined> => first(await nodeById(db).execute({ id: nodeId }));

const groupsOfCluster = perConnection((db) =>
  db
    .select()
    .from(nodeGroups)
    .where(and(eq(nodeGroups.clusterId, id), isNull(nodeGroups.deletedAt)))
    .prepare(),
);
const nodesOfGroup = perConnection((db) =>
  db
    .select()
    .from(nodes)
    .where(and(eq(nodes.nodeGroupId, id), isNull(nodes.deletedAt)))
    .prepare(),
);
const stayingNode = perConnection((db) =>
  db
    .select({ id: nodes.id })
    .from(nodes)
    .where(and(eq(nodes.clusterId, id), eq(nodes.state, 'READY'), isNull(nodes.deleteRequestedAt), isNull(nodes.deletedAt)))
    .limit(1)
    .prepare(),
);
const nodeByName = perConnection((db) =>
  db
    .select()
    .from(nodes)
    .where(and(eq(nodes.clusterId, id), eq(nodes.name, sql.placeholder('name')), isNull(nodes.deletedAt)))
    .prepare(),
);

export const listLiveNodeGroups = async (db: Db, clusterId: string): Promise<NodeGroupRow[]> =>
  groupsOfCluster(db).execute({ id: clusterId });

/** Of all groups of the cluster. */
export const listLiveNodesOfCluster = (db: Db, clusterId: string): Promise<NodeRow[]> =>
  db
    .select()
    .from(nodes)
    .where(and(eq(nodes.clusterId, clusterId), isNull(nodes.deletedAt)));

export const listLiveNodes = async (db: Db, nodeGroupId: string): Promise<NodeRow[]> => nodesOfGroup(db).execute({ id: nodeGroupId });

/** A node of the cluster's that is READY and stays: pods have a place to go to. */
export const hasStayingNode = async (db: Db, clusterId: string): Promise<boolean> =>
  (await stayingNode(db).execute({ id: clusterId })).length > 0;

export const findNodeByName = async (db: Db, clusterId: string, name: string): Promise<NodeRow | undefined> =>
  first(await nodeByName(db).execute({ id: clusterId, name }));

/** Of a cluster's live nodes. */
export const listFloatingIps = async (db: Db, clusterId: string): Promise<string[]> =>
  (
    await db
      .select({ address: nodes.floatingIp })
      .from(nodes)
      .where(and(eq(nodes.clusterId, clusterId), isNull(nodes.deletedAt), isNotNull(nodes.floatingIp)))
  ).flatMap(({ address }) => address ?? []);

/** Live clusters that wait for a seed: a seed that became ready or was uncordoned may take them. */
export const listUnplacedClusterIds = async (db: Db): Promise<string[]> =>
  (
    await db
      .select({ id: clusters.id })
      .from(clusters)
      .where(and(isNull(clusters.seedId), isNull(clusters.deletedAt)))
  ).map((row) => row.id);

export const patchSeed = async (tx: Tx, id: string, patch: Partial<typeof seeds.$inferInsert>): Promise<void> => {
  await tx.db.update(seeds).set(patch).where(eq(seeds.id, id));
};
/** Into what is stored: steps that run side by side, and commands, know only their own parts of it. What is undefined is taken away. */
export const patchSeedPlace = async (
  tx: Tx,
  id: string,
  patch: { [Part in keyof SeedPlace]?: SeedPlace[Part] | undefined },
): Promise<void> => {
  const known = (await loadSeed(tx.db, id))?.place;
  if (known === undefined || known === null) throw new Error(`Seed ${id} has no place to note something in.`);
  await patchSeed(tx, id, { place: { ...known, ...patch } as SeedPlace });
};
/** Likewise of what is known of it; returns all of it. */
export const noteSeedFacts = async (tx: Tx, id: string, part: Partial<SeedFacts>): Promise<SeedFacts> => {
  const known = (await loadSeed(tx.db, id))?.facts ?? NOTHING_PROVEN;
  const facts = { ...known, ...part } as SeedFacts;
  await patchSeed(tx, id, { facts });
  return facts;
};
const NOTHING_PROVEN = { exposureProvenFor: null, priorityClass: null, priorityMissed: false };
export const patchCluster = async (tx: Tx, id: string, patch: Partial<typeof clusters.$inferInsert>): Promise<void> => {
  await tx.db.update(clusters).set(patch).where(eq(clusters.id, id));
};
export const patchNodeGroup = async (tx: Tx, id: string, patch: Partial<typeof nodeGroups.$inferInsert>): Promise<void> => {
  await tx.db.update(nodeGroups).set(patch).where(eq(nodeGroups.id, id));
};
/** What says whether a cluster is paused or hibernated; undefined when there is none. */
export const findHolds = async (db: Db, id: string) => {
  const [row] = await db
    .select({ pause: clusters.pause, hibernation: clusters.hibernation, deleteRequestedAt: clusters.deleteRequestedAt })
    .from(clusters)
    .where(eq(clusters.id, id));
  return row;
};
/** They are to follow the control plane's version, and are not as they are wanted until their own passes have seen it. */
export const followControlPlane = async (tx: Tx, ids: readonly string[]): Promise<void> => {
  if (ids.length > 0)
    await tx.db
      .update(nodeGroups)
      .set({ kubernetesVersion: null, generation: sql`${nodeGroups.generation} + 1` })
      .where(isOneOf(nodeGroups.id, ids));
};
export const patchNode = async (tx: Tx, id: string, patch: Partial<typeof nodes.$inferInsert>): Promise<void> => {
  await tx.db.update(nodes).set(patch).where(eq(nodes.id, id));
};

export const insertNodes = async (tx: Tx, rows: (typeof nodes.$inferInsert)[]): Promise<void> => {
  if (rows.length > 0) await tx.db.insert(nodes).values(rows);
};

/** Marks nodes for removal; their own flows do it. */
export const requestNodeDeletion = async (tx: Tx, ids: readonly string[], now: number): Promise<void> => {
  if (ids.length > 0)
    await tx.db
      .update(nodes)
      .set({ deleteRequestedAt: now, state: 'DELETING', generation: sql`${nodes.generation} + 1`, updatedAt: now })
      .where(and(isOneOf(nodes.id, ids), isNull(nodes.deleteRequestedAt)));
};

export const changed = (
  kind: ObjectKind,
  row: { id: string },
  clusterId: string | null,
  projectId: string | null,
  what: Change['what'] = 'CHANGED',
): Change => ({
  kind,
  id: row.id,
  clusterId,
  projectId,
  what,
});
