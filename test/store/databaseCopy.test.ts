/** Copies of the database: whole whatever is written meanwhile, checked before they take a place, and made before each migration. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { backupDatabase, DATABASE, describeCopy, MIGRATIONS, restoreFrom } from '../../src/database.ts';
import { loadEncryptionKeys } from '../../src/keyFile.ts';
import { holdDatabase } from '../../src/store/hold.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { createSealer } from '../../src/store/sealing.ts';
import { createSecrets } from '../../src/store/secrets.ts';
import { workItems } from '../../src/store/tables.ts';

const clock = { now: Date.now };
let dir: string;
let data: string;
let copy: string;
let said: string;
let store: Store | null;

const open = (): Store => {
  store = openStore({ path: join(data, DATABASE), migrations: MIGRATIONS, clock });
  return store;
};
const close = async () => {
  await store?.close();
  store = null;
};
const around = () => ({
  environment: {},
  now: Date.now,
  say: (text: string) => {
    said += text;
  },
});
const backup = (to = copy) => backupDatabase(to, { data }, around());
const restore = (from = copy) => restoreFrom(from, { data }, around());
const raw = <T>(path: string, work: (db: Database.Database) => T): T => {
  const db = new Database(path);
  try {
    return work(db);
  } finally {
    db.close();
  }
};
const items = (path: string) => raw(path, (db) => db.prepare('select id from work_items order by id').pluck().all());
const put = (to: Store, id: string) =>
  to.transaction(async (tx) => void (await tx.db.insert(workItems).values({ kind: 'CLUSTER', id, dueAt: 1 })));

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'seedbed-copy-'));
  data = join(dir, 'var');
  mkdirSync(data);
  copy = join(dir, 'copy.db');
  said = '';
  const secrets = createSecrets(createSealer(loadEncryptionKeys(null, data)));
  const first = open();
  await first.transaction((tx) => secrets.put(tx, 'owner', 'name', 'the secret', 1));
  await put(first, 'before');
});
afterEach(async () => {
  await close();
  rmSync(dir, { recursive: true });
});

test('a copy is made while others write: it has all that was committed by then, nothing of what was not, no key, and is for its owner alone', async () => {
  const writer = new Database(join(data, DATABASE));
  writer.exec("begin immediate; insert into work_items (kind, id, due_at) values ('CLUSTER', 'half', 1)");
  backup();
  writer.exec('rollback');
  writer.close();
  await put(open(), 'later');
  expect(items(copy)).toEqual(['before']);
  expect(statSync(copy).mode & 0o077).toBe(0);
  const key = readFileSync(join(data, 'seedbed.key'), 'utf8').trim();
  const bytes = readFileSync(copy);
  expect(bytes.includes(key) || bytes.includes(Buffer.from(key, 'base64')) || bytes.includes('the secret')).toBe(false);
  expect(said).toMatch(/It needs the encryption keys [0-9a-f]{8}, which are not in it/);
  expect(() => backup()).toThrow('is there already');
  expect(
    readdirSync(dir)
      .filter((name) => name.startsWith('copy'))
      .sort(),
  ).toEqual(['copy.db']);
});

test('a copy takes the place of the database, which is kept aside, whole; and the secrets open', async () => {
  backup();
  await put(open(), 'later');
  await close();
  await restore();
  expect(items(join(data, DATABASE)).filter((id) => id === 'later')).toEqual([]);
  const [aside = ''] = readdirSync(data).filter((name) => name.startsWith(`${DATABASE}.before-`));
  expect(items(join(data, aside))).toEqual(['before', 'later']);
  expect(statSync(join(data, DATABASE)).mode & 0o077).toBe(0);
  const secrets = createSecrets(createSealer(loadEncryptionKeys(null, data)));
  expect(await secrets.find(open().db, 'owner', 'name')).toBe('the secret');
  expect(raw(join(data, DATABASE), (db) => db.prepare("select 1 from sqlite_master where name = 'seedbed_copy'").get())).toBeUndefined();
});

test('the one before may be beyond reading: it is kept aside with its journal', async () => {
  backup();
  await close();
  writeFileSync(join(data, DATABASE), 'not a database at all'.repeat(9_000));
  writeFileSync(join(data, `${DATABASE}-wal`), 'nor a journal');
  await restore();
  expect(items(join(data, DATABASE))).toContain('before');
  expect(readdirSync(data).filter((name) => /\.before-.*Z(-wal)?$/.test(name))).toHaveLength(2);
});

test('nothing is put back while a server runs on the folder, and a process that was killed holds nothing', async () => {
  backup();
  await close();
  const hold = holdDatabase(join(data, DATABASE));
  await expect(restore()).rejects.toMatchObject({ code: 'IN_USE', message: expect.stringContaining('stop it first') });
  hold.release();
  await restore();
});

test('a missing key is named by its id, and the database stays as it was', async () => {
  backup();
  await close();
  const before = readFileSync(join(data, DATABASE));
  writeFileSync(join(data, 'seedbed.key'), `${Buffer.alloc(32, 7).toString('base64')}\n`);
  const [needed] = raw(copy, (db) => db.prepare('select key_id from secrets').pluck().all()) as string[];
  await expect(restore()).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining(`not at hand: ${needed} (at hand: `),
  });
  rmSync(join(data, 'seedbed.key'));
  await expect(restore()).rejects.toMatchObject({ message: expect.stringContaining(`${needed} (at hand: none)`) });
  expect(existsSync(join(data, 'seedbed.key'))).toBe(false);
  expect(readFileSync(join(data, DATABASE)).equals(before)).toBe(true);
  said = '';
  describeCopy(copy, { data, json: true }, around());
  expect(JSON.parse(said)).toMatchObject({ keyIds: [needed], missingKeyIds: [needed], madeAt: expect.any(Number) });
});

test('keys of secrets that lie in other rows are needed as well', () => {
  raw(join(data, DATABASE), (db) => {
    const spec = { image: 'debian', bundles: [{ name: 'page', sealed: { token: 'bbbbbbbb:AAAA' } }] };
    db.exec(`insert into templates (id, project_id, name, visibility, revision, created_at, updated_at) values ('t', 'p', 't', 'PUBLIC', 1, 1, 1);
      insert into template_revisions values ('t', 1, '${JSON.stringify(spec)}', 'ada', 1)`);
    db.prepare(
      `insert into clusters (id, project_id, name, short_id, template_id, template_revision, spec, overrides, credential, state, created_by, created_at, updated_at)
       values ('c', 'p', 'c', 'c', 't', 1, '{}', '{}', ?, 'READY', 'anna', 1, 1)`,
    ).run(JSON.stringify({ current: { sealed: 'cccccccc:AAAA' }, next: null, since: null }));
  });
  backup();
  describeCopy(copy, { data, json: true }, around());
  expect(said).toMatch(/"bbbbbbbb",\s+"cccccccc"/);
});

test.each<[string, (path: string) => void, string]>([
  [
    'of a newer program',
    (path) => raw(path, (db) => db.exec("insert into __drizzle_migrations (hash, created_at) values ('x', 99999999999999)")),
    'newer version',
  ],
  ['that is torn', (path) => writeFileSync(path, readFileSync(path).subarray(0, 20_000)), 'no whole database'],
  ['that is none', (path) => writeFileSync(path, 'hello'), 'no whole database'],
  [
    'with loose rows',
    (path) => raw(path, (db) => db.exec("pragma foreign_keys = off; insert into template_revisions values ('gone', 1, '{}', 'ada', 1)")),
    'names one of templates',
  ],
  [
    'of something else',
    (path) => {
      rmSync(path);
      raw(path, (db) => db.exec('create table a (b)'));
    },
    'none of its tables',
  ],
  ['that is not there', (path) => rmSync(path), 'is not there'],
])('a copy %s is refused, and the database stays as it was', async (_what, spoil, message) => {
  backup();
  await close();
  const before = readFileSync(join(data, DATABASE));
  spoil(copy);
  await expect(restore()).rejects.toThrow(message);
  expect(readFileSync(join(data, DATABASE)).equals(before)).toBe(true);
});

test('before a migration a copy is made, of what is there, and the newest three are kept', async () => {
  await close();
  const older = join(dir, 'migrations');
  cpSync(MIGRATIONS, older, { recursive: true });
  const journal = join(older, 'meta/_journal.json');
  const all = JSON.parse(readFileSync(journal, 'utf8')) as { entries: object[] };
  const last = all.entries.at(-1) as { idx: number; when: number; tag: string };
  const backups = () => (existsSync(join(data, 'backups')) ? readdirSync(join(data, 'backups')) : []);
  expect(backups()).toEqual([]);
  for (let n = 1; n <= 4; n += 1) {
    const tag = `9999_later_${n}`;
    all.entries.push({ ...last, idx: last.idx + n, when: last.when + n, tag });
    writeFileSync(journal, JSON.stringify(all));
    writeFileSync(join(older, `${tag}.sql`), `create table later_${n} (a text)`);
    const at = { now: () => 1_000 + n };
    await openStore({ path: join(data, DATABASE), migrations: older, clock: at }).close();
    // A second start has nothing to migrate, and copies nothing.
    await openStore({ path: join(data, DATABASE), migrations: older, clock: { now: () => 5_000 } }).close();
  }
  expect(backups().sort()).toEqual([2, 3, 4].map((n) => `before-9999_later_${n}-${1_000 + n}.db`));
  const kept = join(data, 'backups', backups().sort()[0] ?? '');
  expect(raw(kept, (db) => db.prepare("select name from sqlite_master where name like 'later%'").pluck().all())).toEqual(['later_1']);
  expect(items(kept)).toEqual(['before']);
});
