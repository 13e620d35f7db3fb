/** What a drain of a seed has before it: the live clusters that are in it, or on their way from it, and where each would go. */
import { and, asc, isNull, or, sql } from 'drizzle-orm';
import type { SeedCandidate } from '../domain/seed.ts';
import { type DrainEntry, planDrain } from '../domain/seedDrain.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db } from './open.ts';
import type { ClusterRow, SeedRow } from './reconcile.ts';
import { listSeedCandidates, wishOf } from './seeds.ts';
import { clusters } from './tables.ts';

/** Those of all these seeds, oldest first. */
const listClustersToMove = (db: Db, seedIds: readonly string[]): Promise<ClusterRow[]> =>
  db
    .select()
    .from(clusters)
    .where(
      and(
        isNull(clusters.deletedAt),
        or(
          isOneOf(clusters.seedId, seedIds),
          // It is in the other one by now, and something of it is still here.
          and(
            sql`json_extract(${clusters.move}, '$.phase') <> 'DONE'`,
            isOneOf(sql`json_extract(${clusters.move}, '$.fromSeedId')`, seedIds),
          ),
        ),
      ),
    )
    .orderBy(asc(clusters.createdAt), asc(clusters.id));

/** Whether it is among those of this seed. */
const isToMove = ({ seedId, move }: ClusterRow, id: string): boolean =>
  seedId === id || (move !== null && move.phase !== 'DONE' && move.fromSeedId === id);

/** With when its cluster was asked for. */
export type DrainPlanEntry = DrainEntry & Pick<ClusterRow, 'createdAt'>;

/** Of each of these seeds, by its id, in as many statements as of one. */
export const loadDrainPlans = async (db: Db, seeds: readonly SeedRow[]): Promise<Map<string, DrainPlanEntry[]>> => {
  const candidates = await listSeedCandidates(db);
  const all = await listClustersToMove(
    db,
    seeds.map(({ id }) => id),
  );
  return new Map(
    seeds.map((seed) => [
      seed.id,
      planOf(
        seed,
        candidates,
        all.filter((row) => isToMove(row, seed.id)),
      ),
    ]),
  );
};

export const loadDrainPlan = async (db: Db, seed: SeedRow): Promise<DrainPlanEntry[]> =>
  (await loadDrainPlans(db, [seed])).get(seed.id) ?? [];

const planOf = ({ id, drain }: SeedRow, candidates: readonly SeedCandidate[], rows: readonly ClusterRow[]): DrainPlanEntry[] => {
  const from = candidates.find((seed) => seed.id === id);
  if (from === undefined) return [];
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
