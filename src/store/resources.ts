/** The inventory as its owner reads it: what was made outside for each cluster. */
import { and, count, ne, type SQL, sql } from 'drizzle-orm';
import type { InventoryService, InventoryState } from '../domain/inventory.ts';
import type { InventoryRow } from './inventory.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db } from './open.ts';
import { type Order, orderBy, type Page, readPages, type Slice } from './page.ts';
import { inSightOfCluster, type Sight } from './sight.ts';
import { inventory } from './tables.ts';

export interface ResourceFilter {
  services?: readonly InventoryService[] | null;
  /** Without it everything that is not gone. */
  states?: readonly InventoryState[] | null;
}

const order: Order = { at: inventory.createdAt, id: inventory.id };

/** Oldest first. */
export const listResourcesByClusters = async (
  db: Db,
  clusterIds: readonly string[],
  filter: ResourceFilter,
  page: Page,
): Promise<Map<string, Slice<InventoryRow>>> => {
  const where: SQL | undefined = and(
    filter.services == null ? undefined : isOneOf(inventory.service, filter.services),
    filter.states == null ? ne(inventory.state, 'GONE') : isOneOf(inventory.state, filter.states),
  );
  return readPages(db, { table: inventory, parent: 'clusterId', order, where }, clusterIds, page);
};

export interface ResourceCount {
  made: number;
  gone: number;
}

/** What was ever noted for each cluster in these services. */
export const countResourcesByClusters = async (
  db: Db,
  clusterIds: readonly string[],
  services: readonly InventoryService[],
): Promise<Map<string, ResourceCount>> => {
  const gone = sql<number>`sum(${inventory.state} = 'GONE')`;
  const rows = await db
    .select({ clusterId: inventory.clusterId, made: count(), gone })
    .from(inventory)
    .where(and(isOneOf(inventory.clusterId, clusterIds), isOneOf(inventory.service, services)))
    .groupBy(inventory.clusterId);
  return new Map(rows.map((row) => [row.clusterId, row]));
};

/** What is noted for each cluster in these services and not known to be gone. */
export const listResourcesLeft = async (
  db: Db,
  clusterIds: readonly string[],
  services: readonly InventoryService[],
): Promise<Map<string, InventoryRow[]>> => {
  const wanted = and(isOneOf(inventory.clusterId, clusterIds), isOneOf(inventory.service, services), ne(inventory.state, 'GONE'));
  const rows = await db
    .select()
    .from(inventory)
    .where(wanted)
    .orderBy(...orderBy(order));
  const lists = new Map<string, InventoryRow[]>(clusterIds.map((id) => [id, []]));
  for (const row of rows) lists.get(row.clusterId)?.push(row);
  return lists;
};

/** By id, of clusters that are seen. */
export const loadResources = (db: Db, sight: Sight, ids: readonly string[]): Promise<InventoryRow[]> =>
  db
    .select()
    .from(inventory)
    .where(and(isOneOf(inventory.id, ids), inSightOfCluster(db, inventory.clusterId, sight)));
