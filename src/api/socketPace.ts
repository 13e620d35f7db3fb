/**
 * How far a reader may be behind on a WebSocket. The kernel takes some megabytes for one who does not read, which a thousand of them
 * would make gigabytes that all connections of the machine lack, and who reads slowly would be told of states long past.
 */
import type { WebSocket } from 'ws';

/** Characters on their way to one reader: what fills a way of 2 MB/s and 100 ms. */
const MAX_UNREAD = 262_144;
/** Whether so many were read is asked by a ping behind them: its pong comes after all that was sent before it was read (RFC 6455, 5.5.3). */
const ASKED_AFTER = 65_536;

/** Sends a text; resolves when it has left and the reader has come near enough, or when the socket is closed. */
export type Send = (text: string) => Promise<void>;

export const createPace = (socket: WebSocket): Send => {
  let sent = 0;
  let asked = 0;
  let read = 0;
  const waiting: (() => void)[] = [];
  const goOn = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  socket.on('pong', (data) => {
    // Of one that was asked for; the ping that keeps a connection alive says nothing.
    const upTo = Number(data.toString());
    if (!(upTo > read && upTo <= asked)) return;
    read = upTo;
    if (sent - read <= MAX_UNREAD) goOn();
  });
  socket.once('close', () => {
    read = Number.POSITIVE_INFINITY;
    goOn();
  });
  return (text) =>
    new Promise((resolve) => {
      if (socket.readyState !== socket.OPEN) return resolve();
      sent += text.length;
      // A failed write closes the socket, which ends all that would be sent on it.
      socket.send(text, () => {
        if (sent - read <= MAX_UNREAD) resolve();
        else waiting.push(resolve);
      });
      if (sent - asked < ASKED_AFTER) return;
      asked = sent;
      socket.ping(String(asked));
    });
};
