/** Usage: what was there from when until when, written with the change that it tells of, and summed up over a time. */
import { and, eq, gte, inArray, isNull, type SQL, sql } from 'drizzle-orm';
import type { UsageKind, UsageSums, Use } from '../domain/usage.ts';
import { newId } from '../lib/ids.ts';
import { inserter } from './insert.ts';
import type { Db, Tx } from './open.ts';
import { perConnection } from './prepared.ts';
import { inSight, type Sight } from './sight.ts';
import { clusters, usage } from './tables.ts';

/** Whose usage it is; `subjectId`: the cluster, or the inventory's note of a thing. */
interface UsageOwner {
  subjectId: string;
  clusterId: string;
  projectId: string;
}

const insertUsage = inserter(usage);

const openOf = perConnection((db) =>
  db
    .select({ id: usage.id, kind: usage.kind, amount: usage.amount })
    .from(usage)
    .where(and(eq(usage.subjectId, sql.placeholder('subjectId')), isNull(usage.endedAt)))
    .prepare(),
);

/** What is being used. */
export const listOpenUses = async (db: Db, subjectId: string): Promise<(Use & { id: string })[]> => openOf(db).execute({ subjectId });

/** Notes what a subject uses from `at` on; of each kind one amount. An amount of 0, or another one, ends what was. */
export const noteUses = async (tx: Tx, owner: UsageOwner, uses: readonly Use[], at: number): Promise<void> => {
  const open = await listOpenUses(tx.db, owner.subjectId);
  for (const { kind, amount } of uses) {
    const before = open.find((use) => use.kind === kind);
    if (before?.amount === amount) continue;
    if (before !== undefined) await tx.db.update(usage).set({ endedAt: at }).where(eq(usage.id, before.id));
    if (amount > 0) await insertUsage(tx, { id: newId(), ...owner, kind, amount, startedAt: at, endedAt: null });
  }
};

const countedOf = perConnection((db) =>
  db
    .select({ id: usage.id })
    .from(usage)
    .where(and(eq(usage.subjectId, sql.placeholder('subjectId')), gte(usage.startedAt, sql.placeholder('since'))))
    .limit(1)
    .prepare(),
);

/** Whether anything was noted of it since a time, be it over or not. */
export const isCounted = async (db: Db, subjectId: string, since: number): Promise<boolean> =>
  (await countedOf(db).execute({ subjectId, since })).length > 0;

/** `kinds`: all, without. */
export const endUses = async (tx: Tx, subjectId: string, now: number, kinds?: readonly UsageKind[]): Promise<void> => {
  const which = kinds === undefined ? undefined : inArray(usage.kind, [...kinds]);
  await tx.db
    .update(usage)
    .set({ endedAt: now })
    .where(and(eq(usage.subjectId, subjectId), isNull(usage.endedAt), which));
};

/** With a cluster all ends that is counted as its own. */
export const endUsesOfCluster = async (tx: Tx, clusterId: string, now: number): Promise<void> => {
  await tx.db
    .update(usage)
    .set({ endedAt: now })
    .where(and(eq(usage.clusterId, clusterId), isNull(usage.endedAt)));
};

export interface UsagePeriod {
  from: number;
  to: number;
}

export interface ClusterUsageRow {
  clusterId: string;
  projectId: string;
  name: string;
  createdAt: number;
  deletedAt: number | null;
  sums: UsageSums;
}

/** By cluster, those that are deleted included; what is not over counts until `to`. */
export const sumUsage = async (
  db: Db,
  sight: Sight,
  which: { projectId?: string | null; clusterId?: string | null },
  { from, to }: UsagePeriod,
): Promise<ClusterUsageRow[]> => {
  // A clock that was set back may have noted an end before its beginning. As real numbers: a year of a thousand servers in milliseconds is near the end of whole ones.
  const sum = sql<number>`sum(cast(${usage.amount} as real) * max(0, min(coalesce(${usage.endedAt}, ${to}), ${to}) - max(${usage.startedAt}, ${from})))`;
  const within: SQL = sql`${usage.startedAt} < ${to} and coalesce(${usage.endedAt}, ${to}) > ${from}`;
  const rows = await db
    .select({
      clusterId: usage.clusterId,
      projectId: usage.projectId,
      name: clusters.name,
      createdAt: clusters.createdAt,
      deletedAt: clusters.deletedAt,
      kind: usage.kind,
      sum,
    })
    .from(usage)
    .innerJoin(clusters, eq(clusters.id, usage.clusterId))
    .where(
      and(
        inSight(usage.projectId, sight),
        which.projectId == null ? undefined : eq(usage.projectId, which.projectId),
        which.clusterId == null ? undefined : eq(usage.clusterId, which.clusterId),
        within,
      ),
    )
    .groupBy(usage.clusterId, usage.kind);
  const found = new Map<string, ClusterUsageRow>();
  for (const { kind, sum, ...cluster } of rows) {
    const row = found.get(cluster.clusterId) ?? { ...cluster, sums: {} };
    row.sums[kind] = sum;
    found.set(cluster.clusterId, row);
  }
  return [...found.values()];
};
