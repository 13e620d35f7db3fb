/** Puts a copy in the database's place, once all is known that could speak against it; what was there is kept aside. */
import { existsSync, linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { UserError } from '../domain/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { type CopyFacts, flush, listMigrations, readCopy, readEventNumbers, unpackCopy } from './databaseCopy.ts';
import { holdDatabase } from './hold.ts';
import { openStore } from './open.ts';
import { noteRestored } from './restored.ts';

export interface RestoredDatabase extends CopyFacts {
  /** Where the one before is now; null: there was none. */
  aside: string | null;
}

/**
 * `path`: the database's; `keyIds`: of the keys at hand. A crash anywhere leaves the one before in its place, or the copy, and never none.
 * @throws Conflict IN_USE while a server runs on it; UserError naming what is wrong with the copy, or which key is missing.
 */
export const restoreDatabase = async (deps: {
  file: string;
  path: string;
  keyIds: readonly string[];
  migrations: string;
  clock: Clock;
}): Promise<RestoredDatabase> => {
  const { file, path, keyIds, migrations, clock } = deps;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const hold = holdDatabase(path);
  const coming = `${path}.restoring`;
  try {
    const facts = readCopy(file, migrations);
    requireKnown(facts, migrations);
    requireKeys(facts, keyIds);
    unpackCopy(file, coming);
    const now = clock.now();
    const store = openStore({ path: coming, migrations, clock, copyFirst: false });
    try {
      await store.transaction((tx) => noteRestored(tx, { now, madeAt: facts.madeAt, given: readEventNumbers(path) }));
    } finally {
      await store.close();
    }
    flush(coming);
    const aside = putAside(path, now);
    renameSync(coming, path);
    flush(dirname(path));
    return { ...facts, aside };
  } finally {
    for (const end of ['', '-wal', '-shm']) rmSync(`${coming}${end}`, { force: true });
    hold.release();
  }
};

/** @throws UserError UNSUPPORTED_VERSION */
const requireKnown = ({ schema, schemaAt }: CopyFacts, migrations: string): void => {
  const newest = listMigrations(migrations).at(-1);
  if (newest === undefined || schemaAt <= newest.when) return;
  throw new UserError(
    'UNSUPPORTED_VERSION',
    `The copy is of a newer version of Seedbed (schema ${schema}; this one knows up to ${newest.tag}). Restore it with that version.`,
    { field: ['file'] },
  );
};

/** @throws UserError INVALID_INPUT naming the ids of keys that are missing. */
const requireKeys = ({ keyIds }: CopyFacts, atHand: readonly string[]): void => {
  const missing = keyIds.filter((id) => !atHand.includes(id));
  if (missing.length === 0) return;
  throw new UserError(
    'INVALID_INPUT',
    `The copy is sealed with encryption keys that are not at hand: ${missing.join(', ')} (at hand: ${atHand.join(', ') || 'none'}). ` +
      'Put them into the encryption key file, a line each, behind the one that is to seal from now on.',
    { field: ['encryptionKeyFile'] },
  );
};

/** Its path from now on; it stays where it is as well, until the copy takes that place. */
const putAside = (path: string, now: number): string | null => {
  if (!existsSync(path)) return null;
  const aside = `${path}.before-${new Date(now).toISOString().replace(/[:.]/g, '-')}`;
  const journals = settle(path) ? [] : ['-wal', '-shm'];
  linkSync(path, aside);
  // A journal beside it would be taken for the copy's own.
  for (const end of journals) if (existsSync(`${path}${end}`)) renameSync(`${path}${end}`, `${aside}${end}`);
  flush(dirname(path));
  return aside;
};

/** What its journal holds is in the file itself. False: it cannot be read, which may be why a copy takes its place. */
const settle = (path: string): boolean => {
  try {
    // First by one that cannot write: SQLite throws away a journal beside a file that is none of its own.
    const reader = new Database(path, { readonly: true });
    try {
      reader.prepare('select count(*) from sqlite_master').get();
    } finally {
      reader.close();
    }
    const db = new Database(path);
    try {
      db.pragma('wal_checkpoint(TRUNCATE)');
      return true;
    } finally {
      db.close();
    }
  } catch {
    return false;
  }
};
