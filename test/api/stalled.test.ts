import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { patchCluster } from '../../src/store/reconcile.ts';
import { happen, numbersOf, overSocket, PROGRESS, setState } from './live.ts';
import { makeCluster, openWorld, type World } from './world.ts';

const EVENTS = 20_000;
const PAD = 'x'.repeat(2_000);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

interface Stalled {
  /** Begins to read again; gives all text when its end has been seen. */
  resume(seen: (tail: string) => boolean): Promise<string>;
  close(): void;
  /** Over WebSocket: of the client, which can still send. */
  socket?: WebSocket;
}

/** Keeps what comes in pieces: one string of 40 MB would be copied with each. */
const transcript = () => {
  const pieces: string[] = [];
  let tail = '';
  return {
    add: (piece: string) => {
      pieces.push(piece);
      tail = (tail + piece).slice(-5_000);
    },
    tail: () => tail,
    until: async (seen: (tail: string) => boolean): Promise<string> => {
      while (!seen(tail)) await new Promise((resolve) => setTimeout(resolve, 20));
      return pieces.join('');
    },
  };
};

/** Subscribes over WebSocket and stops reading after the first message. */
const stallSocket = async (world: World, query: string, variables: object): Promise<Stalled> => {
  const socket = new WebSocket(world.url.replace('http', 'ws'), 'graphql-transport-ws');
  const text = transcript();
  await new Promise<void>((resolve) => {
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { 'X-Auth-Token': 'rita' } })));
    socket.on('message', (data) => {
      const message = String(data);
      text.add(`${message}\n`);
      if (message.startsWith('{"type":"connection_ack"')) {
        socket.send(JSON.stringify({ id: 'a', type: 'subscribe', payload: { query, variables } }));
        socket.send(JSON.stringify({ type: 'ping' }));
      }
      if (message.startsWith('{"type":"pong"')) {
        socket.pause();
        resolve();
      }
    });
  });
  return {
    resume: (seen) => {
      socket.resume();
      return text.until(seen);
    },
    close: () => socket.terminate(),
    socket,
  };
};

/** The same, who says again and again that he has read, as far as he can guess. */
const stallLiar = async (world: World, query: string, variables: object): Promise<Stalled> => {
  const stalled = await stallSocket(world, query, variables);
  let read = 0;
  const lying = setInterval(() => {
    read = (read % 8_000_000) + 50_000;
    if (stalled.socket?.readyState === WebSocket.OPEN) stalled.socket.pong(String(read));
  }, 1);
  return {
    ...stalled,
    resume: (seen) => {
      clearInterval(lying);
      return stalled.resume(seen);
    },
  };
};

