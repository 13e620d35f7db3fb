/** Seeds: lists, lookups, how full they are, and what placement may choose from. */
import { and, count, eq, gt, isNotNull, isNull, ne, or, sql } from 'drizzle-orm';
import { nodeCidrOf } from '../domain/cluster.ts';
import { type ComponentResources, seedDemandOf } from '../domain/controlPlane.ts';
import { Conflict } from '../domain/errors.ts';
import { choosePlacement, type PlacementWish } from '../domain/placement.ts';
import { freeOf, type SeedCandidate, type SeedState } from '../domain/seed.ts';
import { inserter } from './insert.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db } from './open.ts';
import { type Order, type Page, readPage, type Slice } from './page.ts';
import { perConnection } from './prepared.ts';
import type { ClusterRow, SeedRow } from './reconcile.ts';
import { clusters, seeds } from './tables.ts';

export type SeedRanges = Pick<SeedCandidate, 'id' | 'cordoned' | 'state' | 'exposure' | 'cidrs'>;

export interface SeedFilter {
  name?: string | null;
  region?: string | null;
  cordoned?: boolean | null;
  states?: readonly SeedState[] | null;
}

const order: Order = { at: seeds.createdAt, id: seeds.id };

export const insertSeed = inserter(seeds);

/** Seeds that are registered, oldest first. The caller has made sure that a cloud admin asks. */
export const listSeeds = async (db: Db, filter: SeedFilter, page: Page): Promise<Slice<SeedRow>> => {
  const where = and(
    isNull(seeds.deletedAt),
    filter.name == null ? undefined : eq(seeds.name, filter.name),
    filter.region == null ? undefined : eq(seeds.region, filter.region),
    filter.cordoned == null ? undefined : eq(seeds.cordoned, filter.cordoned),
    filter.states == null ? undefined : isOneOf(seeds.state, filter.states),
  );
  return readPage(db, { table: seeds, order, where }, page);
};

/** A registered seed by its id or name; an id wins. */
export const findSeed = async (db: Db, idOrName: string): Promise<SeedRow | undefined> => {
  const rows = await db
    .select()
    .from(seeds)
    .where(and(or(eq(seeds.id, idOrName), eq(seeds.name, idOrName)), isNull(seeds.deletedAt)));
  return rows.find((row) => row.id === idOrName) ?? rows[0];
};

/** By id, those that are unregistered included. */
export const loadSeeds = (db: Db, ids: readonly string[]): Promise<SeedRow[]> => db.select().from(seeds).where(isOneOf(seeds.id, ids));

/** Live clusters by seed; a seed without any is not in the map. */
export const countClustersBySeeds = async (db: Db, seedIds: readonly string[]): Promise<Map<string, number>> => {
  const rows = await db
    .select({ seedId: clusters.seedId, used: count() })
    .from(clusters)
    .where(and(isOneOf(clusters.seedId, seedIds), isNull(clusters.deletedAt)))
    .groupBy(clusters.seedId);
  return new Map(rows.map((row) => [row.seedId ?? '', row.used]));
};

/** Live clusters that are on the seed, wait for it because they asked for it by name, or are being moved to it or from it. */
export const countClustersBoundToSeed = (db: Db, seedId: string): Promise<number> =>
  db.$count(
    clusters,
    and(
      isNull(clusters.deletedAt),
      or(
        eq(clusters.seedId, seedId),
        and(isNull(clusters.seedId), eq(clusters.requestedSeedId, seedId)),
        // It goes there, or has something left there; in a seed that is lost while the cluster serves from another, that is given up with it.
        and(
          sql`json_extract(${clusters.move}, '$.phase') <> 'DONE'`,
          sql`${seedId} in (json_extract(${clusters.move}, '$.fromSeedId'), json_extract(${clusters.move}, '$.toSeedId'))`,
          sql`not (json_extract(${clusters.move}, '$.phase') = 'CLEAN_UP' and ${seedId} in (select id from seeds where lost_at is not null))`,
        ),
      ),
    ),
  );

/** Live clusters whose control planes are in it. */
export const listClusterIdsOnSeed = async (db: Db, seedId: string): Promise<string[]> =>
  (
    await db
      .select({ id: clusters.id })
      .from(clusters)
      .where(and(eq(clusters.seedId, seedId), isNull(clusters.deletedAt)))
  ).map((row) => row.id);

/** Since when each seed but this one has been silent that is. */
export const listSilences = async (db: Db, butId: string): Promise<number[]> => {
  const rows = await db
    .select({ since: seeds.silentSince })
    .from(seeds)
    .where(and(ne(seeds.id, butId), isNull(seeds.deletedAt), isNotNull(seeds.silentSince)));
  return rows.flatMap(({ since }) => since ?? []);
};

/** Since when each of these seeds that is lost has been silent; one that is heard is not in the map. */
export const listLostSeeds = async (db: Db, ids: readonly string[]): Promise<Map<string, number | null>> => {
  const rows = await db
    .select({ id: seeds.id, since: seeds.silentSince })
    .from(seeds)
    .where(and(isOneOf(seeds.id, ids), isNotNull(seeds.lostAt)));
  return new Map(rows.map((row) => [row.id, row.since]));
};

const rangesOfLive = perConnection((db) =>
  db
    .select({
      id: seeds.id,
      cordoned: seeds.cordoned,
      state: seeds.state,
      exposure: seeds.exposure,
      podCidr: seeds.podCidr,
      serviceCidr: seeds.serviceCidr,
      facts: seeds.facts,
    })
    .from(seeds)
    .where(isNull(seeds.deletedAt))
    .prepare(),
);

