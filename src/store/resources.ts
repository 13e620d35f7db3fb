/** The inventory as its owner reads it: what was made outside for each cluster. */
import { and, inArray, ne, type SQL } from 'drizzle-orm';
import type { InventoryService, InventoryState } from '../domain/inventory.ts';
import type { InventoryRow } from './inventory.ts';
import type { Db } from './open.ts';
import { firstOfEach, type Order, orderBy, type Page, type Slice, slicesBy } from './page.ts';
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
    filter.services == null ? undefined : inArray(inventory.service, [...filter.services]),
    filter.states == null ? ne(inventory.state, 'GONE') : inArray(inventory.state, [...filter.states]),
  );
  const rows = await db
    .select()
    .from(inventory)
    .where(firstOfEach(inventory.clusterId, clusterIds, order, page, where))
    .orderBy(...orderBy(order));
  return slicesBy(rows, clusterIds, (row) => row.clusterId, page);
};

export const loadResources = (db: Db, ids: readonly string[]): Promise<InventoryRow[]> =>
  db
    .select()
    .from(inventory)
    .where(inArray(inventory.id, [...ids]));
