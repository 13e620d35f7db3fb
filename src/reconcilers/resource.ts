/** Find before create, note before create, adopt what is ours, delete what we made: once, for every outside thing with an id. */
import { NotFound, SeedbedError, Unavailable, UserError } from '../domain/errors.ts';
import type { Use } from '../domain/usage.ts';
import { NotYet } from '../engine/flow.ts';
import type { Clock } from '../lib/clock.ts';
import {
  findInventory,
  type InventoryKey,
  type InventoryRow,
  noteAnswered,
  noteCreating,
  notePresent,
  noteState,
  noteUnanswered,
} from '../store/inventory.ts';
import type { Db, Tx } from '../store/open.ts';
import { isCounted, noteUses } from '../store/usage.ts';
import type { Write } from './kind.ts';

export interface ResourceScope {
  db: Db;
  clock: Clock;
  write: Write;
  /** How long a create whose answer was not seen may still come to something, at the least, in milliseconds. */
  cutOffMs: number;
  /** 'trust': what was made is taken to be there still. 'full': it is looked at. */
  look: 'trust' | 'full';
  /** The database was put back to a copy since the object was asked for: what has no note may be there all the same. */
  restored: boolean;
}

export interface ResourceSpec {
  key: InventoryKey;
  /** Looks for it by its natural key; asked only when an earlier create may have got through, or notes were lost. */
  find: () => Promise<{ id: string } | undefined>;
  create: () => Promise<{ id: string }>;
  /** Brings tags and the like of a found or new one up to what is wanted. */
  complete?: (id: string) => Promise<void>;
  /** Looks at one that was made earlier, in a pass that looks in full, and mends what others have changed in it. False: it is gone. */
  isThere?: (id: string) => Promise<boolean>;
  /** What counts while it is there, from when it was asked for; undefined: how much that is is not known yet. */
  uses?: { projectId: string; use: Use | undefined };
}

/** The thing's id; made if it was not there. */
export const ensureResource = async (scope: ResourceScope, spec: ResourceSpec): Promise<string> => {
  const noted = await findInventory(scope.db, spec.key);
  const madeId = noted?.state === 'PRESENT' ? noted.externalId : null;
  if (madeId !== null) {
    const gone = scope.look === 'full' && (await spec.isThere?.(madeId)) === false;
    if (!gone) {
      if (await isUncounted(scope, noted, spec)) await scope.write((tx) => count(tx, spec));
      return madeId;
    }
  }
  const cutOff = madeId !== null || noted?.state === 'GONE' ? undefined : noted;
  // What is there no more is looked for, too. Seen on a Neutron that took minutes: it listed a router, took it back, and made another, all for
  // one request whose answer had long been given up.
  const found = madeId !== null || cutOff !== undefined || scope.restored ? await spec.find() : undefined;
  if (cutOff !== undefined && found === undefined) awaitCutOff(scope, cutOff);
  // What was cut off long enough ago and is not there was never made: this is a new try.
  if (found === undefined) await scope.write((tx) => noteCreating(tx, spec.key, scope.clock.now()));
  const { id } = found ?? (await createOrFind(scope, spec));
  await complete(spec, id);
  await scope.write(async (tx) => {
    const now = scope.clock.now();
    // Found since the database was put back to a copy that knew nothing of it.
    if (noted === undefined && found !== undefined) await noteCreating(tx, spec.key, now);
    await notePresent(tx, spec.key, id, now);
    await count(tx, spec);
  });
  return id;
};

/** Made before its use was counted, or taken over. */
const isUncounted = async (scope: ResourceScope, noted: InventoryRow | undefined, { uses }: ResourceSpec): Promise<boolean> =>
  uses?.use !== undefined && noted !== undefined && !(await isCounted(scope.db, noted.id, noted.createdAt));

const count = async (tx: Tx, { key, uses }: ResourceSpec): Promise<void> => {
  if (uses?.use === undefined) return;
  const noted = await findInventory(tx.db, key);
  if (noted?.state !== 'PRESENT') return;
  await noteUses(tx, { subjectId: noted.id, clusterId: key.clusterId, projectId: uses.projectId }, [uses.use], noted.createdAt);
};

/**
 * A create that was sent by a process that died, or whose answer was lost, may be under way in the cloud and not in its lists yet.
 * Seen on a real Neutron: a restart half a second later found no port, made one, and then there were two. And on one that took minutes
 * for an answer: each try made a router, until the quota was used up. So each try is given as long as all before it have taken.
 */
const awaitCutOff = (scope: ResourceScope, noted: { kind: string; createdAt: number; updatedAt: number }): void => {
  const patience = Math.max(scope.cutOffMs, Math.min(noted.updatedAt - noted.createdAt, MOST_PATIENCE_MS));
  const left = noted.updatedAt + patience - scope.clock.now();
  if (left > 0) throw new NotYet(`the outcome of an interrupted request for a ${noted.kind.replaceAll('-', ' ')}`, Math.min(left, 1_000));
};

