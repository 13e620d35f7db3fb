/** Lists as Relay has them: connections with cursors that stay good while things come, in either order. */
import { buildSchema, getNamedType, isObjectType } from 'graphql';
import { expect, test } from 'vitest';
import { printedSchema } from '../../src/api/schema.ts';
import { insertBackup, newBackup } from '../../src/store/backups.ts';
import { addNode, setNode } from './live.ts';
import { makeCluster, openWorld, type World } from './world.ts';

const schema = buildSchema(printedSchema());
const CONNECTIONS = Object.values(schema.getTypeMap())
  .filter(isObjectType)
  .flatMap((type) => Object.values(type.getFields()).map((field) => [`${type.name}.${field.name}`, field] as const))
  .filter(([, field]) => getNamedType(field.type).name.endsWith('Connection'));

/** By the numbers of events and of the audit log's entries, which is what their cursors are. */
const ONE_WAY = ['Cluster.events', 'Seed.events', 'Query.auditLog'];

test('there are many lists', () => expect(CONNECTIONS.length).toBeGreaterThan(15));

test.each(CONNECTIONS)('%s is a connection with pages, and goes either way', (name, field) => {
  const type = getNamedType(field.type);
  if (!isObjectType(type)) throw new Error('No connection.');
  expect(Object.keys(type.getFields())).toEqual(expect.arrayContaining(['edges', 'nodes', 'pageInfo']));
  const types = Object.fromEntries(field.args.map((arg) => [arg.name, String(arg.type)]));
  expect(types).toMatchObject({ first: 'Int', after: 'String', ...(!ONE_WAY.includes(name) && { orderBy: 'ListOrder' }) });
});

const LIST =
  'query ($after: String, $orderBy: ListOrder) { clusters(first: 2, after: $after, orderBy: $orderBy) { nodes { name } pageInfo { hasNextPage endCursor } } }';

const pageOf = async (world: World, variables: object) => {
  const { clusters } = await world.data<{ clusters: { nodes: { name: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } } }>(
    'anna',
    LIST,
    variables,
  );
  return { names: clusters.nodes.map(({ name }) => name), ...clusters.pageInfo };
};

test('cursors stay good while clusters come, and both ways', async () => {
  const world = await openWorld();
  const make = async (name: string) => {
    world.time.now += 1;
    await makeCluster(world, 'anna', name);
  };
  for (const name of ['a', 'b', 'c', 'd']) await make(name);
  const newest = await pageOf(world, { orderBy: 'NEWEST_FIRST' });
  const oldest = await pageOf(world, {});
  expect([newest.names, oldest.names]).toEqual([
    ['d', 'c'],
    ['a', 'b'],
  ]);
  await make('e');
  expect(await pageOf(world, { orderBy: 'NEWEST_FIRST', after: newest.endCursor })).toMatchObject({
    names: ['b', 'a'],
    hasNextPage: false,
  });
  expect(await pageOf(world, { orderBy: 'OLDEST_FIRST', after: oldest.endCursor })).toMatchObject({ names: ['c', 'd'], hasNextPage: true });
  // The same place, the other way.
  expect((await pageOf(world, { orderBy: 'OLDEST_FIRST', after: newest.endCursor })).names).toEqual(['d', 'e']);
  expect((await pageOf(world, { orderBy: 'NEWEST_FIRST', after: oldest.endCursor })).names).toEqual(['a']);
});

test('workers, operations and backups by what they are, in lists of many clusters at once', async () => {
  const world = await openWorld();
  const a = await makeCluster(world, 'anna', 'a');
  world.time.now += 1;
  const b = await makeCluster(world, 'anna', 'b');
  const projectId = 'blue';
  for (const name of ['a-1', 'a-2']) await addNode(world, { clusterId: a.uuid, nodeGroupId: a.nodeGroup.uuid, projectId }, name);
  await setNode(world, { clusterId: a.uuid, projectId }, 'a-2', 'READY');
  await world.data(
    'anna',
    'mutation ($id: ID!) { pauseCluster(input: { clusterId: $id, until: "2100-01-01T00:00:00Z" }) { __typename } }',
    {
      id: a.id,
    },
  );
  await world.data('anna', 'mutation ($id: ID!) { deleteCluster(input: { clusterId: $id }) { __typename } }', { id: b.id });
  const asked = { reason: 'ON_DEMAND' as const, createdBy: 'anna', now: world.time.now };
  await world.store.transaction(async (tx) => {
    for (const [id, cluster, state] of [
      ['one', a, 'READY'],
      ['two', a, 'FAILED'],
      ['three', b, 'READY'],
    ] as const)
      await insertBackup(tx, { ...newBackup({ ...asked, id, cluster: { id: cluster.uuid, projectId, name: id } }), state });
  });
  const answer = await world.data<Record<string, never>>(
    'anna',
    `query ($id: ID!) {
      clusters(first: 3) {
        nodes {
          name
          nodes(first: 3, filter: { states: [READY] }) { nodes { name } }
          nodeGroups(first: 3) { nodes { nodes(first: 3, filter: { states: [PENDING] }, orderBy: NEWEST_FIRST) { nodes { name } } } }
          operations(first: 3, filter: { kinds: [DELETE_CLUSTER] }) { nodes { kind } }
          done: operations(first: 3, filter: { states: [SUCCEEDED] }) { nodes { kind } }
        }
      }
      backups(filter: { states: [READY] }, orderBy: OLDEST_FIRST) { nodes { uuid } }
      ofA: backups(filter: { clusterId: $id }) { nodes { uuid } }
    }`,
    { id: a.id },
  );
  const nodes = (...names: string[]) => ({ nodes: names.map((name) => ({ name })) });
  expect(answer).toMatchObject({
    clusters: {
      nodes: [
        {
          name: 'a',
          nodes: nodes('a-2'),
          nodeGroups: { nodes: [{ nodes: nodes('a-1') }] },
          operations: { nodes: [] },
          done: { nodes: [] },
        },
        { name: 'b', nodes: nodes(), operations: { nodes: [{ kind: 'DELETE_CLUSTER' }] } },
      ],
    },
  });
  const uuidsOf = (list: { nodes: { uuid: string }[] }) => list.nodes.map(({ uuid }) => uuid).sort();
  expect(uuidsOf(answer['backups'] as never)).toEqual(['one', 'three']);
  expect(uuidsOf(answer['ofA'] as never)).toEqual(['one', 'two']);
});
