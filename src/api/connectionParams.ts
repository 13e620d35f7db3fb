/** What a socket's `connection_init` says, and what it is answered. */
import type { Actor } from '../domain/actor.ts';

/** The token, under `X-Auth-Token` in any case; '' when there is none. */
export const tokenIn = (payload: unknown): string => {
  const entry = Object.entries(payload ?? {}).find(([name]) => name.toLowerCase() === 'x-auth-token');
  return typeof entry?.[1] === 'string' ? entry[1] : '';
};

/** The payload of `connection_ack`: when to come with a fresh token. */
export const ackOf = (actor: Actor): { tokenExpiresAt: string } => ({ tokenExpiresAt: new Date(actor.expiresAt).toISOString() });
