/** Opens the database: migrations, one writer whose waiting transactions share a commit, one reader, and the feed of what was committed. */
import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { type BetterSQLite3Database, drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import type { ObjectKind } from '../domain/condition.ts';
import type { ProgressEvent } from '../domain/event.ts';
import type { Clock } from '../lib/clock.ts';
import { createTurns, passTurns } from '../lib/turn.ts';
import { listMigrations, makeCopy } from './databaseCopy.ts';
import { keepStatements } from './keptStatements.ts';

export type Db = BetterSQLite3Database<Record<string, never>>;

/** A row that changed, for live lists. */
export interface Change {
  kind: ObjectKind | 'OPERATION' | 'TEMPLATE' | 'ADDON_BUNDLE';
  id: string;
  clusterId: string | null;
  projectId: string | null;
  what: 'CREATED' | 'CHANGED' | 'DELETED';
}

/** What one commit brought, told after it: hints only, the tables are the truth. */
export interface Committed {
  work: { kind: ObjectKind; id: string }[];
  changes: Change[];
  events: ProgressEvent[];
}

/** A transaction: its connection, and what to tell once it is committed. Await nothing but the database inside. */
export interface Tx extends Committed {
  db: Db;
}

/** For looks that a command has in its transaction, and a plan without one. */
export type Looking = Pick<Tx, 'db'>;

export interface Store {
  /** Reads; never sees what is not committed. */
  db: Db;
  /** Runs `work` in a FULL transaction; resolves after the commit. A throw rolls back this work alone. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  onCommit(listener: (committed: Committed) => void): () => void;
  /** Another number than before when anything was committed since: by Seedbed at once, by another program from the next turn of the event loop on. */
  version(): number;
  close(): Promise<void>;
}

interface Waiting {
  since: number;
  run(tx: Tx): Promise<() => void>;
  fail(error: unknown): void;
}

/** More at once would make the first of them wait for too long. */
const MAX_TRANSACTIONS_A_COMMIT = 32;

/** Thirty-two new clusters compute for 60 ms: after so much what is done is committed, and everybody else has a turn. The lock is never kept beyond it. */
const HOLD_MS = 6;

/** While passes are at work there is more to come, and a commit holds the event loop for as long as the disk needs. */
const GATHER_MS = 5;

/** Another program that writes, such as an operator's shell, is waited for at most so long, and looked after as often. */
const LOCKED_MS = 30_000;
const LOCKED_LOOK_MS = 20;

/**
 * What each of the two connections may keep of the file, which the kernel keeps, too: SQLite's own default. better-sqlite3's is eight times that; with 1,000
 * clusters it took 15 MB more, and to list them all took as long.
 */
const SMALL_CACHE = 'cache_size = -2000';

/** By default what a statement may have to undo, and long sorts, go into files in /var/tmp, outside the folder that the operator keeps to himself. */
const NO_FILES_ELSEWHERE = 'temp_store = MEMORY';

/**
 * `migrations`: the folder with drizzle's journal. Before it changes what is there it makes a copy, unless told that there is one (`copyFirst`).
 * `lockedMs`: how long another program's lock is waited for before what is to be written fails.
 */
export const openStore = (deps: { path: string; migrations: string; clock: Clock; copyFirst?: false; lockedMs?: number }): Store => {
  // For its owner alone, in whatever folder; SQLite gives the journal beside it the same mode.
  closeSync(openSync(deps.path, 'a', 0o600));
  const client = new Database(deps.path);
  client.pragma('journal_mode = WAL');
  client.pragma('synchronous = FULL');
  client.pragma('foreign_keys = ON');
  client.pragma('busy_timeout = 5000');
  client.pragma(NO_FILES_ELSEWHERE);
  client.pragma(SMALL_CACHE);
  const writer: Db = drizzle(keepStatements(client), { casing: 'snake_case' });
  try {
    refuseNewer(client, deps.migrations);
    if (deps.copyFirst !== false) copyBeforeMigration(client, deps);
    migrate(writer, { migrationsFolder: deps.migrations });
  } catch (error) {
    client.close();
    throw error;
  }
  // From here on whoever waits for a lock lets everybody else go on: see `begin`.
  client.pragma('busy_timeout = 0');
  const readClient = new Database(deps.path, { readonly: true });
  readClient.pragma(NO_FILES_ELSEWHERE);
  readClient.pragma(SMALL_CACHE);
  const reader: Db = drizzle(keepStatements(readClient), { casing: 'snake_case' });
  const dataVersion = readClient.prepare<[], number>('pragma data_version').pluck();
  // Asked once in a turn of the event loop, in which many may want to know; whoever is told less than there is reads more than he thinks.
  let known: number | null = null;
  const version = () => {
    if (known === null) setImmediate(() => (known = null));
    known ??= dataVersion.get() ?? 0;
    return known;
  };
  const listeners = new Set<(committed: Committed) => void>();
  const queue: Waiting[] = [];
  let draining: Promise<void> | null = null;

  // A line of its own: an answer to somebody does not stand behind passes.
  const { turn } = createTurns();

  let closing = false;
  let ended = 0;

  /** `first`: when the first of a batch was asked for. Later ones have had their time when it is their turn, but for that of commits before theirs. */
  const begin = async (first: number) => {
    const since = Math.max(first, ended);
    for (;;) {
      try {
        client.exec('begin immediate');
        return;
      } catch (error) {
        if (!isBusy(error) || closing || performance.now() - since > (deps.lockedMs ?? LOCKED_MS)) throw error;
        await delay(LOCKED_LOOK_MS);
      }
    }
  };

  const commitBatch = async (batch: Waiting[]) => {
    const told: Committed[] = [];
    const finish: (() => void)[] = [];
    try {
      await begin(batch[0]?.since ?? 0);
      const began = performance.now();
      for (const [at, waiting] of batch.entries()) {
        if (performance.now() - began > HOLD_MS) {
          queue.unshift(...batch.splice(at));
          break;
        }
        const tx: Tx = { db: writer, work: [], changes: [], events: [] };
        client.exec('savepoint work');
        try {
          finish.push(await waiting.run(tx));
          client.exec('release work');
          told.push(tx);
        } catch (error) {
          client.exec('rollback to work; release work');
          finish.push(() => waiting.fail(error));
        }
      }
      client.exec('commit');
      ended = performance.now();
    } catch (error) {
      if (client.inTransaction) client.exec('rollback');
      for (const waiting of batch) waiting.fail(error);
      return;
    }
    known = null;
    for (const committed of told) for (const listener of listeners) listener(committed);
    // What goes on now computes for a while: one each turn.
    for (const done of finish) {
      done();
      await turn();
    }
  };

  const drain = async () => {
    // A turn of the loop lets all requests that arrived together share one commit, and timers and sockets have theirs between batches.
    do {
      const since = performance.now();
      do await turn();
      while (passTurns.waiting > 0 && queue.length < MAX_TRANSACTIONS_A_COMMIT && performance.now() - since < GATHER_MS);
      await commitBatch(queue.splice(0, MAX_TRANSACTIONS_A_COMMIT));
    } while (queue.length > 0);
    draining = null;
  };

  return {
    db: reader,
    transaction: <T>(work: (tx: Tx) => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        queue.push({
          since: performance.now(),
          run: async (tx) => {
            const result = await work(tx);
            return () => resolve(result);
          },
          fail: reject,
        });
        draining ??= drain();
      }),
    onCommit: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    version,
    close: async () => {
      closing = true;
      await draining;
      listeners.clear();
      readClient.close();
      client.close();
    },
  };
};

