/** The inventory: every outside thing we make, noted before it is made. */
import { and, eq, inArray, ne } from 'drizzle-orm';
import type { InventoryService } from '../domain/inventory.ts';
import { newId } from '../lib/ids.ts';
import type { Db, Tx } from './open.ts';
import { inventory } from './tables.ts';

export type InventoryRow = typeof inventory.$inferSelect;

export interface InventoryKey {
  clusterId: string;
  ownerId: string;
  service: InventoryService;
  kind: string;
  name: string;
}

export const listInventory = (db: Db, ownerId: string): Promise<InventoryRow[]> =>
  db.select().from(inventory).where(eq(inventory.ownerId, ownerId));

export const findInventory = async (db: Db, key: InventoryKey): Promise<InventoryRow | undefined> => {
  const [row] = await db
    .select()
    .from(inventory)
    .where(
      and(
        eq(inventory.ownerId, key.ownerId),
        eq(inventory.service, key.service),
        eq(inventory.kind, key.kind),
        eq(inventory.name, key.name),
      ),
    );
  return row;
};

/** Notes that a create is about to be sent. Returns the row as it was before: undefined or GONE means that nothing can be there yet. */
export const noteCreating = async (tx: Tx, key: InventoryKey, now: number): Promise<void> => {
  await tx.db
    .insert(inventory)
    .values({ ...key, id: newId(), externalId: null, state: 'CREATING', madeBy: 'SEEDBED', createdAt: now, updatedAt: now })
    .onConflictDoUpdate({
      target: [inventory.ownerId, inventory.service, inventory.kind, inventory.name],
      set: { state: 'CREATING', externalId: null, updatedAt: now },
    });
};

export const notePresent = async (tx: Tx, key: InventoryKey, externalId: string, now: number): Promise<void> => {
  await tx.db.update(inventory).set({ state: 'PRESENT', externalId, updatedAt: now }).where(whereKey(key));
};

export const noteState = async (tx: Tx, key: InventoryKey, state: 'DELETING' | 'GONE', now: number): Promise<void> => {
  await tx.db.update(inventory).set({ state, updatedAt: now }).where(whereKey(key));
};

/** Everything of a cluster that is not gone, whoever's flow made it. */
export const listLiveInventory = (db: Db, clusterId: string): Promise<InventoryRow[]> =>
  db
    .select()
    .from(inventory)
    .where(and(eq(inventory.clusterId, clusterId), ne(inventory.state, 'GONE')));

/** Hashes of an object in a seed or in a customer's cluster: what we asked for, and what the API server made of it. */
export interface AppliedHashes {
  fingerprint: string;
  observed: string;
}

/** Keeps the ledger of applied objects under one group name (kind), by object key (name). */
export const saveLedger = async (
  tx: Tx,
  group: Omit<InventoryKey, 'name'>,
  changed: Record<string, AppliedHashes>,
  dropped: readonly string[],
  now: number,
): Promise<void> => {
  for (const [name, hashes] of Object.entries(changed)) {
    await tx.db
      .insert(inventory)
      .values({
        ...group,
        name,
        id: newId(),
        externalId: name,
        state: 'PRESENT',
        madeBy: 'SEEDBED',
        ...hashes,
        createdAt: now,
        updatedAt: now,
      })
      .onConflictDoUpdate({
        target: [inventory.ownerId, inventory.service, inventory.kind, inventory.name],
        set: { ...hashes, state: 'PRESENT', updatedAt: now },
      });
  }
  if (dropped.length > 0) {
    await tx.db
      .update(inventory)
      .set({ state: 'GONE', fingerprint: null, observed: null, updatedAt: now })
      .where(
        and(
          eq(inventory.ownerId, group.ownerId),
          eq(inventory.service, group.service),
          eq(inventory.kind, group.kind),
          inArray(inventory.name, [...dropped]),
        ),
      );
  }
};

/** A whole place went at once, as a namespace does: all that was in it is gone. */
export const noteAllGone = async (tx: Tx, ownerId: string, service: InventoryService, now: number): Promise<void> => {
  await tx.db
    .update(inventory)
    .set({ state: 'GONE', fingerprint: null, observed: null, updatedAt: now })
    .where(and(eq(inventory.ownerId, ownerId), eq(inventory.service, service), ne(inventory.state, 'GONE')));
};

const whereKey = (key: InventoryKey) =>
  and(eq(inventory.ownerId, key.ownerId), eq(inventory.service, key.service), eq(inventory.kind, key.kind), eq(inventory.name, key.name));
