/** The short way of queries, beside the long one through Yoga: a charset in `Accept` is for the long way to understand. */
import { eq } from 'drizzle-orm';
import { parse } from 'graphql';
import { expect, test } from 'vitest';
import { compileQuery } from '../../src/api/compiledQuery.ts';
import { createKeptAnswers } from '../../src/api/keptAnswers.ts';
import { buildSchema } from '../../src/api/schema.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { clusters } from '../../src/store/tables.ts';
import { watchStatements } from './matrix/database.ts';
import { furnishCloud, furnishProject } from './matrix/furniture.ts';
import { queriesNear } from './matrix/walks.ts';
import { makeCluster, openWorld, type World } from './world.ts';

const LONG = 'application/json; charset=utf-8';

const send = async (world: World, body: object, accept?: string) => {
  const response = await fetch(world.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-auth-token': 'anna',
      'x-request-id': 'same',
      ...(accept !== undefined && { accept }),
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, type: response.headers.get('content-type'), answer: (await response.json()) as object };
};

const BAD: object[] = [
  { query: '{ nothing }' },
  { query: '{ viewer { userName }' },
  { query: '{ a: viewer { userName } } query B { viewer { projectId } }' },
  { query: 'query A { viewer { userName } } query B { viewer { projectId } }', operationName: 'B' },
  { query: 'query A { viewer { userName } }', operationName: 'C' },
  { query: 'query ($first: Int!) { clusters(first: $first) { nodes { name } } }' },
  { query: 'query ($first: Int!) { clusters(first: $first) { nodes { name } } }', variables: { first: 'many' } },
  { query: 'query ($first: Int!) { clusters(first: $first) { nodes { name } } }', variables: { first: 1_000 } },
  { query: 'query ($no: Boolean!) { viewer { userName @include(if: $no) roles @skip(if: $no) } }', variables: { no: true } },
  { query: '{ clusters(after: "nowhere") { nodes { name } } viewer { userName } }' },
  { query: '{ node(id: "nothing") { id } }' },
  { query: '{ __schema { queryType { name } } __typename }' },
  { query: '{ clusters(first: 1) { nodes { ... on Node { ... on Seed { name } } } } }' },
];

test('both ways answer alike: whatever can be asked near an object, what goes wrong, again from memory, and compiled', async () => {
  const world = await openWorld();
  const house = {
    ...(await furnishProject(world, { token: 'anna', projectId: 'blue', word: 'own' })),
    ...(await furnishCloud(world, 'far')),
  };
  const queries = queriesNear(Object.values(house).map(({ id }) => id)).map((query) => ({ query }));
  expect(queries.length).toBeGreaterThan(50);
  const schema = buildSchema();
  expect(queries.filter(({ query }) => compileQuery(schema, parse(query), null) !== null).length).toBeGreaterThan(queries.length / 2);
  for (const body of [...queries, ...BAD]) {
    const long = await send(world, body, LONG);
    expect([body, await send(world, body, 'application/json')]).toEqual([body, long]);
    expect([body, await send(world, body, 'application/json')]).toEqual([body, long]);
    // A body of its own is not answered from memory; the document is the same, and compiled by now.
    expect([body, await send(world, { ...body, extensions: { other: 1 } }, 'application/json')]).toEqual([body, long]);
    // And it reads the columns alone that it looked at then.
    expect([body, await send(world, { ...body, extensions: { other: 2 } }, 'application/json')]).toEqual([body, long]);
  }
}, 120_000);

test.each([
  ['*/*', 'application/json; charset=utf-8'],
  ['application/graphql-response+json, application/json;q=0.9', 'application/graphql-response+json; charset=utf-8'],
  ['application/json, multipart/mixed', 'application/json; charset=utf-8'],
  ['text/event-stream, application/graphql-response+json', 'application/graphql-response+json; charset=utf-8'],
])('who accepts %s gets %s, by the short way and by the long one', async (accept, type) => {
  const world = await openWorld();
  expect((await send(world, { query: '{ viewer { userName } }' }, accept)).type).toBe(type);
  // A mutation goes the long way.
  expect((await send(world, { query: 'mutation { __typename }' }, accept)).type).toBe(type);
});

