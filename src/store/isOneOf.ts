/**
 * Rows of many ids, or what callers give as a list: one text of SQL however many they are, so that it is put together and prepared once, and SQLite is told
 * one value. A text with ten thousand places takes megabytes for as long as it is kept, and each number of them would be one of its own.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';

/** `column` is one of these; of no ids nothing is. One alone is said as such: SQLite then looks for what else is asked in the same index. */
export const isOneOf = (column: SQLiteColumn | SQL, ids: readonly (string | number)[]): SQL =>
  ids.length === 1 ? sql`${column} = ${ids[0]}` : sql`${column} in (select value from json_each(${JSON.stringify(ids)}))`;
