import { pino } from 'pino';

/** What the program logs through; a child carries a request's or an object's id. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

/** JSON lines on stderr: stdout belongs to the command's answer. */
export const createLog = (level: string): Log =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['token', 'password', 'kubeconfig', '*.token', '*.password', '*.kubeconfig'],
    },
    pino.destination(2),
  );

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };
