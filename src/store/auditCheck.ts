/** Walks the chain of the audit log in a database file, while a server writes to it or not. */
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { UserError } from '../domain/errors.ts';
import { type AuditRow, CHAINED, chainedHash, NO_HASH } from './auditChain.ts';

/** A row that somebody noted elsewhere. */
export interface KnownRow {
  number: number;
  hash: string;
}

export interface AuditCheck {
  /** In the chain, from the newest anchor on. */
  rows: number;
  /** Of releases that had no chain: nothing is known of these. */
  unchained: number;
  first: number | null;
  /** The end of the chain; its hash, noted elsewhere, proves later that nothing up to it was changed. */
  last: KnownRow | null;
  /** The last row that was forgotten for its age. */
  anchor: number | null;
  broken: { number: number; why: string } | null;
}

const COLUMNS = ['hash', ...CHAINED].map((name) => `${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)} as "${name}"`);

/** `known`: a row to be found as it was noted. @throws UserError when there is no database with an audit log. */
export const checkAuditLog = (path: string, known: KnownRow | null = null): AuditCheck => {
  if (!existsSync(path)) throw new UserError('NOT_FOUND', `The file ${path} is not there.`, { field: ['file'] });
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: true, timeout: 5_000 });
    return walk(db, known);
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    throw new UserError('INVALID_INPUT', `${path} is no database of this release of Seedbed's (${error.message}).`, { field: ['file'] });
  } finally {
    db?.close();
  }
};

/** One statement sees one moment of the database; the anchor is read in the same transaction. */
const walk = (db: Database.Database, known: KnownRow | null): AuditCheck =>
  db.transaction(() => {
    const anchor = db.prepare('select number, hash from audit_anchors order by number desc limit 1').get() as
      | { number: number; hash: string | null }
      | undefined;
    const check: AuditCheck = { rows: 0, unchained: 0, first: null, last: null, anchor: anchor?.number ?? null, broken: null };
    let before = { number: anchor?.number ?? 0, hash: anchor?.hash ?? NO_HASH };
    let isTold = anchor === undefined;
    let found = known === null || (anchor?.number === known.number && anchor.hash === known.hash);
    for (const row of db.prepare(`select ${COLUMNS.join(', ')} from audit order by number`).iterate() as Iterable<AuditRow>) {
      const why = faultOf(row, before, check);
      if (why !== null) return { ...check, broken: { number: row.number, why } };
      if (known?.number === row.number) {
        found = known.hash === row.hash;
        if (!found) return { ...check, broken: { number: row.number, why: 'its hash is not the one that was noted' } };
      }
      isTold ||= row.action === 'purgeAuditLog' && row.input !== null && tellsOf(JSON.parse(row.input), anchor);
      before = { number: row.number, hash: row.hash ?? NO_HASH };
      check.first ??= row.number;
      if (row.hash === null) check.unchained += 1;
      else {
        check.rows += 1;
        check.last = { number: row.number, hash: row.hash };
      }
    }
    if (!isTold && anchor !== undefined)
      return { ...check, broken: { number: anchor.number, why: 'no row tells that those up to it were forgotten' } };
    if (!found && known !== null) {
      const gone = known.number <= (check.anchor ?? 0) ? 'it was forgotten for its age' : 'it is not there';
      return { ...check, broken: { number: known.number, why: `${gone}, and so cannot be compared with what was noted` } };
    }
    return check;
  })();

const faultOf = (
  { hash, ...row }: AuditRow,
  before: { number: number; hash: string },
  { rows, unchained, anchor }: AuditCheck,
): string | null => {
  const isFirst = rows === 0 && unchained === 0 && anchor === null;
  // Numbers of before the chain began with what a database of then had given last.
  if (!isFirst && row.number !== before.number + 1) return `rows from ${before.number + 1} to ${row.number - 1} are missing before it`;
  if (isFirst && hash !== null && row.number !== 1) return `rows from 1 to ${row.number - 1} are missing before it`;
  if (hash === null) return rows > 0 || before.hash !== NO_HASH ? 'it has no hash' : null;
  return hash === chainedHash(before.hash, row) ? null : 'its hash does not fit what it says and the hash before it';
};

/** Whether it is the row that was written when an anchor was: no anchor is made later, for rows that somebody took out. */
const tellsOf = (input: { lastNumber?: unknown; lastHash?: unknown }, anchor: { number: number; hash: string | null } | undefined) =>
  input.lastNumber === anchor?.number && input.lastHash === anchor?.hash;
