/**
 * Whether the time of an answer tells that something is there: another project's clusters and ones that are not there are asked for by HTTP, in pairs and in
 * a random order, until chance is out of the question or enough was asked. That the answers and statements are alike is shown in test/api/matrix.
 */
import { createHash } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { encodeId } from '../../src/api/ids.ts';
import { newId } from '../../src/lib/ids.ts';
import { makeCluster, openWorld, TEMPLATE_MUTATION, type World } from '../api/world.ts';

const IS_HARD = process.env['SEEDBED_HARD'] === 'all';
const PAIRS = IS_HARD ? 5_000 : 300;
const CLUSTERS = 20;
/**
 * By how many standard deviations one of two may be the slower one more often than by a coin's toss (a false alarm in a million runs), and by how much in the
 * middle, before it is called slower: who asks over a network sees no less.
 */
const SIGMAS = 5;
const SEEN_MS = 0.1;

const QUERIES = {
  node: 'query ($id: ID!) { node(id: $id) { id ... on Cluster { name state } } }',
  cluster: 'query ($id: ID!) { cluster(id: $id) { id name state } }',
  mutation: 'mutation ($id: ID!) { pauseCluster(input: { clusterId: $id }) { __typename ... on Problem { code message } } }',
};
const WAYS = [...(Object.keys(QUERIES) as (keyof typeof QUERIES)[]), 'operation', 'stream'] as const;
type Way = (typeof WAYS)[number];

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const post = (url: string, headers: Record<string, string>, body: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const sent = { 'content-type': 'application/json', 'x-auth-token': 'otto', 'content-length': Buffer.byteLength(body), ...headers };
    const asked = request(url, { method: 'POST', agent, headers: sent }, (response) => {
      let text = `${response.statusCode} `;
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    asked.on('error', reject);
    asked.end(body);
  });

const open = async (): Promise<{ world: World; ids: string[] }> => {
  const world = await openWorld({ operations: [{ name: 'byId', text: QUERIES.cluster }] });
  await world.data('anna', TEMPLATE_MUTATION, { input: { name: 'standard', image: 'debian', flavor: 'small' } });
  const ids: string[] = [];
  for (let i = 0; i < CLUSTERS; i += 1) ids.push((await makeCluster(world, 'anna', `web-${i}`)).id);
  return { world, ids };
};

/** No two requests are alike to the letter, or the second would be answered from memory. */
let serial = 0;
const ask = (world: World, way: Way, id: string): Promise<string> => {
  serial += 1;
  if (way === 'operation') return post(world.page('/v1/ops/byId'), {}, JSON.stringify({ id, serial }));
  const streamed = 'subscription ($id: ID!) { clusterProgress(clusterId: $id) { number } }';
  const body = JSON.stringify({ query: way === 'stream' ? streamed : QUERIES[way], variables: { id }, extensions: { serial } });
  return post(world.url, way === 'stream' ? { accept: 'text/event-stream' } : {}, body);
};

interface Judged {
  pairs: number;
  /** Of the first over the second, in the middle of all pairs. */
  moreMs: number;
  sigmas: number;
}

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await work();
  return performance.now() - began;
};

/** A sign test of as many pairs: whichever else happens on the machine meets both of a pair alike. `until` may end it sooner. */
const judge = async (count: number, one: () => Promise<unknown>, other: () => Promise<unknown>, until?: (judged: Judged) => boolean) => {
  const more: number[] = [];
  const judged = (): Judged => {
    const slower = more.filter((ms) => ms > 0).length;
    const sorted = [...more].sort((a, b) => a - b);
    const sigmas = (slower - more.length / 2) / (Math.sqrt(more.length) / 2);
    return { pairs: more.length, moreMs: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN, sigmas };
  };
  for (let i = 0; i < count; i += 1) {
    const isFirst = Math.random() < 0.5;
    const first = await timed(isFirst ? one : other);
    const second = await timed(isFirst ? other : one);
    more.push(isFirst ? first - second : second - first);
    if (until !== undefined && i % 100 === 99 && until(judged())) break;
  }
  return judged();
};
const isSeen = ({ moreMs, sigmas }: Judged): boolean => Math.abs(sigmas) > SIGMAS && Math.abs(moreMs) > SEEN_MS;

/** Ids of the request, of its own and of the cluster. */
const shapeOf = (text: string): string =>
  createHash('sha256')
    .update(text.replaceAll(/"requestId":"[^"]+"/g, ''))
    .digest('hex');

test.each(WAYS)('another project’s cluster and none are not told apart by the time: %s', async (way) => {
  const { world, ids } = await open();
  const shapes = new Set<string>();
  const asking = (idOf: () => string) => async () => void shapes.add(shapeOf(await ask(world, way, idOf())));
  // As many of either, for what was asked for a moment ago is remembered, found or not.
  const others = ids.map(() => encodeId('Cluster', newId()));
  const anyOf = (list: readonly string[]) => () => list[Math.floor(Math.random() * list.length)] ?? '';
  const foreign = asking(anyOf(ids));
  const absent = asking(anyOf(others));
  // What is compiled, read and looked up for the first time is so for both.
  for (let i = 0; i < 50; i += 1) await (i % 2 === 0 ? foreign() : absent());
  const judged = await judge(PAIRS, foreign, absent);
  if (IS_HARD)
    process.stdout.write(`${way}: ${judged.pairs} pairs, ${(judged.moreMs * 1000).toFixed(1)} µs more, ${judged.sigmas.toFixed(1)} σ\n`);
  expect([isSeen(judged), judged]).toEqual([false, judged]);
  expect(shapes.size).toBe(1);
});

test('a millisecond more would be seen', async () => {
  const { world, ids } = await open();
  const asking = () => ask(world, 'node', ids[0] ?? '');
  const slower = async () => {
    await wait(1);
    await asking();
  };
  expect(await judge(20 * PAIRS, slower, asking, isSeen)).toSatisfy(isSeen);
  expect(isSeen(await judge(PAIRS, asking, asking))).toBe(false);
});
