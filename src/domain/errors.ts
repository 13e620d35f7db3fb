/** The errors a user may see, and the problem that every one of them becomes. */

export type ErrorCode =
  | 'INVALID_INPUT'
  | 'UNSUPPORTED_VERSION'
  | 'OVERLAPPING_CIDR'
  | 'UNKNOWN_LABEL'
  | 'KUBECONFIG_REFUSED'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'NAME_TAKEN'
  | 'GENERATION_MISMATCH'
  | 'IDEMPOTENCY_MISMATCH'
  | 'IN_USE'
  | 'DELETION_PROTECTED'
  | 'UNAUTHENTICATED'
  | 'RATE_LIMITED'
  | 'TOO_MANY_CONNECTIONS'
  | 'FORBIDDEN'
  | 'QUOTA_EXCEEDED'
  | 'CLOUD_REFUSED'
  | 'CLOUD_UNAVAILABLE'
  | 'CLOUD_CREDENTIAL'
  | 'IMAGE_GONE'
  | 'FLAVOR_GONE'
  | 'KEYPAIR_GONE'
  | 'VOLUME_TYPE_GONE'
  | 'PORT_GONE'
  | 'ADDRESSES_EXHAUSTED'
  | 'NO_VALID_HOST'
  | 'SERVER_BUILD_FAILED'
  | 'VOLUME_BUILD_FAILED'
  | 'SERVER_FAULT'
  | 'SEED_UNAVAILABLE'
  | 'SEED_REFUSED'
  | 'CLUSTER_UNAVAILABLE'
  | 'QUORUM_LOST'
  | 'INTERNAL';

export type WhoMustAct = 'CUSTOMER' | 'CLOUD_ADMIN' | 'NOBODY';

export interface OpenStackOrigin {
  service: string;
  status: number;
  requestId: string | null;
}

/** OPENSTACK: the cloud keeps it. SEEDBED: Seedbed's own, of what Seedbed makes. */
export type QuotaSource = 'OPENSTACK' | 'SEEDBED';

export interface QuotaFigures {
  /** Absent in figures that earlier releases stored; see `sourceOf`. */
  source?: QuotaSource;
  resource: string;
  used: number | null;
  limit: number | null;
  requested: number | null;
}

/** What went wrong, for a person and for a program. Stored on operations, conditions and nodes; never holds a secret. */
export interface Problem {
  code: ErrorCode;
  /** A sentence that says what is wrong and what to do. */
  message: string;
  retryable: boolean;
  whoMustAct: WhoMustAct;
  /** Path of the input field that is to blame, such as ["nodeGroups", "0", "flavor"]. */
  field: string[] | null;
  openstack: OpenStackOrigin | null;
  /** The first of `quotas`. */
  quota: QuotaFigures | null;
  /** Every quota that is short; absent on problems that know of one at most. */
  quotas?: QuotaFigures[];
}

export interface ErrorDetail {
  field?: string[];
  whoMustAct?: WhoMustAct;
  openstack?: OpenStackOrigin;
  quota?: QuotaFigures;
  /** In place of `quota`, where several may be short. */
  quotas?: QuotaFigures[];
  /** Milliseconds until the latest next look, for something beside it only waits. */
  lookAgainMs?: number;
  cause?: unknown;
}

/** Base of all errors that may be shown. `retryable`: the same attempt may succeed later without anybody changing anything. */
export class SeedbedError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly detail: ErrorDetail;
  constructor(code: ErrorCode, message: string, retryable: boolean, detail: ErrorDetail) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = retryable;
    this.detail = detail;
  }
  toProblem(): Problem {
    return {
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      whoMustAct: this.detail.whoMustAct ?? (this.retryable ? 'NOBODY' : 'CUSTOMER'),
      field: this.detail.field ?? null,
      openstack: this.detail.openstack ?? null,
      quota: this.detail.quota ?? this.detail.quotas?.[0] ?? null,
      ...(this.detail.quotas && { quotas: this.detail.quotas }),
    };
  }
}

/** Somebody must change something (input, quota, right): retried slowly, and the message says who and what. */
export class UserError extends SeedbedError {
  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(code, message, false, detail);
  }
}

/** Not there, or not the caller's to see: one answer for both. */
export class NotFound extends SeedbedError {
  constructor(what: string, detail: ErrorDetail = {}) {
    super('NOT_FOUND', `${what} was not found.`, false, detail);
  }
}

/** The object is in a state that does not allow this, or somebody else was faster. */
export class Conflict extends SeedbedError {
  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(code, message, false, detail);
  }
}

/** A service outside did not answer or said "later": retried with back-off. */
export class Unavailable extends SeedbedError {
  /** Milliseconds the other side asked to wait (Retry-After), if it did. */
  readonly retryAfterMs: number | null;
  constructor(code: ErrorCode, message: string, detail: ErrorDetail & { retryAfterMs?: number } = {}) {
    super(code, message, true, detail);
    this.retryAfterMs = detail.retryAfterMs ?? null;
  }
}

/** Too much for now, by who asks; nothing was done, and the same will be taken later. */
export class TooMuch extends SeedbedError {
  /** Whole seconds, at least 1. */
  readonly retryAfterSeconds: number;
  /** `message`: a sentence without its full stop. */
  constructor(code: 'RATE_LIMITED' | 'TOO_MANY_CONNECTIONS', message: string, retryAfterMs: number) {
    const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
    super(code, `${message}; try again in ${seconds} s.`, true, { whoMustAct: 'CUSTOMER' });
    this.retryAfterSeconds = seconds;
  }
}

/** Asked too often. `message`: as above. */
export class RateLimited extends TooMuch {
  constructor(message: string, retryAfterMs: number) {
    super('RATE_LIMITED', message, retryAfterMs);
  }
}

/** A stored problem as an error again: what stops a part stops the whole that waits for it. */
export const errorOf = (problem: Problem, lookAgainMs?: number): SeedbedError =>
  new SeedbedError(problem.code, problem.message, problem.retryable, {
    whoMustAct: problem.whoMustAct,
    ...(lookAgainMs !== undefined && { lookAgainMs }),
    ...(problem.field && { field: problem.field }),
    ...(problem.openstack && { openstack: problem.openstack }),
    ...(problem.quota && { quota: problem.quota }),
    ...(problem.quotas && { quotas: problem.quotas }),
  });

/** Any thrown value as a problem. Unknown errors say nothing of their text, which may hold anything. */
export const problemOf = (error: unknown): Problem =>
  error instanceof SeedbedError
    ? error.toProblem()
    : {
        code: 'INTERNAL',
        message: 'Something failed inside Seedbed; it is tried again, and the log says more.',
        retryable: true,
        whoMustAct: 'CLOUD_ADMIN',
        field: null,
        openstack: null,
        quota: null,
      };
