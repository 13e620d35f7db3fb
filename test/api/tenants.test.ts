import { type GraphQLField, isNonNullType, isObjectType } from 'graphql';
import { expect, test } from 'vitest';
import { buildSchema } from '../../src/api/schema.ts';
import { actorBy } from '../commands/house.ts';
import { overSocket } from './live.ts';
import { watchStatements } from './matrix/database.ts';
import { absent, furnishProject, type Kind } from './matrix/furniture.ts';
import { registerSeed } from './run.ts';
import { makeCluster, openWorld, type World } from './world.ts';

/** One object of each kind in the project blue, with a name that shows wherever it leaks; and a seed, which no project sees. */
const furnish = async (world: World) => ({
  seed: (await registerSeed(world, 'leaky-seed')).seed as { id: string; uuid: string },
  ...(await furnishProject(world, { token: 'anna', projectId: 'blue', word: 'leaky' })),
});
type House = Awaited<ReturnType<typeof furnish>>;

/** What a query's arguments can be, in every way that names somebody else's object. */
const argumentsOf = (field: GraphQLField<unknown, unknown>, house: House): string[] => {
  const of = {
    seed: house.seed,
    clusterTemplate: house.clusterTemplate,
    cluster: house.cluster,
    operation: house.operation,
    backup: house.backup,
  }[field.name];
  const ids = Object.values(house).map((thing) => thing.id);
  if (field.name === 'node') return ids.map((id) => `(id: "${id}")`);
  if (field.name === 'nodes') return [`(ids: ${JSON.stringify(ids)})`];
  if (field.name === 'usage') {
    const of = [`clusterId: "${house.cluster.id}"`, `clusterId: "${house.cluster.uuid}"`, 'projectId: "blue"', ''];
    return of.map((whose) => `(${whose} from: "2000-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z")`);
  }
  const ways = of === undefined ? [] : [`(id: "${of.id}")`, `(id: "${of.uuid}")`];
  if (field.args.some((arg) => arg.name === 'name'))
    ways.push(`(name: "leaky-${field.name === 'clusterTemplate' ? 'template' : field.name}")`);
  if (field.name === 'clusters')
    ways.push(
      `(filter: { projectId: "blue" })`,
      `(filter: { seedId: "${house.seed.id}" })`,
      `(filter: { templateId: "${house.clusterTemplate.id}" })`,
      '(filter: { name: "leaky-cluster" })',
    );
  if (field.name === 'clusterTemplates') ways.push('(filter: { projectId: "blue" })', '(filter: { name: "leaky-template" })');
  return ways.length > 0 && field.args.some((arg) => isNonNullType(arg.type)) ? ways : [...ways, ...(of === undefined ? [''] : [])];
};

const selectionOf = (field: GraphQLField<unknown, unknown>): string => {
  const name = String(field.type).replace(/[[\]!]/g, '');
  if (name === 'Node')
    return '{ __typename id ... on Cluster { name } ... on Seed { name } ... on ClusterTemplate { name } ... on ClusterNode { name } ... on NodeGroup { name } ... on Operation { kind } ... on Kubeconfig { owner } ... on Backup { name } ... on Resource { name } }';
  if (name === 'Usage') return '{ clusterCount clusters { clusterId name } }';
  const type = buildSchema().getType(name);
  if (!isObjectType(type)) return '';
  if (name.endsWith('Connection')) return '{ nodes { __typename id name } }';
  return `{ __typename ${Object.values(type.getFields())
    .filter((f) => /^\[?(String|ID|Int|Boolean)/.test(String(f.type)))
    .map((f) => f.name)
    .join(' ')} }`;
};

/** Every query of the schema, in every way that names an object of the project blue. */
const allQueries = (house: House): string[] =>
  Object.values(buildSchema().getQueryType()?.getFields() ?? {}).flatMap((field) =>
    argumentsOf(field, house).map((args) => `{ ${field.name}${args} ${selectionOf(field)} }`),
  );

test('no query, in no way of asking, shows another project what is not its own; nor anybody a seed', async () => {
  const world = await openWorld();
  const house = await furnish(world);
  const { expiresAt } = world.tokens.get('otto') ?? { expiresAt: 0 };
  world.tokens.set('unscoped', { ...actorBy({ userName: 'u', projectId: null, roles: ['member'] }), expiresAt });
  world.tokens.set('roleless', { ...actorBy({ userName: 'v', projectId: 'blue', roles: [] }), expiresAt });
  const queries = allQueries(house);
  expect(queries.length).toBeGreaterThan(25);
  const leaks = async (token: string) => {
    const found: string[] = [];
    for (const query of queries) {
      const { data } = await world.post(token, query);
      const answer = JSON.stringify(data).replaceAll(/"(kubernetesVersions|viewer|cloud)":.*/g, '');
      if (/leaky|"kind":/.test(answer) || Object.values(house).some((thing) => answer.includes(thing.uuid)))
        found.push(`${token}: ${query} → ${answer}`);
    }
    return found;
  };
  for (const token of ['otto', 'unscoped', 'roleless']) expect(await leaks(token)).toEqual([]);
  // The same queries do find things for those who may see them: the look is not blind.
  expect((await leaks('rita')).length).toBeGreaterThan(15);
  expect((await leaks('rita')).filter((leak) => leak.includes('leaky-seed'))).toEqual([]);
  expect((await leaks('ada')).length).toBeGreaterThan((await leaks('rita')).length);
  for (const query of queries) expect((await world.post(null, query)).status).toBe(401);
});

test('"not yours" and "not there" are the same answer, to the letter, by the same statements', async () => {
  const world = await openWorld();
  const statements = await watchStatements(world);
  const house = await furnish(world);
  const pairs = Object.entries(house).map(([kind, thing]) => [thing, absent(kind as Kind, thing)] as const);
  const swap = (text: string) =>
    pairs.reduce((out, [thing, nowhere]) => out.replaceAll(thing.id, nowhere.id).replaceAll(thing.uuid, nowhere.uuid), text);
  let asked = 0;
  const ask = async (query: string) => {
    statements.length = 0;
    // Asked the very same again, nothing would be read.
    asked += 1;
    const { data, errors } = await world.post('otto', `${query} # ${asked}`);
    return { data, errors: errors.map((e) => e.message), statements: [...statements] };
  };
  for (const query of allQueries(house)) {
    if (/viewer|cloud|kubernetes/.test(query)) continue;
    expect([query, await ask(query)]).toEqual([query, await ask(swap(query))]);
  }
});

test('live lists tell a project only of its own', async () => {
  const world = await openWorld();
  const query = 'subscription ($f: ClusterWatchFilter) { clusters(filter: $f) { cluster { name } } }';
  const watchers = [overSocket(world, 'otto', query), overSocket(world, 'otto', query, { f: { projectId: 'blue' } })];
  await expect.poll(async () => /seedbed_live_streams (\d+)/.exec(await world.metrics.metrics())?.[1]).toBe('2');
  await makeCluster(world, 'anna', 'leaky-cluster');
  await makeCluster(world, 'otto', 'own');
  await watchers[0]?.until(1);
  expect(watchers[0]?.payloads.map((p) => p.data)).toEqual([{ clusters: { cluster: { name: 'own' } } }]);
  expect(watchers[1]?.payloads).toEqual([]);
  for (const watcher of watchers) watcher.stop();
});
