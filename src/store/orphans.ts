/** Orphans that searches have found, and what became of those that were to be removed. */
import { and, eq, inArray, isNull, lt, notInArray, type SQL, sql } from 'drizzle-orm';
import type { KnownCluster, OrphanState } from '../domain/orphan.ts';
import { inserter } from './insert.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db, Tx } from './open.ts';
import { type Order, orderBy, type Page, readPage, type Slice } from './page.ts';
import { clusters, nodes, orphans, seeds } from './tables.ts';

export type OrphanRow = typeof orphans.$inferSelect;

export interface OrphanFilter {
  projectId?: string | null;
  clusterId?: string | null;
  states?: readonly OrphanState[] | null;
}

const order: Order = { at: orphans.foundAt, id: orphans.id };
const insert = inserter(orphans);

/** Those that were found first, first. The caller has made sure that a cloud admin asks. */
export const listOrphans = async (db: Db, filter: OrphanFilter, page: Page): Promise<Slice<OrphanRow>> => {
  const where = and(
    filter.projectId == null ? undefined : eq(orphans.projectId, filter.projectId),
    filter.clusterId == null ? undefined : eq(orphans.clusterId, filter.clusterId),
    filter.states == null ? undefined : isOneOf(orphans.state, filter.states),
  );
  return readPage(db, { table: orphans, order, where }, page);
};

export const loadOrphans = (db: Db, ids: readonly string[]): Promise<OrphanRow[]> =>
  db.select().from(orphans).where(isOneOf(orphans.id, ids));

export const listOrphansOfOperation = (db: Db, operationId: string): Promise<OrphanRow[]> =>
  db
    .select()
    .from(orphans)
    .where(eq(orphans.operationId, operationId))
    .orderBy(...orderBy(order));

/** A project, a seed, or neither: the domain of clusters' own users. */
export type PlaceKey = Pick<OrphanRow, 'projectId' | 'seedId'>;

/** What is in a seed may name the project that it was made for. */
const isIn = ({ projectId, seedId }: PlaceKey): SQL | undefined => {
  if (seedId !== null) return eq(orphans.seedId, seedId);
  return and(isNull(orphans.seedId), projectId === null ? isNull(orphans.projectId) : eq(orphans.projectId, projectId));
};

type Thing = PlaceKey & Pick<OrphanRow, 'service' | 'kind' | 'externalId' | 'name' | 'clusterId' | 'clusterName' | 'reason'>;

/** What is being removed stays so; whatever else was known of the thing, it is there. */
export const noteOrphan = async (tx: Tx, thing: Thing, id: string, now: number): Promise<void> => {
  const [known] = await tx.db
    .select()
    .from(orphans)
    .where(and(isIn(thing), eq(orphans.service, thing.service), eq(orphans.kind, thing.kind), eq(orphans.externalId, thing.externalId)));
  const fresh = { state: 'FOUND', problem: null, operationId: null, askedAt: null } as const;
  if (known === undefined) return insert(tx, { ...thing, ...fresh, id, foundAt: now, updatedAt: now });
  const again = known.state === 'REMOVED' || known.state === 'GONE' ? fresh : {};
  await patchOrphans(tx, [known.id], { ...thing, ...again, updatedAt: known.state === 'REMOVING' ? known.updatedAt : now });
};

/** After a whole look at a kind of thing in a place: what was known and is not among `externalIds` is no orphan any more. */
export const noteOthersGone = async (tx: Tx, of: PlaceKey & Pick<Thing, 'kind'>, externalIds: readonly string[], now: number) => {
  await tx.db
    .update(orphans)
    .set({ state: 'GONE', problem: null, updatedAt: now })
    .where(
      and(
        isIn(of),
        eq(orphans.kind, of.kind),
        inArray(orphans.state, ['FOUND', 'FAILED']),
        notInArray(orphans.externalId, [...externalIds]),
      ),
    );
};

export const patchOrphans = async (tx: Tx, ids: readonly string[], patch: Partial<OrphanRow>): Promise<void> => {
  if (ids.length > 0) await tx.db.update(orphans).set(patch).where(isOneOf(orphans.id, ids));
};

/** Another try for what an operation could not remove. */
export const reopenOrphans = async (tx: Tx, operationId: string, now: number): Promise<void> => {
  await tx.db
    .update(orphans)
    .set({ state: 'REMOVING', problem: null, updatedAt: now })
    .where(and(eq(orphans.operationId, operationId), eq(orphans.state, 'FAILED')));
};

/** Deleted ones included. */
export const listKnownClusters = (db: Db): Promise<KnownCluster[]> =>
  db.select({ id: clusters.id, name: clusters.name, shortId: clusters.shortId, deletedAt: clusters.deletedAt }).from(clusters);

/** Of nodes that were deleted, too; a node that is not known is not in the map. */
export const clustersOfNodes = async (db: Db, nodeIds: readonly string[]): Promise<Map<string, string>> => {
  if (nodeIds.length === 0) return new Map();
  const rows = await db.select({ id: nodes.id, clusterId: nodes.clusterId }).from(nodes).where(isOneOf(nodes.id, nodeIds));
  return new Map(rows.map((row) => [row.id, row.clusterId]));
};

/** Live clusters by whose right Seedbed may act, of one project or of all. */
export const listLiveClusters = (db: Db, projectId?: string) =>
  db
    .select()
    .from(clusters)
    .where(and(sql`${clusters.deletedAt} is null`, projectId === undefined ? undefined : eq(clusters.projectId, projectId)));

/** Those that are registered. */
export const listLiveSeeds = (db: Db): Promise<{ id: string; name: string }[]> =>
  db.select({ id: seeds.id, name: seeds.name }).from(seeds).where(isNull(seeds.deletedAt));

/** Forgets those that were gone before a moment (milliseconds since the epoch). */
export const purgeOrphans = async (tx: Tx, before: number): Promise<void> => {
  await tx.db.delete(orphans).where(and(inArray(orphans.state, ['REMOVED', 'GONE']), lt(orphans.updatedAt, before)));
};
