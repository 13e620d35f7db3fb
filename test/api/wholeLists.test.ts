/** Lists that are had as a whole, in pages: what a cloud offers, what clusters used, what a deletion left, and what a seed has before it. */
import { expect, test } from 'vitest';
import { workerUse } from '../../src/domain/usage.ts';
import { patchCluster } from '../../src/store/reconcile.ts';
import { endUses, noteUses } from '../../src/store/usage.ts';
import { watchStatements } from './matrix/database.ts';
import { registerSeed } from './run.ts';
import { makeCluster, openWorld, type World } from './world.ts';

interface List {
  totalCount: number;
  nodes: Record<string, unknown>[];
}

/** What is listed of a field, which is below others: `path` is "cloud flavorsConnection(…)", the last of them the list. */
const listed = async (world: World, token: string, path: string[], key: string): Promise<unknown[]> => {
  const [list = '', ...above] = path.toReversed();
  const query = above.reduce((inner, field) => `it: ${field} { ${inner} }`, `list: ${list} { totalCount nodes { ${key} } }`);
  interface Answer {
    it?: Answer;
    list?: List;
  }
  let answer = await world.data<Answer>(token, `{ ${query} }`);
  while (answer.it !== undefined) answer = answer.it;
  expect(answer.list?.totalCount).toBe(answer.list?.nodes.length);
  return answer.list?.nodes.map((node) => Object.values(node)[0]) ?? [];
};

test.each([
  ['flavorsConnection', '{}', ['large', 'small']],
  ['flavorsConnection', '{ name: "MAL" }', ['small']],
  ['flavorsConnection', '{ minVcpus: 2, minRamMiB: 4096, isPublic: true }', ['large', 'small']],
  ['flavorsConnection', '{ minVcpus: 3 }', []],
  ['flavorsConnection', '{ minRamMiB: 4097 }', []],
  ['flavorsConnection', '{ isPublic: false }', []],
  ['imagesConnection', '{}', ['debian', 'old']],
  ['imagesConnection', '{ status: "active" }', ['debian']],
  ['imagesConnection', '{ name: "ol", visibility: "public" }', ['old']],
  ['imagesConnection', '{ visibility: "private" }', []],
  ['imagesConnection', '{ kubeVersion: "1.36.3" }', []],
  ['networksConnection', '{}', ['lone', 'office', 'public']],
  ['networksConnection', '{ external: true }', ['public']],
  ['networksConnection', '{ external: false, shared: false, name: "l" }', ['lone']],
  ['networksConnection', '{ shared: true }', []],
  ['keypairsConnection', '{ name: "anna" }', ['anna-key']],
  ['keypairsConnection', '{ name: "otto" }', []],
  ['securityGroupsConnection', '{}', ['default', 'web']],
  ['securityGroupsConnection', '{ name: "e" }', ['default', 'web']],
  ['securityGroupsConnection', '{ name: "eb" }', ['web']],
])("a cloud's %s with %s: %j", async (field, filter, names) => {
  const world = await openWorld();
  expect(await listed(world, 'anna', ['cloud', `${field}(filter: ${filter})`], 'name')).toEqual(names);
  expect(await listed(world, 'anna', ['cloud', `${field}(filter: ${filter}, orderBy: Z_TO_A)`], 'name')).toEqual(names.toReversed());
});

test('a cursor of another list, or of none, is refused; so is a page of no size', async () => {
  const world = await openWorld();
  const cursorOf = (key: unknown) => Buffer.from(JSON.stringify(key)).toString('base64url');
  const codeOf = async (args: string) =>
    (await world.post('anna', `{ cloud { flavorsConnection(${args}) { nodes { name } } } }`)).errors[0]?.extensions.code;
  for (const after of ['x', cursorOf({}), cursorOf([1, 'x']), cursorOf(['x']), cursorOf([['x'], 'x']), cursorOf(['x', 'y'.repeat(2_000)])])
    expect([after, await codeOf(`after: "${after}"`)]).toEqual([after, 'INVALID_INPUT']);
  expect(await codeOf(`after: "${cursorOf(['x', 'y'])}"`)).toBeUndefined();
  expect(await codeOf('first: 101')).toBe('BAD_USER_INPUT');
});

test('they cost what their page is, as any connection does', async () => {
  const world = await openWorld();
  const costOf = async (query: string) => {
    const headers = { 'content-type': 'application/json', 'x-auth-token': 'anna' };
    const response = await fetch(world.url, { method: 'POST', headers, body: JSON.stringify({ query }) });
    return ((await response.json()) as { extensions: { cost: { estimated: number } } }).extensions.cost.estimated;
  };
  const cost = (first: number) => costOf(`{ cloud { flavorsConnection(first: ${first}) { nodes { name vcpus } } } }`);
  expect((await cost(100)) - (await cost(10))).toBe(90 * 3);
});

