import Database from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { checkAuditLog } from '../../src/store/auditCheck.ts';
import { type AuditEntry, type AuditFilter, appendAudit, listAuditLog, purgeAuditLog } from '../../src/store/auditLog.ts';
import { openTestDatabase, type TestDatabase } from './database.ts';

const open: TestDatabase[] = [];
afterEach(async () => {
  for (const database of open.splice(0)) await database.close();
});

const START = Date.parse('2027-01-01T00:00:00Z');
const DAY = 86_400_000;

const entry = (more: Partial<AuditEntry> = {}): AuditEntry => ({
  at: START,
  userId: 'u-1',
  userName: 'anna',
  userDomainName: 'Default',
  callerProjectId: 'blue',
  roles: '["member"]',
  tokenKind: 'PASSWORD',
  credentialId: null,
  address: '127.0.0.1',
  forwardedFor: null,
  userAgent: 'test',
  projectId: 'blue',
  action: 'deleteCluster',
  targetKind: 'CLUSTER',
  targetId: 'c-1',
  input: '{}',
  inputHash: null,
  outcome: 'ACCEPTED',
  operationId: null,
  errorCode: null,
  requestId: null,
  openstackRequestId: null,
  ...more,
});

const written = async (rows: number): Promise<TestDatabase> => {
  const database = openTestDatabase();
  open.push(database);
  for (let i = 0; i < rows; i += 1)
    await database.store.transaction((tx) => appendAudit(tx, entry({ at: START + i * DAY, targetId: `c-${i + 1}` })));
  return database;
};

/** Somebody with the file, and without respect. */
const tamper = (path: string, ...statements: string[]) => {
  const db = new Database(path);
  try {
    for (const statement of statements) db.exec(statement);
  } finally {
    db.close();
  }
};