const MOST_PATIENCE_MS = 300_000;

/**
 * Whatever the answer was, if it was no clear success: the thing may be there. A request that came twice is refused for what the first one made
 * (a subnet that overlaps with itself). So what was refused is looked for before that is concluded, and by the next try once more, as listings lag.
 */
const createOrFind = async (scope: ResourceScope, spec: ResourceSpec): Promise<{ id: string }> => {
  try {
    return await spec.create();
  } catch (error) {
    const answer = answerIn(error);
    await scope.write(async (tx) => {
      const now = scope.clock.now();
      if (answer === 'NOT_ASKED') await noteState(tx, spec.key, 'GONE', now);
      else if (answer === 'NONE') await noteUnanswered(tx, spec.key, now);
      else await noteAnswered(tx, spec.key, now - scope.cutOffMs);
    });
    const found = answer === 'REFUSED' ? await spec.find() : undefined;
    if (found === undefined) throw error;
    return found;
  }
};

/**
 * What a create came to that failed. REFUSED, FAILED: the service itself answered, so nothing is under way any more, and it can be looked for at
 * once. NONE: it may be under way, for what stands before a service does not know (502, 504). NOT_ASKED: no right to ask with, or nobody to ask.
 */
const answerIn = (error: unknown): 'REFUSED' | 'FAILED' | 'NONE' | 'NOT_ASKED' => {
  if (!(error instanceof SeedbedError)) return 'NONE';
  const status = error.detail.openstack?.status ?? 0;
  if (error instanceof UserError && (status === 0 || error.code === 'CLOUD_CREDENTIAL')) return 'NOT_ASKED';
  if (!(error instanceof Unavailable)) return 'REFUSED';
  return status >= 400 && status !== 502 && status !== 504 ? 'FAILED' : 'NONE';
};

/** A service that lists it, or has just made it, and does not find it, answers from a database that lags: nobody has to act, and it is looked for anew. */
const complete = async (spec: ResourceSpec, id: string): Promise<void> => {
  try {
    await spec.complete?.(id);
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    throw new Unavailable('CLOUD_UNAVAILABLE', `The cloud does not find what it has made: ${error.message}`, {
      ...error.detail,
      cause: error,
    });
  }
};

export interface RemovalSpec {
  key: InventoryKey;
  find: () => Promise<{ id: string } | undefined>;
  /** Asks for the removal. True: it is gone; false: it is on its way, look again. */
  remove: (id: string) => Promise<boolean>;
  /** False: `find` is no search by a natural key, so it is not asked for a second one. */
  twins?: false;
}

/** True once the thing is gone. @throws NotYet while a create of it that was cut off may still come to something. */
export const removeResource = async (scope: ResourceScope, spec: RemovalSpec): Promise<boolean> => {
  const noted = await findInventory(scope.db, spec.key);
  const lost = scope.restored && spec.twins !== false;
  // The id that is noted of what is gone is not asked for again; what there is of its name all the same was made after the copy.
  if (noted === undefined || noted.state === 'GONE') return !lost || removeTwins(spec);
  const id = noted.externalId ?? (await spec.find())?.id;
  // What came of it after this would be nobody's until the cluster's end, and a server would run until then.
  if (id === undefined && noted.state === 'CREATING') awaitCutOff(scope, noted);
  if (id !== undefined) {
    if (noted.state !== 'DELETING') await scope.write((tx) => noteState(tx, spec.key, 'DELETING', scope.clock.now()));
    if (!(await spec.remove(id))) return false;
  }
  if (spec.twins !== false && !(await removeTwins(spec))) return false;
  await scope.write((tx) => noteState(tx, spec.key, 'GONE', scope.clock.now()));
  return true;
};

/** Two of a kind ought not to be; if an interrupted request made a second one after all, it goes too. */
const removeTwins = async (spec: RemovalSpec): Promise<boolean> => {
  for (let i = 0; i < MOST_TWINS; i += 1) {
    const twin = await spec.find();
    if (twin === undefined) return true;
    if (!(await spec.remove(twin.id))) return false;
  }
  return false;
};

const MOST_TWINS = 5;

/** Undefined when the cloud says that there is no such thing. */
export const findUnlessGone = async <T>(asked: Promise<T>): Promise<T | undefined> => {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof NotFound) return undefined;
    throw error;
  }
};

/** The id of something that another step has made; undefined until then. */
export const presentId = async (db: Db, key: InventoryKey): Promise<string | undefined> => {
  const noted = await findInventory(db, key);
  return noted?.state === 'PRESENT' ? (noted.externalId ?? undefined) : undefined;
};

/** The thing vanished behind our back: the next pass makes it anew. */
export const forgetResource = (scope: ResourceScope, key: InventoryKey): Promise<void> =>
  scope.write((tx) => noteState(tx, key, 'GONE', scope.clock.now()));
