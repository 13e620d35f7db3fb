/** A project without room gets one error that names all that is short, before anything is made; and goes on by itself once there is room. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface Figures {
  resource: string;
  used: number;
  limit: number;
  requested: number;
}
interface Problem {
  code: string;
  message: string;
  whoMustAct: string;
  quotas: Figures[];
}

let world: Living;
beforeAll(async () => {
  world = await openLiving();
});
afterAll(() => world?.close());

const UNLIMITED = {
  cores: -1,
  ram: -1,
  instances: -1,
  server_groups: -1,
  port: -1,
  floatingip: -1,
  security_group: -1,
  router: -1,
  volumes: -1,
  gigabytes: -1,
};
const setQuotas = (limits: object) => world.control('PUT', `quotas/${world.sandbox.users.member.projectId}`, limits);
const QUOTAS = '{ cloud { quotas { resource used limit } } }';
const readQuotas = async (): Promise<Record<string, { used: number; limit: number | null }>> => {
  const { cloud } = await world.ask<{ cloud: { quotas: Figures[] } }>(world.member, QUOTAS);
  return Object.fromEntries(cloud.quotas.map(({ resource, used, limit }) => [resource, { used, limit }]));
};
/** What anybody has read of the quotas is forgotten; what is read next is as they are now. */
const readAnew = async () => {
  await world.restart();
  return readQuotas();
};
/** The commands know of quotas from before they are lowered, and accept: only the reconciler finds out. */
const lowerUnseen = async (limits: object) => {
  await readAnew();
  await setQuotas(limits);
};
const INPUT = { clusterTemplate: 'small', nodeCount: 3 };
const create = async (name: string, more: object = {}) =>
  (await world.change<{ cluster: { uuid: string } }>(world.member, 'createCluster', { name, ...INPUT, ...more }, 'cluster { uuid }'))
    .cluster.uuid;
