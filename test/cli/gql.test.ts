import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isSubscription } from '../../src/cli/gql.ts';
import { happen } from '../api/live.ts';
import { CLUSTER_MUTATION, makeCluster, openWorld, TEMPLATE_MUTATION, type World } from '../api/world.ts';
import { run } from './run.ts';

const gql = (world: World, ...args: string[]) => run(['gql', ...args], { SEEDBED_URL: world.url, OS_TOKEN: 'anna' });

test('a query with variables in JSON, as text and from a file, and its answer', async () => {
  const world = await openWorld();
  await makeCluster(world, 'anna');
  const query = 'query ($name: String, $first: Int) { cluster(name: $name) { name } clusters(first: $first) { nodes { name } } }';
  const data = { cluster: { name: 'web' }, clusters: { nodes: [{ name: 'web' }] } };
  const file = join(tmpdir(), `seedbed-gql-${process.pid}.json`);
  writeFileSync(file, '{"name": "web", "first": 7}');
  for (const how of [
    ['--var', 'name=web', '--var', 'first=1'],
    ['--variables', '{"name": "web"}'],
    ['--variables', `@${file}`, '--var', 'first=1'],
  ]) {
    const ran = await gql(world, query, ...how);
    expect([ran.status, ran.err, JSON.parse(ran.out)]).toEqual([0, '', expect.objectContaining({ data })]);
  }
  for (const how of [
    ['--variables', '[1]'],
    ['--var', 'name'],
  ])
    expect((await gql(world, query, ...how)).status).toBe(2);
});

test.each([
  ['{ viewer { userNam } }', [], 2],
  ['{ viewer {', [], 2],
  ['query ($first: Int) { clusters(first: $first) { nodes { name } } }', ['--var', 'first=1000'], 2],
  [TEMPLATE_MUTATION, ['--variables', '{"input": {"name": "No Name"}}'], 2],
  [CLUSTER_MUTATION, ['--variables', '{"input": {"name": "web", "clusterTemplate": "unheard-of"}}'], 4],
  ['mutation { deleteCluster(input: { clusterId: "x" }) { __typename } }', [], 1],
  ['mutation { deleteCluster(input: { clusterId: "x" }) { ... on Problem { code message } } }', [], 4],
])('%s %j ends with %i, and its answer is printed all the same', async (document, how, status) => {
  const ran = await gql(await openWorld(), document, ...how);
  expect([ran.status, ran.err]).toEqual([status, expect.stringMatching(/^seedbed: .+\n$/)]);
  expect(Object.keys(JSON.parse(ran.out))).toEqual(
    expect.arrayContaining([status === 2 && !document.includes('Input!') ? 'errors' : 'data']),
  );
});

test('a subscription prints a line for each event', async () => {
  const world = await openWorld();
  const { id, uuid } = await makeCluster(world, 'anna');
  await happen(world, uuid, ['etcd runs', 'at rest'], true);
  const document = 'subscription ($id: ID!) { clusterProgress(clusterId: $id, after: 0, until: SETTLED) { number message } }';
  const { status, out } = await gql(world, document, '--var', `id=${id}`);
  expect(status).toBe(0);
  expect(
    out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { data: { clusterProgress: { number: 1, message: expect.any(String) } } },
    { data: { clusterProgress: { number: 2, message: 'etcd runs' } } },
    { data: { clusterProgress: { number: 3, message: 'at rest' } } },
  ]);
});

test('cluster watch --json prints a line of JSON for each event, with their numbers', async () => {
  const world = await openWorld();
  const { uuid } = await makeCluster(world, 'anna');
  await happen(world, uuid, ['etcd runs', 'at rest'], true);
  const { out } = await run(['cluster', 'watch', 'web', '--json'], { SEEDBED_URL: world.url, OS_TOKEN: 'anna' });
  expect(
    out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).number),
  ).toEqual([1, 2, 3]);
});

test.each([
  ['subscription { clusters { what } }', true],
  ['# mutation\nsubscription Watch($id: ID!) { clusterProgress(clusterId: $id) { number } }', true],
  ['fragment subscription on Query { a } query { ...subscription }', false],
  ['query subscription { subscription: viewer { userName } }', false],
  ['{ cluster(name: "subscription { x }") { name } }', false],
  ['mutation ($subscription: ID = "}") { a(b: $subscription) { c } }', false],
])('%s is a subscription: %s', (document, is) => expect(isSubscription(document)).toBe(is));
