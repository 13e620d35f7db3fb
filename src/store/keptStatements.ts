/** A connection that prepares each statement once: drizzle would have SQLite read the same text at every call. */
import type Database from 'better-sqlite3';

/** Kept at once: pages and filters of many kinds are texts of their own. */
const MAX_KEPT = 500;
/** Characters of one: what is longer has a place for each of many values, takes megabytes, and is seldom asked again. */
const MAX_TEXT = 16_384;

/** The same connection as `client`, for drizzle: what it prepares stays prepared until so many others were asked for since. */
export const keepStatements = (client: Database.Database): Database.Database => {
  const kept = new Map<string, Database.Statement>();
  const prepare = (text: string): Database.Statement => {
    if (text.length > MAX_TEXT) return prepareTwice(client, text);
    const known = kept.get(text) ?? prepareTwice(client, text);
    // The one that was asked for longest ago stands first.
    kept.delete(text);
    kept.set(text, known);
    if (kept.size > MAX_KEPT) kept.delete(kept.keys().next().value ?? '');
    return known;
  };
  return Object.assign(Object.create(client), { prepare });
};

/** `raw` tells a statement of better-sqlite3 for good that its rows are arrays, so whoever wants them so gets one of their own. */
const prepareTwice = (client: Database.Database, text: string): Database.Statement => {
  let raw: Database.Statement | undefined;
  return Object.assign(client.prepare(text), { raw: () => (raw ??= client.prepare(text).raw()) });
};
