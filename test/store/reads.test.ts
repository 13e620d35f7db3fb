import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findClustersByName, listClusters, listClustersBySeeds, loadClusters } from '../../src/store/clusters.ts';
import { listConditionsByObjects } from '../../src/store/conditions.ts';
import { lastEventNumber, listEvents, listEventsByStreams } from '../../src/store/events.ts';
import { findIdempotencyKey, purgeIdempotency } from '../../src/store/idempotency.ts';
import { listNodeGroupsByClusters } from '../../src/store/nodeGroups.ts';
import { listNodesByClusters, listNodesByGroups } from '../../src/store/nodes.ts';
import { listOperationsByClusters } from '../../src/store/operations.ts';
import { emptySlice, encodeCursor, type Slice } from '../../src/store/page.ts';
import { appendEvent, loadTrackedOperations, type OperationRow, updateOperation } from '../../src/store/progress.ts';
import { insertNodes, type NodeGroupRow } from '../../src/store/reconcile.ts';
import { listResourcesByClusters } from '../../src/store/resources.ts';
import { sightOf } from '../../src/store/sight.ts';
import { conditions, inventory, secrets } from '../../src/store/tables.ts';
import { ADA, ANNA, actorBy, call, type House, OTTO, openHouse, TEMPLATE } from '../commands/house.ts';

let house: House;
let ids: string[];
beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
  ids = [];
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    // Pairs of equal times: the id must break the tie.
    if (name === 'c' || name === 'e') house.time.now += 1;
    const { cluster } = await house.commands.createCluster(call(ANNA), {
      name,
      clusterTemplate: 'standard',
      nodeGroups: [{ name: 'x' }, { name: 'y' }, { name: 'z' }],
    });
    ids.push(cluster.id);
  }
});
afterEach(() => house.close());

const db = () => house.store.db;

const walk = async <Row>(read: (after: string | null) => Promise<Slice<Row>>, cursorOf: (row: Row) => string): Promise<Row[]> => {
  const all: Row[] = [];
  let after: string | null = null;
  for (let pages = 0; pages < 20; pages++) {
    const slice: Slice<Row> = await read(after);
    all.push(...slice.rows);
    const last = slice.rows.at(-1);
    if (!slice.hasNextPage || last === undefined) return all;
    after = cursorOf(last);
  }
  throw new Error('The pages do not end.');
};

test('pages meet without a gap or a double, and a row that comes between changes nothing before the cursor', async () => {
  const rows = await walk(
    (after) => listClusters(db(), sightOf(ANNA, 'readClusters'), {}, { first: 2, after }),
    (row) => encodeCursor(row.createdAt, row.id),
  );
  expect(rows.map((row) => row.id).sort()).toEqual([...ids].sort());
});

test('operations come newest first', async () => {
  const [a = ''] = ids;
  const group = (await listNodeGroupsByClusters(db(), [a], {}, { first: 1 })).get(a)?.rows[0]?.id;
  for (const count of [2, 3]) {
    house.time.now += 1;
    await house.commands.resizeNodeGroup(call(ANNA), { nodeGroupId: group, count });
  }
  const rows = await walk(
    async (after) => (await listOperationsByClusters(db(), [a], {}, { first: 1, after })).get(a) ?? emptySlice<OperationRow>(),
    (row) => encodeCursor(row.requestedAt, row.id),
  );
  expect(rows.map((row) => [row.kind, row.state])).toEqual([
    ['RESIZE_NODE_GROUP', 'PENDING'],
    ['RESIZE_NODE_GROUP', 'SUPERSEDED'],
    ['CREATE_CLUSTER', 'PENDING'],
  ]);
});

test.each(['', 'x', encodeCursor(Number.NaN, 'x'), 'a'.repeat(5000)])('the cursor %j is refused', async (after) => {
  await expect(listClusters(db(), sightOf(ANNA, 'readClusters'), {}, { first: 2, after })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    detail: { field: ['after'] },
  });
});

test('filters narrow, and nobody sees what is of another project', async () => {
  const page = { first: 9 };
  expect((await listClusters(db(), sightOf(ANNA, 'readClusters'), { name: 'b' }, page)).rows.map((r) => r.name)).toEqual(['b']);
  expect((await listClusters(db(), sightOf(ANNA, 'readClusters'), { states: ['READY'] }, page)).rows).toEqual([]);
  expect((await listClusters(db(), sightOf(ADA, 'readClusters'), { projectId: 'blue' }, page)).rows).toHaveLength(5);
  for (const nobody of [OTTO, actorBy({ ...ANNA, roles: [] }), actorBy({ ...ANNA, projectId: null })]) {
    const sight = sightOf(nobody, 'readClusters');
    expect((await listClusters(db(), sight, { projectId: 'blue' }, page)).rows).toEqual([]);
    expect(await loadClusters(db(), sight, ids)).toEqual([]);
    expect(await findClustersByName(db(), sight, 'a')).toEqual([]);
  }
});

test("each parent's page is its own, and its rest is reached by the same cursor as elsewhere", async () => {
  const [a = '', b = ''] = ids;
  const groups = await listNodeGroupsByClusters(db(), [a, b, 'nobody'], {}, { first: 2 });
  expect([...groups.keys()]).toEqual([a, b, 'nobody']);
  expect(groups.get(a)).toMatchObject({ hasNextPage: true, rows: [{ clusterId: a }, { clusterId: a }] });
  expect(groups.get('nobody')).toMatchObject({ rows: [], hasNextPage: false });
  const all = await walk(
    async (after) => (await listNodeGroupsByClusters(db(), [a], {}, { first: 1, after })).get(a) ?? emptySlice<NodeGroupRow>(),
    (row) => encodeCursor(row.createdAt, row.id),
  );
  expect(all.map((row) => row.name).sort()).toEqual(['x', 'y', 'z']);
});

