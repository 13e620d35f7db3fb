/** What goes wrong between a client and the API, as one error with a code for programs. */
import type { QuotaFigures } from './types.ts';

export interface ProblemFields {
  code: string;
  message: string;
  retryable?: boolean;
  whoMustAct?: string;
  field?: string[] | null;
  quotas?: QuotaFigures[];
}

/**
 * `code`: one of the API's ErrorCode values, a code of GraphQL's own such as BAD_USER_INPUT, or the client's own:
 * UNREACHABLE (no answer), BAD_ANSWER (an answer that is not GraphQL), TIMED_OUT, INTERRUPTED, USAGE.
 */
export class ClientError extends Error {
  readonly code: string;
  readonly requestId: string | null;
  /** Path of the input field that is to blame. */
  readonly field: readonly string[] | null;
  constructor(code: string, message: string, detail: { requestId?: string | null; field?: string[] | null; cause?: unknown } = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'ClientError';
    this.code = code;
    this.requestId = detail.requestId ?? null;
    this.field = detail.field ?? null;
  }
}

/** A typed error of a mutation as a thrown one; the figures of quotas join its sentence, where it does not say them itself. */
export const errorOfProblem = (problem: ProblemFields, requestId: string | null = null): ClientError => {
  const unsaid = (problem.quotas ?? []).filter(({ used, limit }) => !problem.message.includes(`${used} of ${limit}`));
  const figures = unsaid.map(
    ({ resource, used, limit, requested }) => `${resource}: ${used ?? '?'} of ${limit ?? '?'} used, ${requested ?? '?'} more asked for`,
  );
  const suffix = figures.length === 0 ? '' : ` (${figures.join('; ')})`;
  return new ClientError(problem.code, `${problem.message}${suffix}`, { requestId, field: problem.field ?? null });
};

/** One of an answer's `errors`. */
export interface GraphqlError {
  message: string;
  extensions?: { code?: string; requestId?: string };
}

/** All that is said above an answer's data as one error, with the code of the first. */
export const errorOfAnswer = (errors: readonly GraphqlError[]): ClientError => {
  const [first] = errors;
  const message = errors.map((error) => error.message).join(' ');
  return new ClientError(first?.extensions?.code ?? 'BAD_ANSWER', message, { requestId: first?.extensions?.requestId ?? null });
};
