/** Which HTTP status a problem has where an answer is plain HTTP. */
import type { ErrorCode } from '../domain/errors.ts';
import { type ErrorTypeName, errorTypeOf } from './problem.ts';

const STATUS: Readonly<Record<ErrorTypeName, number>> = {
  InvalidInputError: 400,
  ForbiddenError: 403,
  NotFoundError: 404,
  ConflictError: 409,
  // As Nova answers it.
  QuotaError: 403,
  UnavailableError: 503,
};

/** Codes that are no problem of a command's. */
const OTHERS: Readonly<Record<string, number>> = { UNAUTHENTICATED: 401, RATE_LIMITED: 429, TOO_MANY_CONNECTIONS: 429, INTERNAL: 500 };

/** Whatever else is wrong is wrong with the request. */
export const statusOf = (code: string): number => {
  const type = errorTypeOf(code as ErrorCode);
  return type === undefined ? (OTHERS[code] ?? 400) : STATUS[type];
};
