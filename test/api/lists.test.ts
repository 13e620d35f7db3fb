/** Lists as Relay has them: connections with cursors that stay good while things come, in either order. */
import { buildSchema, type GraphQLArgument, getNamedType, isEnumType, isObjectType } from 'graphql';
import { expect, test } from 'vitest';
import { printedSchema } from '../../src/api/schema.ts';
import { insertBackup, newBackup } from '../../src/store/backups.ts';
import { insertKubeconfig } from '../../src/store/kubeconfigs.ts';
import { LIST_MAKERS } from './listMakers.ts';
import { addNode, setNode } from './live.ts';
import { watchStatements } from './matrix/database.ts';
import { run } from './run.ts';
import { makeCluster, openWorld } from './world.ts';

const schema = buildSchema(printedSchema());
const CONNECTIONS = Object.values(schema.getTypeMap())
  .filter(isObjectType)
  .flatMap((type) => Object.values(type.getFields()).map((field) => [`${type.name}.${field.name}`, field] as const))
  .filter(([, field]) => getNamedType(field.type).name.endsWith('Connection'));

test('there are many lists', () => expect(CONNECTIONS.length).toBeGreaterThan(15));

test.each(CONNECTIONS)('%s is a connection with pages and a filter, and goes either way', (_name, field) => {
  const type = getNamedType(field.type);
  if (!isObjectType(type)) throw new Error('No connection.');
  expect(Object.keys(type.getFields())).toEqual(expect.arrayContaining(['edges', 'nodes', 'pageInfo', 'totalCount']));
  const types = Object.fromEntries(field.args.map((arg) => [arg.name, String(arg.type)]));
  expect(types).toMatchObject({
    first: 'Int',
    after: 'String',
    orderBy: expect.stringMatching(/Order$/),
    filter: expect.stringMatching(/Filter$/),
  });
});

const ordersOf = (args: readonly GraphQLArgument[]): string[] => {
  const type = getNamedType(args.find(({ name }) => name === 'orderBy')?.type);
  return isEnumType(type) ? type.getValues().map(({ name }) => name) : [];
};

/** Null: as it goes without being asked. */
const WAYS = CONNECTIONS.flatMap(([name, { args }]) => [null, ...ordersOf(args)].map((way) => [name, way] as const));

const openList = async (name: string) => {
  const make = LIST_MAKERS[name];
  if (make === undefined) throw new Error(`Nobody makes rows of ${name}: add it to LIST_MAKERS in test/api/listMakers.ts.`);
  const world = await openWorld();
  const { parent, below, key, token, add, remove } = await make(world);
  const [typeName, field] = name.split('.');
  let made = 0;
  return {
    remove,
    /** Two at the same time, then one later: the time alone is no order. */
    grow: async () => {
      made += 1;
      world.time.now += made % 3 === 0 ? 0 : 1_000;
      await add(made);
    },
    page: async (way: string | null, first: number, after: string | null = null) => {
      const args = `first: ${first}${after === null ? '' : `, after: ${JSON.stringify(after)}`}${way === null ? '' : `, orderBy: ${way}`}`;
      const list = `list: ${field}(${args}) { edges { cursor } nodes { ${key} } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }`;
      const whole = [parent, below]
        .filter((field) => field != null)
        .reduceRight((inner, field) => `it: ${field} { ${inner} }`, `... on ${typeName} { ${list} }`);
      let data = await world.data<AnyAnswer>(token, `{ ${whole} }`);
      while (data.it !== undefined) data = data.it;
      if (data.list === undefined) throw new Error(`There is no ${name}.`);
      const { edges, nodes, pageInfo } = data.list;
      expect([edges[0]?.cursor ?? null, edges.at(-1)?.cursor ?? null]).toEqual([pageInfo.startCursor, pageInfo.endCursor]);
      expect(pageInfo.hasPreviousPage).toBe(after !== null);
      return { keys: nodes.map(leafOf), ...pageInfo };
    },
  };
};

interface AnyAnswer {
  it?: AnyAnswer;
  list?: AnyPage;
}

/** The one value that was asked for, however deep. */
const leafOf = (value: unknown): string => (typeof value === 'object' && value !== null ? leafOf(Object.values(value)[0]) : String(value));

