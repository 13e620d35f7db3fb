/** How SQLite reads what is asked for most: a page of a list costs what is on it, not what the list has. */
import { afterAll, expect, test } from 'vitest';
import { listClusters } from '../../src/store/clusters.ts';
import { encodeCursor } from '../../src/store/page.ts';
import { openStatementReader } from './statementReader.ts';

const { db, client, texts, close } = openStatementReader();
afterAll(close);

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
  texts.length = 0;
  await listClusters(db, sight, filter, page);
  expect(texts).toHaveLength(1);
  const text = texts[0] ?? '';
  const values = Array<number>(text.split('?').length - 1).fill(0);
  const plan = (client.prepare(`explain query plan ${text}`).all(values) as { detail: string }[]).map(({ detail }) => detail);
  expect(plan.filter((line) => line.includes('ORDER BY'))).toEqual([]);
  expect(plan[0]).toMatch(sight.all ? /USING INDEX clusters_page/ : /USING INDEX clusters_project_page/);
});
