/** Filters of lists that grow without an end, events and the audit log; and of node groups. */
import type { Database } from 'better-sqlite3';
import { expect, test } from 'vitest';
import { encodeId } from '../../src/api/ids.ts';
import { appendEvent, type NewEvent } from '../../src/store/progress.ts';
import { patchNodeGroup } from '../../src/store/reconcile.ts';
import { watchStatements } from './matrix/database.ts';
import { registerSeed, run } from './run.ts';
import { type MadeCluster, makeCluster, openWorld, type World } from './world.ts';

const PROBLEM = {
  code: 'QUOTA_EXCEEDED',
  message: 'No cores are left.',
  retryable: true,
  whoMustAct: 'CLOUD_ADMIN',
  field: null,
  openstack: null,
  quota: null,
} as const;

const tell = (world: World, cluster: MadeCluster, kind: 'CLUSTER' | 'NODE', id: string, more: Partial<NewEvent>) =>
  world.store.transaction((tx) =>
    appendEvent(
      tx,
      { kind, id, name: id, streamId: cluster.uuid, clusterId: cluster.uuid, projectId: 'blue' },
      {
        ...{ at: world.time.now, step: null, title: null, state: 'CREATING', percent: null, message: id, problem: null, operationId: null },
        ...more,
        settled: false,
      },
    ),
  );

const isoOf = (at: number) => new Date(at).toISOString();