interface AnyPage {
  edges: { cursor: string }[];
  nodes: unknown[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}

test.each(WAYS)('%s, %s: no row is seen twice or missed while others come and go between its pages', async (name, way) => {
  const list = await openList(name);
  const whole = async () => (await list.page(way, 100)).keys;
  for (let i = 0; i < 6; i += 1) await list.grow();
  const start = await whole();
  expect(start.length).toBeGreaterThanOrEqual(6);
  const seen: string[] = [];
  // Those that are still to come: what was there, and what comes in behind the cursor; no others.
  let due = start;
  for (let after: string | null = null; ; ) {
    const page = await list.page(way, 2, after);
    seen.push(...page.keys);
    expect(page.keys).toEqual(due.slice(0, 2));
    due = due.slice(2);
    expect(page.hasNextPage).toBe(due.length > 0);
    after = page.endCursor;
    const last = page.keys.at(-1);
    if (!page.hasNextPage || last === undefined) break;
    if (seen.length > 4) continue;
    await list.grow();
    await list.grow();
    const now = await whole();
    due = now.slice(now.indexOf(last) + 1);
    // The row of the cursor goes, and one that is to come.
    const gone = list.remove === null ? [] : [last, due[1]].filter((key) => key !== undefined);
    for (const key of gone) await list.remove?.(key);
    due = due.filter((key) => !gone.includes(key));
    expect(await whole()).toEqual(now.filter((key) => !gone.includes(key)));
  }
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.length).toBeGreaterThan(3);
});

/** Each way with the other one; the schema has its values by name, and so side by side. */
const PAIRS = CONNECTIONS.flatMap(([name, { args }]) =>
  ordersOf(args).flatMap((way, at, all) => (at % 2 === 0 ? [[name, way, all[at + 1] ?? null] as const] : [])),
);

test.each(PAIRS)('%s: a cursor is good by %s and by %s', async (name, one, other) => {
  const list = await openList(name);
  for (let i = 0; i < 5; i += 1) await list.grow();
  const { keys } = await list.page(one, 100);
  const { endCursor } = await list.page(one, 3);
  expect(keys.length).toBeGreaterThanOrEqual(5);
  expect((await list.page(one, 9, endCursor)).keys).toEqual(keys.slice(3));
  expect((await list.page(other, 9, endCursor)).keys).toEqual(keys.slice(0, 2).reverse());
});

