/** Rows with indices over a world table: no request on a hot path may look at every row of the cloud. */
import type { WorldTable } from '../contract.ts';

export interface Collection<T> {
  readonly size: number;
  get(id: string): T | undefined;
  /** All rows, oldest first. */
  all(): IterableIterator<T>;
  /** Rows whose index has this key, oldest first. */
  by(index: string, key: string): T[];
  countBy(index: string, key: string): number;
  hasIndex(index: string): boolean;
  /** Adds the row, or says that it changed. */
  put(row: T): T;
  remove(id: string): void;
}

/** What an index files a row under: no key, one key or several. */
export type IndexOf<T> = (row: T) => string | readonly string[] | null | undefined;

const keysOf = (value: string | readonly string[] | null | undefined): readonly string[] =>
  value === null || value === undefined ? [] : typeof value === 'string' ? [value] : value;

/** A collection over a table; the indices are built from what the table holds already. */
export const createCollection = <T extends { id: string }>(table: WorldTable<T>, indices: Record<string, IndexOf<T>>): Collection<T> => {
  const maps = new Map(Object.keys(indices).map((name) => [name, new Map<string, Map<string, T>>()]));
  const filed = new Map<string, Record<string, readonly string[]>>();

  const unfile = (id: string): void => {
    for (const [name, keys] of Object.entries(filed.get(id) ?? {})) {
      for (const key of keys) {
        const rows = maps.get(name)?.get(key);
        rows?.delete(id);
        if (rows?.size === 0) maps.get(name)?.delete(key);
      }
    }
    filed.delete(id);
  };
  const file = (row: T): void => {
    const before = filed.get(row.id);
    const now: Record<string, readonly string[]> = {};
    for (const [name, of] of Object.entries(indices)) {
      const keys = keysOf(of(row));
      now[name] = keys;
      for (const key of before?.[name] ?? []) {
        if (!keys.includes(key)) maps.get(name)?.get(key)?.delete(row.id);
      }
      for (const key of keys) {
        const map = maps.get(name);
        const rows = map?.get(key) ?? new Map<string, T>();
        map?.set(key, rows.set(row.id, row));
      }
    }
    filed.set(row.id, now);
  };
  for (const row of table.values()) file(row);

  return {
    get size() {
      return table.size;
    },
    get: (id) => table.get(id),
    all: () => table.values(),
    by: (index, key) => [...(maps.get(index)?.get(key)?.values() ?? [])],
    countBy: (index, key) => maps.get(index)?.get(key)?.size ?? 0,
    hasIndex: (index) => maps.has(index),
    put: (row) => {
      table.set(row.id, row);
      file(row);
      return row;
    },
    remove: (id) => {
      unfile(id);
      table.delete(id);
    },
  };
};