test('events by what they are of, their step and state, their operation, whether something went wrong, and when', async () => {
  const world = await openWorld();
  const cluster = await makeCluster(world, 'anna');
  const numbers = async (args: string) => {
    const { cluster: read } = await world.data<{ cluster: { events: { totalCount: number; nodes: { number: number }[] } } }>(
      'anna',
      `{ cluster(name: "web") { events(${args}) { totalCount nodes { number } } } }`,
    );
    return [read.events.totalCount, ...read.events.nodes.map(({ number }) => number)];
  };
  // What its making has told is left out below.
  const [before = 0] = await numbers('first: 1');
  const of = (...places: number[]) => [places.length, ...places.map((place) => before + place)];
  const { now } = world.time;
  await tell(world, cluster, 'CLUSTER', cluster.uuid, { step: 'NetworkReady', state: 'RUNNING', operationId: 'op-1' });
  await tell(world, cluster, 'CLUSTER', cluster.uuid, { step: 'NetworkReady', state: 'DONE', operationId: 'op-1' });
  await tell(world, cluster, 'NODE', 'node-1', { step: 'ServerReady', state: 'FAILED', problem: PROBLEM, at: now + 1_000 });
  await tell(world, cluster, 'NODE', 'node-2', { state: 'READY', operationId: 'op-2', at: now + 2_000 });
  expect(await numbers('filter: { subjectKinds: [NODE] }')).toEqual(of(3, 4));
  expect(await numbers('filter: { subjectId: "node-2" }')).toEqual(of(4));
  expect(await numbers(`filter: { subjectId: "${encodeId('ClusterNode', 'node-1')}" }`)).toEqual(of(3));
  expect(await numbers('filter: { steps: ["NetworkReady", "ServerReady"] }')).toEqual(of(1, 2, 3));
  expect(await numbers('filter: { states: ["RUNNING", "FAILED"] }')).toEqual(of(1, 3));
  expect(await numbers('filter: { operationId: "op-1" }')).toEqual(of(1, 2));
  expect(await numbers(`filter: { operationId: "${encodeId('Operation', 'op-2')}" }`)).toEqual(of(4));
  expect(await numbers('filter: { isProblem: true }')).toEqual(of(3));
  expect(await numbers('filter: { isProblem: false, subjectKinds: [NODE] }')).toEqual(of(4));
  expect(await numbers(`filter: { from: "${isoOf(now + 1_000)}" }`)).toEqual(of(3, 4));
  expect(await numbers(`filter: { from: "${isoOf(now + 1)}", to: "${isoOf(now + 2_000)}" }`)).toEqual(of(3));
  expect(await numbers('filter: { subjectKinds: [] }')).toEqual([0]);
  // Pages of what is filtered, by the events' own numbers, and the other way.
  expect(await numbers(`first: 1, after: "${before + 1}", filter: { operationId: "op-1" }`)).toEqual([2, before + 2]);
  expect(await numbers('first: 2, orderBy: NEWEST_FIRST')).toEqual([before + 4, before + 4, before + 3]);
  expect(await numbers(`first: 2, after: "${before + 3}", orderBy: NEWEST_FIRST, filter: { steps: ["NetworkReady"] }`)).toEqual([
    ...of(2, 1),
  ]);
  const { errors } = await world.post('anna', '{ cluster(name: "web") { events(after: "second") { nodes { number } } } }');
  expect(errors[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT' });
});

test('node groups by name and state, and which came with the cluster', async () => {
  const world = await openWorld();
  const cluster = await makeCluster(world, 'anna');
  world.time.now += 1;
  await run(world, 'anna', 'createNodeGroup', { clusterId: cluster.id, name: 'big', count: 0 }, '__typename');
  await world.store.transaction((tx) => patchNodeGroup(tx, cluster.nodeGroup.uuid, { state: 'READY' }));
  const names = async (filter: string) => {
    const { cluster: read } = await world.data<{ cluster: { nodeGroups: { totalCount: number; nodes: { name: string }[] } } }>(
      'anna',
      `{ cluster(name: "web") { nodeGroups(filter: ${filter}) { totalCount nodes { name } } } }`,
    );
    expect(read.nodeGroups.totalCount).toBe(read.nodeGroups.nodes.length);
    return read.nodeGroups.nodes.map(({ name }) => name);
  };
  const [first = ''] = await names('{ isDefault: true }');
  expect(await names('{}')).toEqual([first, 'big']);
  expect(await names('{ isDefault: false }')).toEqual(['big']);
  expect(await names('{ name: "big" }')).toEqual(['big']);
  expect(await names('{ states: [READY] }')).toEqual([first]);
  expect(await names('{ states: [FAILED] }')).toEqual([]);
});

test('the audit log by what was asked for, by its ids and by what it was refused for, the oldest first as well', async () => {
  const world = await openWorld();
  const cluster = await makeCluster(world, 'anna');
  await run(world, 'anna', 'resizeNodeGroup', { nodeGroupId: 'nobody', count: 2 }, '__typename');
  const rows = async (filter: string, more = '') => {
    const { auditLog } = await world.data<{ auditLog: { totalCount: number; nodes: Record<string, string>[] } }>(
      'ada',
      `{ auditLog(filter: ${filter}${more}) { totalCount nodes { action targetId operationId requestId openstackRequestId errorCode } } }`,
    );
    expect(auditLog.totalCount).toBe(auditLog.nodes.length);
    return auditLog.nodes;
  };
  const actions = async (filter: string, more?: string) => (await rows(filter, more)).map(({ action }) => action);
  const all = await rows('{}');
  expect(all.map(({ action }) => action)).toEqual(['resizeNodeGroup', 'createCluster', 'createClusterTemplate']);
  expect(await actions('{}', ', orderBy: OLDEST_FIRST')).toEqual(['createClusterTemplate', 'createCluster', 'resizeNodeGroup']);
  expect(await actions(`{ targetId: "${cluster.uuid}" }`)).toEqual(['createCluster']);
  expect(await actions(`{ operationId: "${cluster.operation.uuid}" }`)).toEqual(['createCluster']);
  expect(await actions('{ errorCode: "NOT_FOUND" }')).toEqual(['resizeNodeGroup']);
  for (const field of ['requestId', 'openstackRequestId'])
    expect(await actions(`{ ${field}: "${all[1]?.[field]}" }`)).toEqual(['createCluster']);
  const { errors } = await world.post('ada', '{ auditLog(after: "second") { nodes { number } } }');
  expect(errors[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT' });
});

test.each([
  ['cluster(name: "web") { list: events(filter: { subjectId: "it" })', 'events_subject'],
  ['cluster(name: "web") { list: events(filter: { operationId: "it" })', 'events_operation'],
  ['cluster(name: "web") { list: events(filter: { isProblem: true })', 'events_problem'],
  ['cluster(name: "web") { list: events(filter: { from: "2027-01-01T00:00:00Z" })', 'events_at'],
  ['seed(name: "seed-a") { list: events(filter: { to: "2027-01-01T00:00:00Z" })', 'events_at'],
  ['auditLog(filter: { action: "createCluster" })', 'audit_action'],
  ['auditLog(filter: { userId: "it" })', 'audit_user'],
  ['auditLog(filter: { projectId: "it" })', 'audit_project'],
  ['auditLog(filter: { errorCode: "it" })', 'audit_error'],
  ['auditLog(filter: { targetId: "it" })', 'audit_target'],
  ['auditLog(filter: { operationId: "it" })', 'audit_operation'],
  ['auditLog(filter: { requestId: "it" })', 'audit_request'],
  ['auditLog(filter: { openstackRequestId: "it" })', 'audit_openstack_request'],
])('%s is read by the index %s', async (list, index) => {
  const world = await openWorld();
  await makeCluster(world, 'anna');
  await registerSeed(world);
  const statements = await watchStatements(world);
  await world.data('ada', `{ ${list} { nodes { at } } ${list.includes('{ list') ? '}' : ''} }`);
  const read = statements.filter((text) => /from "(events|audit)"/.test(text));
  expect(read).toHaveLength(1);
  const client = (world.store.db as unknown as { $client: Database }).$client;
  const [text = ''] = read;
  const plan = client.prepare(`explain query plan ${text}`).all(...Array(text.split('?').length - 1).fill(null)) as { detail: string }[];
  expect(plan.map(({ detail }) => detail).join('\n')).toMatch(new RegExp(`INDEX ${index}\\b`));
});