const refusal = async (mutation: string, input: object): Promise<Problem & { __typename: string }> => {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`;
  const fields =
    '__typename ... on QuotaError { code message field whoMustAct quota { resource } quotas { resource used limit requested } }';
  const query = `mutation($input: ${type}!) { answer: ${mutation}(input: $input) { ${fields} } }`;
  return (await world.ask<{ answer: Problem & { __typename: string } }>(world.member, query, { input })).answer;
};
const failed = (objectId: string, name = 'QuotasSufficient') =>
  until(() => {
    const [row] = world.rows<{ problem: string }>(
      `select problem from conditions where object_id = '${objectId}' and name = '${name}' and state = 'FAILED'`,
    );
    return row && (JSON.parse(row.problem) as Problem);
  });
/** Of the project's things, but for what Seedbed may act by. */
const writesToCloud = async (): Promise<string[]> => {
  const { calls } = await world.control<{ calls: { service: string; method: string; path: string }[] }>('GET', 'counters');
  return calls
    .filter(({ service, method }) => method !== 'GET' && ['compute', 'network', 'volume'].includes(service))
    .map(({ method, path }) => `${method} ${path}`);
};
const shortOf = (problem: Problem) => Object.fromEntries(problem.quotas.map((each) => [each.resource, each.requested]));
const groupOf = (clusterId: string) =>
  world.rows<{ id: string }>(`select id from node_groups where cluster_id = '${clusterId}'`)[0]?.id ?? '';

/** Of three m1.small: 2 vCPU and 2 GiB each. */
const TIGHT = { instances: 2, ram: 4_096, port: 4, router: 0 };

test('what is known of the quotas refuses a mutation with all that is short, and nothing is written', async () => {
  await setQuotas({ ...UNLIMITED, ...TIGHT });
  const quotas = await readAnew();
  expect(quotas).toMatchObject({ instances: { used: 0, limit: 2 }, router: { limit: 0 }, cores: { limit: null } });
  await world.control('DELETE', 'counters');
  const answer = await refusal('createCluster', { name: 'refused', ...INPUT });
  expect(answer).toMatchObject({ __typename: 'QuotaError', code: 'QUOTA_EXCEEDED', whoMustAct: 'CUSTOMER' });
  expect(answer.quotas).toEqual([
    { resource: 'instances', used: 0, limit: 2, requested: 3 },
    { resource: 'ram', used: 0, limit: 4_096, requested: 6_144 },
    { resource: 'port', used: quotas['port']?.used, limit: 4, requested: 5 },
    { resource: 'router', used: 0, limit: 0, requested: 1 },
  ]);
  expect(world.rows('select 1 from clusters')).toEqual([]);
  expect(await writesToCloud()).toEqual([]);
});

test('where nothing is known the cluster itself says so with one condition, before anything is made, and goes on once there is room', async () => {
  await setQuotas(UNLIMITED);
  await lowerUnseen(TIGHT);
  await world.control('DELETE', 'counters');
  const clusterId = await create('starved');
  const problem = await failed(clusterId);
  expect(problem).toMatchObject({ code: 'QUOTA_EXCEEDED', whoMustAct: 'CUSTOMER' });
  expect(shortOf(problem)).toEqual({ instances: 3, ram: 6_144, port: 5, router: 1 });
  for (const { resource, used, limit, requested } of problem.quotas)
    expect(problem.message).toContain(`${resource} (${used} of ${limit} used, ${requested} more needed)`);
  const failedNow = () =>
    world.rows<{ problem: string }>(`select problem from operations where cluster_id = '${clusterId}' and state = 'FAILED'`)[0];
  expect(JSON.parse((await until(failedNow)).problem)).toEqual(problem);
  await world.idle();
  // Another look later makes nothing either, and no control plane takes up a seed in vain.
  world.wake(clusterId);
  world.wake(groupOf(clusterId));
  await world.idle();
  expect(await writesToCloud()).toEqual([]);
  expect(world.rows(`select name from conditions where object_id = '${clusterId}' and problem is not null`)).toEqual([
    { name: 'QuotasSufficient' },
  ]);
  expect(world.rows(`select 1 from conditions where object_id = '${clusterId}' and name = 'EtcdReady' and state != 'PENDING'`)).toEqual([]);
  await setQuotas(UNLIMITED);
  world.wake(clusterId);
  await world.settled(clusterId);
  expect(world.rows(`select 1 from nodes where cluster_id = '${clusterId}' and state = 'READY'`)).toHaveLength(3);
  await until(() => world.rows(`select 1 from operations where cluster_id = '${clusterId}' and state = 'SUCCEEDED'`).length === 1);
});

test('fewer workers are a remedy as good as more quota', async () => {
  const { instances } = await readAnew();
  await setQuotas({ instances: (instances?.used ?? 0) + 1 });
  const clusterId = await create('smaller');
  expect(shortOf(await failed(clusterId))).toEqual({ instances: 3 });
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: groupOf(clusterId), count: 1 }, 'nodeGroup { id }');
  await world.settled(clusterId);
  await setQuotas(UNLIMITED);
});

test('a group that is to be added or to grow says what is short and makes nothing; its workers are still looked after', async () => {
  await setQuotas(UNLIMITED);
  await readAnew();
  const clusterId = await world.makeCluster('growing', { nodeCount: 2 });
  const groupId = groupOf(clusterId);
  const { instances, cores } = await readAnew();
  const full = { instances: (instances?.used ?? 0) + 1, cores: (cores?.used ?? 0) + 2, server_groups: 0 };
  await setQuotas(full);
  await world.control('DELETE', 'counters');
  const more = { clusterId, name: 'more', count: 2 };
  const { nodeGroup } = await world.change<{ nodeGroup: { uuid: string } }>(world.member, 'createNodeGroup', more, 'nodeGroup { uuid }');
  expect(shortOf(await failed(nodeGroup.uuid))).toEqual({ instances: 2, cores: 4, server_groups: 1 });
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: groupId, count: 4 }, 'nodeGroup { id }');
  expect(shortOf(await failed(groupId, 'NodesReady'))).toEqual({ instances: 2, cores: 4 });
  await world.idle();
  expect(await writesToCloud()).toEqual([]);
  expect(world.rows(`select 1 from nodes where cluster_id = '${clusterId}' and deleted_at is null`)).toHaveLength(2);
  // One that takes the place of another is no growth.
  const [old] = world.rows<{ id: string }>(`select id from nodes where node_group_id = '${groupId}'`);
  await world.change(world.member, 'replaceNode', { nodeId: old?.id }, 'operation { id }');
  await until(() => world.rows(`select 1 from nodes where id = '${old?.id}' and deleted_at is not null`).length === 1);
  expect(world.rows(`select 1 from nodes where node_group_id = '${groupId}' and deleted_at is null and state = 'READY'`)).toHaveLength(2);
  await setQuotas(UNLIMITED);
  world.wake(groupId);
  world.wake(nodeGroup.uuid);
  await until(
    () => world.rows(`select 1 from nodes where cluster_id = '${clusterId}' and state = 'READY' and deleted_at is null`).length === 6,
  );
  await world.settled(clusterId);
});

test('a known shortage refuses a group’s growth at once', async () => {
  const [row] = world.rows<{ id: string; group_id: string }>(
    "select c.id, g.id as group_id from clusters c join node_groups g on g.cluster_id = c.id where c.name = 'growing' and g.is_default = 1",
  );
  const used = (await readAnew())['instances']?.used ?? 0;
  await setQuotas({ instances: used + 1 });
  await readAnew();
  const instances = { resource: 'instances', used, limit: used + 1, requested: 2 };
  expect(await refusal('resizeNodeGroup', { nodeGroupId: row?.group_id, count: 6 })).toMatchObject({
    code: 'QUOTA_EXCEEDED',
    field: ['count'],
    quotas: [instances],
  });
  expect(await refusal('createNodeGroup', { clusterId: row?.id, name: 'third', count: 2 })).toMatchObject({
    code: 'QUOTA_EXCEEDED',
    quotas: [instances],
  });
  await setQuotas(UNLIMITED);
});
