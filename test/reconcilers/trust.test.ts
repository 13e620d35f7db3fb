/** A cluster whose Keystone trust is dead is no dead end: it says so, and any member's next request makes another. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askKeystone, hireMember } from './people.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;

interface Trust {
  trustId: string | null;
  trustorUserId: string;
}
const trustOf = (clusterId: string): Trust =>
  JSON.parse(world.rows<{ trust: string }>(`select trust from clusters where id = '${clusterId}'`)[0]?.trust ?? 'null') as Trust;
const operations = (clusterId: string) =>
  world.rows<{ id: string; kind: string; state: string; problem: string | null }>(
    `select id, kind, state, problem from operations where cluster_id = '${clusterId}' order by requested_at desc`,
  );
const stateOf = (clusterId: string) => world.rows<{ state: string }>(`select state from clusters where id = '${clusterId}'`)[0]?.state;
const keptTokens = () => world.rows("select 1 from secrets where name = 'callerToken'").length;

const keystone = (token: string, method: string, path: string, body?: object) => askKeystone(world, token, method, path, body);
const hire = (name: string) => hireMember(world, name);
const createAs = async (token: string, name: string) => {
  const input = { name, clusterTemplate: 'small', nodeCount: 1 };
  const { cluster } = await world.change<{ cluster: { uuid: string } }>(token, 'createCluster', input, 'cluster { uuid }');
  return cluster.uuid;
};
const deleteTrust = (clusterId: string) => keystone(world.member, 'DELETE', `/OS-TRUST/trusts/${trustOf(clusterId).trustId}`);
const nothingLeft = async (clusterId: string) => {
  const left = await (await fetch(`${world.sandbox.controlUrl}/world`)).text();
  const short = world.rows<{ short_id: string }>(`select short_id from clusters where id = '${clusterId}'`)[0]?.short_id ?? '';
  expect([left.includes(clusterId), left.includes(`seedbed-${short}`), keptTokens()]).toEqual([false, false, 0]);
  expect(world.rows(`select 1 from inventory where cluster_id = '${clusterId}' and state <> 'GONE'`)).toEqual([]);
};
const faults = (method: string, body?: object) =>
  fetch(`${world.sandbox.controlUrl}/faults`, { method, ...(body && { body: JSON.stringify(body) }) });

beforeAll(async () => {
  world = await openLiving({ driftSeconds: 30 });
});
afterAll(() => world?.close());

test("a trust deleted by hand is told on the cluster, and a member's next change makes another", async () => {
  const clusterId = await world.makeCluster('changed');
  await until(() => keptTokens() === 0);
  const first = trustOf(clusterId);
  await deleteTrust(clusterId);
  world.wake(clusterId);
  const told = await until(
    () =>
      world.rows<{ problem: string }>(
        `select problem from conditions where object_id = '${clusterId}' and name = 'CloudCredentialReady' and problem is not null`,
      )[0],
  );
  await until(() => stateOf(clusterId) === 'DEGRADED');
  expect(JSON.parse(told.problem)).toMatchObject({
    code: 'CLOUD_CREDENTIAL',
    whoMustAct: 'CUSTOMER',
    message: expect.stringContaining('retry the operation, or change or delete the cluster, as a member of the project'),
  });
  const groupId = world.rows<{ id: string }>(`select id from node_groups where cluster_id = '${clusterId}'`)[0]?.id;
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: groupId, count: 2 }, 'operation { id }');
  await until(() => operations(clusterId)[0]?.state === 'SUCCEEDED');
  await world.settled(clusterId);
  expect(trustOf(clusterId)).toMatchObject({ trustorUserId: first.trustorUserId });
  expect(trustOf(clusterId).trustId).not.toBe(first.trustId);
  expect(keptTokens()).toBe(0);
});

test('a deletion by a live member makes a trust to delete with', async () => {
  const clusterId = world.rows<{ id: string }>("select id from clusters where name = 'changed'")[0]?.id ?? '';
  await world.idle();
  // A look at the trust that began before the deletion, and is answered after it.
  await faults('POST', { service: 'identity', method: 'GET', path: 'trusts', kind: 'stall', stallMs: 1_500, times: 1 });
  await until(async () => {
    world.wake(clusterId);
    return (await (await faults('GET')).text()).includes('"hits":1');
  });
  await deleteTrust(clusterId);
  await world.change(world.member, 'deleteCluster', { clusterId }, 'cluster { id }');
  await until(() => stateOf(clusterId) === 'DELETED');
  await faults('DELETE');
  expect(
    world.rows(`select subject_kind, step, state, message from events where stream_id = '${clusterId}' and problem like '%CLOUD_CREDENTIAL%' and number >
    (select min(number) from events where stream_id = '${clusterId}' and state = 'DELETING')`),
  ).toEqual([]);
  await nothingLeft(clusterId);
});

test('a trust that Keystone does not find for a moment is neither replaced nor left behind', async () => {
  const clusterId = await world.makeCluster('hidden');
  const { trustId } = trustOf(clusterId);
  await faults('POST', { service: 'identity', method: 'GET', path: 'trusts/', kind: 'status', status: 404, times: 3 });
  await world.idle();
  // What was seen of another trust of the same person is believed for a tenth of a look's time.
  await until(() => {
    world.wake(clusterId);
    return world.rows(`select 1 from events where stream_id = '${clusterId}' and message like '%lists it all the same%'`)[0];
  });
  await world.settled(clusterId);
  expect(trustOf(clusterId).trustId).toBe(trustId);
  expect(operations(clusterId).filter(({ state }) => state === 'FAILED')).toEqual([]);
  await faults('DELETE');
  await faults('POST', { service: 'identity', method: 'DELETE', path: 'trusts/', kind: 'status', status: 404, times: 3 });
  await world.change(world.member, 'deleteCluster', { clusterId }, 'cluster { id }');
  await until(() => stateOf(clusterId) === 'DELETED');
  await faults('DELETE');
  await expect(keystone(world.admin, 'GET', `/OS-TRUST/trusts/${trustId}`)).rejects.toThrow(': 404');
  await nothingLeft(clusterId);
});

test('with the trustor removed a deletion without a member fails and says so; a retry by a member completes it', async () => {
  const leaver = await hire('leaver');
  const clusterId = await createAs(leaver.token, 'left');
  await world.settled(clusterId);
  await keystone(world.admin, 'DELETE', `/users/${leaver.id}`);
  await world.change(world.admin, 'deleteCluster', { clusterId }, 'cluster { id }');
  const failed = await until(() => operations(clusterId).find((o) => o.kind === 'DELETE_CLUSTER' && o.state === 'FAILED'));
  expect(JSON.parse(failed.problem ?? 'null')).toMatchObject({
    code: 'CLOUD_CREDENTIAL',
    whoMustAct: 'CUSTOMER',
    message: expect.stringContaining('as a member of the project'),
  });
  await world.change(world.member, 'retryOperation', { operationId: failed.id }, 'operation { id }');
  await until(() => stateOf(clusterId) === 'DELETED');
  expect(operations(clusterId)[0]).toMatchObject({ kind: 'DELETE_CLUSTER', state: 'SUCCEEDED' });
  await nothingLeft(clusterId);
});

test('with the user who made it deleted from Keystone, a colleague resizes and deletes it', async () => {
  const maker = await hire('maker');
  const clusterId = await createAs(maker.token, 'inherited');
  await world.settled(clusterId);
  await keystone(world.admin, 'DELETE', `/users/${maker.id}`);
  const [group] = world.rows<{ id: string }>(`select id from node_groups where cluster_id = '${clusterId}'`);
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: group?.id, count: 2 }, 'operation { id }');
  await until(() => operations(clusterId)[0]?.state === 'SUCCEEDED');
  await world.settled(clusterId);
  expect(world.rows(`select 1 from nodes where cluster_id = '${clusterId}' and state = 'READY'`)).toHaveLength(2);
  expect(trustOf(clusterId)).toMatchObject({ trustorUserId: world.sandbox.users.member.userId });
  await world.change(world.member, 'deleteCluster', { clusterId }, 'cluster { id }');
  await until(() => stateOf(clusterId) === 'DELETED');
  expect(operations(clusterId)[0]).toMatchObject({ kind: 'DELETE_CLUSTER', state: 'SUCCEEDED' });
  await nothingLeft(clusterId);
});

test('a trust whose making was not noted is adopted when another member retries', async () => {
  const first = await hire('first');
  await faults('POST', { service: 'identity', method: 'POST', path: 'trusts$', kind: 'resetAfter', times: 1 });
  await faults('POST', { service: 'identity', method: 'GET', path: 'trusts', kind: 'status', status: 503 });
  const clusterId = await createAs(first.token, 'adopted');
  await until(
    () => world.rows(`select 1 from conditions where object_id = '${clusterId}' and name = 'CloudCredentialReady' and state = 'FAILED'`)[0],
  );
  await world.change(world.member, 'retryOperation', { operationId: operations(clusterId)[0]?.id }, 'operation { id }');
  await faults('DELETE');
  await world.settled(clusterId);
  const lent = async () => {
    const { trusts } = (await keystone(world.admin, 'GET', '/OS-TRUST/trusts')).body as {
      trusts: { id: string; trustor_user_id: string }[];
    };
    return trusts.filter((trust) => trust.id === trustOf(clusterId).trustId || trust.trustor_user_id === first.id);
  };
  expect(trustOf(clusterId)).toMatchObject({ trustorUserId: first.id });
  expect(await lent()).toHaveLength(1);
  await world.change(world.member, 'deleteCluster', { clusterId }, 'cluster { id }');
  await until(() => stateOf(clusterId) === 'DELETED');
  expect(await lent()).toEqual([]);
  await nothingLeft(clusterId);
});
