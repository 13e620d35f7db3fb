/** How SQLite reads what is asked for most: a page of a list costs what is on it, not what the list has. */
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listClusters } from '../../src/store/clusters.ts';
import type { Db } from '../../src/store/open.ts';
import { encodeCursor } from '../../src/store/page.ts';
import { openTestDatabase, type TestDatabase } from './database.ts';

let database: TestDatabase;
let client: Database.Database;
let texts: string[] = [];
let db: Db;
beforeAll(() => {
  database = openTestDatabase();
  client = new Database(database.path, { readonly: true });
  const prepare = (text: string) => {
    texts.push(text);
    return client.prepare(text);
  };
  db = drizzle(Object.assign(Object.create(client), { prepare }) as Database.Database, { casing: 'snake_case' });
});
afterAll(async () => {
  client.close();
  await database.close();
});

const own = { all: false, projectId: 'blue' };
const all = { all: true, projectId: null };
const after = encodeCursor(7, 'a');

test.each([
  ['a project’s', own, {}, { first: 20 }],
  ['a project’s, behind a cursor', own, {}, { first: 20, after }],
  ['a project’s, newest first', own, {}, { first: 20, newestFirst: true, after }],
  ['a project’s in some states', own, { states: ['READY', 'FAILED'] as const }, { first: 20 }],
  ['everybody’s', all, {}, { first: 20, after }],
  ['everybody’s, newest first', all, {}, { first: 20, newestFirst: true }],
])('a page of clusters is read in its order, and nothing is sorted: %s', async (_, sight, filter, page) => {
  texts = [];
  await listClusters(db, sight, filter, page);
  expect(texts).toHaveLength(1);
  const text = texts[0] ?? '';
  const values = Array<number>(text.split('?').length - 1).fill(0);
  const plan = (client.prepare(`explain query plan ${text}`).all(values) as { detail: string }[]).map(({ detail }) => detail);
  expect(plan.filter((line) => line.includes('ORDER BY'))).toEqual([]);
  expect(plan[0]).toMatch(sight.all ? /USING INDEX clusters_page/ : /USING INDEX clusters_project_page/);
});
