import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { backupDatabase, DATABASE, MIGRATIONS, verifyAudit } from '../../src/database.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { appendAudit } from '../../src/store/auditLog.ts';
import { openStore } from '../../src/store/open.ts';
import { type FakeApi, startFakeApi } from './fakeApi.ts';
import { run } from './run.ts';

const undo: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const one of undo.splice(0)) await one();
});

const BLANK = { userDomainName: null, callerProjectId: null, roles: null, credentialId: null, userAgent: null, openstackRequestId: null };
const ROW = { ...BLANK, userId: 'u', userName: 'anna', tokenKind: 'PASSWORD' as const, address: '::1', forwardedFor: null, projectId: 'p' };
const byIds = { errorCode: 'FORBIDDEN', targetId: 'c-1', operationId: 'o-1', requestId: 'trace-1', openstackRequestId: 'req-1' };
const entry = (targetId: string) => ({
  ...{ ...ROW, at: 1_800_000_000_000, action: 'deleteCluster', targetKind: 'CLUSTER', targetId, input: '{}', inputHash: null },
  ...{ outcome: 'ACCEPTED' as const, operationId: null, errorCode: null, requestId: 'r' },
});

test('verify walks the chain of a database, and of a copy, and names the first row that does not fit', async () => {
  const data = mkdtempSync(join(tmpdir(), 'seedbed-audit-'));
  undo.push(() => rmSync(data, { recursive: true }));
  const store = openStore({ path: join(data, DATABASE), migrations: MIGRATIONS, clock: systemClock });
  undo.push(() => store.close());
  for (const id of ['c-1', 'c-2', 'c-3']) await store.transaction((tx) => appendAudit(tx, entry(id)));
  let said = '';
  const say = (text: string) => {
    said += text;
  };
  const around = { environment: {}, say, now: Date.now };
  const verify = (options: object) => {
    said = '';
    verifyAudit({ data, ...options }, around);
    return said;
  };
  const [, known = ''] = /--known one day: (3:[0-9a-f]{64})\n/.exec(verify({})) ?? [];
  expect(said).toContain('3 rows fit together, from 1 to 3.');
  expect(verify({ known })).toContain('3 rows fit together');
  expect(() => verify({ known: '3:abc' })).toThrow(/64 digits/);
  const copy = join(data, 'copy.db');
  backupDatabase(copy, { data }, around);
  expect(JSON.parse(verify({ file: copy, json: true }))).toMatchObject({ rows: 3, broken: null });
  const db = new Database(join(data, DATABASE));
  db.exec("drop trigger audit_never_changed; update audit set target_id = 'c-9' where number = 2");
  db.close();
  expect(() => verify({})).toThrow('The audit log is broken at row 2: its hash does not fit what it says and the hash before it.');
  expect(() => verify({ file: join(data, 'none.db') })).toThrow(/is not there/);
});

let api: FakeApi | undefined;

test('list asks for so many rows in pages, by what was given, and shows no control characters', async () => {
  const row = (number: number) => ({
    ...{
      number,
      at: '2027-01-01T00:00:00.000Z',
      userName: 'a\u001bnna',
      userDomainName: 'Default',
      projectId: 'p',
      action: 'deleteCluster',
    },
    ...{
      targetId: 'c-1',
      outcome: 'REFUSED',
      errorCode: 'FORBIDDEN',
      tokenKind: 'PASSWORD',
      address: '10.0.0.1',
      forwardedFor: '198.51.100.1',
    },
    requestId: 'trace-1',
  });
  api = await startFakeApi(({ body }) => {
    const first = Number(body.variables?.['first']);
    const nodes = Array.from({ length: first }, (_, i) => row(500 - i));
    return { body: { data: { auditLog: { nodes, pageInfo: { hasNextPage: true, endCursor: String(501 - first) } } } } };
  });
  undo.push(() => api?.close());
  const login = { OS_AUTH_URL: api.authUrl, OS_USERNAME: 'u', OS_PASSWORD: 'p', OS_PROJECT_NAME: 'p', SEEDBED_URL: api.url };
  const args = ['audit', 'list', '--limit', '150', '--user', 'u-1', '--outcome', 'refused', '--from', '2027-01-01', '--project', 'p'];
  const byId = ['--error', 'FORBIDDEN', '--target', 'c-1', '--operation', 'o-1', '--request', 'trace-1', '--openstack-request', 'req-1'];
  const { out, status } = await run([...args, ...byId], login);
  expect(status).toBe(0);
  expect(out.split('\n')).toHaveLength(152);
  expect(out).toContain(
    '500     2027-01-01T00:00:00.000Z  a nna@Default  p        deleteCluster  c-1     REFUSED FORBIDDEN  PASSWORD  10.0.0.1  trace-1',
  );
  const filter = { userId: 'u-1', outcome: 'REFUSED', from: '2027-01-01T00:00:00.000Z', projectId: 'p' };
  expect(api.asked.flatMap(({ body }) => (body.query === undefined ? [] : [body.variables]))).toEqual([
    { first: 100, after: null, filter: { ...filter, ...byIds } },
    { first: 50, after: '401', filter: { ...filter, ...byIds } },
  ]);
});
