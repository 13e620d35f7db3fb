/** From where a request came, as far as it is told. */
import type { IncomingMessage } from 'node:http';
import { shortened, type Trail } from '../domain/auditLog.ts';

export type Origin = Omit<Trail, 'input'>;

const MOST_HEADER = 200;

export const originOf = ({ socket, headers }: IncomingMessage): Origin => ({
  // An IPv4 caller of a socket that listens to both families.
  address: socket.remoteAddress?.replace(/^::ffff:(?=\d)/, '') ?? null,
  forwardedFor: cut(headers['x-forwarded-for']),
  userAgent: cut(headers['user-agent']),
});

const cut = (header: string | string[] | undefined): string | null =>
  header === undefined || header === '' ? null : shortened(String(header), MOST_HEADER);
