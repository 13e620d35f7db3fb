/** The audit log's chain: the hash of each row covers the row and the hash before it, so that nothing can be changed or taken out unseen. */
import { createHash } from 'node:crypto';
import type { audit } from './tables.ts';

export type AuditRow = typeof audit.$inferSelect;
export type Unhashed = Omit<AuditRow, 'hash'>;

/** What a row's hash covers, in this order, as the database holds it. Never to be changed: rows that are there would not fit any more. */
export const CHAINED = [
  'number',
  'at',
  'userId',
  'userName',
  'userDomainName',
  'callerProjectId',
  'roles',
  'tokenKind',
  'credentialId',
  'address',
  'forwardedFor',
  'userAgent',
  'projectId',
  'action',
  'targetKind',
  'targetId',
  'input',
  'inputHash',
  'outcome',
  'operationId',
  'errorCode',
  'requestId',
  'openstackRequestId',
] as const satisfies readonly (keyof Unhashed)[];

/** Before the first row of all. */
export const NO_HASH = '';

/** SHA-256 in hex, over JSON of a list: the hash before, then the row's columns. */
export const chainedHash = (before: string, row: Unhashed): string =>
  createHash('sha256')
    .update(JSON.stringify([before, ...CHAINED.map((column) => row[column])]))
    .digest('hex');
