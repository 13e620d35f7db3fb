/** What the two forms of HTTP have in common: a request goes out, the head of an answer comes, its body follows. */
import type { OutgoingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

export interface Asked {
  method: string;
  path: string;
  headers: OutgoingHttpHeaders;
  body?: Buffer;
}

export interface Answer {
  status: number;
  retryAfter: string | undefined;
  /** May close without end or error when the connection is cut. */
  body: Readable;
}

export interface Sent {
  /** Rejects with Node's error, or DeadSocket around it. */
  answer: Promise<Answer>;
  /** Ends the exchange wherever it is; whoever waits for it gets the error. */
  cut(error: Error): void;
}

export interface Wire {
  send(asked: Asked): Sent;
  /** `full`: what is sent waits until something ends. `left`: nothing new may be sent. `closed`: nothing is under way, either. */
  readonly state: 'open' | 'full' | 'left' | 'closed';
  /** Something on it had no answer in time: what is new goes another way. */
  distrust(): void;
  close(): void;
}

/** A kept connection was found dead before any byte of an answer: nothing can be known about the request, but a repeat is cheap. */
export class DeadSocket extends Error {}

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

const failed = (code: string, text: string): Error => Object.assign(new Error(text), { code });
export const closedError = (): Error => failed('ERR_CLOSED', 'the connection was closed here');
export const timeoutError = (): Error => failed('ETIMEDOUT', 'no answer in time');
export const cutError = (): Error => failed('ECONNRESET', 'the connection was cut');
