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
  const watch = (client: Database) => {
    const prepare = client.prepare.bind(client);
    client.prepare = ((text: string) => {
      const statement = prepare(text) as Statement;
      for (const way of ['all', 'get', 'run'] as const) {
        const original = statement[way].bind(statement) as (...values: unknown[]) => unknown;
        (statement as unknown as Record<string, unknown>)[way] = (...values: unknown[]) => {
          run.push(text);
          return original(...values);
        };
      }
      return statement;
    }) as typeof client.prepare;
  };
  watch(clientOf(world.store.db));
  await world.store.transaction(async (tx) => watch(clientOf(tx.db)));
  return run;
};
