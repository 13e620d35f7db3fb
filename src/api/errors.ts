/** What callers see of top-level errors: a code and the request's id always, and nothing of what is not theirs. */
import { GraphQLError } from 'graphql';
import { problemOf, SeedbedError } from '../domain/errors.ts';
import type { Log } from '../lib/log.ts';

export interface ErrorContext {
  requestId: string;
  log: Log;
}

/** Each with `extensions { code, requestId }`; unknown ones are masked, and logged here, once. */
export const shownErrors = (errors: readonly unknown[], context: ErrorContext): GraphQLError[] =>
  errors.map((error) => shownError(error, context));

const shownError = (error: unknown, { requestId, log }: ErrorContext): GraphQLError => {
  const cause = causeOf(error);
  const place = error instanceof GraphQLError ? { nodes: error.nodes ?? null, path: error.path ?? null } : {};
  if (cause instanceof SeedbedError && cause.code !== 'INTERNAL') {
    const { code, message, retryable, whoMustAct, field } = cause.toProblem();
    return new GraphQLError(message, { ...place, extensions: { code, retryable, whoMustAct, field, requestId } });
  }
  if (cause instanceof GraphQLError) {
    const code = typeof cause.extensions.code === 'string' ? cause.extensions.code : 'BAD_REQUEST';
    return new GraphQLError(withoutValue(cause.message), { ...place, extensions: { ...cause.extensions, code, requestId } });
  }
  log.error({ err: cause, requestId, path: place.path }, 'a request failed');
  const { code, message } = problemOf(cause);
  return new GraphQLError(message, { ...place, extensions: { code, requestId } });
};

/** The error that was thrown, without the wrappings of whatever carried it here. */
const causeOf = (error: unknown): unknown => {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError !== undefined) cause = cause.originalError;
  return cause;
};

/** The library repeats a variable that does not fit its type, and a variable may hold a secret. */
const withoutValue = (message: string): string => {
  const match = /^(Variable "\$\w+") got invalid value .*?(?: at "([^"]{1,200})")?; ((?:(?!; ).)*)$/s.exec(message);
  if (match === null) return message;
  const [, variable, at, reason = ''] = match;
  return `${variable} is not valid${at === undefined ? '' : ` at "${at}"`}; ${reason.replace(/(?: value)?: .*| Did you mean .*/s, '')}`;
};
