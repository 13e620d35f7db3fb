/** createCluster through HTTP against the bare cost of the same rows: what a durable acknowledgement costs above SQLite itself. */
import { once } from 'node:events';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { eq } from 'drizzle-orm';
import { systemClock } from '../../src/lib/clock.ts';
import { appendAudit } from '../../src/store/auditLog.ts';
import { openStore } from '../../src/store/open.ts';
import { audit as auditLog, clusters } from '../../src/store/tables.ts';
import { median, type Row } from './report.ts';
import { ask, inWorld, type World } from './world.ts';

const AT_ONCE = 32;
const SECONDS = 10;
const RAW_SECONDS = 3;
const AUDIT_GOAL = 0.05;
const TRANSACTIONS = 2_000;
const ROUNDS = 5;
const CREATE =
  'mutation($input: CreateClusterInput!) { createCluster(input: $input) { ... on CreateClusterPayload { cluster { uuid } } } }';
/** Table → the column that holds the cluster's id, of every row that one createCluster writes. */
const WRITTEN = [
  ['clusters', 'id'],
  ['operations', 'cluster_id'],
  ['events', 'stream_id'],
  ['secrets', 'owner_id'],
  ['node_groups', 'cluster_id'],
  ['work_items', 'id'],
  ['audit', 'target_id'],
] as const;

export const benchAcknowledge = (): Promise<Row[]> => inWorld(measure);

/** No seed is registered, so that clusters wait for one: what the engine does besides is the first steps of each. */
const measure = async ({ dir, server, member }: World): Promise<Row[]> => {
  const acknowledged: string[] = [];
  const began = performance.now();
  const end = began + SECONDS * 1_000;
  let next = 0;
  const client = async () => {
    while (performance.now() < end) {
      next += 1;
      const input = { name: `a${next}`, clusterTemplate: 'bench', nodeCount: 3 };
      const { createCluster } = (await ask(member, CREATE, { input })) as { createCluster: { cluster?: { uuid: string } } };
      if (createCluster.cluster === undefined) throw new Error('createCluster was refused');
      acknowledged.push(createCluster.cluster.uuid);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  const rate = acknowledged.length / ((performance.now() - began) / 1_000);
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  await ended;
  const database = new Database(join(dir, 'var', 'seedbed.db'));
  const there = database.prepare('select 1 from clusters where id = ?').pluck();
  const lost = acknowledged.filter((id) => there.get(id) === undefined).length;
  const raw = rawRate(database, acknowledged.at(-1) ?? '', RAW_SECONDS);
  database.close();
  const ratio = rate / raw;
  const audit = await auditMs(join(dir, 'var', 'seedbed.db'), acknowledged.at(-1) ?? '');
  const share = (audit * rate) / 1_000;
  return [
    { what: `createCluster acknowledged, ${AT_ONCE} at once, no seed`, figure: `${rate.toFixed(0)}/s`, goal: 'told only', met: null },
    { what: 'the same rows, a FULL transaction each', figure: `${raw.toFixed(0)}/s`, goal: 'told only', met: null },
    { what: 'acknowledged ÷ bare rows', figure: ratio.toFixed(2), goal: '≥ 0.5', met: ratio >= 0.5 },
    {
      what: '  of which its row of the audit log, with the hashes that chain it',
      figure: `${(share * 100).toFixed(1)} % (${(audit * 1_000).toFixed(0)} µs)`,
      goal: `≤ ${AUDIT_GOAL * 100} %`,
      met: share <= AUDIT_GOAL,
    },
    { what: `lost of ${acknowledged.length} acknowledged, after kill -9`, figure: `${lost}`, goal: '0', met: lost === 0 },
  ];
};

/** Clusters a second, when copies of the rows of cluster `id` are inserted by prepared statements into the same tables of the same file. */
export const rawRate = (database: Database.Database, id: string, seconds: number): number => {
  database.pragma('synchronous = FULL');
  // Copies share their parents; only what is unique is made new.
  database.pragma('foreign_keys = OFF');
  const inserts = WRITTEN.flatMap(([table, column]) => {
    const rows = database.prepare(`select * from ${table} where ${column} = ?`).all(id) as Record<string, unknown>[];
    const first = rows[0];
    if (first === undefined) throw new Error(`createCluster wrote nothing into ${table}`);
    return [{ table, row: first, insert: insertOf(database, table, Object.keys(first)) }];
  });
  const group = inserts.find(({ table }) => table === 'work_items');
  if (group !== undefined) inserts.push({ ...group, row: { ...group.row, kind: 'NODE_GROUP' } });
  let made = 0;
  const one = database.transaction(() => {
    made += 1;
    for (const { row, insert } of inserts) insert.run(renewed(row, made));
  });
  const began = performance.now();
  while (performance.now() - began < seconds * 1_000) one();
  return made / ((performance.now() - began) / 1_000);
};

/** Milliseconds that an entry of the audit log adds to a transaction: each beside one without, as many at once as were acknowledged. */
export const auditMs = async (
  path: string,
  clusterId: string,
  { rounds, transactions } = { rounds: ROUNDS, transactions: TRANSACTIONS },
): Promise<number> => {
  const store = openStore({ path, migrations: new URL('../../drizzle/sqlite', import.meta.url).pathname, clock: systemClock });
  const [row] = await store.db.select().from(auditLog).where(eq(auditLog.targetId, clusterId));
  if (row === undefined) throw new Error('createCluster is not in the audit log');
  const { number: _number, hash: _hash, ...entry } = row;
  const msOf = async (isAudited: boolean): Promise<number> => {
    let left = transactions;
    const began = performance.now();
    const write = async () => {
      while (left > 0) {
        left -= 1;
        await store.transaction(async (tx) => {
          await tx.db.update(clusters).set({ updatedAt: left }).where(eq(clusters.id, clusterId));
          if (isAudited) await appendAudit(tx, entry);
        });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, write));
    return (performance.now() - began) / transactions;
  };
  const added: number[] = [];
  for (let round = 0; round < rounds; round += 1) added.push((await msOf(true)) - (await msOf(false)));
  await store.close();
  return median(added);
};

const insertOf = (database: Database.Database, table: string, columns: string[]) =>
  database.prepare(`insert into ${table} (${columns.join(', ')}) values (${columns.map((c) => `@${c}`).join(', ')})`);

const KEYS = new Set(['id', 'owner_id', 'stream_id', 'short_id', 'cluster_id', 'target_id']);

/** The row with keys of the same length that are nobody's yet; `number` of the audit is SQLite's to give. */
const renewed = (row: Record<string, unknown>, made: number): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      if (column === 'name' && 'short_id' in row) return [column, `raw${made}`];
      if (column === 'number' && 'hash' in row) return [column, null];
      return [column, KEYS.has(column) && typeof value === 'string' ? `${made}`.padStart(value.length, 'r') : value];
    }),
  );
