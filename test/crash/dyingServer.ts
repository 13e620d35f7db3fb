/**
 * A server that dies by SIGKILL right after a commit, before anybody hears of it. Run by mortal.ts as a process of its own.
 *
 * The orders come in DYING as JSON: `at` n dies after the n-th commit that changed something; `seen` names a file of digests, and the server
 * dies at the first commit whose durable state is not in it, having added it (`every` n: at each n-th of them). `writes` names a file of writes to the cloud, and the server dies
 * at the first that is not in it, having added it: `BEFORE` it is sent, `DURING` it (sent, and no answer yet) or `AFTER` (answered, and not noted).
 */
import { createHash } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { readConfig } from '../../src/config.ts';
import { startServer } from '../../src/server.ts';

interface Orders {
  settings: Parameters<typeof readConfig>[1];
  at: number | null;
  seen: string | null;
  every?: number;
  writes?: { file: string; moment: 'BEFORE' | 'DURING' | 'AFTER' };
}

/** All that is kept, but for moments and counts: two tries of the same thing are one state, so that each life gets further than the last. */
const STATE = [
  `select id, state, generation, observed_generation, delete_requested_at is null, deleted_at is null, facts is null, api_server_url,
     json_extract(place, '$.address') from seeds`,
  `select id, state, generation, observed_generation, delete_requested_at is null, deleted_at is null, seed_id, resolved, trust, spec,
     endpoint_host, endpoint_port, ca_certificate from clusters`,
  'select id, state, generation, observed_generation, delete_requested_at is null, deleted_at is null, resolved, spec from node_groups',
  `select id, state, generation, observed_generation, delete_requested_at is null, deleted_at is null, server_id, port_id, volume_id, address,
     floating_ip, zone, kubelet_version, fault is null from nodes`,
  'select id, state, finished_at is null from operations',
  'select object_id, name, state from conditions',
  'select owner_id, service, kind, name, state, external_id, fingerprint, observed from inventory',
  'select owner_id, name from secrets',
  'select scope, key from idempotency_keys',
  'select number from audit',
  'select kind, id, lease_until is null from work_items',
];

const { settings, at, seen, every = 1, writes } = JSON.parse(process.env['DYING'] ?? '') as Orders;
const known = new Set(seen !== null && existsSync(seen) ? readFileSync(seen, 'utf8').split('\n').filter(Boolean) : []);
let commits = 0;
let changes = 0;

const digest = (db: Database.Database): string => {
  const hash = createHash('sha256');
  for (const sql of STATE) hash.update(JSON.stringify(db.prepare(`${sql} order by rowid`).raw().all()));
  return hash.digest('hex');
};

const isLast = (db: Database.Database): boolean => {
  const { n } = db.prepare('select total_changes() as n').get() as { n: number };
  if (n === changes) return false;
  changes = n;
  commits += 1;
  if (commits === at) return true;
  if (seen === null) return false;
  const now = digest(db);
  if (known.has(now)) return false;
  appendFileSync(seen, `${now}\n`);
  known.add(now);
  return known.size % every === 0;
};

const { exec } = Database.prototype;
Database.prototype.exec = function (this: Database.Database, sql: string) {
  const result = exec.call(this, sql);
  try {
    if (sql === 'commit' && isLast(this)) process.kill(process.pid, 'SIGKILL');
  } catch (error) {
    // The store would take it for a failed commit.
    process.stderr.write(`${error}\n`);
    process.exit(1);
  }
  return result;
};

/** undici's own words for the three moments. */
const MOMENTS = { BEFORE: 'undici:request:create', DURING: 'undici:request:bodySent', AFTER: 'undici:request:headers' };

interface Sent {
  request: { method: string; path: string; body?: unknown };
}

if (writes !== undefined) {
  const { file, moment } = writes;
  const met = new Set(existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []);
  subscribe(MOMENTS[moment], (message) => {
    const { method, path, body } = (message as Sent).request;
    if (method === 'GET' || path.endsWith('/auth/tokens')) return;
    const write = createHash('sha256').update(`${moment} ${method} ${path} ${body}`).digest('hex');
    if (met.has(write)) return;
    appendFileSync(file, `${write}\n`);
    process.kill(process.pid, 'SIGKILL');
  });
}

const keepCompiled = (globalThis as { keepCompiled?: () => void }).keepCompiled;

startServer(readConfig({}, settings)).then(
  (server) => {
    keepCompiled?.();
    process.send?.(server.url);
  },
  (error: unknown) => {
    process.stderr.write(`${error}\n`);
    process.exit(1);
  },
);
