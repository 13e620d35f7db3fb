/** What a drain of a seed has before it: the live clusters that are in it, or on their way from it, and where each would go. */
import { and, asc, eq, isNull, or, sql } from 'drizzle-orm';
import { type DrainEntry, planDrain } from '../domain/seedDrain.ts';
import type { Db } from './open.ts';
import type { ClusterRow, SeedRow } from './reconcile.ts';
import { listSeedCandidates, wishOf } from './seeds.ts';
import { clusters } from './tables.ts';

/** Oldest first. */
const listClustersToMove = (db: Db, seedId: string): Promise<ClusterRow[]> =>
  db
    .select()
    .from(clusters)
    .where(
      and(
        isNull(clusters.deletedAt),
        or(
          eq(clusters.seedId, seedId),
          // It is in the other one by now, and something of it is still here.
          and(sql`json_extract(${clusters.move}, '$.phase') <> 'DONE'`, sql`json_extract(${clusters.move}, '$.fromSeedId') = ${seedId}`),
        ),
      ),
    )
    .orderBy(asc(clusters.createdAt), asc(clusters.id));

/** With when its cluster was asked for. */
export type DrainPlanEntry = DrainEntry & Pick<ClusterRow, 'createdAt'>;

export const loadDrainPlan = async (db: Db, { id, drain }: SeedRow): Promise<DrainPlanEntry[]> => {
  const candidates = await listSeedCandidates(db);
  const from = candidates.find((seed) => seed.id === id);
  if (from === undefined) return [];
  const rows = await listClustersToMove(db, id);
  const others = candidates.filter((seed) => seed.id !== id);
  const entries = planDrain(
    from,
    others,
    rows.map((row) => ({ ...row, wish: wishOf(row) })),
    drain,
  );
  const createdAt = new Map(rows.map((row) => [row.id, row.createdAt]));
  return entries.map((entry) => ({ ...entry, createdAt: createdAt.get(entry.clusterId) ?? 0 }));
};
