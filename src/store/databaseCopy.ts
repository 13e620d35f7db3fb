/** Copies of the database: made while it is in use, whole as of one moment, and with a manifest of what they need. */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { Conflict, UserError } from '../domain/errors.ts';

/** What a copy says of itself; no key is ever in it. */
export interface CopyFacts {
  /** Milliseconds since the epoch; null: a database as it is, and no copy that was made of one. */
  madeAt: number | null;
  /** Its newest migration, by name. */
  schema: string;
  /** When that migration was written. */
  schemaAt: number;
  /** Ids of the encryption keys that its secrets are sealed with. */
  keyIds: string[];
}

/** In the copy itself, so that the two are never apart. */
const MANIFEST = 'seedbed_copy';

/** @throws Conflict when `to` is there, UserError when `from` is no database of Seedbed's. */
export const makeCopy = (deps: { from: string; to: string; migrations: string; now: number }): CopyFacts => {
  const { from, to, migrations, now } = deps;
  if (existsSync(to)) throw new Conflict('CONFLICT', `The file ${to} is there already, and is not written over; name another.`);
  const partial = `${to}.partial`;
  rmSync(partial, { force: true });
  closeSync(openSync(partial, 'wx', 0o600));
  try {
    // One read transaction: writers go on meanwhile, and nothing is begun anew for what they write, as SQLite's backup API would.
    reading(from, (source) => source.prepare('vacuum into ?').run(partial));
    const facts = writing(partial, (copy) => {
      const seen = { ...readFacts(copy, migrations), madeAt: now };
      copy.exec(`create table if not exists ${MANIFEST} (made_at integer not null, schema text not null, key_ids text not null)`);
      copy.exec(`delete from ${MANIFEST}`);
      copy.prepare(`insert into ${MANIFEST} values (?, ?, ?)`).run(now, seen.schema, JSON.stringify(seen.keyIds));
      requireWhole(copy, partial);
      return seen;
    });
    flush(partial);
    renameSync(partial, to);
    flush(dirname(to));
    return facts;
  } finally {
    rmSync(partial, { force: true });
  }
};

/** Looks through a copy. @throws UserError naming what is wrong with it. */
export const readCopy = (file: string, migrations: string): CopyFacts =>
  reading(file, (copy) => {
    const facts = readFacts(copy, migrations);
    requireWhole(copy, file);
    return facts;
  });

/** Every number that the database has given to events, by the stream's owner; none of one that cannot be read. */
export const readEventNumbers = (file: string): Map<string, number> => {
  try {
    return reading(file, (db) => {
      const rows = db.prepare('select id, event_number as n from clusters union all select id, event_number from seeds').all();
      return new Map((rows as { id: string; n: number }[]).map(({ id, n }) => [id, n]));
    });
  } catch {
    return new Map();
  }
};

/** A copy as a database to work with: without its manifest. */
export const unpackCopy = (file: string, to: string): void => {
  rmSync(to, { force: true });
  closeSync(openSync(to, 'wx', 0o600));
  reading(file, (copy) => copy.prepare('vacuum into ?').run(to));
  writing(to, (db) => db.exec(`drop table if exists ${MANIFEST}`));
};

/** What was written is on the disk; of a folder: which files it has. */
export const flush = (path: string): void => {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};

const reading = <T>(path: string, work: (db: Database.Database) => T): T => open(path, { readonly: true }, work);
const writing = <T>(path: string, work: (db: Database.Database) => T): T => open(path, {}, work);

const NOT_OURS: ReadonlySet<string> = new Set(['SQLITE_NOTADB', 'SQLITE_CORRUPT', 'SQLITE_CANTOPEN']);

const open = <T>(path: string, options: Database.Options, work: (db: Database.Database) => T): T => {
  if (!existsSync(path)) throw new UserError('NOT_FOUND', `The file ${path} is not there.`, { field: ['file'] });
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { ...options, timeout: 5_000 });
    return work(db);
  } catch (error) {
    if (!(error instanceof Database.SqliteError) || ![...NOT_OURS].some((code) => error.code.startsWith(code))) throw error;
    throw broken(path, error.message);
  } finally {
    db?.close();
  }
};

const broken = (path: string, why: string): UserError =>
  new UserError('INVALID_INPUT', `${path} is no whole database of Seedbed's (${why}); take another copy.`, { field: ['file'] });

const requireWhole = (db: Database.Database, path: string): void => {
  const [first] = db.pragma('integrity_check') as { integrity_check: string }[];
  if (first?.integrity_check !== 'ok') throw broken(path, `integrity check: ${first?.integrity_check ?? 'no answer'}`);
  const [loose] = db.pragma('foreign_key_check') as { table: string; parent: string }[];
  if (loose !== undefined) throw broken(path, `a row of ${loose.table} names one of ${loose.parent} that is not there`);
};

const has = (db: Database.Database, table: string): boolean =>
  db.prepare("select 1 from sqlite_master where type = 'table' and name = ?").get(table) !== undefined;

const readFacts = (db: Database.Database, migrations: string): CopyFacts => {
  const last = has(db, '__drizzle_migrations')
    ? (db.prepare('select max(created_at) as at from __drizzle_migrations').get() as { at: number | null }).at
    : null;
  if (last === null) throw broken(db.name, 'it has none of its tables');
  const manifest = has(db, MANIFEST)
    ? (db.prepare(`select made_at as madeAt, schema from ${MANIFEST}`).get() as { madeAt: number; schema: string } | undefined)
    : undefined;
  const name = listMigrations(migrations).find(({ when }) => when === last)?.tag;
  return {
    madeAt: manifest?.madeAt ?? null,
    schema: name ?? manifest?.schema ?? `of ${new Date(last).toISOString()}`,
    schemaAt: last,
    keyIds: readKeyIds(db),
  };
};

/** In drizzle's own list, oldest first. */
export const listMigrations = (folder: string): { when: number; tag: string }[] =>
  (JSON.parse(readFileSync(join(folder, 'meta/_journal.json'), 'utf8')) as { entries: { when: number; tag: string }[] }).entries;

/** Places of texts that a sealer made, beside the table of secrets: each begins with its key's id. */
const SEALED_PLACES: readonly [table: string, column: string, find: (value: never) => unknown[]][] = [
  ['clusters', 'credential', ({ current, next }: { current?: Sealed | null; next?: Sealed | null }) => [current?.sealed, next?.sealed]],
  ['clusters', 'spec', bundlesSealed],
  ['clusters', 'overrides', bundlesSealed],
  ['template_revisions', 'spec', bundlesSealed],
];

interface Sealed {
  sealed?: unknown;
}

function bundlesSealed({ bundles }: { bundles?: Sealed[] }): unknown[] {
  return (bundles ?? []).flatMap(({ sealed }) => Object.values(sealed ?? {}));
}

const readKeyIds = (db: Database.Database): string[] => {
  const ids = new Set(db.prepare('select distinct key_id from secrets').pluck().all() as string[]);
  for (const [table, column, find] of SEALED_PLACES) {
    // A database of before the column has nothing sealed in it.
    if (!(db.pragma(`table_info(${table})`) as { name: string }[]).some(({ name }) => name === column)) continue;
    for (const text of db.prepare(`select ${column} from ${table} where ${column} is not null`).pluck().iterate() as Iterable<string>)
      for (const sealed of find(JSON.parse(text) as never)) if (typeof sealed === 'string') ids.add(sealed.split(':')[0] ?? '');
  }
  return [...ids].sort();
};
