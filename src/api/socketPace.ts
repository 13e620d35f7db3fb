/**
 * How far a reader may be behind on a WebSocket. The kernel takes some megabytes for one who does not read, which a thousand of them
 * would make gigabytes that all connections of the machine lack, and who reads slowly would be told of states long past.
 */
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/** Letters, or bytes of frames, on their way to one reader: what fills a way of 2 MB/s and 100 ms. */
const MAX_UNREAD = 262_144;
/** Whether so many were read is asked by a ping behind them: its pong comes after all that was sent before it was read (RFC 6455, 5.5.3). */
const ASKED_AFTER = 65_536;
/** Of the pings that keep a connection alive. */
export const ALIVE = 'alive';
/**
 * So many pongs in a row with another's word or none, from one who has not come near enough: not one who is slow, for each is asked for by a ping of its
 * own, and those that some send unasked, twice a minute, come with right ones between. He would wait for ever, and is told.
 */
const MOST_WRONG = 8;
const PROTOCOL_ERROR = 1002;
const WRONG = "A pong must carry its ping's data (RFC 6455, 5.5.3): mend client or proxy, or subscribe by SSE.";

/** Each of them calls back when what it sends has left and the reader has come near enough, or when the socket is closed. */
export class SocketPace {
  private readonly socket: WebSocket;
  private readonly wire: Duplex;
  private sent = 0;
  private read = 0;
  /** Pings without an answer, oldest first, by their words: one who could guess them would say that he has read. */
  private asked: readonly { word: string; upTo: number }[] = [];
  private askedLast = 0;
  private wrong = 0;
  private waiting: readonly (() => void)[] = [];

  constructor(socket: WebSocket, wire: Duplex) {
    this.socket = socket;
    this.wire = wire;
    socket.on('pong', (data) => this.heard(data));
    socket.once('close', () => {
      this.read = Number.POSITIVE_INFINITY;
      this.goOn();
    });
  }

  /** The reader has not come near enough. */
  isBehind(): boolean {
    return this.sent - this.read > MAX_UNREAD;
  }

  sendText(text: string, done: () => void): void {
    this.send(text, done);
  }

  /** A whole frame, between those of `ws`, which writes each in one piece. */
  sendFrame(frame: Buffer, done: () => void): void {
    this.send(frame, done);
  }

  private send(what: string | Buffer, done: () => void): void {
    if (this.socket.readyState === this.socket.CLOSED) return void done();
    // Whoever is on the way out is told nothing, and what would be told next is not looked for.
    if (this.socket.readyState !== this.socket.OPEN) return void this.wait(done);
    this.sent += what.length;
    // A failed write closes the socket, which ends all that would be sent on it.
    const left = () => {
      if (this.isBehind() || this.socket.readyState === this.socket.CLOSING) this.wait(done);
      else done();
    };
    if (typeof what === 'string') this.socket.send(what, left);
    else this.wire.write(what, left);
    if (this.sent - this.askedLast >= ASKED_AFTER) this.ask();
  }

  private ask(): void {
    this.askedLast = this.sent;
    const word = randomBytes(9).toString('base64');
    this.asked = [...this.asked, { word, upTo: this.sent }];
    this.socket.ping(word);
  }

  private wait(done: () => void): void {
    this.waiting = [...this.waiting, done];
  }

  private heard(data: Buffer): void {
    const word = data.toString();
    // A peer may answer the newest of several alone.
    const at = this.asked.findIndex((ping) => ping.word === word);
    const ping = this.asked[at];
    if (this.socket.readyState !== this.socket.OPEN) return;
    if (ping === undefined) {
      if (word !== ALIVE) this.doubt();
      return;
    }
    this.wrong = 0;
    this.asked = this.asked.slice(at + 1);
    this.read = ping.upTo;
    if (!this.isBehind()) this.goOn();
  }

  /** A pong that answers nothing, of one who is behind: does he answer at all? */
  private doubt(): void {
    if (!this.isBehind()) return;
    this.wrong += 1;
    if (this.wrong > MOST_WRONG) this.socket.close(PROTOCOL_ERROR, WRONG);
    else this.ask();
  }

  private goOn(): void {
    const all = this.waiting;
    this.waiting = [];
    for (const done of all) done();
  }
}
