/** A list of 20 clusters, READY, with three node groups each, asked for again and again: Seedbed against servers that hold the same bytes in memory and ask nobody's name. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listClusters, until } from './clusters.ts';
import { installPeers, load, pin, startPeer, urlOf } from './peers.ts';
import { median, type Row } from './report.ts';
import { ask, inWorld, registerSeed, SERVER_URL, type World } from './world.ts';

const CLUSTERS = 20;
const GROUPS = 3;
const ROUNDS = 5;
const SECONDS = 4;
const CONNECTIONS = 16;
const PEERS = { mercurius: 4_591, yoga: 4_592 };

const LIST = `query Clusters($first: Int!) {
  clusters(first: $first) {
    nodes { id name state version generation nodeGroups(first: 10) { nodes { name count } } }
  }
}`;
const BODY = JSON.stringify({ query: LIST, variables: { first: CLUSTERS } });
/** Never the same twice, by what autocannon puts in the place of its word: nothing can be answered from memory. */
const ANEW = JSON.stringify({ query: LIST, variables: { first: CLUSTERS }, extensions: { asked: '[<id>]' } });

export const benchList = (): Promise<Row[]> => inWorld(measure);

const measure = async (world: World): Promise<Row[]> => {
  installPeers();
  await registerSeed(world);
  await fill(world);
  await until(async () => (await listClusters(world.member)).every(({ state }) => state === 'READY'));
  const headers = { 'content-type': 'application/json', 'x-auth-token': world.member };
  const bytes = await settledAnswer(headers);
  const file = join(world.dir, 'list.json');
  writeFileSync(file, bytes);
  const peers = Object.entries(PEERS).map(([name, port]) => startPeer(name, port, file));
  try {
    const urls = { seedbed: SERVER_URL, mercurius: urlOf(PEERS.mercurius), yoga: urlOf(PEERS.yoga) };
    for (const url of Object.values(urls)) await sameBytes(`${url}/graphql`, headers, bytes);
    for (const child of [world.server, ...peers]) pin(child, 0);
    const rates: Rates = { seedbed: [], anew: [], mercurius: [], yoga: [] };
    const asked = Object.entries({ ...urls, anew: SERVER_URL }) as [keyof Rates, string][];
    for (let round = -1; round < ROUNDS; round += 1) {
      for (const [name, url] of asked) {
        const rate = await load(`${url}/graphql`, headers, name === 'anew' ? ANEW : BODY, {
          connections: CONNECTIONS,
          seconds: SECONDS,
          renewed: name === 'anew',
        });
        // The first round warms the servers up.
        if (round >= 0) rates[name].push(rate);
      }
    }
    return rowsOf(rates, bytes.length);
  } finally {
    for (const peer of peers) peer.kill('SIGTERM');
  }
};

type Rates = Record<'seedbed' | 'anew' | 'mercurius' | 'yoga', number[]>;

const rowsOf = (rates: Rates, size: number): Row[] => {
  const [seedbed, mercurius, yoga] = [median(rates.seedbed), median(rates.mercurius), median(rates.yoga)];
  const told = (rate: number) => `${Math.round(rate)}/s`;
  const against = (what: string, rate: number, goal: number): Row => ({
    what: `  against ${what}, constants from memory, nobody's name asked`,
    figure: `${(seedbed / rate).toFixed(2)} × (${told(rate)})`,
    goal: `≥ ${goal} ×`,
    met: seedbed >= goal * rate,
  });
  return [
    {
      what: `list of ${CLUSTERS} clusters × ${GROUPS} groups, ${(size / 1000).toFixed(1)} KB, ${CONNECTIONS} connections, median of ${ROUNDS}`,
      figure: told(seedbed),
      goal: 'told only',
      met: null,
    },
    against('mercurius + JIT', mercurius, 1),
    against('stock Yoga', yoga, 3.3),
    { what: '  read anew each time, as after a commit', figure: told(median(rates.anew)), goal: 'told only', met: null },
  ];
};

const fill = async ({ member }: World): Promise<void> => {
  const create =
    'mutation($input: CreateClusterInput!) { createCluster(input: $input) { ... on CreateClusterPayload { cluster { uuid } } } }';
  const addGroup = 'mutation($input: CreateNodeGroupInput!) { createNodeGroup(input: $input) { __typename } }';
  for (let i = 0; i < CLUSTERS; i += 1) {
    const input = { name: `cluster-${i}`, clusterTemplate: 'bench', nodeCount: 1 };
    const { createCluster } = (await ask(member, create, { input })) as { createCluster: { cluster: { uuid: string } } };
    for (let group = 1; group < GROUPS; group += 1) {
      const more = { clusterId: createCluster.cluster.uuid, name: `group-${group}`, count: group };
      await ask(member, addGroup, { input: more });
    }
  }
};

const answerOf = async (url: string, headers: Record<string, string>): Promise<string> =>
  (await fetch(url, { method: 'POST', headers, body: BODY })).text();

/** What is still said after two seconds. */
const settledAnswer = async (headers: Record<string, string>): Promise<string> => {
  for (let before = ''; ; ) {
    const answer = await answerOf(`${SERVER_URL}/graphql`, headers);
    if (answer === before) return answer;
    before = answer;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
};

/** What a peer says is compared by its data: what else an answer tells is Seedbed's own. */
const sameBytes = async (url: string, headers: Record<string, string>, wanted: string): Promise<void> => {
  const dataOf = (text: string) => JSON.stringify((JSON.parse(text) as { data: unknown }).data);
  for (let i = 0; ; i += 1) {
    try {
      if (dataOf(await answerOf(url, headers)) === dataOf(wanted)) return;
      throw new Error(`${url} says something else`);
    } catch (error) {
      if (i > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
};
