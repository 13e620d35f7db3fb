/** One live socket: what it rests on, and what graphql-ws asks of it. A class, for thousands are kept: closures would take three times the memory. */
import type { Duplex } from 'node:stream';
import { CloseCode, type WebSocket as SocketOfProtocol } from 'graphql-ws';
import type { RawData, WebSocket } from 'ws';
import type { Log } from '../lib/log.ts';
import type { Turns } from '../lib/turn.ts';
import type { AskedBy } from './askedBy.ts';
import type { RequestIds } from './requestIds.ts';
import type { Session } from './session.ts';
import { createSocketIds, MAX_ID } from './socketIds.ts';
import { SocketPace } from './socketPace.ts';

/** Answers to a flood of pings, of either protocol, pile up when nobody reads them; a short one takes some hundred times its bytes of memory. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;
const MAX_UNREAD_MESSAGES = 1_000;
/** What a subscription says is kept while it lives, and its document at forty times the length. */
export const MAX_SUBSCRIBED = 65_536;

export class Connection implements SocketOfProtocol {
  readonly socket: WebSocket;
  readonly request: AskedBy;
  /** Of the handshake, and so of all that is asked over it. */
  readonly ids: RequestIds;
  /** graphql-ws' own record of what runs on it, by its id. */
  subscriptions: object = {};
  session: Session | null = null;
  /** Takes what is a fresh token for the session: whether it was one. */
  renews: (text: string) => boolean = neither;
  /** Undone when the socket closes. */
  cleanup: readonly (() => void)[] = [];
  private readonly pace: SocketPace;
  private readonly log: Log;
  private waiting: NodeJS.Timeout | undefined;
  /** Taken while something that was sent was not read yet. */
  private unread = 0;
  /** Characters of subscriptions by their ids; of some that have ended, too. */
  private subscribed: Map<string, number> | null = null;

  constructor(socket: WebSocket, wire: Duplex, request: AskedBy, ids: RequestIds, log: Log) {
    this.socket = socket;
    this.pace = new SocketPace(socket, wire);
    this.request = request;
    this.ids = ids;
    this.log = log;
    socket.on('error', (error) => log.debug({ err: error, requestId: ids.requestId }, 'a socket failed'));
    socket.on('ping', () => {
      if (this.isUnread()) socket.terminate();
    });
  }

  get protocol(): string {
    return this.socket.protocol;
  }

  /** Closes it when it has not said hello after so long, and then in its turn: thousands of timers are over together where thousands came together. */
  awaitGreeting(ms: number, { turn }: Turns): void {
    const late = () => {
      if (this.waiting !== undefined) this.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout');
    };
    this.waiting = setTimeout(() => void turn().then(late), ms);
  }

  greeted(): void {
    clearTimeout(this.waiting);
    this.waiting = undefined;
  }

  /** The next value is pulled only when it resolves. */
  send(text: string): Promise<void> {
    return new Promise((resolve) => this.pace.sendText(text, resolve));
  }

  sendFrame(frame: Buffer, done: () => void): void {
    this.pace.sendFrame(frame, done);
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason);
  }

  onMessage(handle: (text: string) => Promise<void>): void {
    let ofOperations: ((text: string) => Promise<void>) | null = null;
    // Before its hello is acknowledged no operation can begin on it, and many sockets say little else.
    const take = (text: string): Promise<void> => {
      if (this.session === null) return handle(text);
      ofOperations ??= this.inOrder(handle);
      return ofOperations(text);
    };
    this.socket.on('message', (data: RawData) => {
      // What was sent before our close was seen is nobody's any more.
      if (this.socket.readyState !== this.socket.OPEN) return;
      if (this.isUnread()) return this.socket.terminate();
      const text = String(data);
      if (!this.renews(text)) take(text).catch((error: unknown) => this.refuse(error));
    });
  }

  /** A message within whose lists in lists the stack ends is its sender's fault. */
  private refuse(error: unknown): void {
    if (!(error instanceof RangeError)) return void this.failed(error, 'a socket message failed');
    this.log.debug({ err: error, requestId: this.ids.requestId }, 'a socket message is nested too deeply');
    this.close(CloseCode.BadRequest, 'The message is nested too deeply');
  }

  private inOrder(handle: (text: string) => Promise<void>): (text: string) => Promise<void> {
    return createSocketIds({
      handle,
      isOpen: (id) => id in this.subscriptions,
      refuse: (id) => this.close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`),
      refuseLong: () => this.close(CloseCode.BadRequest, `An id may have at most ${MAX_ID} characters`),
    });
  }

  /** Whether a subscription that was said in so many characters may be open beside the others. */
  subscribes(id: string, characters: number): boolean {
    const open = [...(this.subscribed ?? [])].filter(([one]) => one in this.subscriptions && one !== id);
    const sum = open.reduce((total, [, length]) => total + length, characters);
    if (sum > MAX_SUBSCRIBED) return false;
    this.subscribed = new Map([...open, [id, characters]]);
    return true;
  }

  /** After its close. */
  end(): void {
    this.greeted();
    const all = this.cleanup;
    this.cleanup = [];
    for (const undo of all) undo();
  }

  failed(error: unknown, what: string): void {
    this.log.error({ err: error, requestId: this.ids.requestId }, what);
    this.close(1011, 'Internal error');
  }

  /** Asked for each message: whether too much has been sent by one who reads nothing. */
  private isUnread(): boolean {
    this.unread = this.socket.bufferedAmount === 0 && !this.pace.isBehind() ? 0 : this.unread + 1;
    return this.unread > MAX_UNREAD_MESSAGES || this.socket.bufferedAmount > MAX_UNREAD_BYTES;
  }
}

const neither = (): boolean => false;
