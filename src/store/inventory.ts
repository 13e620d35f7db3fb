/** The inventory: every outside thing we make, noted before it is made. */
import { and, eq, inArray, isNull, ne, sql } from 'drizzle-orm';
import type { InventoryService, MadeBy } from '../domain/inventory.ts';
import { newId } from '../lib/ids.ts';
import type { Db, Tx } from './open.ts';
import { perConnection } from './prepared.ts';
import { inventory, usage } from './tables.ts';

export type InventoryRow = typeof inventory.$inferSelect;

export interface InventoryKey {
  clusterId: string;
  ownerId: string;
  service: InventoryService;
  kind: string;
  name: string;
}

const ofOwner = perConnection((db) =>
  db
    .select()
    .from(inventory)
    .where(eq(inventory.ownerId, sql.placeholder('ownerId')))
    .prepare(),
);
const ofGroup = perConnection((db) =>
  db
    .select({ name: inventory.name, fingerprint: inventory.fingerprint, observed: inventory.observed })
    .from(inventory)
    .where(
      and(
        eq(inventory.ownerId, sql.placeholder('ownerId')),
        eq(inventory.service, sql.placeholder('service')),
        eq(inventory.kind, sql.placeholder('kind')),
        eq(inventory.state, 'PRESENT'),
      ),
    )
    .prepare(),
);
const byKey = perConnection((db) => db.select().from(inventory).where(atKey()).prepare());
const create = perConnection((db) =>
  db
    .insert(inventory)
    .values({
      id: sql.placeholder('id'),
      clusterId: sql.placeholder('clusterId'),
      ownerId: sql.placeholder('ownerId'),
      service: sql.placeholder('service'),
      kind: sql.placeholder('kind'),
      name: sql.placeholder('name'),
      externalId: null,
      state: 'CREATING',
      madeBy: 'SEEDBED',
      createdAt: sql.placeholder('now'),
      updatedAt: sql.placeholder('now'),
    })
    .onConflictDoUpdate({
      target: [inventory.ownerId, inventory.service, inventory.kind, inventory.name],
      set: {
        state: 'CREATING',
        externalId: null,
        createdAt: sql`case when ${inventory.state} = 'CREATING' then ${inventory.createdAt} else excluded.created_at end`,
        updatedAt: sql`excluded.updated_at`,
      },
    })
    .prepare(),
);
const apply = perConnection((db) =>
  db
    .insert(inventory)
    .values({
      id: sql.placeholder('id'),
      clusterId: sql.placeholder('clusterId'),
      ownerId: sql.placeholder('ownerId'),
      service: sql.placeholder('service'),
      kind: sql.placeholder('kind'),
      name: sql.placeholder('name'),
      externalId: sql.placeholder('name'),
      state: 'PRESENT',
      madeBy: 'SEEDBED',
      fingerprint: sql.placeholder('fingerprint'),
      observed: sql.placeholder('observed'),
      createdAt: sql.placeholder('now'),
      updatedAt: sql.placeholder('now'),
    })
    .onConflictDoUpdate({
      target: [inventory.ownerId, inventory.service, inventory.kind, inventory.name],
      set: {
        state: 'PRESENT',
        fingerprint: sql`excluded.fingerprint`,
        observed: sql`excluded.observed`,
        updatedAt: sql`excluded.updated_at`,
      },
    })
    .prepare(),
);
const change = perConnection((db) =>
  db
    .update(inventory)
    .set({
      state: sql`${sql.placeholder('state')}`,
      externalId: sql`coalesce(${sql.placeholder('externalId')}, ${inventory.externalId})`,
      updatedAt: sql`${sql.placeholder('now')}`,
    })
    .where(atKey())
    .prepare(),
);

const endUse = perConnection((db) =>
  db
    .update(usage)
    .set({ endedAt: sql`${sql.placeholder('now')}` })
    .where(and(isNull(usage.endedAt), inArray(usage.subjectId, db.select({ id: inventory.id }).from(inventory).where(atKey()))))
    .prepare(),
);

