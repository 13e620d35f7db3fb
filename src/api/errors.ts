/** What callers see of top-level errors: a code and the request's id always, and nothing of what is not theirs. */
import { GraphQLError } from 'graphql';
import { problemOf, SeedbedError, TooMuch } from '../domain/errors.ts';
import { remedyOf } from '../domain/remedy.ts';
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
  const cost = error instanceof GraphQLError && error.extensions['cost'] !== undefined ? { cost: error.extensions['cost'] } : {};
  const place = error instanceof GraphQLError ? { nodes: error.nodes ?? null, path: error.path ?? null } : {};
  if (cause instanceof SeedbedError && cause.code !== 'INTERNAL') {
    const problem = cause.toProblem();
    const { code, message, retryable, whoMustAct, field, openstack } = problem;
    const remedy = remedyOf(problem);
    const later = cause instanceof TooMuch ? { retryAfterSeconds: cause.retryAfterSeconds } : {};
    return new GraphQLError(message, {
      ...place,
      extensions: { ...cost, code, retryable, ...later, whoMustAct, field, remedy, openstack, requestId },
    });
  }
  if (error instanceof GraphQLError && cause instanceof GraphQLError) {
    const code = typeof error.extensions.code === 'string' ? error.extensions.code : 'BAD_USER_INPUT';
    return new GraphQLError(withoutValue(error.message), { ...place, extensions: { ...error.extensions, code, requestId } });
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

/** What the library says of a variable that does not fit, as far as it repeats nothing of the value. */
const REASONS =
  /Field "\w+" (?:of required type "[^"]+" was not provided|is not defined by type "\w+")|Expected (?:non-nullable )?type "[^"]+"|(?:Int|Float|String|Boolean) cannot represent (?:a )?non[- ][\w -]+? value|A DateTime is text such as [\dT:.-]+Z/;
/** It names a choice that comes near, too: of these only the type is said. */
const ENUM = /Enum "(\w+)" cannot represent non-string value|Value "[^"]*" does not exist in "(\w+)" enum/;

/** The library repeats a variable that does not fit its type, and a variable may hold a secret. */
const withoutValue = (message: string): string => {
  const [, variable] = /^(Variable "\$\w+") got invalid value /.exec(message) ?? [];
  if (variable === undefined) return message;
  const [, at] = / at "([\w.[\]]{1,200})"; /.exec(message) ?? [];
  const [, ofOther, ofText] = ENUM.exec(message) ?? [];
  const type = ofOther ?? ofText;
  const reason = type === undefined ? REASONS.exec(message)?.[0] : `Expected type "${type}"`;
  return `${variable} is not valid${at === undefined ? '' : ` at "${at}"`}${reason === undefined ? '' : `; ${reason}`}.`;
};
