/** A socket's token is replaced before it ends: `connection_init` again, as the server takes it, and what runs on the socket runs on. */
import type { Client as SocketClient } from 'graphql-ws';
import type { WebSocket } from 'ws';

/** Before the token's end; whoever keeps tokens gives a new one from a minute before it on. */
const MARGIN_MS = 50_000;
/** Nothing that can still be hurried: the server is about to close the socket, and the way back brings another token. */
const TOO_LATE_MS = 100;
/** The server may take so long over one, and closes a socket that sends another meanwhile. */
const ANSWER_MS = 35_000;
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * Watches over the socket until the function that it gives is called. `held`: the token that the socket began with; `ask`: for the one to
 * have now. Why there is none is not told here: the socket ends with its token, and whoever comes back then is told.
 */
export const keepRenewed = (socket: SocketClient, held: string, ask: () => Promise<string>): (() => void) => {
  let line: WebSocket | null = null;
  let token = held;
  let sent = held;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const arm = (expiresAt: number, least = 0) => {
    clearTimeout(timer);
    const leftMs = expiresAt - Date.now();
    const ms = Math.max(least, waitMs(leftMs));
    if (stopped || !(leftMs > TOO_LATE_MS) || ms >= leftMs) return;
    timer = setTimeout(() => void renew(expiresAt), Math.min(ms, LONGEST_TIMER_MS));
  };
  const renew = async (expiresAt: number) => {
    const next = await ask().catch(() => token);
    if (stopped || line === null || line.readyState !== line.OPEN) return;
    if (next === token) return arm(expiresAt);
    // The acknowledgement tells the new one's end. Without one, for Keystone may be away, it is tried again.
    arm(expiresAt, ANSWER_MS);
    sent = next;
    line.send(JSON.stringify({ type: 'connection_init', payload: { 'X-Auth-Token': next } }));
  };

  const undo = [
    socket.on('connected', (connected, payload) => {
      line = connected as WebSocket;
      arm(endIn(payload));
    }),
    // The library says nothing of a second acknowledgement.
    socket.on('message', (message) => {
      if (line === null || message.type !== 'connection_ack') return;
      token = sent;
      arm(endIn(message.payload));
    }),
  ];
  return () => {
    stopped = true;
    clearTimeout(timer);
    for (const off of undo) off();
  };
};

/** Tokens that live for less than two margins are renewed at half of what is left. */
const waitMs = (leftMs: number): number => Math.max(leftMs - MARGIN_MS, leftMs / 2);

/** Milliseconds since the epoch; NaN: a server that does not say, and takes no renewal. */
const endIn = (payload: unknown): number =>
  typeof payload === 'object' && payload !== null && 'tokenExpiresAt' in payload ? Date.parse(String(payload.tokenExpiresAt)) : Number.NaN;
