/** A database of a test's own whose statements are kept as they are prepared. */
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import type { Db } from '../../src/store/open.ts';
import { openTestDatabase } from './database.ts';

export interface StatementReader {
  db: Db;
  client: Database.Database;
  /** What was prepared. */
  texts: string[];
  close(): Promise<void>;
}

export const openStatementReader = (): StatementReader => {
  const database = openTestDatabase();
  const client = new Database(database.path, { readonly: true });
  const texts: string[] = [];
  const prepare = (text: string) => {
    texts.push(text);
    return client.prepare(text);
  };
  const db = drizzle(Object.assign(Object.create(client), { prepare }) as Database.Database, { casing: 'snake_case' });
  const close = async () => {
    client.close();
    await database.close();
  };
  return { db, client, texts, close };
};
