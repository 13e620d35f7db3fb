/** The audit log: rows that are only ever added, in a chain of hashes; see auditChain.ts. */
import { and, asc, desc, eq, gte, lt, lte, type SQL, sql } from 'drizzle-orm';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';
import type { AuditOutcome } from '../domain/auditLog.ts';
import { createTurns } from '../lib/turn.ts';
import { type AuditRow, chainedHash, NO_HASH, type Unhashed } from './auditChain.ts';
import { inserter } from './insert.ts';
import type { Db, Tx } from './open.ts';
import { behindNumber, type NumberedPage, type Order, orderBy, type Slice, sliceOf } from './page.ts';
import { perConnection } from './prepared.ts';
import { inSight, type Sight } from './sight.ts';
import { audit, auditAnchors } from './tables.ts';

const insertRow = inserter(audit);
const insertAnchor = inserter(auditAnchors);

const newest = perConnection((db) =>
  db.select({ number: audit.number, hash: audit.hash }).from(audit).orderBy(desc(audit.number)).limit(1).prepare(),
);
const newestAnchor = perConnection((db) =>
  db
    .select({ number: auditAnchors.number, hash: auditAnchors.hash })
    .from(auditAnchors)
    .orderBy(desc(auditAnchors.number))
    .limit(1)
    .prepare(),
);

export type AuditEntry = Omit<Unhashed, 'number'>;

/** Written with what it tells of. Numbers have no gaps: who takes a row out must take all that follow it. */
export const appendAudit = async (tx: Tx, entry: AuditEntry): Promise<void> => {
  const [last] = await newest(tx.db).execute();
  const [before] = last === undefined ? await newestAnchor(tx.db).execute() : [last];
  const row = { ...entry, number: (before?.number ?? 0) + 1 };
  await insertRow(tx, { ...row, hash: chainedHash(before?.hash ?? NO_HASH, row) });
};

/** Of what a caller did last, as many are looked at: one that repeats and repeats has its entry among them. */
const RECENT = 100;

/** Whether the same repetition of the same call, from the same place, is among the caller's last entries. */
export const isRepetitionNoted = async (db: Db, entry: AuditEntry): Promise<boolean> => {
  const recent = await db.select().from(audit).where(eq(audit.userId, entry.userId)).orderBy(desc(audit.number)).limit(RECENT);
  return recent.some((row) => SAME.every((column) => row[column] === entry[column]));
};

/** The key is not kept; what it was answered with tells calls of other keys apart. */
const SAME = ['outcome', 'action', 'inputHash', 'targetId', 'operationId', 'address'] as const satisfies readonly (keyof AuditEntry)[];

export interface AuditFilter {
  projectId?: string | null;
  userId?: string | null;
  action?: string | null;
  outcome?: AuditOutcome | null;
  errorCode?: string | null;
  targetId?: string | null;
  operationId?: string | null;
  requestId?: string | null;
  openstackRequestId?: string | null;
  /** Milliseconds since the epoch, the first of all that are listed and the first that is not. */
  from?: number | null;
  to?: number | null;
}

const order: Order = { at: audit.number, id: audit.number, newestFirst: true };

/** Rows that one statement looks at: a few milliseconds. A log has millions, and most filters together have no index. */
const PIECE = 5_000;
/** One piece in a turn of the event loop, of all who look. */
const { turn } = createTurns();

/** The newest first. */
export const listAuditLog = async (
  db: Db,
  sight: Sight,
  filter: AuditFilter,
  page: NumberedPage,
  pieceRows = PIECE,
): Promise<Slice<AuditRow>> => {
  const { base, rest } = conditionsOf(sight, filter);
  const rows: AuditRow[] = [];
  for await (const piece of rest === undefined ? [and(base, behindNumber(order, page))] : piecesOf(db, base, page, pieceRows)) {
    const more = db.select().from(audit).where(and(piece, rest));
    rows.push(...(await more.orderBy(...orderBy(order, page)).limit(page.first + 1 - rows.length)));
    if (rows.length > page.first) break;
  }
  return sliceOf(rows, page, async () => {
    let all = 0;
    for await (const piece of piecesOf(db, base, { after: null }, pieceRows)) all += await db.$count(audit, and(piece, rest));
    return all;
  });
};

