import { type DestinationStream, pino } from 'pino';

/** What the program logs through; a child carries a request's or an object's id. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

/** Of an error's causes, and of the errors that are one together. */
const MAX_TOLD = 5;

/**
 * What is said of an error: never what else hangs on it, for libraries hang requests with their headers, settings and rows on theirs.
 * `code` is a word of the system's or the library's, such as ECONNRESET; `problem` what the error itself says may be shown.
 */
const wordsOf = (error: unknown, depth = 0): object => {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, stack, cause } = error;
  const { code, toProblem } = error as { code?: unknown; toProblem?: unknown };
  const isDeep = depth === MAX_TOLD;
  return {
    type: name,
    message,
    stack,
    ...(typeof code === 'string' && { code }),
    ...(typeof toProblem === 'function' && { problem: toProblem.call(error) }),
    ...(cause !== undefined && !isDeep && { cause: wordsOf(cause, depth + 1) }),
    ...(error instanceof AggregateError && !isDeep && { errors: error.errors.slice(0, MAX_TOLD).map((one) => wordsOf(one, depth + 1)) }),
  };
};

/** JSON lines on stderr: stdout belongs to the command's answer. */
export const createLog = (level: string, to: DestinationStream = pino.destination(2)): Log =>
  pino(
    {
      level,
      base: null,
      serializers: { err: (error: unknown) => wordsOf(error) },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['token', 'password', 'kubeconfig', '*.token', '*.password', '*.kubeconfig'],
    },
    to,
  );

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };
