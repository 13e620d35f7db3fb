/** What the server takes with 1,000 clusters and 1,000 subscribers that were each told of a change: at once, and when it has rested for a minute. */
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { dial } from '../hostile/streams.ts';
import { copyCluster } from './copies.ts';
import { makeOne } from './race.ts';
import type { Row } from './report.ts';
import { ask, countSockets, inWorld, makeMembers, rssMiB, SERVER_URL, type World } from './world.ts';

const CLUSTERS = 1_000;
const SUBSCRIBERS = 1_000;
/** As many as a user may have. */
const OF_A_USER = 50;
const GOAL_MIB = 160;
const REST_MS = 60_000;
const QUERY = 'subscription ($id: ID!) { clusterProgress(clusterId: $id) { number state message } }';

export const benchMemory = (): Promise<Row[]> => inWorld(measure);

/** No seed is registered, so nothing is at work but what is asked. */
const measure = async (world: World): Promise<Row[]> => {
  const { server, member } = world;
  const id = await makeOne(world);
  const file = `${world.dir}/var/seedbed.db`;
  copyCluster(file, id, { copies: CLUSTERS - 1, workers: 3 });
  const database = new Database(file, { readonly: true });
  const ids = database.prepare('select id from clusters').pluck().all() as string[];
  database.close();
  await listAll(member);
  const before = rssMiB(server);
  const tokens = await makeMembers(world, Math.ceil(SUBSCRIBERS / OF_A_USER));
  const told = await Promise.all(
    Array.from({ length: SUBSCRIBERS }, (_, i) => subscribe(tokens[Math.floor(i / OF_A_USER)] ?? '', ids[i % ids.length] ?? '')),
  );
  await listAll(member);
  await sleep(5_000);
  const after = rssMiB(server);
  // V8 gives back what the lists took once little is done.
  await sleep(REST_MS);
  const rested = rssMiB(server);
  if (countSockets(server) < SUBSCRIBERS) throw new Error('Subscribers have gone.');
  for (const end of told) end();
  return [
    {
      what: `resident memory of the server with ${CLUSTERS} clusters, each listed with its workers`,
      figure: `${before} MiB`,
      goal: 'told only',
      met: null,
    },
    {
      what: `  and with ${SUBSCRIBERS} subscribers beside, of which each has been told of its own cluster`,
      figure: `${after} MiB`,
      goal: 'told only',
      met: null,
    },
    {
      what: '  and a minute later, when all of them are still there',
      figure: `${rested} MiB`,
      goal: `≤ ${GOAL_MIB} MiB`,
      met: rested <= GOAL_MIB,
    },
  ];
};

/** Resolves when it has been told something. */
const subscribe = (token: string, clusterId: string): Promise<() => void> =>
  new Promise((resolve, reject) => {
    const dialled = dial(SERVER_URL.replace('http', 'ws').concat('/graphql'), token, ({ type }) => {
      if (type === 'next') void dialled.then(({ socket }) => resolve(() => socket.terminate()));
    });
    dialled.then(({ socket }) => {
      socket.send(JSON.stringify({ id: 'a', type: 'subscribe', payload: { query: QUERY, variables: { id: clusterId } } }));
    }, reject);
  });

const listAll = async (token: string): Promise<void> => {
  const query = `query($after: String) { clusters(first: 100, after: $after) { pageInfo { hasNextPage endCursor }
    nodes { name state nodeGroups(first: 3) { nodes { name nodes(first: 3) { nodes { name state conditions { name state } } } } } } } }`;
  for (let after: string | null = null, more = true; more; ) {
    const { clusters } = (await ask(token, query, { after })) as {
      clusters: { pageInfo: { hasNextPage: boolean; endCursor: string | null } };
    };
    after = clusters.pageInfo.endCursor;
    more = clusters.pageInfo.hasNextPage;
  }
};
