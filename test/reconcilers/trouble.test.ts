/** What hinders a node is told on its group, its cluster and its operation, with who must act, and goes away when it does. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
let clusterId: string;
let groupId: string;

interface Told {
  state: string;
  message: string;
  problem: string | null;
  waiting_for: string | null;
}
const condition = (objectId: string, name: string): Told | undefined =>
  world.rows<Told>(`select state, message, problem, waiting_for from conditions where object_id = '${objectId}' and name = '${name}'`)[0];
const operation = (kind: string) =>
  world.rows<{ id: string; state: string; problem: string | null }>(
    `select id, state, problem from operations where kind = '${kind}' order by requested_at desc limit 1`,
  )[0];
const problemOf = (told: { problem: string | null } | undefined) => JSON.parse(told?.problem ?? 'null') as object;
const clusterState = () => world.rows<{ state: string }>('select state from clusters')[0]?.state;
const control = (method: string, path: string, body?: object) =>
  fetch(`${world.sandbox.controlUrl}/${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
const faults = (method: string, body?: object) => control(method, 'faults', body);
const refusal = { service: 'compute', method: 'DELETE', path: '^/v2.1/servers/', kind: 'status', status: 403 };

/** The number of the last event before it. */
const retry = async (operationId: string | undefined): Promise<number> => {
  const [last] = world.rows<{ number: number }>(`select max(number) as number from events where stream_id = '${clusterId}'`);
  await world.change(world.member, 'retryOperation', { operationId }, 'operation { id }');
  return last?.number ?? 0;
};

beforeAll(async () => {
  world = await openLiving();
  clusterId = await world.makeCluster('stuck', { nodeCount: 2 });
  groupId = world.rows<{ id: string }>('select id from node_groups')[0]?.id ?? '';
});

afterAll(() => world?.close());

test.each([
  ['neverActive', 'ServerActive', 'CLOUD_ADMIN', 'Nova to build server'],
  ['neverBoots', 'Joined', 'CUSTOMER', 'server'],
])('a server that comes to nothing: %s', async (trouble, step, whoMustAct, words) => {
  await control('POST', 'serverFaults', { name: '.', trouble, times: 1 });
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: groupId, count: 3 }, 'operation { id }');
  const node = await until(
    () =>
      world.rows<{ id: string; name: string }>(
        `select n.id, n.name from nodes n join conditions c on c.object_id = n.id where c.name = '${step}' and c.state = 'WAITING'
         and n.state = '${trouble === 'neverActive' ? 'CREATING' : 'BOOTING'}'`,
      )[0],
  );
  // As if two minutes had gone.
  world.write(
    `update conditions set waiting_for = json_set(waiting_for, '$.since', 0) where object_id = '${node.id}' and name = '${step}'`,
  );
  world.wake(node.id);
  for (const [whole, name] of [
    [groupId, 'NodesReady'],
    [clusterId, 'NodeGroupsReady'],
  ] as const) {
    const told = await until(() => [condition(whole, name)].find((c) => c?.message.includes(node.name)));
    expect(JSON.parse(told.waiting_for ?? 'null')).toMatchObject({ whoMustAct });
    expect(told.message).toContain(`${words} ${node.name}`);
  }
  // The group waits for longer than usual, too, and the cluster looks anew.
  world.write(`update conditions set waiting_for = json_set(waiting_for, '$.since', 0) where object_id = '${groupId}'`);
  world.wake(groupId);
  await until(
    () => world.rows(`select 1 from conditions where object_id = '${groupId}' and reason = 'WaitingLongerThanUsual'`).length === 1,
  );
  world.write(`update conditions set message = '' where object_id = '${clusterId}' and name = 'NodeGroupsReady'`);
  world.wake(clusterId);
  const { message } = await until(() => [condition(clusterId, 'NodeGroupsReady')].find((c) => c?.message.includes(node.name)));
  expect(message.split('longer than usual')).toHaveLength(2);
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: groupId, count: 2 }, 'operation { id }');
  await world.settled(clusterId);
  await until(() => world.rows('select 1 from nodes where deleted_at is null').length === 2);
});

test('a server that does not get on says how far it is', async () => {
  await faults('POST', { service: 'hosted', path: 'certificatesigningrequests', kind: 'status', status: 503 });
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: groupId, count: 3 }, 'operation { id }');
  const booting = () => world.rows<{ id: string }>("select id from nodes where state = 'BOOTING' and joining_since is not null")[0];
  const node = await until(booting);
  await until(async () => {
    // As if it had been on its way for a while.
    world.write(`update nodes set joining_since = ${Date.now() - 20_000} where id = '${node.id}'`);
    world.wake(node.id);
    return condition(node.id, 'Joined')?.message.endsWith(': it joins the cluster, attempt 2');
  });
  await faults('DELETE');
  await world.settled(clusterId);
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: groupId, count: 2 }, 'operation { id }');
  await world.settled(clusterId);
});

test('a server that Nova does not let go while a group shrinks', async () => {
  await faults('POST', refusal);
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: groupId, count: 1 }, 'operation { id }');
  await until(() => operation('RESIZE_NODE_GROUP')?.state === 'FAILED');
  const [node] = world.rows<{ name: string }>("select name from nodes where state = 'DELETING'");
  const wanted = { code: 'CLOUD_REFUSED', whoMustAct: 'CUSTOMER', message: expect.stringContaining(node?.name ?? '?') };
  expect(problemOf(operation('RESIZE_NODE_GROUP'))).toMatchObject(wanted);
  expect(problemOf(condition(groupId, 'NodesReady'))).toMatchObject(wanted);
  await until(() => condition(clusterId, 'NodeGroupsReady')?.state === 'FAILED' && clusterState() === 'DEGRADED');
  expect(problemOf(condition(clusterId, 'NodeGroupsReady'))).toMatchObject(wanted);
  await faults('DELETE');
  await retry(operation('RESIZE_NODE_GROUP')?.id);
  await until(() => operation('RESIZE_NODE_GROUP')?.state === 'SUCCEEDED' && clusterState() === 'READY');
});

test('a server that Nova does not let go while its cluster is deleted', async () => {
  await faults('POST', refusal);
  await world.change(world.member, 'deleteCluster', { clusterId }, 'operation { id }');
  await until(() => operation('DELETE_CLUSTER')?.state === 'FAILED');
  const wanted = { code: 'CLOUD_REFUSED', message: expect.stringContaining('could not be removed') };
  expect(problemOf(operation('DELETE_CLUSTER'))).toMatchObject(wanted);
  expect(problemOf(condition(groupId, 'NodesReady'))).toMatchObject(wanted);
  expect(clusterState()).toBe('DELETING');
  await faults('DELETE');
  const told = await retry(operation('DELETE_CLUSTER')?.id);
  await until(() => clusterState() === 'DELETED' && operation('DELETE_CLUSTER')?.state === 'SUCCEEDED');
  // What was known of the part before the retry does not fail the whole again.
  expect(world.rows(`select * from events where number > ${told} and problem is not null and stream_id = '${clusterId}'`)).toEqual([]);
});