/** Of those that were made before migrations; they cost a database's room each. */
const KEPT_COPIES = 3;
const BEFORE = 'before-';

/** So that the program of before can be gone back to. */
const copyBeforeMigration = (
  client: Database.Database,
  { path, migrations, clock }: { path: string; migrations: string; clock: Clock },
) => {
  const last = lastMigration(client);
  const next = listMigrations(migrations).find(({ when }) => when > (last ?? 0));
  if (last === null || next === undefined) return;
  const folder = join(dirname(path), 'backups');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const now = clock.now();
  makeCopy({ from: path, to: join(folder, `${BEFORE}${next.tag}-${now}.db`), migrations, now });
  const age = (name: string) => Number(/-(\d+)\.db$/.exec(name)?.[1] ?? 0);
  const copies = readdirSync(folder)
    .filter((name) => name.startsWith(BEFORE) && age(name) > 0)
    .sort((a, b) => age(b) - age(a));
  for (const name of copies.slice(KEPT_COPIES)) rmSync(join(folder, name));
};

/** When the newest of its migrations was written; null: it is empty. */
const lastMigration = (client: Database.Database): number | null => {
  const known = client.prepare("select count(*) as n from sqlite_master where name = '__drizzle_migrations'").get() as { n: number };
  if (known.n === 0) return null;
  return (client.prepare('select max(created_at) as at from __drizzle_migrations').get() as { at: number | null }).at;
};

/** A database that a later program has migrated is not ours to touch. */
const refuseNewer = (client: Database.Database, migrations: string) => {
  const last = lastMigration(client);
  const newest = Math.max(...readMigrationFiles({ migrationsFolder: migrations }).map((m) => m.folderMillis));
  if (last !== null && last > newest) {
    throw new Error(
      'This database was written by a newer version of Seedbed than this one. Start the newer version, or restore a copy made before the upgrade (seedbed database restore).',
    );
  }
};

/** Somebody else has the lock: https://sqlite.org/rescode.html#busy */
const isBusy = (error: unknown): boolean => error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');

/** True when the error is SQLite's answer to a second row with the same unique key. */
export const isUniqueViolation = (error: unknown): boolean => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return (
    cause instanceof Database.SqliteError && (cause.code === 'SQLITE_CONSTRAINT_UNIQUE' || cause.code === 'SQLITE_CONSTRAINT_PRIMARYKEY')
  );
};
