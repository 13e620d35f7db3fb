/** A whole fleet at once on the sandbox, asked for through the public API: real processes, real HTTP, one machine. */
import type { ChildProcess } from 'node:child_process';
import { percentile, type Row } from './report.ts';
import { ask, countSockets, cpuSeconds, inWorld, readCounter, readLoopDelayMs, registerSeed, rssMiB, type World } from './world.ts';

const NODES = 3;
const GIVE_UP_MS = 240_000;
const AT_ONCE = 32;

export const benchFleet = (count: number): Promise<Row[]> => inWorld((world) => measure(world, count));

const measure = async (world: World, count: number): Promise<Row[]> => {
  const { server, sandbox, admin, member } = world;
  await registerSeed(world);
  await readLoopDelayMs();
  const before = { server: cpuSeconds(server), sandbox: cpuSeconds(sandbox) };
  const began = performance.now();
  const answers: number[] = [];
  const names = Array.from({ length: count }, (_, i) => `c${i}`);
  const worker = async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const asked = performance.now();
      const input = { name, clusterTemplate: 'bench', nodeCount: NODES };
      await ask(member, 'mutation($input: CreateClusterInput!) { createCluster(input: $input) { __typename } }', { input });
      answers.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const acknowledgedMs = performance.now() - began;
  let ready = 0;
  while (ready < count && performance.now() - began < GIVE_UP_MS) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    ready = await countReady(admin);
  }
  const seconds = (performance.now() - began) / 1000;
  const each = (child: ChildProcess, at: number) => `${(((cpuSeconds(child) - at) * 1_000) / count).toFixed(0)} ms`;
  const rss = rssMiB(server);
  const sockets = countSockets(server);
  const late = await readLoopDelayMs();
  const work = await Promise.all(['CLUSTER', 'NODE_GROUP', 'NODE'].map((kind) => readCounter('seedbed_pass_seconds_count', `"${kind}"`)));
  const [seedCalls, cloudCalls] = await Promise.all([
    readCounter('seedbed_seed_call_seconds_count'),
    readCounter('seedbed_cloud_call_seconds_count'),
  ]);
  const perOne = (total: number) => (total / count).toFixed(1);
  return [
    {
      what: `createCluster acknowledged while reconciling, ${AT_ONCE} at once`,
      figure: `${Math.round(count / (acknowledgedMs / 1000))}/s`,
      goal: 'told only',
      met: null,
    },
    { what: 'createCluster answer, p99', figure: `${percentile(answers, 99).toFixed(0)} ms`, goal: 'told only', met: null },
    {
      what: `${count} clusters of 1 + ${NODES} READY`,
      figure: ready === count ? `${seconds.toFixed(0)} s` : `${ready} after ${seconds.toFixed(0)} s`,
      goal: '≤ 90 s for 1,000',
      met: ready === count && seconds <= (90 * count) / 1_000,
    },
    { what: 'CPU of the server for each of them', figure: each(server, before.server), goal: 'told only', met: null },
    { what: 'passes over a cluster, its group, its nodes', figure: work.map(perOne).join(', '), goal: 'told only', met: null },
    { what: 'calls to the seed, to the cloud', figure: `${perOne(seedCalls)}, ${perOne(cloudCalls)}`, goal: 'told only', met: null },
    { what: 'CPU of the sandbox for each of them', figure: each(sandbox, before.sandbox), goal: 'told only', met: null },
    { what: "the server's event loop is late by, p99", figure: `${late.p99.toFixed(1)} ms`, goal: '≤ 10 ms', met: late.p99 <= 10 },
    { what: 'resident memory of the server', figure: `${rss} MiB`, goal: '≤ 250 MiB', met: rss <= 250 },
    { what: 'sockets of the server', figure: `${sockets}`, goal: 'told only', met: null },
    { what: 'resident memory of the sandbox', figure: `${rssMiB(sandbox)} MiB`, goal: 'told only', met: null },
  ];
};

const countReady = async (token: string): Promise<number> => {
  const query =
    'query($after: String) { clusters(filter: { states: [READY] }, first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes { uuid } } }';
  let ready = 0;
  for (let after: string | null = null, more = true; more; ) {
    const { clusters } = (await ask(token, query, { after })) as {
      clusters: { pageInfo: { hasNextPage: boolean; endCursor: string | null }; nodes: unknown[] };
    };
    ready += clusters.nodes.length;
    after = clusters.pageInfo.endCursor;
    more = clusters.pageInfo.hasNextPage;
  }
  return ready;
};