test('nobody makes rows of a list that is none', () => {
  expect(Object.keys(LIST_MAKERS).filter((name) => !CONNECTIONS.some(([known]) => known === name))).toEqual([]);
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

test("a list's total is counted once for all of a level, only when asked for, and of what the reader may see", async () => {
  const world = await openWorld();
  for (const name of ['a', 'b', 'c']) {
    world.time.now += 1;
    const made = await makeCluster(world, 'anna', name);
    const at = { clusterId: made.uuid, nodeGroupId: made.nodeGroup.uuid, projectId: 'blue' };
    for (const i of [1, 2, 3].slice(0, name.charCodeAt(0) - 96)) await addNode(world, at, `${name}-${i}`);
  }
  await makeCluster(world, 'otto', 'foreign');
  const statements = await watchStatements(world);
  const ask = async (token: string, query: string) => {
    statements.length = 0;
    const data = await world.data<{ clusters: { totalCount: number } }>(token, query);
    return { data, statements: statements.length };
  };
  const plain = await ask('anna', '{ clusters(first: 2) { nodes { name nodes(first: 1) { nodes { name } } } } }');
  const counted = await ask('anna', '{ clusters(first: 2) { totalCount nodes { name nodes(first: 1) { totalCount nodes { name } } } } }');
  expect(counted.data).toMatchObject({
    clusters: { totalCount: 3, nodes: [{ nodes: { totalCount: 1, nodes: [{}] } }, { nodes: { totalCount: 2, nodes: [{}] } }] },
  });
  expect(counted.statements - plain.statements).toBe(2);
  // With its filter, and whatever the cursor is.
  expect((await ask('anna', '{ clusters(first: 1, filter: { name: "b" }) { totalCount } }')).data.clusters.totalCount).toBe(1);
  const { clusters } = await world.data<{ clusters: { pageInfo: { endCursor: string } } }>(
    'anna',
    '{ clusters(first: 2) { pageInfo { endCursor } } }',
  );
  const behind = `{ clusters(first: 2, after: "${clusters.pageInfo.endCursor}") { totalCount } }`;
  expect((await ask('anna', behind)).data.clusters.totalCount).toBe(3);
  expect((await ask('otto', '{ clusters { totalCount } }')).data.clusters.totalCount).toBe(1);
  expect((await ask('ada', '{ clusters { totalCount } }')).data.clusters.totalCount).toBe(4);
  for (const query of ['seeds', 'orphans', 'auditLog', 'clusters(filter: { seedId: "any" })'])
    expect(await world.data('anna', `{ list: ${query} { totalCount } }`)).toEqual({ list: { totalCount: 0 } });
});

test('a total costs as much as it reads, once for its list', async () => {
  const world = await openWorld();
  const costOf = async (query: string) => {
    const response = await fetch(world.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': 'anna' },
      body: JSON.stringify({ query }),
    });
    return ((await response.json()) as { extensions: { cost: { estimated: number } } }).extensions.cost.estimated;
  };
  const without = await costOf('{ clusters(first: 10) { nodes { name } } }');
  expect((await costOf('{ clusters(first: 10) { totalCount nodes { name } } }')) - without).toBe(500);
  const inFragment = '{ clusters(first: 10) { ...f nodes { name } } } fragment f on ClusterConnection { totalCount }';
  expect((await costOf(inFragment)) - without).toBe(500);
  const below = '{ clusters(first: 10) { nodes { name nodes(first: 1) { totalCount } } } }';
  expect((await costOf(below)) - without).toBe(10 * 501);
  const { errors } = await world.post(
    'anna',
    '{ clusters(first: 100) { nodes { nodes { totalCount } operations { totalCount } events { totalCount } } } }',
  );
  expect(errors[0]?.extensions.code).toBe('COST_LIMIT');
});

test('revisions come in pages that stay good while others are made', async () => {
  const world = await openWorld();
  const { clusterTemplate } = await run(
    world,
    'anna',
    'createClusterTemplate',
    { name: 'std', image: 'debian', flavor: 'small' },
    'clusterTemplate { id }',
  );
  const { id } = clusterTemplate as { id: string };
  const change = async (flavor: string) => {
    const { __typename } = await run(world, 'anna', 'updateClusterTemplate', { clusterTemplateId: id, flavor }, '__typename');
    expect(__typename).toBe('UpdateClusterTemplatePayload');
  };
  for (const flavor of ['large', 'small', 'large', 'small']) await change(flavor);
  interface Revisions {
    totalCount: number;
    nodes: { revision: number }[];
    pageInfo: { hasNextPage: boolean; endCursor: string };
  }
  const pageAt = async (args: string) => {
    const query = `{ clusterTemplates { nodes { list: revisionsConnection(${args}) { totalCount nodes { revision } pageInfo { hasNextPage endCursor } } } } }`;
    const { clusterTemplates } = await world.data<{ clusterTemplates: { nodes: { list: Revisions }[] } }>('anna', query);
    const [{ list } = { list: undefined }] = clusterTemplates.nodes;
    return { numbers: list?.nodes.map(({ revision }) => revision), total: list?.totalCount, ...list?.pageInfo };
  };
  const first = await pageAt('first: 2');
  expect(first).toMatchObject({ numbers: [5, 4], total: 5, hasNextPage: true });
  await change('large');
  expect(await pageAt(`first: 2, after: "${first.endCursor}"`)).toMatchObject({ numbers: [3, 2], total: 6, hasNextPage: true });
  expect(await pageAt(`first: 9, after: "${first.endCursor}", orderBy: OLDEST_FIRST`)).toMatchObject({ numbers: [5, 6] });
  expect(await pageAt('first: 2, orderBy: OLDEST_FIRST')).toMatchObject({ numbers: [1, 2] });
  expect(await pageAt('filter: { revisions: [2, 6, 7] }')).toMatchObject({ numbers: [6, 2], total: 2, hasNextPage: false });

  const manifests = (image: string) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: kube-system }\ndata: { image: ${image} }\n`;
  for (const name of ['gears', 'cogs']) {
    const { addonBundle } = await run(world, 'ada', 'registerAddonBundle', { name, manifests: manifests('v1') }, 'addonBundle { id }');
    expect(addonBundle).toBeDefined();
  }
  await run(world, 'ada', 'updateAddonBundle', { addonBundleId: 'gears', manifests: manifests('v2') }, '__typename');
  const bundles =
    '{ addonBundles { nodes { name revisionsConnection(first: 1) { totalCount nodes { revision kinds } pageInfo { hasNextPage } } } } }';
  const page = (revision: number) => ({
    totalCount: revision,
    nodes: [{ revision, kinds: ['v1 ConfigMap'] }],
    pageInfo: { hasNextPage: revision > 1 },
  });
  expect(await world.data('anna', bundles)).toEqual({
    addonBundles: {
      nodes: expect.arrayContaining([
        { name: 'gears', revisionsConnection: page(2) },
        { name: 'cogs', revisionsConnection: page(1) },
      ]),
    },
  });
});

test("a cluster's backups and kubeconfigs, and a seed's clusters, by what they are", async () => {
  const world = await openWorld();
  const a = await makeCluster(world, 'anna', 'a');
  const { now } = world.time;
  const common = {
    clusterId: a.uuid,
    owner: 'anna',
    ownerId: 'anna',
    createdAt: now,
    expiresAt: now + 1_000,
    boundAt: now,
    unboundAt: null,
    revokedAt: null,
    revokedBy: null,
  };
  await world.store.transaction(async (tx) => {
    const asked = { reason: 'ON_DEMAND' as const, createdBy: 'anna', now, cluster: { id: a.uuid, projectId: 'blue', name: 'a' } };
    for (const [id, state] of [
      ['one', 'READY'],
      ['two', 'FAILED'],
    ] as const)
      await insertBackup(tx, { ...newBackup({ ...asked, id }), state });
    for (const [id, more] of Object.entries({
      active: {},
      pending: { boundAt: null },
      expired: { expiresAt: now },
      revoking: { revokedAt: now },
      revoked: { revokedAt: now, unboundAt: now },
      viewer: { role: 'VIEWER' as const },
    }))
      await insertKubeconfig(tx, { id, kind: 'KUBECONFIG', role: 'ADMIN', userName: id, ...common, ...more });
  });
  const listed = async (field: string, filter: string) => {
    const query = `{ cluster(name: "a") { list: ${field}(filter: ${filter}) { totalCount nodes { uuid state } } } }`;
    const { cluster } = await world.data<{ cluster: { list: { totalCount: number; nodes: { uuid: string; state: string }[] } } }>(
      'anna',
      query,
    );
    expect(cluster.list.totalCount).toBe(cluster.list.nodes.length);
    return cluster.list.nodes.map(({ uuid, state }) => `${uuid} ${state}`).sort();
  };
  expect(await listed('backups', '{ states: [FAILED] }')).toEqual(['two FAILED']);
  expect(await listed('backups', '{ reasons: [ON_DEMAND] }')).toHaveLength(2);
  expect(await listed('backups', '{ reasons: [SCHEDULED] }')).toEqual([]);
  for (const state of ['PENDING', 'EXPIRED', 'REVOKING', 'REVOKED'])
    expect(await listed('kubeconfigs', `{ states: [${state}] }`)).toEqual([`${state.toLowerCase()} ${state}`]);
  expect(await listed('kubeconfigs', '{ states: [ACTIVE], roles: [ADMIN] }')).toEqual(['active ACTIVE']);
  expect(await listed('kubeconfigs', '{ roles: [VIEWER] }')).toEqual(['viewer ACTIVE']);
  expect(await listed('kubeconfigs', '{ states: [] }')).toEqual([]);
  expect(await listed('kubeconfigs', '{ kinds: [CERTIFICATE] }')).toEqual([]);
  // What is seen is so of now, and not of when it was asked before.
  world.time.now += 1_000;
  expect(await listed('kubeconfigs', '{ states: [ACTIVE, PENDING] }')).toEqual([]);
});
