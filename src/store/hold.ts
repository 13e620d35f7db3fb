/** Whose database it is now: one process serves it, or puts another in its place, and never two at once. */
import { closeSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { Conflict } from '../domain/errors.ts';

export interface Hold {
  release(): void;
}

/**
 * A lock of SQLite's on a file beside the database: Node has none of its own, and this one ends with the process, however that ends.
 * @throws Conflict IN_USE while another has it.
 */
export const holdDatabase = (path: string): Hold => {
  const file = join(dirname(path), 'seedbed.lock');
  closeSync(openSync(file, 'a', 0o600));
  const client = new Database(file, { timeout: 0 });
  try {
    client.exec('begin exclusive');
  } catch (error) {
    client.close();
    if (!(error instanceof Database.SqliteError) || error.code !== 'SQLITE_BUSY') throw error;
    throw new Conflict('IN_USE', `Another Seedbed is at work on ${path}; stop it first, or choose another data folder.`, {
      whoMustAct: 'CLOUD_ADMIN',
      cause: error,
    });
  }
  return { release: () => void client.close() };
};