test('what is below a cluster is read for many at once', async () => {
  const [a = '', b = ''] = ids;
  const group = (await listNodeGroupsByClusters(db(), [a], {}, { first: 1 })).get(a)?.rows[0]?.id ?? '';
  await house.store.transaction(async (tx) => {
    await insertNodes(
      tx,
      [0, 1, 2].map((i) => ({
        id: `n${i}`,
        clusterId: a,
        nodeGroupId: group,
        name: `n${i}`,
        state: 'READY' as const,
        createdAt: i,
        updatedAt: i,
        deletedAt: i === 2 ? 9 : null,
      })),
    );
    const base = {
      title: 't',
      status: 'TRUE' as const,
      state: 'DONE' as const,
      reason: 'Done',
      message: '',
      observedGeneration: 1,
      lastTransitionAt: 1,
      objectKind: 'CLUSTER' as const,
    };
    await tx.db.insert(conditions).values([2, 1].map((ordinal) => ({ ...base, objectId: a, name: `C${ordinal}`, ordinal })));
    const made = { ownerId: a, service: 'COMPUTE' as const, kind: 'server', madeBy: 'SEEDBED' as const, createdAt: 1, updatedAt: 1 };
    await tx.db.insert(inventory).values([
      { ...made, id: 'r1', clusterId: a, name: 's1', state: 'PRESENT' },
      { ...made, id: 'r2', clusterId: a, name: 's2', state: 'GONE' },
    ]);
  });
  const page = { first: 5 };
  expect((await listNodesByClusters(db(), [a, b], {}, page)).get(a)?.rows.map((n) => n.id)).toEqual(['n0', 'n1']);
  expect((await listNodesByGroups(db(), [group], {}, page)).get(group)?.rows.map((n) => n.id)).toEqual(['n0', 'n1']);
  expect((await listConditionsByObjects(db(), [a, b])).get(a)?.map((c) => c.name)).toEqual(['C1', 'C2']);
  expect((await listConditionsByObjects(db(), [a, b])).get(b)).toEqual([]);
  expect((await listResourcesByClusters(db(), [a], {}, page)).get(a)?.rows.map((r) => r.id)).toEqual(['r1']);
  expect((await listResourcesByClusters(db(), [a], { states: ['GONE'] }, page)).get(a)?.rows.map((r) => r.id)).toEqual(['r2']);
  expect((await listOperationsByClusters(db(), [a, b], {}, page)).get(b)?.rows).toHaveLength(1);
  expect((await listClustersBySeeds(db(), ['nobody'], {}, page)).get('nobody')).toMatchObject({ rows: [], hasNextPage: false });
});

test('events are read from a number on', async () => {
  const [a = '', b = ''] = ids;
  const subject = { kind: 'CLUSTER' as const, id: a, name: 'a', streamId: a, clusterId: a, projectId: 'blue' };
  const event = {
    at: 1,
    step: null,
    title: null,
    state: 'X',
    percent: null,
    message: '',
    problem: null,
    operationId: null,
    settled: false,
  };
  await house.store.transaction(async (tx) => {
    for (let i = 0; i < 4; i++) await appendEvent(tx, subject, event);
  });
  expect((await listEvents(db(), a, 2, 2)).map((e) => e.number)).toEqual([3, 4]);
  expect(await lastEventNumber(db(), { kind: 'CLUSTER', id: a })).toBe(5);
  const both = await listEventsByStreams(db(), [a, b], {}, { first: 3, after: null });
  expect([both.get(a)?.rows.map((e) => e.number), both.get(b)?.rows.map((e) => e.number)]).toEqual([[1, 2, 3], [1]]);
});

test('old idempotency keys go with their sealed answers, young ones stay', async () => {
  await house.commands.createCluster(call(ANNA, { idempotencyKey: 'old' }), { name: 'old', clusterTemplate: 'standard' });
  await house.store.transaction((tx) => house.secrets.put(tx, 'idempotency/blue/old', 'kubeconfig', 'x', 1));
  const kept = await db().$count(secrets);
  house.time.now += 86_400_000;
  await house.commands.createCluster(call(ANNA, { idempotencyKey: 'young' }), { name: 'young', clusterTemplate: 'standard' });
  expect(await house.store.transaction((tx) => purgeIdempotency(tx, house.time.now))).toBe(1);
  expect(await findIdempotencyKey(db(), 'blue', 'old')).toBeUndefined();
  expect(await findIdempotencyKey(db(), 'blue', 'young')).toBeDefined();
  expect(await db().$count(secrets)).toBe(kept);
});

test('an operation that was superseded stays so, whatever a pass that began before reports', async () => {
  const [a = ''] = ids;
  const [before] = await loadTrackedOperations(db(), a);
  if (before === undefined) throw new Error('no operation');
  await house.commands.deleteCluster(call(ANNA), { clusterId: a });
  const report = { state: 'RUNNING' as const, percent: 50, steps: [], problem: null, finishedAt: null };
  await house.store.transaction((tx) => updateOperation(tx, before, report));
  expect((await loadTrackedOperations(db(), a)).map((row) => row.kind)).toEqual(['DELETE_CLUSTER']);
});

test("a node group that an older release wrote has today's defaults for what came later", async () => {
  const read = async () => (await listNodeGroupsByClusters(db(), ids, {}, { first: 1 })).get(ids[0] ?? '')?.rows[0];
  const before = await read();
  expect(before?.spec.serverGroupPolicy).toBe('SOFT_ANTI_AFFINITY');
  await house.store.transaction(async (tx) => tx.db.run(sql`update node_groups set spec = json_remove(spec, '$.serverGroupPolicy')`));
  expect(await read()).toEqual(before);
});
