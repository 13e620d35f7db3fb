import { readdirSync, readFileSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { type Committed, isUniqueViolation, openStore } from '../../src/store/open.ts';
import { clusters, secrets, templateRevisions, workItems } from '../../src/store/tables.ts';
import { MIGRATIONS, openTestDatabase, type TestDatabase } from './database.ts';

let db: TestDatabase;
beforeEach(() => {
  db = openTestDatabase();
});
afterEach(() => db.close());

const insert = (id: string) =>
  db.store.transaction((tx) =>
    tx.db
      .insert(workItems)
      .values({ kind: 'CLUSTER', id, dueAt: 1 })
      .then(() => id),
  );
const ids = async () => (await db.store.db.select().from(workItems)).map((row) => row.id).sort();

test('the database and its journal are for their owner alone', async () => {
  await insert('a');
  for (const file of ['', '-wal', '-shm']) expect(statSync(`${db.path}${file}`).mode & 0o077).toBe(0);
});

test('commits are durable: WAL with synchronous FULL, and foreign keys hold', async () => {
  const writer = new Database(db.path);
  expect(writer.pragma('journal_mode', { simple: true })).toBe('wal');
  writer.close();
  // 2 is FULL: https://sqlite.org/pragma.html#pragma_synchronous
  await db.store.transaction(async (tx) => expect(tx.db.get('pragma synchronous')).toEqual({ synchronous: 2 }));
  await expect(
    db.store.transaction(async (tx) =>
      tx.db.run("insert into nodes (id, cluster_id, node_group_id, name, state, created_at, updated_at) values ('a','b','c','d','e',1,1)"),
    ),
  ).rejects.toThrow();
});

test('one text that is asked for as rows and as objects, in turn, is both', async () => {
  await insert('a');
  const rows = () => db.store.db.select({ id: workItems.id }).from(workItems);
  const text = rows().toSQL().sql;
  for (let turn = 0; turn < 2; turn += 1) {
    expect(await rows()).toEqual([{ id: 'a' }]);
    expect(db.store.db.all(sql.raw(text))).toEqual([{ id: 'a' }]);
  }
});

test("its version changes with each commit at once, and with another program's by the next turn of the event loop", async () => {
  const first = db.store.version();
  expect(db.store.version()).toBe(first);
  await insert('a');
  const second = db.store.version();
  expect(second).not.toBe(first);
  const other = new Database(db.path);
  other.exec("insert into work_items (kind, id, due_at) values ('CLUSTER', 'b', 1)");
  other.close();
  await new Promise((resolve) => setImmediate(resolve));
  expect(db.store.version()).not.toBe(second);
});

test('transactions that compute for long are committed one after the other, in turns of their own between which nobody keeps the lock', async () => {
  let turns = 0;
  let counting = true;
  const other = new Database(db.path);
  other.pragma('busy_timeout = 0');
  const refused: unknown[] = [];
  const count = (): void => {
    turns += 1;
    try {
      other.exec('begin immediate; rollback');
    } catch (error) {
      refused.push(error);
    }
    if (counting) setImmediate(count);
  };
  const commits: number[] = [];
  db.store.onCommit(() => commits.push(turns));
  const slow = (id: string) =>
    db.store.transaction(async (tx) => {
      const end = performance.now() + 8;
      while (performance.now() < end);
      await tx.db.insert(workItems).values({ kind: 'CLUSTER', id, dueAt: 1 });
      return turns;
    });
  setImmediate(count);
  const at = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(slow));
  counting = false;
  other.close();
  expect(new Set(at).size).toBe(5);
  expect([...at].sort((a, b) => a - b)).toEqual(at);
  expect(commits).toEqual(at);
  expect(refused).toEqual([]);
  expect(await ids()).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('another program that writes is waited for while everything else goes on, and what it never lets through fails alone', async () => {
  const other = new Database(db.path);
  other.exec('begin immediate');
  const waiting = [insert('a'), insert('b')];
  const began = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(performance.now() - began).toBeLessThan(1_000);
  expect(await ids()).toEqual([]);
  other.exec('rollback');
  expect(await Promise.all(waiting)).toEqual(['a', 'b']);

  const hasty = openStore({ path: db.path, migrations: MIGRATIONS, clock: systemClock, copyFirst: false, lockedMs: 50 });
  const add = (id: string) =>
    hasty.transaction((tx) =>
      tx.db
        .insert(workItems)
        .values({ kind: 'CLUSTER', id, dueAt: 1 })
        .then(() => id),
    );
  other.exec('begin immediate');
  await expect(add('c')).rejects.toThrow(/locked/);
  other.exec('rollback');
  other.close();
  expect(await add('d')).toBe('d');
  await hasty.close();
  expect(await ids()).toEqual(['a', 'b', 'd']);
});

test('a control plane of before it was a tree is read as one, with the settings that came later', async () => {
  const path = `${db.path}-old`;
  const old = new Database(path);
  const [first = '', ...later] = readdirSync(MIGRATIONS)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => readFileSync(`${MIGRATIONS}/${name}`, 'utf8'));
  old.exec(first);
  const spec = JSON.stringify({
    image: 'debian',
    controlPlaneReplicas: 3,
    etcdVolumeSizeGiB: 7,
    dashboardEnabled: true,
    nodeProblemDetectorEnabled: false,
  });
  old.exec(`insert into templates (id, project_id, name, visibility, revision, created_at, updated_at) values ('t', 'p', 't', 'PUBLIC', 1, 1, 1);
    insert into template_revisions values ('t', 1, '${spec}', 'ada', 1);`);
  const cluster = (id: string, overrides: string) =>
    old
      .prepare(
        `insert into clusters (id, project_id, name, short_id, template_id, template_revision, spec, overrides, state, created_by, created_at, updated_at)
         values (?, 'p', ?, ?, 't', 1, ?, ?, 'READY', 'anna', 1, 1)`,
      )
      .run(id, id, id, spec, overrides);
  cluster('a', '{"etcdVolumeSizeGiB":7,"flavor":"x","nodeProblemDetectorEnabled":true}');
  cluster('b', '{}');
  for (const sql of later) old.exec(sql);
  const store = drizzle(old, { casing: 'snake_case' });
  const [a, b] = await store.select().from(clusters).orderBy(clusters.id);
  expect(a).toMatchObject({
    spec: {
      image: 'debian',
      dnsDomain: 'cluster.local',
      controlPlane: { replicas: 3, etcd: { volumeSizeGiB: 7 } },
      addons: { dashboard: { enabled: true, replicas: 1 }, nodeProblemDetector: { enabled: false }, coreDns: { replicas: 2 } },
    },
  });
  expect([a?.overrides, b?.overrides]).toEqual([
    { flavor: 'x', controlPlane: { etcd: { volumeSizeGiB: 7 } }, addons: { nodeProblemDetector: { enabled: true } } },
    {},
  ]);
  expect((await store.select().from(templateRevisions))[0]?.spec).toEqual(a?.spec);
  expect(Object.keys(a?.spec ?? {})).not.toContain('etcdVolumeSizeGiB');
  expect(Object.keys(a?.spec ?? {}).filter((key) => /^(dashboard|nodeProblem)/.test(key))).toEqual([]);
  old.close();
});

test('transactions that wait together share a commit, and one that throws takes nothing of the others with it', async () => {
  const results = await Promise.allSettled([
    insert('a'),
    db.store.transaction(async (tx) => {
      await tx.db.insert(workItems).values({ kind: 'CLUSTER', id: 'lost', dueAt: 1 });
      throw new Error('no');
    }),
    insert('b'),
    insert('a'),
  ]);
  expect(results.map((r) => r.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  const [, , , twice] = results;
  expect(twice?.status === 'rejected' && isUniqueViolation(twice.reason)).toBe(true);
  expect(await ids()).toEqual(['a', 'b']);
});

test('what was committed is told after the commit, and what was rolled back is not told', async () => {
  const told: Committed[] = [];
  db.store.onCommit((committed) => told.push(committed));
  await db.store.transaction(async (tx) => {
    tx.work.push({ kind: 'CLUSTER', id: 'x' });
    expect(told).toHaveLength(0);
  });
  await expect(
    db.store.transaction(async (tx) => {
      tx.work.push({ kind: 'CLUSTER', id: 'y' });
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  expect(told.flatMap((c) => c.work.map((w) => w.id))).toEqual(['x']);
});

test('readers see only what is committed', async () => {
  await db.store.transaction(async (tx) => {
    await tx.db.insert(workItems).values({ kind: 'CLUSTER', id: 'a', dueAt: 1 });
    expect(await ids()).toEqual([]);
  });
  expect(await ids()).toEqual(['a']);
});

test('reads on the store never write', async () => {
  await expect(async () => db.store.db.delete(secrets)).rejects.toThrow(/readonly/);
});

test('a database of a newer program is refused with a sentence, and left as it was', async () => {
  const raw = new Database(db.path);
  raw.prepare('insert into __drizzle_migrations (hash, created_at) values (?, ?)').run('later', Date.now() + 1_000_000_000_000);
  const before = raw.prepare('select count(*) as n from __drizzle_migrations').get();
  expect(() => openStore({ path: db.path, migrations: MIGRATIONS, clock: systemClock })).toThrow(/newer version of Seedbed/);
  expect(raw.prepare('select count(*) as n from __drizzle_migrations').get()).toEqual(before);
  raw.close();
});
