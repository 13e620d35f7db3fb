/** The audit trail: who asked for what, when; of the input only a hash. */
import { inserter } from './insert.ts';
import { audit } from './tables.ts';

type AuditRow = typeof audit.$inferSelect;

const insertRow = inserter(audit);

/** The number is given by the database: always larger than all before. */
export const insertAudit = (tx: Parameters<typeof insertRow>[0], row: Omit<AuditRow, 'number'>): Promise<void> =>
  // A null in SQLite's own key column means "the next number".
  insertRow(tx, { ...row, number: null as never });
