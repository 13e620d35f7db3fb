/** Sockets of subscribers, to Seedbed and to a plain `ws` server, heard by one and the same client. */
import { WebSocket } from 'ws';
import { dial } from '../hostile/streams.ts';

/** Dialled at the same time. */
const AT_ONCE = 100;
/** Sockets that a user may have. */
const OF_A_USER = 50;

const atOnce = async <T>(count: number, make: (i: number) => Promise<T>): Promise<T[]> => {
  const made: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) made[i] = await make(i);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, worker));
  return made;
};

/** Subscribers of test/hostile/streamServer.ts, in the project that `projectOf` says of each. */
export const subscribeAll = async (url: string, count: number, projectOf: (i: number) => string, query: string): Promise<WebSocket[]> => {
  const seated = new Map<string, number>();
  return atOnce(count, async (i) => {
    const project = projectOf(i);
    const seat = seated.get(project) ?? 0;
    seated.set(project, seat + 1);
    const { socket } = await dial(url, `u${Math.floor(seat / OF_A_USER)}@${project}`);
    socket.removeAllListeners('message');
    socket.send(JSON.stringify({ id: 'a', type: 'subscribe', payload: { query } }));
    return socket;
  });
};

/** Sockets to a server of peers/broadcast.mjs, by the path that `projectOf` says of each. */
export const connectAll = (port: number, count: number, projectOf: (i: number) => string): Promise<WebSocket[]> =>
  atOnce(
    count,
    (i) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}/${projectOf(i)}`, { perMessageDeflate: false });
        socket.once('error', reject);
        socket.once('open', () => resolve(socket));
      }),
  );

/** Resolves with the milliseconds from `begin` until each socket has got a message, and with one of them. */
export const untilAllHear = (sockets: readonly WebSocket[], begin: () => void): Promise<{ ms: number; text: string }> =>
  new Promise((resolve) => {
    let left = sockets.length;
    const began = performance.now();
    for (const socket of sockets)
      socket.once('message', (data) => {
        left -= 1;
        if (left === 0) resolve({ ms: performance.now() - began, text: String(data) });
      });
    begin();
  });
