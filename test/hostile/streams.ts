/** Sockets by the thousand against the API in a process of its own (streamServer.ts), and how long others wait meanwhile. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { PlainOrder } from './plainServer.ts';
import type { Order } from './streamServer.ts';
import type { Report } from './watch.ts';

export interface Streams {
  url: string;
  pid: number;
  order(order: Order): Promise<void>;
  report(): Promise<Report>;
  alive(): boolean;
  close(): Promise<void>;
}

/** `built`: of the program as `npm run build` made it, and not of its source. `program`: another server that knows the same orders. */
export const startStreams = async ({ built = false, program = 'streamServer.ts' } = {}): Promise<Streams> => {
  const fileOf = (path: string) => new URL(path, import.meta.url).pathname;
  const imports = ['--import', 'tsx', ...(built ? ['--import', fileOf('../load/built.mjs')] : [])];
  const child = spawn(process.execPath, [...imports, fileOf(program)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  const waiting = new Map<number, (answer: unknown) => void>();
  child.on('message', ({ id, answer }: { id: number; answer: unknown }) => waiting.get(id)?.(answer));
  let last = 0;
  const order = (what: Order | PlainOrder): Promise<unknown> =>
    new Promise((resolve) => {
      last += 1;
      waiting.set(last, resolve);
      child.send({ id: last, order: what });
    });
  const url = await Promise.race([new Promise((resolve) => waiting.set(0, resolve)), exited]);
  if (typeof url !== 'string') throw new Error('The server did not start.');
  return {
    url,
    pid: child.pid ?? 0,
    order: async (what) => void (await order(what)),
    report: async () => (await order('report')) as Report,
    alive: () => child.exitCode === null && child.signalCode === null,
    close: async () => {
      void order('close');
      await exited;
    },
  };
};

export interface Caller {
  socket: WebSocket;
  /** With what code the server closed it. */
  closed: Promise<number>;
}

/** A socket that has been let in; with a token it has said who it is. Rejects when it is refused or closed before that. */
export const dial = (
  url: string,
  token: string | null,
  listen?: (message: { type: string; id?: string; payload?: unknown }) => void,
): Promise<Caller> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { perMessageDeflate: false });
    const closed = new Promise<number>((done) => socket.on('close', done));
    const caller = { socket, closed };
    socket.on('error', reject);
    socket.on('close', (code) => reject(new Error(`closed with ${code}`)));
    socket.on('open', () => {
      if (token === null) resolve(caller);
      else socket.send(JSON.stringify({ type: 'connection_init', payload: { 'X-Auth-Token': token } }));
    });
    socket.on('message', (data) => {
      const message = JSON.parse(String(data));
      if (message.type === 'connection_ack') resolve(caller);
      listen?.(message);
    });
  });

/** Milliseconds that queries of another caller take, one after the other, while `during` runs; at least `least` of them. */
export const waitsOf = async (url: string, during: Promise<unknown>, least = 100): Promise<number[]> => {
  let over = false;
  const end = () => {
    over = true;
  };
  during.then(end, end);
  const waits: number[] = [];
  while (!over || waits.length < least) {
    const began = performance.now();
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': 'calm@calm' },
      body: '{"query":"{ viewer { userName } }"}',
    });
    if (!(await answer.text()).includes('"calm"')) throw new Error('A calm caller was not answered.');
    waits.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await during;
  return waits.sort((a, b) => a - b);
};

export const p99 = (sorted: readonly number[]): number => sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN;
