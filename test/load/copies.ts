/** Clusters by the hundred without anybody's work: rows of one that was asked for, copied in the database of a server that runs. */
import { randomUUID } from 'node:crypto';
import Database from 'better-sqlite3';

/** Table → how its rows hang on a cluster. Nothing makes the copies work: there are no work items of them. */
const TABLES: readonly [string, string][] = [
  ['clusters', 'id = @id'],
  ['node_groups', 'cluster_id = @id'],
  ['nodes', 'cluster_id = @id'],
  ['operations', 'cluster_id = @id'],
  ['events', 'stream_id = @id'],
  ['secrets', 'owner_id = @id'],
  [
    'conditions',
    'object_id = @id or object_id in (select id from node_groups where cluster_id = @id) or object_id in (select id from nodes where cluster_id = @id)',
  ],
];
const STEPS = ['ServerActive', 'Joined', 'Ready', 'Healthy'];

type Cell = Record<string, unknown>;

/** Gives each group of the cluster so many workers with four conditions each, as READY as itself, and makes so many copies of it. */
export const copyCluster = (file: string, id: string, size: { copies: number; workers: number }): void => {
  const database = new Database(file);
  // Copies share their templates; what is theirs is copied with them.
  database.pragma('foreign_keys = OFF');
  const copyAll = database.transaction(() => {
    addWorkers(database, id, size.workers);
    database.prepare("update node_groups set state = 'READY' where cluster_id = ?").run(id);
    database.prepare("update clusters set state = 'READY' where id = ?").run(id);
    const rows = TABLES.map(([table, where]) => ({
      table,
      rows: database.prepare(`select * from ${table} where ${where}`).all({ id }) as Cell[],
    }));
    for (let copy = 1; copy <= size.copies; copy += 1) copyRows(database, rows, copy);
  });
  // The server writes, too: what begins by reading would be refused when it goes on to write.
  copyAll.immediate();
  database.close();
};

const addWorkers = (database: Database.Database, id: string, count: number): void => {
  const groups = database.prepare('select id, name, created_at as at from node_groups where cluster_id = ?').all(id) as Cell[];
  const addNode = insertOf(database, 'nodes', ['id', 'cluster_id', 'node_group_id', 'name', 'state', 'created_at', 'updated_at']);
  const columns = ['object_id', 'object_kind', 'name', 'title', 'status', 'state', 'reason', 'message', 'observed_generation'];
  const addCondition = insertOf(database, 'conditions', [...columns, 'last_transition_at', 'ordinal']);
  for (const { id: groupId, name, at } of groups)
    for (let n = 0; n < count; n += 1) {
      const node = randomUUID();
      addNode.run({
        id: node,
        cluster_id: id,
        node_group_id: groupId,
        name: `${name}-${n}`,
        state: 'READY',
        created_at: at,
        updated_at: at,
      });
      for (const [ordinal, step] of STEPS.entries()) {
        const told = { title: `Wait for ${step}`, status: 'TRUE', state: 'DONE', reason: 'Done', message: `It is ${step}.` };
        const of = { object_id: node, object_kind: 'NODE', name: step, observed_generation: 1, last_transition_at: at, ordinal };
        addCondition.run({ ...of, ...told });
      }
    }
};

const copyRows = (database: Database.Database, all: readonly { table: string; rows: Cell[] }[], copy: number): void => {
  const ids = new Map<unknown, string>();
  for (const { table, rows } of all)
    for (const row of rows) {
      if (typeof row.id === 'string') ids.set(row.id, randomUUID());
      if (table === 'clusters') ids.set(row.short_id, `c${String(copy).padStart(9, '0')}`).set(row.name, `copy-${copy}`);
    }
  for (const { table, rows } of all) {
    const [first] = rows;
    if (first === undefined) continue;
    const insert = insertOf(database, table, Object.keys(first));
    for (const row of rows) insert.run(Object.fromEntries(Object.entries(row).map(([column, value]) => [column, ids.get(value) ?? value])));
  }
};

const insertOf = (database: Database.Database, table: string, columns: readonly string[]) =>
  database.prepare(`insert into ${table} (${columns.join(', ')}) values (${columns.map((column) => `@${column}`).join(', ')})`);
