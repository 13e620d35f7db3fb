/** The audit trail: who asked for what, when; of the input only a hash. */
import { asc, eq } from 'drizzle-orm';
import { inserter } from './insert.ts';
import type { Db } from './open.ts';
import { audit } from './tables.ts';

export type AuditRow = typeof audit.$inferSelect;

const insertRow = inserter(audit);

/** The number is given by the database: always larger than all before. */
export const insertAudit = (tx: Parameters<typeof insertRow>[0], row: Omit<AuditRow, 'number'>): Promise<void> =>
  // A null in SQLite's own key column means "the next number".
  insertRow(tx, { ...row, number: null as never });

/** What was done to an object, oldest first. */
export const listAudit = (db: Db, targetId: string): Promise<AuditRow[]> =>
  db.select().from(audit).where(eq(audit.targetId, targetId)).orderBy(asc(audit.number));
