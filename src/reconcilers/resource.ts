/** Find before create, note before create, adopt what is ours, delete what we made: once, for every outside thing with an id. */
import { UserError } from '../domain/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { findInventory, type InventoryKey, noteCreating, notePresent, noteState } from '../store/inventory.ts';
import type { Db } from '../store/open.ts';
import type { Write } from './pass.ts';

export interface ResourceScope {
  db: Db;
  clock: Clock;
  write: Write;
}

export interface ResourceSpec {
  key: InventoryKey;
  /** Looks for it by its natural key; asked only when an earlier create may have got through. */
  find: () => Promise<{ id: string } | undefined>;
  create: () => Promise<{ id: string }>;
  /** Brings tags and the like of a found or new one up to what is wanted. */
  complete?: (id: string) => Promise<void>;
}

/** The thing's id; made if it was not there. */
export const ensureResource = async (scope: ResourceScope, spec: ResourceSpec): Promise<string> => {
  const noted = await findInventory(scope.db, spec.key);
  if (noted?.state === 'PRESENT' && noted.externalId !== null) return noted.externalId;
  const mayBeThere = noted !== undefined && noted.state !== 'GONE';
  if (!mayBeThere) await scope.write((tx) => noteCreating(tx, spec.key, scope.clock.now()));
  const found = mayBeThere ? await spec.find() : undefined;
  const { id } = found ?? (await createOrForget(scope, spec));
  await spec.complete?.(id);
  await scope.write((tx) => notePresent(tx, spec.key, id, scope.clock.now()));
  return id;
};

/** A refusal means that nothing was made: no need to look for it later. */
const createOrForget = async (scope: ResourceScope, spec: ResourceSpec): Promise<{ id: string }> => {
  try {
    return await spec.create();
  } catch (error) {
    if (error instanceof UserError) await scope.write((tx) => noteState(tx, spec.key, 'GONE', scope.clock.now()));
    throw error;
  }
};

export interface RemovalSpec {
  key: InventoryKey;
  find: () => Promise<{ id: string } | undefined>;
  /** Asks for the removal. True: it is gone; false: it is on its way, look again. */
  remove: (id: string) => Promise<boolean>;
}

/** True once the thing is gone. */
export const removeResource = async (scope: ResourceScope, spec: RemovalSpec): Promise<boolean> => {
  const noted = await findInventory(scope.db, spec.key);
  if (noted === undefined || noted.state === 'GONE') return true;
  const id = noted.externalId ?? (await spec.find())?.id;
  if (id !== undefined) {
    if (noted.state !== 'DELETING') await scope.write((tx) => noteState(tx, spec.key, 'DELETING', scope.clock.now()));
    if (!(await spec.remove(id))) return false;
  }
  await scope.write((tx) => noteState(tx, spec.key, 'GONE', scope.clock.now()));
  return true;
};

/** The id of something that another step has made; undefined until then. */
export const presentId = async (db: Db, key: InventoryKey): Promise<string | undefined> => {
  const noted = await findInventory(db, key);
  return noted?.state === 'PRESENT' ? (noted.externalId ?? undefined) : undefined;
};

/** The thing vanished behind our back: the next pass makes it anew. */
export const forgetResource = (scope: ResourceScope, key: InventoryKey): Promise<void> =>
  scope.write((tx) => noteState(tx, key, 'GONE', scope.clock.now()));
