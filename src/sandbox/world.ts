/** The sandbox's memory on disk: one file of JSON lines `[table, key, value]`, of which the last one for a key counts. */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { World, WorldSection, WorldTable } from './contract.ts';

/** How long a change may wait before it is on disk. */
const FLUSH_AFTER_MS = 80;
/** At most this many rows are turned to text in one go, so that a burst never stalls the process. */
const ROWS_PER_FLUSH = 400;

type Rows = Map<string, unknown>;

/** Lines rather than one document, because the cost of a change must not grow with the number of clusters. A torn last line is a lost change. */
const readTables = (path: string): Map<string, Rows> => {
  const tables = new Map<string, Rows>();
  if (!existsSync(path)) return tables;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (!line.endsWith(']')) continue;
    const [name, key, value] = JSON.parse(line) as [string, string, unknown];
    const rows = tables.get(name) ?? new Map<string, unknown>();
    tables.set(name, rows);
    if (value === null) rows.delete(key);
    else rows.set(key, value);
  }
  return tables;
};

const rewrite = (path: string, tables: Map<string, Rows>): void => {
  const lines: string[] = [];
  for (const [name, rows] of tables) for (const [key, value] of rows) lines.push(`${JSON.stringify([name, key, value])}\n`);
  writeFileSync(`${path}.new`, lines.join(''), { mode: 0o600 });
  renameSync(`${path}.new`, path);
};

/** Opens (and compacts) the world file. With path null nothing is ever written: for benchmarks and tests. */
export const createWorldFile = (path: string | null): World & { close(): void } => {
  const tables = path === null ? new Map<string, Rows>() : readTables(path);
  if (path !== null) rewrite(path, tables);
  const dirty = new Map<string, Set<string>>();
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  const write = (limit: number): boolean => {
    const lines: string[] = [];
    for (const [name, keys] of dirty) {
      for (const key of keys) {
        if (lines.length >= limit) break;
        lines.push(`${JSON.stringify([name, key, tables.get(name)?.get(key) ?? null])}\n`);
        keys.delete(key);
      }
      if (keys.size === 0) dirty.delete(name);
    }
    if (path !== null && lines.length > 0) appendFileSync(path, lines.join(''));
    return dirty.size > 0;
  };
  const tick = (): void => {
    timer = null;
    if (write(ROWS_PER_FLUSH)) schedule(FLUSH_AFTER_MS / 4);
  };
  const schedule = (afterMs: number): void => {
    timer ??= setTimeout(tick, afterMs);
  };
  const mark = (name: string, key: string): void => {
    if (path === null || closed) return;
    const keys = dirty.get(name) ?? new Set();
    dirty.set(name, keys.add(key));
    schedule(FLUSH_AFTER_MS);
  };

  const table = <T>(name: string): WorldTable<T> => {
    const rows = tables.get(name) ?? new Map<string, unknown>();
    tables.set(name, rows);
    const typed = rows as Map<string, T>;
    return {
      get size() {
        return typed.size;
      },
      get: (key) => typed.get(key),
      set: (key, value) => {
        typed.set(key, value);
        mark(name, key);
      },
      delete: (key) => {
        if (typed.delete(key)) mark(name, key);
      },
      keys: () => typed.keys(),
      values: () => typed.values(),
    };
  };
  const section = <T>(name: string, initial: T): WorldSection<T> => {
    const rows = table<T>(name);
    const data = rows.get('') ?? initial;
    rows.set('', data);
    return { data, changed: () => rows.set('', data) };
  };
  const flush = (): void => {
    write(Number.POSITIVE_INFINITY);
  };
  const close = (): void => {
    if (timer !== null) clearTimeout(timer);
    flush();
    closed = true;
  };
  return { table, section, flush, close };
};
