/** What is done for an operation tells OpenStack's services by which request it was asked for. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RecordedCall } from '../../src/sandbox/counters.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
beforeAll(async () => {
  world = await openLiving();
});
afterAll(() => world?.close());

/** The calls that OpenStack's services have had meanwhile. */
const recorded = async (work: () => Promise<unknown>): Promise<RecordedCall[]> => {
  await world.control('POST', 'record');
  await work();
  const { calls } = await world.control<{ calls: RecordedCall[] }>('GET', 'record');
  return calls;
};
const writers = (calls: readonly RecordedCall[]) => calls.filter(({ write }) => write);
const idsOf = (calls: readonly RecordedCall[]) => new Set(calls.map(({ requestId }) => requestId));
const operationOf = (kind: string) => world.rows<{ request_id: string }>(`select request_id from operations where kind = '${kind}'`)[0];

/** The id that it is answered with. */
const post = async (token: string, query: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(world.served.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': token, ...headers },
    body: JSON.stringify({ query }),
  });
  expect(await answer.json()).not.toHaveProperty('errors');
  return answer.headers.get('x-openstack-request-id');
};

test('a cluster, its groups and nodes are made by the id of the request for it, from the trust to the server', async () => {
  let clusterId = '';
  const calls = await recorded(async () => {
    clusterId = await world.makeCluster('told', { nodeCount: 1 });
    await world.idle();
  });
  const id = operationOf('CREATE_CLUSTER')?.request_id;
  expect(id).toMatch(/^req-/);
  expect(idsOf(writers(calls))).toEqual(new Set([id]));
  expect(new Set(writers(calls).map(({ service }) => service))).toEqual(new Set(['identity', 'compute', 'network']));
  // Nothing is under way any more.
  const looks = await recorded(async () => {
    world.write("update work_items set due_at = 0, wake = wake + 1 where kind != 'SEED'");
    await world.idle();
  });
  // Each look has one of its own. Keystone's list of all trusts (trustSights.ts), of which all clusters learn, has none; it comes where time has passed.
  const own = [...idsOf(looks.filter(({ service, requestId }) => service !== 'identity' || requestId !== null))];
  expect(own.length).toBeGreaterThan(0);
  for (const one of own) expect(one).toMatch(/^req-/);
  expect(own).not.toContain(id);

  // Of a caller that was asked by another service, or that keeps ids of its own.
  const brought = 'req-0f0e0d0c-1111-4222-8333-444455556666';
  const group = world.rows<{ id: string }>('select id from node_groups')[0]?.id;
  const resized = await recorded(async () => {
    const mutation = `mutation { resizeNodeGroup(input: { nodeGroupId: "${group}", count: 2 }) { __typename } }`;
    const answered = await post(world.member, mutation, { 'x-openstack-request-id': brought });
    expect(answered).not.toBe(brought);
    await world.settled(clusterId);
  });
  expect(operationOf('RESIZE_NODE_GROUP')?.request_id).toBe(brought);
  expect(idsOf(writers(resized))).toEqual(new Set([brought]));
});

interface Told {
  number: number;
  requestId: string | null;
  operationId: string | null;
  step: string | null;
  problem: { openstack: { requestId: string | null } | null } | null;
}

test("what Seedbed does by itself has an id of its own, which its events tell, and OpenStack's own beside it", async () => {
  const clusterId = world.rows<{ id: string }>('select id from clusters')[0]?.id ?? '';
  const lastNumber = () => world.rows<{ n: number }>(`select max(number) as n from events where stream_id = '${clusterId}'`)[0]?.n ?? 0;
  const asked = new Set(world.rows<{ request_id: string }>('select request_id from operations').map((row) => row.request_id));
  const before = lastNumber();
  const calls = await recorded(async () => {
    await world.control('POST', 'faults', {
      service: 'network',
      kind: 'status',
      status: 403,
      body: '{"NeutronError":{"type":"PolicyNotAuthorized","message":"Not now.","detail":""}}',
    });
    // What was seen of the network before is believed for a while, by the same process.
    await world.restart();
    await until(() => {
      world.write("update work_items set due_at = 0, wake = wake + 1 where kind = 'CLUSTER'");
      return lastNumber() > before;
    });
    await world.control('DELETE', 'faults');
    world.wake(clusterId);
    await world.settled(clusterId);
  });
  const query = `query ($id: ID!, $after: String) { cluster(id: $id) { events(first: 100, after: $after) { nodes { number step requestId operationId problem { openstack { requestId } } } } } }`;
  const { cluster } = await world.ask<{ cluster: { events: { nodes: Told[] } } }>(world.member, query, {
    id: clusterId,
    after: String(before),
  });
  const [failed] = cluster.events.nodes.filter(({ problem }) => problem !== null);
  expect(failed).toMatchObject({ operationId: null, requestId: expect.stringMatching(/^req-/) });
  expect(asked.has(failed?.requestId ?? '')).toBe(false);
  expect(idsOf(calls)).toContain(failed?.requestId);
  // By which the service knows the very call that it refused.
  expect(failed?.problem?.openstack?.requestId).toMatch(/^req-/);
  expect(failed?.problem?.openstack?.requestId).not.toBe(failed?.requestId);
});

const TOLD = 'problem { __typename code message openstack { service status requestId } }';
interface Problem {
  code: string;
  message: string;
  openstack: { service: string; status: number; requestId: string | null };
}

test('what OpenStack refuses of a mutation is told with the service, its status and its own id of the request, wherever the problem is', async () => {
  const requestId = 'req-0badcafe-1111-4222-8333-444455556666';
  const refused = { service: 'network', method: 'POST', path: '^/v2.0/networks$', kind: 'status', status: 403, requestId };
  const body = '{"NeutronError":{"type":"PolicyNotAuthorized","message":"Not for you.","detail":""}}';
  await world.control('POST', 'faults', { ...refused, body });
  const input = { name: 'refused', clusterTemplate: 'small', nodeCount: 0 };
  const { cluster, operation } = await world.change<{ cluster: { id: string }; operation: { id: string } }>(
    world.member,
    'createCluster',
    input,
    `cluster { id } operation { id ${TOLD} }`,
  );
  const query = `query ($id: ID!, $operationId: ID!) {
    cluster(id: $id) { conditions { ${TOLD} } operations { nodes { ${TOLD} } } events(first: 100) { nodes { ${TOLD} } } }
    operation(id: $operationId) { ${TOLD} }
  }`;
  type Held = { nodes: { problem: Problem | null }[] };
  type All = {
    cluster: { conditions: { problem: Problem | null }[]; operations: Held; events: Held };
    operation: { problem: Problem | null };
  };
  const ids = { id: cluster.id, operationId: operation.id };
  const all = await until(async () => {
    const read = await world.ask<All>(world.member, query, ids);
    return read.operation.problem === null ? undefined : read;
  });
  const expected = {
    __typename: 'Fault',
    code: 'CLOUD_REFUSED',
    message: expect.stringContaining('Not for you.'),
    openstack: { service: 'network', status: 403, requestId },
  };
  expect(all.operation.problem).toEqual(expected);
  for (const held of [all.cluster.conditions, all.cluster.operations.nodes, all.cluster.events.nodes])
    expect(held.map(({ problem }) => problem).filter((problem) => problem !== null)).toContainEqual(expected);
  await world.control('DELETE', 'faults');
});
