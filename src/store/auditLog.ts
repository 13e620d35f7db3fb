/** The audit log: rows that are only ever added, in a chain of hashes; see auditChain.ts. */
import { and, asc, desc, eq, gte, lt, lte, type SQL, sql } from 'drizzle-orm';
import type { AuditOutcome } from '../domain/auditLog.ts';
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

/** The newest first. */
export const listAuditLog = async (db: Db, sight: Sight, filter: AuditFilter, page: NumberedPage): Promise<Slice<AuditRow>> => {
  const is = (column: Parameters<typeof eq>[0], value: string | null | undefined): SQL | undefined =>
    value == null ? undefined : eq(column, value);
  const where = and(
    inSight(audit.projectId, sight),
    is(audit.projectId, filter.projectId),
    is(audit.userId, filter.userId),
    is(audit.action, filter.action),
    is(audit.outcome, filter.outcome),
    is(audit.errorCode, filter.errorCode),
    is(audit.targetId, filter.targetId),
    is(audit.operationId, filter.operationId),
    is(audit.requestId, filter.requestId),
    is(audit.openstackRequestId, filter.openstackRequestId),
    filter.from == null ? undefined : gte(audit.at, filter.from),
    filter.to == null ? undefined : lt(audit.at, filter.to),
  );
  const rows = await db
    .select()
    .from(audit)
    .where(and(where, behindNumber(order, page)))
    .orderBy(...orderBy(order, page))
    .limit(page.first + 1);
  return sliceOf(rows, page, () => db.$count(audit, where));
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