test('the same question reads nothing until something is committed, and then is answered anew', async () => {
  const world = await openWorld();
  const statements = await watchStatements(world);
  const query = '{ clusters { nodes { name } } }';
  const named = async (token: string) => {
    statements.length = 0;
    const { clusters } = await world.data<{ clusters: { nodes: { name: string }[] } }>(token, query);
    return { names: clusters.nodes.map(({ name }) => name).sort(), read: statements.length > 0 };
  };
  await makeCluster(world, 'anna', 'first');
  expect(await named('anna')).toEqual({ names: ['first'], read: true });
  expect(await named('anna')).toEqual({ names: ['first'], read: false });
  // Nobody is answered with what was made for another.
  expect(await named('otto')).toEqual({ names: [], read: true });
  expect(await named('anna')).toEqual({ names: ['first'], read: false });
  await makeCluster(world, 'anna', 'second');
  expect(await named('anna')).toEqual({ names: ['first', 'second'], read: true });
  expect(await named('otto')).toEqual({ names: [], read: true });
});

test('a question that is asked again reads the columns that it shows, and others when it comes to show them', async () => {
  const world = await openWorld();
  const statements = await watchStatements(world);
  const { uuid } = await makeCluster(world, 'anna', 'first');
  let word = 0;
  const ask = async () => {
    statements.length = 0;
    const body = { query: '{ clusters { nodes { name endpoint } } }', extensions: { word: ++word } };
    const { answer } = await send(world, body, 'application/json');
    const read = statements.filter((text) => text.includes('from "clusters"'));
    return {
      nodes: (answer as { data: { clusters: { nodes: object[] } } }).data.clusters.nodes,
      whole: read.map((text) => text.includes('"spec"')),
    };
  };
  const nodes = [{ name: 'first', endpoint: null }];
  // By graphql-js, then compiled, then by what was looked at.
  expect([await ask(), await ask(), await ask()]).toEqual([
    { nodes, whole: [true] },
    { nodes, whole: [true] },
    { nodes, whole: [false] },
  ]);
  // A port is looked at where there is a host.
  await world.store.transaction(
    async ({ db }) => void (await db.update(clusters).set({ endpointHost: 'host', endpointPort: 6_443 }).where(eq(clusters.id, uuid))),
  );
  const reached = [{ name: 'first', endpoint: 'https://host:6443' }];
  expect(await ask()).toEqual({ nodes: reached, whole: [false, true] });
  expect(await ask()).toEqual({ nodes: reached, whole: [false] });
});

test('what changes with the time alone is looked at each time', async () => {
  const world = await openWorld();
  const { id } = await makeCluster(world, 'anna', 'first');
  const hour = 3_600_000;
  await world.data('anna', 'mutation ($input: PauseClusterInput!) { pauseCluster(input: $input) { __typename } }', {
    input: { clusterId: id, until: new Date(world.time.now + 2 * hour).toISOString(), reason: 'looked at' },
  });
  const paused = async () =>
    (await world.data<{ cluster: { pause: object | null } }>('anna', `{ cluster(id: "${id}") { pause { until } } }`)).cluster.pause;
  expect(await paused()).not.toBeNull();
  world.time.now += 3 * hour;
  expect(await paused()).toBeNull();
});

test('answers are kept while there is room, for one version of the database only', () => {
  let version = 1;
  const kept = createKeptAnswers(() => version, { all: 33, one: 12 });
  const answer = (text: string) => ({ text, packed: {} });
  const [anna, otto] = [{} as Actor, {} as Actor];
  kept.keep(anna, 'k1', 1, answer('five5'));
  kept.keep(anna, 'k2', 1, answer('too long'));
  expect([kept.find(anna, 'k1')?.text, kept.find(anna, 'k2'), kept.find(otto, 'k1')]).toEqual(['five5', undefined, undefined]);
  version = 2;
  expect(kept.find(anna, 'k1')).toBeUndefined();
  // Made before the commit that came meanwhile.
  kept.keep(anna, 'k1', 1, answer('five5'));
  expect(kept.find(anna, 'k1')).toBeUndefined();
  for (const key of ['a', 'b', 'c', 'd']) kept.keep(anna, key, 2, answer('five5'));
  expect(['a', 'b', 'c', 'd'].map((key) => kept.find(anna, key)?.text)).toEqual([undefined, undefined, undefined, 'five5']);
});
