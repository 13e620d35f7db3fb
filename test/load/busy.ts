/** Queries at a steady rate while many clusters are being provisioned, against the same queries while nothing happens. */
import { atOnce } from './clusters.ts';
import { percentile, type Row } from './report.ts';
import { ask, inWorld, readLoopDelayMs, registerSeed, type World } from './world.ts';

const PER_SECOND = 100;
const IDLE_SECONDS = 10;
const BUSY_SECONDS = 60;
const NODES = 3;
const AT_ONCE = 32;
/** What a dashboard shows, which changes with nearly every commit meanwhile. */
const QUERY = '{ clusters(first: 20) { nodes { uuid name state endpoint nodeGroups(first: 3) { nodes { name state } } } } }';

export const benchBusy = (count: number): Promise<Row[]> => inWorld((world) => measure(world, count));

const measure = async (world: World, count: number): Promise<Row[]> => {
  await registerSeed(world);
  await askSteadily(world.member, 2);
  const idle = await askSteadily(world.member, IDLE_SECONDS);
  await readLoopDelayMs();
  const creating = createAll(world.member, count);
  const busy = await askSteadily(world.member, BUSY_SECONDS);
  const late = await readLoopDelayMs();
  await creating;
  const ratio = percentile(busy, 99) / percentile(idle, 99);
  const where = `while ${count} clusters are being provisioned`;
  return [
    {
      what: `event loop is late ${where} and ${PER_SECOND} queries a second come, p99`,
      figure: ms(late.p99),
      goal: '≤ 10 ms',
      met: late.p99 <= 10,
    },
    { what: 'the same, at the most', figure: ms(late.max), goal: '≤ 50 ms', met: late.max <= 50 },
    {
      what: `those queries, p99, against ${ms(percentile(idle, 99))} while nothing happens`,
      figure: `${ratio.toFixed(2)} × (${ms(percentile(busy, 99))})`,
      goal: '≤ 2 ×',
      met: ratio <= 2,
    },
    {
      what: 'those queries, in the middle, busy and idle',
      figure: `${ms(percentile(busy, 50))}, ${ms(percentile(idle, 50))}`,
      goal: 'told only',
      met: null,
    },
  ];
};

const ms = (value: number): string => `${value.toFixed(1)} ms`;

/** Milliseconds from when each was due, so that a server that stands still is charged for all who wait. */
const askSteadily = async (token: string, seconds: number): Promise<number[]> => {
  const began = performance.now();
  const waits: Promise<number>[] = [];
  for (let i = 0; i < seconds * PER_SECOND; i += 1) {
    const due = began + (i * 1_000) / PER_SECOND;
    const early = due - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    waits.push(ask(token, QUERY).then(() => performance.now() - due));
  }
  return Promise.all(waits);
};

const createAll = async (token: string, count: number): Promise<void> => {
  const mutation = 'mutation($input: CreateClusterInput!) { createCluster(input: $input) { __typename } }';
  const names = Array.from({ length: count }, (_, i) => `c${i}`);
  await atOnce(names, (name) => ask(token, mutation, { input: { name, clusterTemplate: 'bench', nodeCount: NODES } }), AT_ONCE);
};