test('rows are numbered without gaps, also where a transaction failed, and the chain fits', async () => {
  const { store, path } = await written(3);
  const failing = store.transaction(async (tx) => {
    await appendAudit(tx, entry());
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  await Promise.all(Array.from({ length: 20 }, () => store.transaction((tx) => appendAudit(tx, entry()))));
  const { last, ...check } = checkAuditLog(path);
  expect(check).toEqual({ rows: 23, unchained: 0, first: 1, anchor: null, broken: null });
  expect(last).toEqual({ number: 23, hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(checkAuditLog(path, last)).toMatchObject({ broken: null });
  expect(checkAuditLog(path, { number: 23, hash: 'f'.repeat(64) })).toMatchObject({ broken: { number: 23 } });
  expect(checkAuditLog(path, { number: 24, hash: 'f'.repeat(64) })).toMatchObject({ broken: { number: 24 } });
});

test.each([
  ['a change', "update audit set user_name = 'ben'"],
  ['a removal', 'delete from audit where number = 2'],
  ['a removal of the last', 'delete from audit where number = 3'],
  ['a replacement', "insert or replace into audit (number, at, user_id, user_name, action) values (2, 0, 'x', 'x', 'x')"],
  ['an anchor for no row', "insert into audit_anchors values (2, 'abc', 0)"],
])('the database refuses %s', async (_what, statement) => {
  const { path } = await written(3);
  expect(() => tamper(path, statement)).toThrow(/audit log/);
  expect(checkAuditLog(path)).toMatchObject({ rows: 3, broken: null });
});

const OPENED = ['drop trigger audit_never_changed', 'drop trigger audit_kept', 'drop trigger audit_never_replaced'];

test.each([
  ['a word that was changed', "update audit set user_name = 'ben' where number = 2", 2, /does not fit/],
  ['a null in place of a word', 'update audit set operation_id = null, address = null where number = 2', 2, /does not fit/],
  ['a row that was taken out', 'delete from audit where number = 2', 3, /rows from 2 to 2 are missing/],
  ['the first that was taken out', 'delete from audit where number = 1', 2, /rows from 1 to 1 are missing/],
  ['a hash that was taken out', 'update audit set hash = null where number = 2', 2, /no hash/],
  ['hashes that were taken out from the start', 'update audit set hash = null where number < 3', 3, /does not fit/],
])('%s is found', async (_what, statement, number, why) => {
  const { path } = await written(4);
  tamper(path, ...OPENED, statement);
  expect(checkAuditLog(path).broken).toEqual({ number, why: expect.stringMatching(why) });
});

test('an end that was cut off is found by who noted it', async () => {
  const { path } = await written(4);
  const { last } = checkAuditLog(path);
  tamper(path, ...OPENED, 'delete from audit where number = 4');
  expect(checkAuditLog(path)).toMatchObject({ rows: 3, broken: null });
  expect(checkAuditLog(path, last).broken).toEqual({ number: 4, why: expect.stringContaining('it is not there') });
});

test('what is too old goes, and leaves an anchor from which the rest is checked', async () => {
  const { store, path } = await written(10);
  const purge = (days: number) => store.transaction((tx) => purgeAuditLog(tx, START + days * DAY, START + 10 * DAY));
  expect(await purge(0.5)).toBe(0);
  expect(await purge(4)).toBe(4);
  // Not each hour anew.
  expect(await purge(4.5)).toBe(0);
  expect(checkAuditLog(path)).toMatchObject({ rows: 7, first: 5, anchor: 4, broken: null, last: { number: 11 } });
  const told = await listAuditLog(store.db, { all: true, projectId: null }, { action: 'purgeAuditLog' }, { first: 10, after: null });
  expect(told.rows).toMatchObject([{ number: 11, userId: 'seedbed', input: expect.stringContaining('"lastNumber":4') }]);
  expect(await purge(6)).toBe(2);
  await store.transaction((tx) => appendAudit(tx, entry()));
  expect(checkAuditLog(path)).toMatchObject({ rows: 7, first: 7, anchor: 6, broken: null, last: { number: 13 } });
  // All of it but what tells of it.
  expect(await purge(9.9)).toBe(4);
  tamper(path, ...OPENED, 'delete from audit where number = 11');
  expect(checkAuditLog(path).broken).toMatchObject({ number: 12 });
});

test('an anchor that was made for rows that were taken out is found', async () => {
  const { path } = await written(4);
  tamper(path, 'insert into audit_anchors select number, hash, 0 from audit where number = 2', 'delete from audit where number <= 2');
  expect(checkAuditLog(path).broken).toEqual({ number: 2, why: expect.stringContaining('no row tells') });
});

test('rows of releases without a chain stay, and the chain begins after them', async () => {
  const { store, path } = await written(0);
  tamper(
    path,
    "insert into audit (number, at, user_id, user_name, action) values (7, 0, 'x', 'x', 'createCluster'), (8, 0, 'x', 'x', 'createCluster')",
  );
  await store.transaction((tx) => appendAudit(tx, entry()));
  expect(checkAuditLog(path)).toMatchObject({ rows: 1, unchained: 2, first: 7, last: { number: 9 }, broken: null });
});

test('a long log is looked through in pieces, others go on between them, and what is found is the same', async () => {
  const { store } = await written(0);
  const all: { number: number; projectId: string | null; action: string; requestId: string | null; outcome: string; at: number }[] = [];
  await store.transaction(async (tx) => {
    for (let i = 0; i < 60; i += 1) {
      const row = {
        projectId: i % 3 === 0 ? 'red' : 'blue',
        action: i % 2 === 0 ? 'deleteCluster' : 'createCluster',
        requestId: i % 7 === 0 ? 'again' : `r-${i}`,
        outcome: i % 10 === 9 ? ('ACCEPTED' as const) : ('REFUSED' as const),
        at: START + i,
      };
      await appendAudit(tx, entry(row));
      all.push({ ...row, number: i + 1 });
    }
  });
  const filters: { filter: AuditFilter; fits: (row: (typeof all)[number]) => boolean }[] = [
    { filter: {}, fits: () => true },
    { filter: { outcome: 'ACCEPTED' }, fits: (row) => row.outcome === 'ACCEPTED' },
    { filter: { projectId: 'red', action: 'createCluster' }, fits: (row) => row.projectId === 'red' && row.action === 'createCluster' },
    { filter: { requestId: 'again', outcome: 'REFUSED' }, fits: (row) => row.requestId === 'again' && row.outcome === 'REFUSED' },
    { filter: { from: START + 20, to: START + 41 }, fits: (row) => row.at >= START + 20 && row.at < START + 41 },
    { filter: { action: 'deleteCluster', errorCode: 'NOBODY' }, fits: () => false },
  ];
  for (const sight of [
    { all: true, projectId: null },
    { all: false, projectId: 'blue' },
    { all: false, projectId: null },
  ])
    for (const newestFirst of [undefined, false])
      for (const { filter, fits } of filters) {
        const wanted = all.filter((row) => fits(row) && (sight.all || row.projectId === sight.projectId)).map(({ number }) => number);
        if (newestFirst === undefined) wanted.reverse();
        const found: number[] = [];
        for (let after: number | null = null, more = true; more; ) {
          const slice: Awaited<ReturnType<typeof listAuditLog>> = await listAuditLog(
            store.db,
            sight,
            filter,
            { first: 4, after, newestFirst },
            5,
          );
          found.push(...slice.rows.map(({ number }) => number));
          expect(await slice.count()).toBe(wanted.length);
          after = slice.rows.at(-1)?.number ?? null;
          more = slice.hasNextPage;
        }
        expect(found).toEqual(wanted);
      }
  let turns = 0;
  const tick = () => {
    turns += 1;
    next = setImmediate(tick);
  };
  let next = setImmediate(tick);
  const none = await listAuditLog(
    store.db,
    { all: true, projectId: null },
    { errorCode: 'X', outcome: 'ACCEPTED' },
    { first: 4, after: null },
    5,
  );
  expect([none.rows, turns]).toEqual([[], 0]);
  const rare = await listAuditLog(store.db, { all: false, projectId: 'blue' }, { errorCode: 'X' }, { first: 4, after: null }, 5);
  clearImmediate(next);
  expect(rare.rows).toEqual([]);
  // Of 40 rows.
  expect(turns).toBeGreaterThanOrEqual(7);
});