/** Subscribes over SSE and stops reading after the answer's head. */
const stallSse = async (world: World, query: string, variables: object): Promise<Stalled> => {
  const { hostname, port } = new URL(world.url);
  const socket: Socket = connect(Number(port), hostname);
  const body = JSON.stringify({ query, variables });
  const text = transcript();
  socket.setEncoding('utf8');
  socket.on('error', () => {});
  await new Promise<void>((resolve) => {
    socket.once('data', () => socket.pause());
    socket.on('data', (chunk) => {
      text.add(String(chunk));
      resolve();
    });
    socket.write(
      `POST /graphql HTTP/1.1\r\nHost: ${hostname}:${port}\r\nX-Auth-Token: rita\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  });
  return {
    resume: (seen) => {
      socket.resume();
      return text.until(seen);
    },
    close: () => socket.destroy(),
  };
};

/** How many pages of events the server has read since. */
const countReads = (world: World): { pages(): number } => {
  const client = (world.store.db as unknown as { $client: { prepare(sql: string): unknown } }).$client;
  const prepare = client.prepare.bind(client);
  let pages = 0;
  client.prepare = (sql: string) => {
    if (/from "events"/.test(sql)) pages += 1;
    return prepare(sql);
  };
  return { pages: () => pages };
};

test.each([
  ['WebSocket', stallSocket],
  ['SSE', stallSse],
])(
  'a %s subscriber that stops reading 20,000 events: the server reads no further for it, others are well, and it goes on where it was',
  async (_way, stall) => {
    const world = await openWorld();
    const { uuid } = await makeCluster(world, 'anna');
    const stalled = await stall(world, PROGRESS, { id: uuid });
    const reads = countReads(world);
    const batch = Array.from({ length: 200 }, () => PAD);
    for (let i = 0; i < EVENTS / 200; i += 1) {
      await happen(world, uuid, batch, i === EVENTS / 200 - 1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // What the kernel's buffers take is sent; of 40 MB that is the smaller part.
    expect(reads.pages()).toBeLessThan(EVENTS / 100 / 2);
    expect(await world.data('anna', '{ viewer { userName } }')).toEqual({ viewer: { userName: 'anna' } });
    const other = overSocket(world, 'anna', PROGRESS, { id: uuid, until: 'SETTLED' });
    expect(await other.ended).toBe('complete');
    expect(numbersOf(other)).toEqual(range(1, EVENTS + 1));

    const text = await stalled.resume((tail) => tail.includes(`"number":${EVENTS + 1},`));
    expect([...text.matchAll(/"number":(\d+),/g)].map((match) => Number(match[1]))).toEqual(range(1, EVENTS + 1));
    stalled.close();
  },
  120_000,
);

test.each([
  // What may be on its way, and what comes after; by SSE as much as the kernel takes.
  ['WebSocket', stallSocket, 10],
  ['SSE', stallSse, 1_000],
])(
  'a %s subscriber to states that stops reading is told the latest, and how many it missed',
  async (_way, stall, most) => {
    const world = await openWorld();
    const query = 'subscription { clusters { what cluster { caCertificate name state } missed resync } }';
    const { uuid } = await makeCluster(world, 'anna');
    await world.store.transaction(async (tx) => {
      // Large states fill the socket soon.
      await patchCluster(tx, uuid, { caCertificate: 'x'.repeat(200_000) });
    });
    const stalled = await stall(world, query, {});
    await new Promise((resolve) => setTimeout(resolve, 100));
    const CHANGES = 2_000;
    for (let i = 0; i < CHANGES; i += 1) {
      await setState(world, uuid, 'CREATING');
      if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await setState(world, uuid, 'READY');
    const text = await stalled.resume((tail) => /"state":"READY"\},"missed":\d+/.test(tail));
    const missed = [...text.matchAll(/"missed":(\d+)/g)].map((match) => Number(match[1]));
    expect(missed.length).toBeLessThan(most);
    // Told or missed, each change is counted once.
    expect(missed.reduce((sum, n) => sum + n, missed.length)).toBe(CHANGES + 1);
    stalled.close();
  },
  60_000,
);

/** Subscribes to states of 200 KB, and answers pings as it is told; what it was told until it was closed, by which code and reason. */
const readAll = async (world: World, pong: (data: Buffer, socket: WebSocket) => void) => {
  const { uuid } = await makeCluster(world, 'anna');
  await world.store.transaction(async (tx) => {
    await patchCluster(tx, uuid, { caCertificate: 'x'.repeat(200_000) });
  });
  const socket = new WebSocket(world.url.replace('http', 'ws'), 'graphql-transport-ws', { autoPong: false });
  const seen = { missed: 0, told: 0, closed: null as string | null };
  const query = 'subscription { clusters { cluster { caCertificate state } missed } }';
  socket.on('ping', (data) => pong(data, socket));
  socket.on('close', (code, reason) => {
    seen.closed = `${code} ${String(reason)}`;
  });
  socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { 'X-Auth-Token': 'rita' } })));
  socket.on('message', (data) => {
    const { type, payload } = JSON.parse(String(data)) as { type: string; payload?: { data: { clusters: { missed: number } } } };
    if (type === 'connection_ack') socket.send(JSON.stringify({ id: 'a', type: 'subscribe', payload: { query } }));
    if (type === 'next') seen.told += 1 + (payload?.data.clusters.missed ?? 0);
  });
  const change = () => setState(world, uuid, 'CREATING');
  await expect.poll(async () => change().then(() => seen.told), { timeout: 5_000 }).toBeGreaterThan(0);
  return { seen, change, socket };
};

const WRONG_PONG = /^1002 A pong must carry its ping's data .*or subscribe by SSE\.$/;

test.each<[string, (socket: WebSocket) => void]>([
  ['without a word', (socket) => socket.pong()],
  ['with a word of their own', (socket) => socket.pong('here')],
])('who answers pings %s is told so and closed, as soon as it would wait for ever', async (_how, answer) => {
  const world = await openWorld();
  const { seen, change } = await readAll(world, (_data, socket) => answer(socket));
  for (let i = 0; i < 20 && seen.closed === null; i += 1) {
    await change();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await expect.poll(() => seen.closed, { timeout: 5_000 }).toMatch(WRONG_PONG);
});

test('who answers late, and sends pongs that nobody asked for between, is waited for', async () => {
  const world = await openWorld();
  const words: Buffer[] = [];
  const { seen, change, socket } = await readAll(world, (data) => words.push(data));
  for (let turn = 0; turn < 5; turn += 1) {
    for (let i = 0; i < 6; i += 1) {
      await change();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    for (let i = 0; i < 5; i += 1) socket.pong();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = seen.told;
    for (const word of words.splice(0)) socket.pong(word);
    await expect.poll(() => seen.told, { timeout: 5_000 }).toBeGreaterThan(before);
  }
  expect([seen.closed, socket.readyState]).toEqual([null, WebSocket.OPEN]);
  socket.terminate();
});

test('a reader who takes nothing and says again and again that he has read is closed', async () => {
  const world = await openWorld();
  const { uuid } = await makeCluster(world, 'anna');
  const stalled = await stallLiar(world, PROGRESS, { id: uuid });
  const closed = new Promise<string>((resolve) => stalled.socket?.once('close', (code, reason) => resolve(`${code} ${String(reason)}`)));
  for (let i = 0; i < 20; i += 1)
    await happen(
      world,
      uuid,
      Array.from({ length: 200 }, () => PAD),
    );
  await new Promise((resolve) => setTimeout(resolve, 200));
  stalled.socket?.resume();
  expect(await closed).toMatch(WRONG_PONG);
  stalled.close();
});

test('for a socket that is being closed nothing is read any more, whatever it says', async () => {
  const world = await openWorld();
  const { uuid } = await makeCluster(world, 'anna');
  const { socket, close } = await stallSocket(world, PROGRESS, { id: uuid });
  const reads = countReads(world);
  for (let i = 0; i < 20; i += 1)
    await happen(
      world,
      uuid,
      Array.from({ length: 200 }, () => PAD),
    );
  const settled = async () => {
    for (let before = -1; before !== reads.pages(); await new Promise((resolve) => setTimeout(resolve, 200))) before = reads.pages();
    return reads.pages();
  };
  const read = await settled();
  expect(read).toBeLessThan(20);
  // The same id once more: the server closes, and waits for an answer.
  socket?.send(JSON.stringify({ id: 'a', type: 'subscribe', payload: { query: PROGRESS, variables: { id: uuid } } }));
  await new Promise((resolve) => setTimeout(resolve, 100));
  for (let pongs = 0; pongs < 100; pongs += 1) socket?.pong(String(pongs * 10_000));
  expect(await settled()).toBe(read);
  close();
});

test('a reader that takes nothing for too long loses its connection', async () => {
  const world = await openWorld({ stallMs: 200 });
  const { uuid } = await makeCluster(world, 'anna');
  const stalled = await stallSse(world, PROGRESS, { id: uuid });
  const live = async () => /seedbed_live_streams (\d+)/.exec(await world.metrics.metrics())?.[1];
  expect(await live()).toBe('1');
  for (let i = 0; i < 40; i += 1) {
    await happen(
      world,
      uuid,
      Array.from({ length: 200 }, () => PAD),
    );
  }
  while ((await live()) !== '0') await new Promise((resolve) => setTimeout(resolve, 50));
  stalled.close();
});