/** The ranges that registered seeds use themselves and how they show APIs, without their load, which costs a look at every cluster. */
export const listSeedRanges = async (db: Db): Promise<SeedRanges[]> => (await rangesOfLive(db).execute()).map(withCidrs);

const withCidrs = <Row extends Pick<SeedRow, 'podCidr' | 'serviceCidr' | 'facts'>>({ podCidr, serviceCidr, facts, ...row }: Row) => ({
  ...row,
  cidrs: [podCidr, serviceCidr, ...(facts?.podCidrs ?? [])].filter((cidr) => cidr !== null),
});

/** What placement chooses from: every registered seed with its load, in three statements. `without`: the id of a cluster that is not counted where it is being moved to. */
export const listSeedCandidates = async (db: Db, without: string | null = null): Promise<SeedCandidate[]> => {
  const load = db
    .select({ seedId: clusters.seedId, used: count().as('used') })
    .from(clusters)
    .where(isNull(clusters.deletedAt))
    .groupBy(clusters.seedId)
    .as('load');
  const rows = await db
    .select({
      id: seeds.id,
      name: seeds.name,
      region: seeds.region,
      labels: seeds.labels,
      cordoned: seeds.cordoned,
      state: seeds.state,
      maxClusters: seeds.maxClusters,
      weight: seeds.weight,
      exposure: seeds.exposure,
      podCidr: seeds.podCidr,
      serviceCidr: seeds.serviceCidr,
      facts: seeds.facts,
      used: load.used,
    })
    .from(seeds)
    .leftJoin(load, eq(load.seedId, seeds.id))
    .where(isNull(seeds.deletedAt));
  const uncounted = await demandUncounted(db);
  const coming = await listComing(db, without);
  return rows.map(({ used, ...row }) => {
    const here = coming.filter(({ toSeedId }) => toSeedId === row.id);
    const demand = here.map(({ spec }) => seedDemandOf(spec.controlPlane)).reduce(plus, uncounted.get(row.id) ?? NOTHING);
    return { ...withCidrs({ ...row, used: (used ?? 0) + here.length }), free: freeOf(row.facts, demand) };
  });
};

const plus = (a: ComponentResources, b: ComponentResources): ComponentResources => ({
  cpuMillicores: a.cpuMillicores + b.cpuMillicores,
  memoryMiB: a.memoryMiB + b.memoryMiB,
});

/** Clusters that are being moved and are not there yet: their places are kept. */
const listComing = (db: Db, without: string | null) =>
  db
    .select({ toSeedId: sql<string>`json_extract(${clusters.move}, '$.toSeedId')`, spec: clusters.spec })
    .from(clusters)
    .where(
      and(
        isNull(clusters.deletedAt),
        sql`json_extract(${clusters.move}, '$.phase') in ('BACK_UP', 'FREEZE', 'HAND_OVER')`,
        sql`json_extract(${clusters.move}, '$.toSeedId') <> ${clusters.seedId}`,
        ne(clusters.id, without ?? ''),
      ),
    );

const NOTHING: ComponentResources = { cpuMillicores: 0, memoryMiB: 0 };

/** By seed: what control planes ask for that its last look may not have seen yet. One that is half made counts twice for a moment, and none too little. */
const demandUncounted = async (db: Db): Promise<Map<string, ComponentResources>> => {
  const rows = await db
    // Many are alike, and of a thousand that were asked for at once none has been counted yet.
    .select({ seedId: seeds.id, spec: clusters.spec, alike: count() })
    .from(clusters)
    .innerJoin(seeds, eq(seeds.id, clusters.seedId))
    .where(
      and(
        isNull(clusters.deletedAt),
        isNull(seeds.deletedAt),
        or(
          eq(clusters.observedGeneration, 0),
          gt(clusters.createdAt, sql<number>`json_extract(${seeds.facts}, '$.probedAt')`),
          // Its place is kept for it.
          sql`json_extract(${clusters.hibernation}, '$.phase') in ('ASLEEP', 'WAKING')`,
          // It is just being made there.
          sql`json_extract(${clusters.move}, '$.phase') = 'START'`,
        ),
      ),
    )
    .groupBy(seeds.id, clusters.spec);
  const sums = new Map<string, ComponentResources>();
  for (const { seedId, spec, alike } of rows) {
    const { cpuMillicores, memoryMiB } = seedDemandOf(spec.controlPlane);
    sums.set(seedId, plus(sums.get(seedId) ?? NOTHING, { cpuMillicores: alike * cpuMillicores, memoryMiB: alike * memoryMiB }));
  }
  return sums;
};

/** What the control plane of a cluster that is in another seed asks of one. */
export const wishOf = (row: ClusterRow): Omit<PlacementWish, 'seedId'> => {
  const { spec } = row;
  return {
    region: null,
    selector: spec.seedSelector,
    kept: spec.controlPlane.allowedCidrs.length > 0,
    floatingIp: row.endpointFloatingIp,
    demand: seedDemandOf(spec.controlPlane),
    cidrs: [spec.podCidr, spec.serviceCidr, nodeCidrOf(row) ?? []].flat(),
  };
};

/** @throws CONFLICT with the reason, where the seed does not take the control plane of a cluster that is in another. */
export const checkSeedFits = async (db: Db, row: ClusterRow, seedId: string): Promise<void> => {
  const { reasons } = choosePlacement(await listSeedCandidates(db, row.id), { ...wishOf(row), seedId });
  const found = reasons.find((reason) => reason.seedId === seedId);
  if (found?.fits === true) return;
  throw new Conflict(
    'CONFLICT',
    `Seed ${found?.seedName ?? seedId} does not take the control plane of cluster ${row.name}. ${found?.reason ?? 'It is not registered any more.'} Choose another seed, or mend that first.`,
    { field: ['seedId'] },
  );
};
