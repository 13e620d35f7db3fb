/** What hinders the parts of a whole: one statement, however many parts there are. A retry forgets it. */
import { and, asc, eq, inArray, isNotNull, isNull, ne, or, type SQL, sql } from 'drizzle-orm';
import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core';
import { type Condition, isTrouble } from '../domain/condition.ts';
import type { Db, Tx } from './open.ts';
import { perConnection } from './prepared.ts';
import { clusters, conditions, nodeGroups, nodes } from './tables.ts';

export interface Trouble {
  /** The part's. */
  name: string;
  removing: boolean;
  condition: Condition;
}

const MAYBE = or(eq(conditions.state, 'FAILED'), and(eq(conditions.state, 'WAITING'), ne(conditions.reason, 'Waiting')));

const troublesOf = (parts: typeof nodes | typeof nodeGroups, whole: AnySQLiteColumn): ((db: Db, id: string) => Promise<Trouble[]>) => {
  const query = perConnection((db) =>
    db
      .select({ name: parts.name, deleteRequestedAt: parts.deleteRequestedAt, condition: conditions })
      .from(parts)
      .innerJoin(conditions, eq(conditions.objectId, parts.id))
      .where(
        and(
          eq(whole, sql.placeholder('id')),
          isNull(parts.deletedAt),
          // What an earlier generation met says nothing of this one: a node that could not be made may well be removed.
          eq(conditions.observedGeneration, parts.generation),
          MAYBE,
        ),
      )
      .orderBy(asc(conditions.lastTransitionAt), asc(parts.name))
      .prepare(),
  );
  return async (db, id) =>
    (await query(db).execute({ id }))
      .filter((row) => isTrouble(row.condition))
      .map(({ name, deleteRequestedAt, condition }) => ({ name, removing: deleteRequestedAt !== null, condition }));
};

/** Of a node group's nodes, the longest first. */
export const listNodeTroubles = troublesOf(nodes, nodes.nodeGroupId);
/** Of a cluster's node groups, the longest first. */
export const listNodeGroupTroubles = troublesOf(nodeGroups, nodeGroups.clusterId);

/** Nodes of one failure are noticed within this. */
const AT_ONCE_MS = 15 * 60_000;

const seedClusters = perConnection((db) =>
  db
    .select({
      all: sql<number>`count(distinct ${nodes.clusterId})`,
      ailing: sql<number>`count(distinct case when ${nodes.trouble} is not null then ${nodes.clusterId} end)`,
      ill: sql<number>`count(distinct case when abs(json_extract(${nodes.trouble}, '$.since') - ${sql.placeholder('around')}) <= ${AT_ONCE_MS} then ${nodes.clusterId} end)`,
    })
    .from(clusters)
    .innerJoin(nodes, eq(nodes.clusterId, clusters.id))
    .where(
      and(
        eq(clusters.seedId, sql.placeholder('id')),
        isNull(clusters.deletedAt),
        isNull(nodes.deletedAt),
        isNull(nodes.deleteRequestedAt),
        or(isNotNull(nodes.kubeletVersion), isNotNull(nodes.trouble)),
      ),
    )
    .prepare(),
);

/** Clusters on the seed that have workers, and those of them with a worker in trouble since about `around`; what ails one since another time is no sign. */
export const countIllClusters = async (db: Db, seedId: string, around: number): Promise<{ all: number; ill: number }> => {
  const [count] = await seedClusters(db).execute({ id: seedId, around });
  const { all, ailing, ill } = count ?? { all: 0, ailing: 0, ill: 0 };
  return { all: all - (ailing - ill), ill };
};

/** Another try is asked for: what failed below, and may stand in a part's way no longer, must not fail the whole once more. */
export const forgetFailures = async (tx: Tx, below: { clusterId: string } | { nodeGroupId: string }, now: number): Promise<void> => {
  const inGroup = 'nodeGroupId' in below;
  const ofNodes = inGroup ? eq(nodes.nodeGroupId, below.nodeGroupId) : eq(nodes.clusterId, below.clusterId);
  const ofGroups = inGroup ? eq(nodeGroups.id, below.nodeGroupId) : eq(nodeGroups.clusterId, below.clusterId);
  const parts = (table: typeof nodes | typeof nodeGroups, where: SQL) =>
    inArray(
      conditions.objectId,
      tx.db
        .select({ id: table.id })
        .from(table)
        .where(and(where, isNull(table.deletedAt))),
    );
  await tx.db
    .update(conditions)
    .set({ state: 'PENDING', reason: 'NotYet', message: '', problem: null, attempts: 0, lastTransitionAt: now })
    .where(
      and(
        eq(conditions.state, 'FAILED'),
        or(parts(nodes, ofNodes), parts(nodeGroups, ofGroups), inGroup ? undefined : eq(conditions.objectId, below.clusterId)),
      ),
    );
  await tx.db
    .update(nodes)
    .set({ state: 'PENDING', updatedAt: now })
    .where(and(ofNodes, eq(nodes.state, 'FAILED'), isNull(nodes.deletedAt)));
  await tx.db
    .update(nodes)
    .set({ buildFailures: sql`json_set(${nodes.buildFailures}, '$.tries', 0, '$.notBefore', 0)` })
    .where(and(ofNodes, isNotNull(nodes.buildFailures), isNull(nodes.deletedAt)));
};
