/** What a call leaves in the database, and what it asked of it. */
import type { Database, Statement } from 'better-sqlite3';
import type { World } from '../world.ts';

const clientOf = (db: unknown): Database => (db as { $client: Database }).$client;

/** Every row of every table but the audit log, which tells of refusals, too; as text. */
export const dump = (world: World): string => {
  const client = clientOf(world.store.db);
  const tables = client
    .prepare("select name from sqlite_master where type = 'table' and name not in ('audit', 'sqlite_sequence') order by name")
    .pluck()
    .all() as string[];
  return JSON.stringify(tables.map((table) => [table, client.prepare(`select * from "${table}"`).all()]));
};

/** Texts of the statements that were run since, by the reader and by the writer; to be called before the world is used. */
export const watchStatements = async (world: World): Promise<string[]> => {
  const run: string[] = [];
  const watched = new WeakSet<Statement>();
  const watch = (statement: Statement, text: string): Statement => {
    if (watched.has(statement)) return statement;
    watched.add(statement);
    for (const way of ['all', 'get', 'run'] as const) {
      const original = statement[way].bind(statement) as (...values: unknown[]) => unknown;
      Object.assign(statement, {
        [way]: (...values: unknown[]) => {
          run.push(text);
          return original(...values);
        },
      });
    }
    const raw = statement.raw.bind(statement);
    return Object.assign(statement, { raw: () => watch(raw() as Statement, text) });
  };
  const watchClient = (client: Database) => {
    const prepare = client.prepare.bind(client);
    Object.assign(client, { prepare: (text: string) => watch(prepare(text) as Statement, text) });
  };
  watchClient(clientOf(world.store.db));
  await world.store.transaction(async (tx) => watchClient(clientOf(tx.db)));
  return run;
};
