/** One question asked of Seedbed and of a peer that says the same, turn by turn. */
import { copyCluster } from './copies.ts';
import { installPeers, type Load, load, pin, startProgram, urlOf } from './peers.ts';
import { median } from './report.ts';
import { ask, SERVER_URL, type World } from './world.ts';

const ROUNDS = 5;
const RATES = ['kept', 'anew', 'peerKept', 'peer'] as const;

/** A program that answers. */
export interface Runner {
  /** Seen from peers/; told a port, the database, the project and these words. */
  program: string;
  port: number;
  words?: readonly string[];
  /** Where it is asked, behind its port. */
  path?: string;
  environment?: Record<string, string>;
}

export interface Race {
  peer: Runner;
  /** In the place of the server that runs already. */
  own?: Runner;
  query: string;
  variables: object;
  /** Clusters of three groups with as many workers each. */
  clusters: number;
  how: Omit<Load, 'renewed'>;
}

/** Answers a second, the median of five rounds each: from memory, and read anew each time; the peer, asked the same twice. */
export interface Rates {
  kept: number;
  anew: number;
  peerKept: number;
  peer: number;
  bytes: number;
}

export const race = async (world: World, { peer, own, query, variables, clusters, how }: Race): Promise<Rates> => {
  const peerUrl = addressOf(peer);
  const ownUrl = own === undefined ? `${SERVER_URL}/graphql` : addressOf(own);
  installPeers();
  const database = `${world.dir}/var/seedbed.db`;
  copyCluster(database, await makeOne(world), { copies: clusters - 1, workers: 3 });
  const start = ({ program, port, words = [], environment }: Runner) =>
    startProgram(program, port, [database, world.handover.users.member.projectId, ...words], environment);
  const children = [peer, ...(own === undefined ? [] : [own])].map(start);
  try {
    const body = JSON.stringify({ query, variables });
    // Never the same twice, by what autocannon puts in the place of its word: nothing can be answered from memory.
    const anew = JSON.stringify({ query, variables, extensions: { asked: '[<id>]' } });
    const headers = { 'content-type': 'application/json', 'x-auth-token': world.member };
    const bytes = await sameData(headers, body, [ownUrl, peerUrl]);
    for (const one of [world.server, ...children]) pin(one, 0);
    const rates: Record<(typeof RATES)[number], number[]> = { kept: [], anew: [], peerKept: [], peer: [] };
    for (let round = -1; round < ROUNDS; round += 1) {
      const found = {
        kept: await load(ownUrl, headers, body, how),
        anew: await load(ownUrl, headers, anew, { ...how, renewed: true }),
        peerKept: await load(peerUrl, headers, body, how),
        peer: await load(peerUrl, headers, anew, { ...how, renewed: true }),
      };
      // The first round warms the servers up.
      if (round >= 0) for (const name of RATES) rates[name].push(found[name]);
    }
    const [kept = 0, anewRate = 0, peerKept = 0, peerRate = 0] = RATES.map((name) => median(rates[name]));
    return { kept, anew: anewRate, peerKept, peer: peerRate, bytes };
  } finally {
    for (const child of children) child.kill('SIGTERM');
  }
};

const addressOf = ({ port, path = '' }: Runner): string => `${urlOf(port)}${path}`;

/** The plain id of a cluster with three groups. */
export const makeOne = async ({ member }: World): Promise<string> => {
  const create =
    'mutation($input: CreateClusterInput!) { createCluster(input: $input) { ... on CreateClusterPayload { cluster { uuid } } } }';
  const input = { name: 'one', clusterTemplate: 'bench', nodeCount: 3 };
  const { createCluster } = (await ask(member, create, { input })) as { createCluster: { cluster: { uuid: string } } };
  const clusterId = createCluster.cluster.uuid;
  for (const name of ['second', 'third'])
    await ask(member, 'mutation($input: CreateNodeGroupInput!) { createNodeGroup(input: $input) { __typename } }', {
      input: { clusterId, name, count: 3 },
    });
  return clusterId;
};

/** Bytes of the first one's answer. Throws when the other does not come to say the same in 20 s. */
const sameData = async (headers: Record<string, string>, body: string, [first = '', second = '']: string[]): Promise<number> => {
  const textOf = async (url: string) => (await fetch(url, { method: 'POST', headers, body })).text();
  const dataOf = (text: string) => JSON.stringify((JSON.parse(text) as { data: unknown }).data);
  for (let tries = 0; ; tries += 1) {
    try {
      const [one, other] = [await textOf(first), await textOf(second)];
      if (dataOf(one) === dataOf(other)) return one.length;
      throw new Error(`${second} says ${other.slice(0, 2_000)} and not ${one.slice(0, 2_000)}`);
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
};
