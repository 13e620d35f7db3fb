/** Live subscriptions that are each told of a change once a second: how soon, and whether the last state came to all. */
import type { WebSocket } from 'ws';
import { startStreams } from '../hostile/streams.ts';
import { connectAll, subscribeAll } from './audience.ts';
import { pin, startBroadcast } from './peers.ts';
import { percentile, type Row } from './report.ts';

/** As two cores carry them, one of which is the client's. */
const SUBSCRIPTIONS = 10_000;
/** With a cluster and as many subscribers each. */
const PROJECTS = 100;
const SECONDS = 20;
const PORT = 4_594;
const PADDING = 100;
const QUERY = 'subscription { clusters { cluster { name caCertificate } missed } }';

interface Heard {
  waits: number[];
  /** Number of the last change, by subscriber. */
  last: number[];
}

export const benchLive = async (): Promise<Row[]> => {
  const seedbed = await startStreams({ built: true });
  const plain = await startBroadcast(PORT);
  const projectOf = (i: number) => `p${i % PROJECTS}`;
  try {
    pin(plain, 0);
    pin({ pid: seedbed.pid }, 0);
    pin(process, 1);
    await seedbed.order({ projects: PROJECTS, clusters: 1 });
    const change = () => seedbed.order({ change: 1, pauseMs: 0, padding: PADDING });
    const subscribers = await subscribeAll(seedbed.url, SUBSCRIPTIONS, projectOf, QUERY);
    const ours = listen(subscribers);
    // Who was not subscribed yet hears of the next.
    while (ours.last.some((last) => last === 0)) await Promise.all([change(), sleep(1_000)]);
    const began = Math.max(...ours.last);
    ours.waits.length = 0;
    for (let second = 0; second < SECONDS; second += 1) await Promise.all([change(), sleep(1_000)]);
    await settled(ours, began + SECONDS);
    const lost = ours.last.filter((last) => last !== began + SECONDS).length;
    for (const socket of subscribers) socket.terminate();
    const sockets = await connectAll(PORT, SUBSCRIPTIONS, projectOf);
    const theirs = listen(sockets);
    for (let second = 1; second <= SECONDS; second += 1) {
      for (let p = 0; p < PROJECTS; p += 1) plain.send({ path: `/p${p}`, text: textOf(`p${p} ${second} TIME${' '.repeat(PADDING)}`) });
      await sleep(1_000);
    }
    await settled(theirs, SECONDS);
    for (const socket of sockets) socket.terminate();
    return rowsOf(ours.waits, theirs.waits, lost);
  } finally {
    plain.kill('SIGTERM');
    await seedbed.close();
  }
};

/** As Seedbed's messages are. */
const textOf = (caCertificate: string): string =>
  JSON.stringify({ id: 'a', type: 'next', payload: { data: { clusters: { cluster: { name: 'c0', caCertificate }, missed: 0 } } } });

const listen = (sockets: readonly WebSocket[]): Heard => {
  const heard: Heard = { waits: [], last: sockets.map(() => 0) };
  for (const [i, socket] of sockets.entries())
    socket.on('message', (data) => {
      const [, number, at] = /"p\d+ (\d+) (\d+)/.exec(String(data)) ?? [];
      heard.last[i] = Number(number);
      heard.waits.push(Date.now() - Number(at));
    });
  return heard;
};

/** Ten seconds at most. */
const settled = async ({ last }: Heard, number: number): Promise<void> => {
  for (let tries = 0; tries < 100 && last.some((one) => one !== number); tries += 1) await sleep(100);
};

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const rowsOf = (ours: readonly number[], theirs: readonly number[], lost: number): Row[] => {
  const mean = (waits: readonly number[]) => waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
  const [mine, other] = [mean(ours), mean(theirs)];
  const last = percentile(ours, 99);
  return [
    {
      what: `${SUBSCRIPTIONS} subscriptions to ${PROJECTS} clusters that each change once a second, all at once: mean`,
      figure: `${mine.toFixed(0)} ms`,
      goal: '≤ 100 ms',
      met: mine <= 100,
    },
    { what: '  99 of 100 told within', figure: `${last.toFixed(0)} ms`, goal: '≤ 400 ms', met: last <= 400 },
    {
      what: '  mean against the same bytes by a plain ws server',
      figure: `${(mine / other).toFixed(2)} × (${other.toFixed(0)} ms)`,
      goal: 'told only',
      met: null,
    },
    { what: `  last states lost, after ${SECONDS} changes of each`, figure: `${lost}`, goal: '0', met: lost === 0 },
  ];
};
