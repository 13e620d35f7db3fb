/** From where a request came, as far as it is told. */
import { shortened, type Trail } from '../domain/auditLog.ts';
import type { AskedBy } from './askedBy.ts';
import type { AddressOf } from './callerAddress.ts';

export type Origin = Omit<Trail, 'input'>;

const MOST_HEADER = 200;

/** `addressOf`: of the caller, as limits by address know it. */
export const originOf = (request: AskedBy, addressOf: AddressOf): Origin => ({
  address: addressOf(request) || null,
  forwardedFor: cut(request.headers['x-forwarded-for']),
  userAgent: cut(request.headers['user-agent']),
});

const cut = (header: string | string[] | undefined): string | null =>
  header === undefined || header === '' ? null : shortened(String(header), MOST_HEADER);
