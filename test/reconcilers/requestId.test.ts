/** What is done for an operation tells OpenStack's services by which request it was asked for. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RecordedCall } from '../../src/sandbox/counters.ts';
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
  expect(looks.length).toBeGreaterThan(0);
  expect(idsOf(looks)).toEqual(new Set([null]));

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
