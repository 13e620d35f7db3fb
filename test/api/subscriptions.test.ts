import { describe, expect, test } from 'vitest';
import { changed } from '../../src/store/reconcile.ts';
import { actorBy } from '../commands/house.ts';
import { addNode, happen, numbersOf, overSocket, PROGRESS, setNode, setOperation, setState, WAYS } from './live.ts';
import { makeCluster, openWorld } from './world.ts';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const many = (n: number) => Array.from({ length: n }, (_, i) => `event ${i}`);

describe.each(WAYS)('over %s', (_way, subscribe) => {
  test('progress: what is stored, then what happens, in order; and on from a cursor after a break', async () => {
    const world = await openWorld();
    const { uuid, id } = await makeCluster(world, 'anna');
    await happen(world, uuid, many(250));
    const first = subscribe(world, 'rita', PROGRESS, { id });
    await first.until(251);
    for (const message of many(20)) await happen(world, uuid, [message]);
    await first.until(271);
    expect(numbersOf(first)).toEqual(range(1, 271));
    first.stop();
    await first.ended;
    await happen(world, uuid, many(30));
    const second = subscribe(world, 'rita', PROGRESS, { id, after: 271 });
    await second.until(30);
    await happen(world, uuid, ['last'], true);
    await second.until(31);
    expect(numbersOf(second)).toEqual(range(272, 302));
    expect(second.payloads.at(-1)).toMatchObject({ data: { clusterProgress: { message: 'last', settled: true, subjectName: 'web' } } });
    second.stop();
  });

  test('progress until it settles: ends with the event of rest, also when that was before', async () => {
    const world = await openWorld();
    const { uuid } = await makeCluster(world, 'anna');
    await happen(world, uuid, ['rested once'], true);
    await happen(world, uuid, ['and moved on'], false);
    const live = subscribe(world, 'anna', PROGRESS, { id: uuid, until: 'SETTLED' });
    await live.until(3);
    await happen(world, uuid, ['nearly', 'there'], true);
    expect(await live.ended).toBe('complete');
    expect(numbersOf(live)).toEqual([1, 2, 3, 4, 5]);
    for (const after of [0, 4, 5]) {
      const late = subscribe(world, 'anna', PROGRESS, { id: uuid, after, until: 'SETTLED' });
      expect(await late.ended).toBe('complete');
      expect(numbersOf(late)).toEqual(range(after + 1, 5));
    }
    // What is told of a step at rest, such as another pod that is ready, is no end of the rest.
    await happen(world, uuid, ['2 of 2 pods are ready']);
    for (const after of [0, 5, 6]) {
      const later = subscribe(world, 'anna', PROGRESS, { id: uuid, after, until: 'SETTLED' });
      expect(await later.ended).toBe('complete');
      expect(numbersOf(later)).toEqual(range(after + 1, 6));
    }
  });

  test('an operation, from now to its end', async () => {
    const world = await openWorld();
    const { operation } = await makeCluster(world, 'anna');
    const live = subscribe(
      world,
      'rita',
      'subscription ($id: ID!) { operationProgress(operationId: $id) { operation { state percent } missed } }',
      { id: operation.id },
    );
    await live.until(1);
    await setOperation(world, operation.uuid, 40, 'RUNNING');
    await live.until(2);
    await setOperation(world, operation.uuid, 100, 'SUCCEEDED');
    expect(await live.ended).toBe('complete');
    expect(live.payloads.map((p) => p.data?.operationProgress)).toEqual([
      { operation: { state: 'PENDING', percent: 0 }, missed: 0 },
      { operation: { state: 'RUNNING', percent: 40 }, missed: 0 },
      { operation: { state: 'SUCCEEDED', percent: 100 }, missed: 0 },
    ]);
  });

  test('clusters come, change and go: those of the project, all for a cloud admin', async () => {
    const world = await openWorld();
    const query = 'subscription ($f: ClusterWatchFilter) { clusters(filter: $f) { what clusterId cluster { name state } missed resync } }';
    const other = await makeCluster(world, 'otto', 'theirs');
    const [anna, ada, named] = [
      subscribe(world, 'anna', query),
      subscribe(world, 'ada', query),
      subscribe(world, 'ada', query, { f: { name: 'web' } }),
    ];
    // Subscribed is who has got the first thing; before, nobody knows.
    const mine = await makeCluster(world, 'anna', 'early');
    while (anna.payloads.length === 0 || ada.payloads.length === 0) {
      await setState(world, mine.uuid, 'CREATING');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const cluster = await makeCluster(world, 'anna', 'web');
    // One of the changes above may be told late.
    const told = (s: typeof anna, id: string) =>
      s.payloads.map((p) => p.data?.clusters as { clusterId?: string } | undefined).filter((change) => change?.clusterId === id);
    const heard = async (s: typeof anna, id: string, count: number) => {
      for (let n = 1; told(s, id).length < count; n += 1) await s.until(n);
    };
    await setState(world, other.uuid, 'READY');
    await Promise.all([heard(anna, cluster.id, 1), heard(named, cluster.id, 1)]);
    await setState(world, cluster.uuid, 'DELETED');
    await Promise.all([heard(anna, cluster.id, 2), heard(ada, other.id, 1), heard(named, cluster.id, 2)]);
    const web = [
      { what: 'CREATED', clusterId: cluster.id, cluster: { name: 'web', state: 'PENDING' }, missed: 0, resync: false },
      { what: 'DELETED', clusterId: cluster.id, cluster: { name: 'web', state: 'DELETED' }, missed: 0, resync: false },
    ];
    expect(told(anna, cluster.id)).toEqual(web);
    expect(told(anna, other.id)).toEqual([]);
    expect(named.payloads.map((p) => p.data?.clusters)).toEqual(web);
    expect(told(ada, other.id)).toContainEqual({
      what: 'CHANGED',
      clusterId: other.id,
      cluster: { name: 'theirs', state: 'READY' },
      missed: 0,
      resync: false,
    });
    for (const s of [anna, ada, named]) s.stop();
  });

  test('that news were dropped is told with the next that is shown, whatever was not', async () => {
    const world = await openWorld();
    const query = 'subscription { clusters { cluster { name } missed resync } }';
    const { uuid } = await makeCluster(world, 'anna', 'web');
    const live = subscribe(world, 'anna', query);
    while (live.payloads.length === 0) {
      await setState(world, uuid, 'CREATING');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const before = live.payloads.length;
    await world.store.transaction(async (tx) => {
      // Of those that are not there nothing is shown.
      for (const id of [...Array.from({ length: 1_100 }, (_, i) => `none-${i}`), uuid])
        tx.changes.push(changed('CLUSTER', { id }, id, 'blue', 'CHANGED'));
    });
    await live.until(before + 1);
    expect(live.payloads[before]?.data?.clusters).toEqual({ cluster: { name: 'web' }, missed: expect.any(Number), resync: true });
    live.stop();
  });

  test('the nodes of a cluster', async () => {
    const world = await openWorld();
    const cluster = await makeCluster(world, 'anna');
    const at = { clusterId: cluster.uuid, nodeGroupId: cluster.nodeGroup.uuid, projectId: 'blue' };
    const live = subscribe(
      world,
      'rita',
      'subscription ($id: ID!) { nodes(clusterId: $id) { what nodeId node { name state nodeGroup { name } } missed } }',
      { id: cluster.id },
    );
    for (let i = 0; live.payloads.length === 0; i += 1) {
      await addNode(world, at, `w-${i}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const told = live.payloads[0]?.data?.nodes as { node: { name: string } } | undefined;
    const node = { name: told?.node.name ?? '' };
    const from = live.payloads.length;
    await setNode(world, at, node.name, 'READY');
    await live.until(from + 1);
    await setNode(world, at, node.name, 'DELETED');
    await live.until(from + 2);
    expect(live.payloads[0]?.data?.nodes).toMatchObject({
      what: 'CREATED',
      node: { state: 'PENDING', nodeGroup: { name: 'default-worker' } },
    });
    expect(live.payloads.slice(from).map((p) => p.data?.nodes)).toMatchObject([
      { what: 'CHANGED', node: { name: node.name, state: 'READY' } },
      { what: 'DELETED', node: { name: node.name, state: 'DELETED' } },
    ]);
    live.stop();
  });

  test("what is not there, or not the caller's, is not found; a cursor from elsewhere is refused", async () => {
    const world = await openWorld();
    const { id, operation } = await makeCluster(world, 'anna');
    const asked: [string, string, object, string][] = [
      ['otto', PROGRESS, { id }, 'NOT_FOUND'],
      ['anna', PROGRESS, { id: 'none' }, 'NOT_FOUND'],
      ['otto', 'subscription ($id: ID!) { operationProgress(operationId: $id) { missed } }', { id: operation.id }, 'NOT_FOUND'],
      ['otto', 'subscription ($id: ID!) { nodes(clusterId: $id) { what } }', { id }, 'NOT_FOUND'],
      ['anna', PROGRESS, { id, after: 2 }, 'BAD_USER_INPUT'],
      ['anna', PROGRESS, { id, after: -1 }, 'BAD_USER_INPUT'],
    ];
    for (const [token, query, variables, code] of asked) {
      const refused = subscribe(world, token, query, { ...variables });
      await refused.ended;
      expect(refused.payloads).toMatchObject([{ errors: [{ extensions: { code, requestId: expect.any(String) } }] }]);
      expect(refused.payloads[0]?.data ?? null).toBeNull();
    }
  });

  test('a stream ends when the server stops, and says so', async () => {
    const world = await openWorld();
    const { uuid } = await makeCluster(world, 'anna');
    const live = subscribe(world, 'anna', PROGRESS, { id: uuid });
    await live.until(1);
    await world.api.close(2_000);
    const end = await live.ended;
    if (_way === 'SSE') expect([end, live.payloads.at(-1)?.errors?.[0]?.extensions.code]).toEqual(['complete', 'GOING_AWAY']);
    else expect(end).toBe('1001');
  });

  test('a stream ends with its token, also when nothing happens', async () => {
    const world = await openWorld();
    const { uuid } = await makeCluster(world, 'anna');
    const rita = world.tokens.get('rita');
    if (rita === undefined) throw new Error('No Rita.');
    world.tokens.set('short', { ...rita, expiresAt: world.time.now + 300 });
    const live = subscribe(world, 'short', PROGRESS, { id: uuid });
    await live.until(1);
    world.time.now += 301;
    const end = await live.ended;
    if (_way === 'SSE') expect([end, live.payloads.at(-1)?.errors?.[0]?.extensions.code]).toEqual(['complete', 'UNAUTHENTICATED']);
    else expect(['4403', 'complete']).toContain(end);
  });

  test('a revoked token gets nothing more after the next check', async () => {
    const world = await openWorld();
    const { uuid } = await makeCluster(world, 'anna');
    const live = subscribe(world, 'rita', PROGRESS, { id: uuid });
    await live.until(1);
    world.tokens.delete('rita');
    world.time.now += 60_000;
    await happen(world, uuid, ['secret of the future']);
    await live.ended;
    expect(numbersOf(live)).toEqual([1]);
    expect(JSON.stringify(live.payloads)).not.toContain('secret of the future');
  });

  test('who loses the role loses the stream', async () => {
    const world = await openWorld();
    const { uuid } = await makeCluster(world, 'anna');
    const rita = world.tokens.get('rita');
    if (rita === undefined) throw new Error('No Rita.');
    const live = subscribe(world, 'rita', PROGRESS, { id: uuid });
    await live.until(1);
    world.tokens.set('rita', actorBy({ ...rita, roles: [] }));
    world.time.now += 60_000;
    await happen(world, uuid, ['secret of the future']);
    await live.ended;
    expect(numbersOf(live)).toEqual([1]);
  });
});

test('events written while subscribers come and go: each gets every number once, in order', async () => {
  const world = await openWorld();
  const { uuid } = await makeCluster(world, 'anna');
  let writing = true;
  const writer = (async () => {
    for (let i = 0; i < 300; i += 1) await happen(world, uuid, many(1 + (i % 3)));
    writing = false;
    await happen(world, uuid, ['rest'], true);
  })();
  const checks: Promise<void>[] = [];
  for (let i = 0; writing && i < 12; i += 1) {
    const [, subscribe] = WAYS[i % 2] ?? ['', overSocket];
    const after = 1;
    const live = subscribe(world, 'rita', PROGRESS, { id: uuid, after });
    checks.push(
      live.until(20 * i + 1).then(async () => {
        live.stop();
        const have = numbersOf(live);
        expect(have).toEqual(range(after + 1, after + have.length));
        const rest = subscribe(world, 'rita', PROGRESS, { id: uuid, after: have.at(-1) ?? 0, until: 'SETTLED' });
        expect(await rest.ended).toBe('complete');
        expect([...have, ...numbersOf(rest)]).toEqual(range(2, 602));
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await writer;
  await Promise.all(checks);
  expect(checks.length).toBeGreaterThan(2);
});