/** What was applied under a group name (kind) and is taken to be there, by object key (name). */
export const loadLedger = async (db: Db, group: Omit<InventoryKey, 'name' | 'clusterId'>): Promise<Record<string, AppliedHashes>> => {
  const { ownerId, service, kind } = group;
  const rows = await ofGroup(db).execute({ ownerId, service, kind });
  const ledger: Record<string, AppliedHashes> = {};
  for (const { name, fingerprint, observed } of rows)
    if (fingerprint !== null && observed !== null) ledger[name] = { fingerprint, observed };
  return ledger;
};

export const listInventory = async (db: Db, ownerId: string): Promise<InventoryRow[]> => ofOwner(db).execute({ ownerId });

/** Of the cluster and of all its node groups and nodes, those that are gone, too. */
export const listClusterInventory = (db: Db, clusterId: string): Promise<InventoryRow[]> =>
  db.select().from(inventory).where(eq(inventory.clusterId, clusterId));

/** Notes what somebody else made for the cluster and is being removed. */
export const noteFound = async (tx: Tx, key: InventoryKey, externalId: string, madeBy: MadeBy, now: number): Promise<void> => {
  const row = { ...key, id: newId(), externalId, madeBy, state: 'DELETING' as const, createdAt: now, updatedAt: now };
  await tx.db.insert(inventory).values(row).onConflictDoNothing();
};

export const findInventory = async (db: Db, key: InventoryKey): Promise<InventoryRow | undefined> => {
  const [row] = await byKey(db).execute({ ...key });
  return row;
};

/** Notes that a create is about to be sent. Until one is answered, `createdAt` stays the time of the first and `updatedAt` is that of the last. */
export const noteCreating = async (tx: Tx, key: InventoryKey, now: number): Promise<void> => {
  await create(tx.db).execute({ ...key, id: newId(), now });
};

/** Notes that a create was answered, though not with the thing: nothing has been under way since `at`. */
export const noteAnswered = async (tx: Tx, key: InventoryKey, at: number): Promise<void> => {
  await noteState(tx, key, 'GONE', at);
  await noteCreating(tx, key, at);
};

/** Notes that no answer came to a create: it may be under way still. */
export const noteUnanswered = async (tx: Tx, key: InventoryKey, now: number): Promise<void> => {
  await change(tx.db).execute({ ...key, state: 'CREATING', externalId: null, now });
};

export const notePresent = async (tx: Tx, key: InventoryKey, externalId: string, now: number): Promise<void> => {
  await change(tx.db).execute({ ...key, state: 'PRESENT', externalId, now });
};

/** What is gone is not used any more. */
export const noteState = async (tx: Tx, key: InventoryKey, state: 'DELETING' | 'GONE', now: number): Promise<void> => {
  await change(tx.db).execute({ ...key, state, externalId: null, now });
  if (state === 'GONE') await endUse(tx.db).execute({ ...key, now });
};

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
    await apply(tx.db).execute({ ...group, ...hashes, name, id: newId(), now });
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

/** What was applied to a place is there in an older form, or not at all: all of it is to be written again. */
export const doubtApplied = async (tx: Tx, ownerId: string, service: InventoryService): Promise<void> => {
  await tx.db
    .update(inventory)
    .set({ fingerprint: null, observed: null })
    .where(and(eq(inventory.ownerId, ownerId), eq(inventory.service, service), eq(inventory.state, 'PRESENT')));
};

/** A whole place went at once, as a namespace does: all that was in it is gone. */
export const noteAllGone = async (tx: Tx, ownerId: string, service: InventoryService, now: number): Promise<void> => {
  await tx.db
    .update(inventory)
    .set({ state: 'GONE', fingerprint: null, observed: null, updatedAt: now })
    .where(and(eq(inventory.ownerId, ownerId), eq(inventory.service, service), ne(inventory.state, 'GONE')));
};

function atKey() {
  const { ownerId, service, kind, name } = inventory;
  return and(
    eq(ownerId, sql.placeholder('ownerId')),
    eq(service, sql.placeholder('service')),
    eq(kind, sql.placeholder('kind')),
    eq(name, sql.placeholder('name')),
  );
}
