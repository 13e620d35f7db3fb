/** Whether those at the other end of sockets are still there: one timer for all of them. */
import type { WebSocket } from 'ws';
import { ALIVE } from './socketPace.ts';

export interface SocketPings {
  /** Pings it from now on; undone by what it gives. */
  add(socket: WebSocket): () => void;
  close(): void;
}

/** Each socket is pinged once in `everyMs`, in turns, and cut off when it has not answered by the next: it is gone, or does not read. */
export const createSocketPings = (everyMs: number, turns = 30): SocketPings => {
  const rounds = Array.from({ length: turns }, () => new Set<WebSocket>());
  /** Pinged, and without an answer. */
  const silent = new WeakSet<WebSocket>();
  let now = 0;
  function answered(this: WebSocket): void {
    silent.delete(this);
  }
  const look = () => {
    now = (now + 1) % turns;
    for (const socket of rounds[now] ?? []) {
      if (silent.has(socket)) {
        socket.terminate();
        continue;
      }
      silent.add(socket);
      socket.ping(ALIVE);
    }
  };
  const timer = setInterval(look, everyMs / turns);
  return {
    add: (socket) => {
      const round = rounds[now];
      round?.add(socket);
      socket.on('pong', answered);
      return () => round?.delete(socket);
    },
    close: () => clearInterval(timer),
  };
};
