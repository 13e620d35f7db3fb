/** From the mutation to /readyz of a control plane with its own etcd, on the lab's real seed, asked by an outsider. */
import { spawnSync } from 'node:child_process';
import { request } from 'node:https';
import { until } from '../real/support/run.ts';
import { asMember, closeStory, followToRest, openStory, prepareSeedAndTemplate, type Story } from '../real/support/story.ts';
import { labFolder, usesLab } from '../real/support/world.ts';
import type { Row } from './report.ts';
import { cpuSeconds } from './world.ts';

const NAME = 'lab-bench';
/** The first one pulls the images. */
const ROUNDS = 4;

interface Figures {
  seconds: number;
  requests: number;
  cpuSeconds: number;
}

export const benchLab = async (): Promise<Row[]> => {
  if (!labIsUp()) {
    const what = `on the lab: skipped, it is not up (LAB=${labFolder} test/lab/lab up)`;
    return [{ what, figure: 'skipped', goal: '≤ 12 s, ≤ 60 requests, ≤ 0.5 s of CPU', met: null }];
  }
  const story = await openStory('bench', 'error');
  const rounds: Figures[] = [];
  try {
    await prepareSeedAndTemplate(story, NAME);
    for (let i = 0; i < ROUNDS; i += 1) rounds.push(await measure(story, `${NAME}-${i}`));
  } finally {
    await closeStory(story, rounds.length < ROUNDS);
  }
  return rowsOf(rounds.slice(1));
};

/** Or another place to measure on is named. */
export const labIsUp = (): boolean =>
  !usesLab ||
  spawnSync(new URL('../lab/lab', import.meta.url).pathname, ['status'], { stdio: 'ignore', env: { ...process.env, LAB: labFolder } })
    .status === 0;

const rowsOf = (rounds: Figures[]): Row[] => {
  const middle = (pick: (f: Figures) => number) => rounds.map(pick).sort((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? Number.NaN;
  const [seconds, requests, cpu] = [middle((f) => f.seconds), middle((f) => f.requests), middle((f) => f.cpuSeconds)];
  const of = `on the lab, middle of ${rounds.length}`;
  return [
    { what: `${of}: mutation → /readyz through the load balancer`, figure: `${seconds.toFixed(1)} s`, goal: '≤ 12 s', met: seconds <= 12 },
    { what: `${of}: requests to the seed until then`, figure: `${requests}`, goal: '≤ 60', met: requests <= 60 },
    { what: `${of}: CPU of the server until then`, figure: `${cpu.toFixed(2)} s`, goal: '≤ 0.5 s', met: cpu <= 0.5 },
  ];
};

const measure = async (story: Story, name: string): Promise<Figures> => {
  const api = asMember(story);
  const before = { requests: await countRequests(story), cpu: cpuSeconds(story.server) };
  const began = performance.now();
  const { cluster } = await api.change<{ cluster: { id: string } }>(
    'createCluster',
    { name, clusterTemplate: NAME, nodeCount: 0 },
    'cluster { id }',
  );
  const rest = followToRest(story, cluster.id, []);
  // Asked seldom, for answering costs the CPU that is measured.
  const { endpoint, caCertificate } = await until(
    'the cluster has an address and an authority',
    120,
    async () => {
      const seen = await api.ask<{ cluster: { endpoint: string | null; caCertificate: string | null } }>(
        'query($id: ID!) { cluster(id: $id) { endpoint caCertificate } }',
        { id: cluster.id },
      );
      const { endpoint, caCertificate } = seen.cluster;
      return endpoint !== null && caCertificate !== null ? { endpoint, caCertificate } : undefined;
    },
    1_000,
  );
  await until('/readyz answers', 120, () => isReady(endpoint, caCertificate), 50);
  const figures = {
    seconds: (performance.now() - began) / 1_000,
    cpuSeconds: cpuSeconds(story.server) - before.cpu,
    requests: (await countRequests(story)) - before.requests,
  };
  await rest;
  await api.change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
  await followToRest(story, cluster.id, []);
  return figures;
};

const isReady = (endpoint: string, ca: string): Promise<true | undefined> =>
  new Promise((resolve, reject) => {
    const asked = request(`${endpoint}/readyz`, { ca, timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? true : undefined);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', reject);
    asked.end();
  });

/** Calls to seeds so far, as the server itself counts them. */
const countRequests = async ({ server }: Story): Promise<number> => {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return [...text.matchAll(/^seedbed_seed_call_seconds_count\{.*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
};