test('what clusters used, by use and by age, by name, and deleted or not', async () => {
  const world = await openWorld();
  const { now } = world.time;
  for (const [name, vcpus] of Object.entries({ web: 2, shop: 8, cache: 4 })) {
    world.time.now += 1_000;
    const { uuid } = await makeCluster(world, 'anna', name);
    await world.store.transaction(async (tx) => {
      await noteUses(tx, { subjectId: name, clusterId: uuid, projectId: 'blue' }, [workerUse(vcpus)], now - 3_600_000);
      await endUses(tx, name, now);
      if (name === 'cache') await patchCluster(tx, uuid, { deletedAt: world.time.now });
    });
  }
  const names = (args: string) =>
    listed(world, 'anna', ['usage(from: "2000-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z")', `clustersConnection(${args})`], 'name');
  expect(await names('first: 9')).toEqual(['shop', 'cache', 'web']);
  expect(await names('orderBy: LEAST_VCPU_HOURS_FIRST')).toEqual(['web', 'cache', 'shop']);
  expect(await names('orderBy: OLDEST_FIRST')).toEqual(['web', 'shop', 'cache']);
  expect(await names('orderBy: NEWEST_FIRST')).toEqual(['cache', 'shop', 'web']);
  expect(await names('filter: { name: "E" }')).toEqual(['cache', 'web']);
  expect(await names('filter: { isDeleted: true }')).toEqual(['cache']);
  expect(await names('filter: { isDeleted: false }')).toEqual(['shop', 'web']);
});

test('what a deletion left, by service, kind, fate and who made it', async () => {
  const world = await openWorld();
  const { uuid } = await makeCluster(world, 'anna');
  const { now } = world.time;
  const thing = { service: 'VOLUME', kind: 'volume', madeBy: 'CSI', fate: 'KEPT', reason: 'As asked.' } as const;
  const leftovers = [
    { ...thing, name: 'b', externalId: 'v2' },
    { ...thing, name: 'a', externalId: 'v1' },
    { ...thing, service: 'COMPUTE', kind: 'server', madeBy: 'SEEDBED', fate: 'REMAINS', name: 'c', externalId: 's1' } as const,
  ];
  const sweep = { since: now, at: now, leftovers, unverified: [] };
  await world.store.transaction((tx) => patchCluster(tx, uuid, { state: 'DELETED', deletedAt: now, sweep }));
  const names = (args: string) =>
    listed(
      world,
      'anna',
      [`cluster(id: "${uuid}")`, 'leakReport', `leftoversConnection(${args}, filter: { kinds: ["volume", "server"] })`],
      'name',
    );
  expect(await names('first: 9')).toEqual(['c', 'a', 'b']);
  const wanted = (filter: string) =>
    listed(world, 'anna', [`cluster(id: "${uuid}")`, 'leakReport', `leftoversConnection(filter: ${filter})`], 'name');
  expect(await wanted('{ services: [VOLUME] }')).toEqual(['a', 'b']);
  expect(await wanted('{ kinds: ["server"] }')).toEqual(['c']);
  expect(await wanted('{ fates: [KEPT] }')).toEqual(['a', 'b']);
  expect(await wanted('{ madeBy: [SEEDBED] }')).toEqual(['c']);
  expect(await wanted('{ madeBy: [] }')).toEqual([]);
});

test('queues of many seeds are one statement, and plans of their drains as many as of one; both by state', async () => {
  const world = await openWorld();
  for (const name of ['seed-a', 'seed-b']) {
    const seed = (await registerSeed(world, name))['seed'] as { uuid: string };
    for (const seedTurn of ['WAITING', 'STARTING', 'DONE'] as const) {
      world.time.now += 1_000;
      const { uuid } = await makeCluster(world, 'anna', `${name}-${seedTurn.toLowerCase()}`);
      await world.store.transaction((tx) => patchCluster(tx, uuid, { seedId: seed.uuid, seedTurn, seedTurnAt: world.time.now }));
    }
  }
  const statements = await watchStatements(world);
  const queues = async (args: string) => {
    statements.length = 0;
    const { seeds } = await world.data<{ seeds: { nodes: { name: string; list: { nodes: { turn: string }[] } }[] } }>(
      'ada',
      `{ seeds { nodes { name list: queueConnection(${args}) { nodes { turn } } } } }`,
    );
    expect(statements).toHaveLength(2);
    return seeds.nodes.map(({ list }) => list.nodes.map(({ turn }) => turn));
  };
  expect(await queues('first: 9')).toEqual([
    ['WAITING', 'STARTING'],
    ['WAITING', 'STARTING'],
  ]);
  expect(await queues('first: 1, orderBy: NEWEST_FIRST')).toEqual([['STARTING'], ['STARTING']]);
  expect(await queues('filter: { turns: [WAITING] }')).toEqual([['WAITING'], ['WAITING']]);
  const plansOf = async (seeds: string) => {
    statements.length = 0;
    await world.data('ada', `{ ${seeds} } fragment plans on Seed { drainPlan { state } drainPlanConnection { nodes { state } } }`);
    return statements.length;
  };
  // Of many seeds as many statements as of one, and the two fields of a seed read it once.
  const ofOne = await plansOf('seed(name: "seed-a") { ...plans }');
  expect(await plansOf('seeds { nodes { ...plans } }')).toBe(ofOne);
  const plan = (filter: string) => listed(world, 'ada', ['seed(name: "seed-a")', `drainPlanConnection(filter: ${filter})`], 'clusterName');
  expect(await plan('{}')).toEqual(['seed-a-waiting', 'seed-a-starting', 'seed-a-done']);
  expect(await plan('{ states: [STUCK] }')).toHaveLength(3);
  expect(await plan('{ states: [PLANNED, MOVING] }')).toEqual([]);
});
