/** A socket goes on with a fresh token: `connection_init` again, answered by `connection_ack` again; what runs on it runs on. */
import type { WebSocket } from 'ws';
import type { Log } from '../lib/log.ts';
import { credentialsIn } from './connectionParams.ts';
import type { Credentials } from './credentials.ts';
import type { Session } from './session.ts';

export interface RenewalDeps {
  session: Session;
  socket: WebSocket;
  /** Tells the peer that the new token holds. */
  acknowledge(): Promise<void>;
  now(): number;
  log: Log;
}

/** Far more than tokens need; each may cost a question to Keystone. */
const MOST_A_MINUTE = 10;

/**
 * Takes the messages of a socket that has a session: true when it was a renewal, and so is not the protocol's to handle. An invalid
 * token, or one of another user or project, closes the socket with 4403, too many with 4429. Without a Keystone that answers nothing is
 * acknowledged and the earlier token holds on.
 */
export const createRenewal = ({ session, socket, acknowledge, now, log }: RenewalDeps): ((text: string) => boolean) => {
  let begun: number[] = [];
  let underWay = false;

  const renew = async (credentials: Credentials): Promise<void> => {
    const outcome = await session.renew(credentials);
    // Whether it is read is not waited for: the next renewal may come before.
    if (outcome === 'RENEWED') return void acknowledge();
    socket.close(4403, outcome === 'INVALID' ? 'The new token is not valid.' : 'The new token is of another user or project.');
  };

  return (text) => {
    const message = renewalIn(text);
    if (message === null) return false;
    begun = begun.filter((at) => now() - at < 60_000);
    if (underWay || begun.length >= MOST_A_MINUTE) {
      socket.close(4429, 'Too many initialisation requests');
      return true;
    }
    begun.push(now());
    underWay = true;
    renew(credentialsIn(message.payload))
      .catch((error: unknown) => log.warn({ err: error }, 'the new token of a socket could not be checked'))
      .finally(() => {
        underWay = false;
      });
    return true;
  };
};

/** Told without parsing it: most messages are none. */
export const mayRenew = (text: string): boolean => text.includes('"connection_init"');

/** Most messages are not parsed here. What is no JSON is for the protocol to refuse. */
const renewalIn = (text: string): { payload?: unknown } | null => {
  if (!mayRenew(text)) return null;
  try {
    const message: unknown = JSON.parse(text);
    return typeof message === 'object' && message !== null && 'type' in message && message.type === 'connection_init'
      ? (message as { payload?: unknown })
      : null;
  } catch {
    return null;
  }
};
