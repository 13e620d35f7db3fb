/** What is looked at of a request once it is taken in. */
import type { IncomingMessage } from 'node:http';

export interface AskedBy {
  url?: string | undefined;
  method?: string | undefined;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  socket: { remoteAddress?: string | undefined };
}

const LOOKED_AT = ['x-auth-token', 'x-service-token', 'x-forwarded-for', 'user-agent'] as const;

/** Of a handshake, for as long as its socket lives: the request itself would keep more than a kilobyte, and the address would be gone with its connection. */
export const askedBy = ({ url, method, headers, socket: { remoteAddress } }: IncomingMessage): AskedBy => {
  const kept: Record<string, string | string[] | undefined> = {};
  for (const name of LOOKED_AT) if (headers[name] !== undefined) kept[name] = headers[name];
  return { url, method, headers: kept, socket: { remoteAddress } };
};
