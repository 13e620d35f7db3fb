/** Statements that passes run thousands of times a minute: built and prepared once for each connection, where drizzle's builder costs more than SQLite. */
import type { Db } from './open.ts';

/** `build` makes a prepared query with placeholders; the function gives the one that belongs to a connection. */
export const perConnection = <Query>(build: (db: Db) => Query): ((db: Db) => Query) => {
  const made = new WeakMap<Db, Query>();
  return (db) => {
    const known = made.get(db);
    if (known !== undefined) return known;
    const query = build(db);
    made.set(db, query);
    return query;
  };
};
