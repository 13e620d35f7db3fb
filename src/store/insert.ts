/** Inserts prepared once per connection: building the statement anew would cost more than running it. */
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Db, Tx } from './open.ts';

interface Prepared {
  execute(values: Record<string, unknown>): unknown;
}

/** A function that inserts whole rows into `table`; the caller gives every column, so the row need not be read back. */
export const inserter = <T extends SQLiteTable>(table: T): ((tx: Tx, row: T['$inferSelect']) => Promise<void>) => {
  const columns = Object.entries(getTableColumns(table));
  const prepared = new WeakMap<Db, Prepared>();
  const prepare = (db: Db): Prepared => {
    // As SQL and not as a bare placeholder: drizzle would encode a null JSON value as the text "null".
    const values: Record<string, SQL> = Object.fromEntries(columns.map(([name]) => [name, sql`${sql.placeholder(name)}`]));
    const statement = db
      .insert(table)
      .values(values as T['$inferInsert'])
      .prepare();
    prepared.set(db, statement);
    return statement;
  };
  return async (tx, row) => {
    const values: Record<string, unknown> = {};
    for (const [name, column] of columns) {
      const value: unknown = row[name as keyof typeof row];
      values[name] = value === null || value === undefined ? null : column.mapToDriverValue(value);
    }
    await (prepared.get(tx.db) ?? prepare(tx.db)).execute(values);
  };
};
