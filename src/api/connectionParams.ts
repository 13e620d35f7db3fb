/** What a socket's `connection_init` says, and what it is answered. */
import type { Credentials } from './credentials.ts';
import type { Session } from './session.ts';

/** The tokens under `X-Auth-Token` ('' when there is none) and `X-Service-Token`, in any case; an empty one is none, as in a header. */
export const credentialsIn = (payload: unknown): Credentials => ({
  token: entryOf(payload, 'x-auth-token') ?? '',
  serviceToken: entryOf(payload, 'x-service-token'),
});

const entryOf = (payload: unknown, name: string): string | null => {
  const value = Object.entries(payload ?? {}).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof value === 'string' && value !== '' ? value : null;
};

/** The payload of `connection_ack`: when to come with a fresh token. */
export const ackOf = (session: Session): { tokenExpiresAt: string } => ({ tokenExpiresAt: new Date(session.endsAt()).toISOString() });