/** Those that one index gives in the order of their numbers; the next begins behind the last row of the one before. */
async function* piecesOf(
  db: Db,
  base: SQL | undefined,
  page: Pick<NumberedPage, 'after' | 'newestFirst'>,
  rows: number,
): AsyncGenerator<SQL | undefined> {
  for (let { after } = page; ; ) {
    const behind = and(base, behindNumber(order, { ...page, first: rows, after }));
    const ends = db.select({ number: audit.number }).from(audit).where(behind);
    const [end] = await ends
      .orderBy(...orderBy(order, page))
      .limit(1)
      .offset(rows - 1);
    if (end === undefined) return yield behind;
    yield and(behind, page.newestFirst === false ? lte(audit.number, end.number) : gte(audit.number, end.number));
    after = end.number;
    await turn();
  }
}

/**
 * `base`: what is looked through, by one index. Of who sees one project it is that project's rows, and nothing of others' is looked at; of who sees
 * all, the rows of the filter that names the fewest, as far as that can be told. `rest`: what is asked of each of those; undefined: nothing.
 */
const conditionsOf = (sight: Sight, filter: AuditFilter): { base: SQL | undefined; rest: SQL | undefined } => {
  const indexed: [SQLiteColumn, string | null | undefined][] = [
    [audit.requestId, filter.requestId],
    [audit.openstackRequestId, filter.openstackRequestId],
    [audit.operationId, filter.operationId],
    [audit.targetId, filter.targetId],
    [audit.projectId, filter.projectId],
    [audit.userId, filter.userId],
    [audit.errorCode, filter.errorCode],
    [audit.action, filter.action],
  ];
  const given = indexed.filter(([, value]) => value != null);
  const [first, ...others] = given;
  const chosen = sight.all && first !== undefined ? eq(...(first as [SQLiteColumn, string])) : inSight(audit.projectId, sight);
  return {
    base: chosen,
    rest: and(
      // The plus keeps SQLite from taking another index, in which there may be any number of rows.
      ...(sight.all ? others : given).map(([column, value]) => sql`+${column} = ${value}`),
      filter.outcome == null ? undefined : eq(audit.outcome, filter.outcome),
      filter.from == null ? undefined : sql`+${audit.at} >= ${filter.from}`,
      filter.to == null ? undefined : sql`+${audit.at} < ${filter.to}`,
    ),
  };
};

const DAY_MS = 86_400_000;

/** What Seedbed does by itself. */
const BY_ITSELF = {
  userId: 'seedbed',
  userName: 'seedbed',
  userDomainName: null,
  callerProjectId: null,
  roles: null,
  tokenKind: null,
  credentialId: null,
  address: null,
  forwardedFor: null,
  userAgent: null,
  projectId: null,
  targetKind: 'AUDIT_LOG',
  targetId: null,
  inputHash: null,
  outcome: 'ACCEPTED',
  operationId: null,
  errorCode: null,
  requestId: null,
  openstackRequestId: null,
} as const;

/**
 * Forgets rows that are older than `before`, once there are some of a day more, and leaves the number and the hash of the last of them:
 * as an anchor from which the rest can be checked, and in a row of the log itself. Returns how many went.
 */
export const purgeAuditLog = async (tx: Tx, before: number, now: number): Promise<number> => {
  const [oldest] = await tx.db.select({ at: audit.at }).from(audit).orderBy(asc(audit.number)).limit(1);
  if (oldest === undefined || oldest.at >= before - DAY_MS) return 0;
  // A clock that was set back makes older rows of later numbers; what is young keeps all that follows it.
  const [young] = await tx.db
    .select({ number: sql<number | null>`min(${audit.number})` })
    .from(audit)
    .where(gte(audit.at, before));
  const last = young?.number == null ? undefined : lt(audit.number, young.number);
  const [end] = await tx.db.select({ number: audit.number, hash: audit.hash }).from(audit).where(last).orderBy(desc(audit.number)).limit(1);
  if (end === undefined) return 0;
  const input = JSON.stringify({ lastNumber: end.number, lastHash: end.hash, olderThan: new Date(before).toISOString() });
  await appendAudit(tx, { ...BY_ITSELF, at: now, action: 'purgeAuditLog', input });
  await insertAnchor(tx, { ...end, purgedAt: now });
  const { changes } = await tx.db.delete(audit).where(lte(audit.number, end.number));
  return changes;
};

/** That the database is one of before says why rows are missing that somebody has seen. */
export const noteRestoredInAudit = (tx: Tx, now: number, madeAt: number | null): Promise<void> => {
  const input = JSON.stringify({ copyOf: madeAt === null ? null : new Date(madeAt).toISOString() });
  return appendAudit(tx, { ...BY_ITSELF, targetKind: 'DATABASE', at: now, action: 'restoreDatabase', input });
};
