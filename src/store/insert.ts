/** Inserts of whole rows, prepared once per connection. */
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Tx } from './open.ts';
import { perConnection } from './prepared.ts';

interface Prepared {
  execute(values: Record<string, unknown>): unknown;
}

/** A function that inserts whole rows into `table`; the caller gives every column, so the row need not be read back. */
export const inserter = <T extends SQLiteTable>(table: T): ((tx: Tx, row: T['$inferSelect']) => Promise<void>) => {
  const columns = Object.entries(getTableColumns(table));
  const insertInto = perConnection((db): Prepared => {
    // As SQL and not as a bare placeholder: drizzle would encode a null JSON value as the text "null".
    const values: Record<string, SQL> = Object.fromEntries(columns.map(([name]) => [name, sql`${sql.placeholder(name)}`]));
    return db
      .insert(table)
      .values(values as T['$inferInsert'])
      .prepare();
  });
  return async (tx, row) => {
    const values: Record<string, unknown> = {};
    for (const [name, column] of columns) {
      const value: unknown = row[name as keyof typeof row];
      values[name] = value === null || value === undefined ? null : column.mapToDriverValue(value);
    }
    await insertInto(tx.db).execute(values);
  };
};
