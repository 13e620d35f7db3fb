/**
 * A question that is asked again and again reads the columns that it looked at before, and no others: a row of a cluster has sixty, and a list shows five
 * of them. What is looked at is found by looking: the first time rows are whole, and note what is read of them. One that lacks what is read of it says so,
 * and the question is asked again with whole rows.
 */
import { Column, getTableColumns, is } from 'drizzle-orm';
import { type SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Db } from './open.ts';

/** What one question looked at so far; it may be asked many times at once. */
export interface LookedAt {
  open(db: Db): NarrowReading;
}

/** The question, asked once. */
export interface NarrowReading {
  /** For reading by `select()` from one table, without fields; everything else is as it is of the database itself. */
  db: Db;
  /** Something was looked at that was not read: what was made of it is worth nothing, and the next reading has it. */
  hasMissed(): boolean;
  /** It went well: what was looked at is what will be read. */
  keep(): void;
}

type Names = Map<SQLiteTable, Set<string>>;

export const createLookedAt = (): LookedAt => {
  const known: Names = new Map();
  /** Of which more was looked at than was known: the next reading is of whole rows. */
  const again = new Set<SQLiteTable>();
  return {
    open: (db) => {
      const noted: Names = new Map();
      let missed = false;
      const miss = (table: SQLiteTable) => {
        missed = true;
        again.add(table);
      };
      const readerOf = (table: SQLiteTable): Reader => {
        const names = again.has(table) ? undefined : known.get(table);
        // Whole ones may be looked at as a whole.
        if (names !== undefined && names.size < Object.keys(getTableColumns(table)).length)
          return narrowReader(table, names, () => miss(table));
        const own = noted.get(table) ?? new Set<string>();
        noted.set(table, own);
        return wholeReader(table, own);
      };
      return {
        db: reading(db, readerOf),
        hasMissed: () => missed,
        keep: () => {
          for (const [table, names] of noted) {
            known.set(table, new Set([...(known.get(table) ?? []), ...names]));
            again.delete(table);
          }
        },
      };
    },
  };
};

interface Reader {
  columns: Record<string, SQLiteColumn>;
  /** Rows are read past `rowOf`: all of them must be whole. Throws where they are not. */
  noteAll(): void;
  rowOf(cells: unknown[]): object;
}

type Query = ReturnType<ReturnType<Db['select']>['from']>;
const JOINS = ['leftJoin', 'rightJoin', 'innerJoin', 'fullJoin', 'crossJoin'] as const;

/** The same database, in which rows of one table are made by the reader. */
const reading = (db: Db, readerOf: (table: SQLiteTable) => Reader): Db => {
  const readers = new Map<SQLiteTable, Reader>();
  const from = (table: SQLiteTable): Query => {
    const reader = readers.get(table) ?? readerOf(table);
    readers.set(table, reader);
    const query = db.select(reader.columns).from(table);
    // What awaits the query calls `all`; `values` are the cells as SQLite gives them.
    const all = () => (query.values() as unknown as unknown[][]).map(reader.rowOf);
    // Of rows of many tables whole ones are made.
    const joins = Object.fromEntries(
      JOINS.map((join) => [join, (...words: unknown[]) => (db.select().from(table)[join] as Joining)(...words)]),
    );
    const past = Object.fromEntries(PAST.map((way) => [way, pastRows((query[way] as Joining).bind(query), reader)]));
    return Object.assign(query, { ...past, all, ...joins }) as unknown as Query;
  };
  const select = (fields?: Parameters<Db['select']>[0]) =>
    fields === undefined
      ? { from: (source: unknown) => (is(source, SQLiteTable) ? from(source) : db.select().from(source as SQLiteTable)) }
      : db.select(fields);
  return Object.assign(Object.create(db), { select }) as Db;
};

/** Ways to rows, or to a part of another statement, of which `all` knows nothing. */
const PAST = ['prepare', 'get', 'as', 'union', 'unionAll', 'intersect', 'except'] as const;

const pastRows =
  (original: Joining, reader: Reader): Joining =>
  (...words) => {
    reader.noteAll();
    return original(...words);
  };

type Joining = (...words: unknown[]) => unknown;

const asIs = Column.prototype.mapFromDriverValue;

/** Rows of these columns alone. Whoever looks at another, or at what there is, is given nothing, and `miss` is told. */
const narrowReader = (table: SQLiteTable, names: ReadonlySet<string>, miss: () => void): Reader => {
  const all: Record<string, SQLiteColumn> = getTableColumns(table);
  // A statement reads one at least.
  const [first = ''] = Object.keys(all);
  const chosen = names.size === 0 ? [first] : [...names];
  const columns = Object.fromEntries(chosen.map((name) => [name, all[name] as SQLiteColumn]));
  const places = new Map(chosen.map((name, at) => [name as string | symbol, at]));
  const decoded = Object.values(columns).flatMap((column, at) => (column.mapFromDriverValue === asIs ? [] : [{ column, at }]));
  const missAll = (): never => {
    miss();
    throw new TypeError('A row that was read in part is looked at as a whole.');
  };
  const handler: ProxyHandler<Cells> = {
    get: ({ cells }, name) => {
      const at = places.get(name);
      if (at !== undefined) return cells[at];
      if (Object.hasOwn(all, name)) miss();
      return undefined;
    },
    has: missAll,
    ownKeys: missAll,
    getOwnPropertyDescriptor: missAll,
    set: missAll,
    defineProperty: missAll,
    deleteProperty: missAll,
  };
  return {
    columns,
    noteAll: missAll,
    rowOf: (cells) => {
      for (const { column, at } of decoded) if (cells[at] !== null) cells[at] = column.mapFromDriverValue(cells[at]);
      return new Proxy(new Cells(cells), handler);
    },
  };
};

/** Not the list itself: what looks whether a row is a list is to find none. */
class Cells {
  readonly cells: unknown[];
  constructor(cells: unknown[]) {
    this.cells = cells;
  }
}

/** Whole rows; `noted` learns what is looked at. */
const wholeReader = (table: SQLiteTable, noted: Set<string>): Reader => {
  const columns: Record<string, SQLiteColumn> = getTableColumns(table);
  const entries = Object.entries(columns);
  const handler: ProxyHandler<Record<string, unknown>> = {
    get: (row, name) => {
      if (typeof name === 'string' && Object.hasOwn(columns, name)) noted.add(name);
      return Reflect.get(row, name);
    },
    has: (row, name) => {
      noteAll();
      return Reflect.has(row, name);
    },
    ownKeys: (row) => {
      noteAll();
      return Reflect.ownKeys(row);
    },
    getOwnPropertyDescriptor: (row, name) => {
      noteAll();
      return Reflect.getOwnPropertyDescriptor(row, name);
    },
  };
  const noteAll = () => {
    for (const [name] of entries) noted.add(name);
  };
  return {
    columns,
    noteAll,
    rowOf: (cells) => {
      const row: Record<string, unknown> = {};
      for (const [at, [name, column]] of entries.entries()) row[name] = cells[at] === null ? null : column.mapFromDriverValue(cells[at]);
      return new Proxy(row, handler);
    },
  };
};
