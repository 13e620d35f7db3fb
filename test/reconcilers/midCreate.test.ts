/** What a create meets on its way: the seed goes away, quotas are used up, every token ends. It is told while it lasts, and nothing is lost. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
beforeAll(async () => {
  world = await openLiving();
});
afterAll(() => world?.close());

const begin = async (name: string): Promise<string> => {
  const input = { name, clusterTemplate: 'small', nodeCount: 2 };
  const { cluster } = await world.change<{ cluster: { uuid: string } }>(world.member, 'createCluster', input, 'cluster { uuid }');
  return cluster.uuid;
};
/** Until the step has come to `state`, in the cluster itself or in one of its nodes. */
const reached = (clusterId: string, step: string, state: string) =>
  until(
    () =>
      world.rows<{ problem: string | null; message: string }>(
        `select problem, message from conditions where name = '${step}' and state = '${state}'
         and object_id in (select id from clusters where id = '${clusterId}' union select id from nodes where cluster_id = '${clusterId}')`,
      )[0],
  );
const told = (clusterId: string) =>
  world
    .rows<{ problem: string }>(`select problem from events where stream_id = '${clusterId}' and problem is not null`)
    .map(({ problem }) => JSON.parse(problem) as { code: string });
const shape = (clusterId: string) => ({
  servers: world.rows(`select 1 from nodes where cluster_id = '${clusterId}' and state = 'READY'`).length,
  made: world.rows(`select service, kind, count(*) as n from inventory where cluster_id = '${clusterId}' and state = 'PRESENT'
                    and service != 'KUBERNETES' group by service, kind order by service, kind`),
  operations: world.rows(`select kind, state from operations where cluster_id = '${clusterId}'`),
});
let calm: ReturnType<typeof shape>;

test('as it is when nothing comes between', async () => {
  const clusterId = await world.makeCluster('calm', { nodeCount: 2 });
  calm = shape(clusterId);
  expect(calm).toMatchObject({ servers: 2, operations: [{ kind: 'CREATE_CLUSTER', state: 'SUCCEEDED' }] });
  expect(told(clusterId)).toEqual([]);
});

test.each(['SeedNamespaceReady', 'EtcdReady', 'ApiServerReady'])('the seed goes away in the middle of %s, and comes back', async (step) => {
  // A world that answers at once is through with a step before anybody sees it wait.
  await world.control('PATCH', 'dials', { latencyScale: 1 });
  const clusterId = await begin(`down-${step.toLowerCase()}`);
  await reached(clusterId, step, step === 'SeedNamespaceReady' ? 'DONE' : 'WAITING');
  // Then nothing of the cluster's calls the seed: all is waited for.
  if (step === 'ApiServerReady') await reached(clusterId, 'EtcdReady', 'WAITING');
  await world.control('POST', 'faults', { service: 'kubernetes', kind: 'resetBefore' });
  await until(() => told(clusterId).find(({ code }) => code === 'SEED_UNAVAILABLE'));
  const seed = await until(
    () => world.rows<{ problem: string }>("select problem from conditions where name = 'Reachable' and state = 'FAILED'")[0],
  );
  expect(JSON.parse(seed.problem)).toMatchObject({ code: 'SEED_UNAVAILABLE' });
  await world.control('DELETE', 'faults');
  await world.control('PATCH', 'dials', { latencyScale: 0 });
  await world.settled(clusterId);
  expect(shape(clusterId)).toEqual(calm);
});

test('the seed answers and its watches alone are broken: what they have shown so far is not waited with', async () => {
  await world.control('POST', 'faults', { service: 'kubernetes', path: 'watch=', kind: 'status', status: 503 });
  // Watches that are open already go on.
  await world.restart();
  const clusterId = await begin('unwatched');
  await until(() => told(clusterId).find(({ code }) => code === 'SEED_UNAVAILABLE'));
  expect(world.rows("select state from conditions where name = 'Reachable'")).toEqual([{ state: 'DONE' }]);
  await world.control('DELETE', 'faults');
  await world.settled(clusterId);
  expect(shape(clusterId)).toEqual(calm);
});

test.each([
  ['security_group', 'SecurityGroupReady'],
  ['network', 'NetworkReady'],
  ['instances', 'ServerActive'],
])(
  'the quota of %s is used up by others in the middle of a create: told with its figures, and a retry goes on from there',
  async (quota, step) => {
    const { projectId } = world.sandbox.users.member;
    // There is room when it is looked for, and then there is none any more.
    const slow = { service: 'network', method: 'POST', path: '/(networks|security-groups)$', kind: 'stall', stallMs: 2_000, times: 2 };
    await world.control('POST', 'faults', slow);
    const clusterId = await begin(`quota-${quota.replace('_', '-')}`);
    await reached(clusterId, 'QuotasSufficient', 'DONE');
    await world.control('PUT', `quotas/${projectId}`, { [quota]: 0 });
    const operation = await until(
      () =>
        world.rows<{ id: string; problem: string }>(
          `select id, problem from operations where cluster_id = '${clusterId}' and state = 'FAILED'`,
        )[0],
    );
    expect(JSON.parse(operation.problem)).toMatchObject({ code: 'QUOTA_EXCEEDED', whoMustAct: 'CUSTOMER' });
    expect(JSON.parse((await reached(clusterId, step, 'FAILED')).problem ?? 'null')).toMatchObject({
      quota: { resource: expect.any(String) },
    });
    await world.control('PUT', `quotas/${projectId}`, { [quota]: -1 });
    await world.control('DELETE', 'faults');
    await world.change(world.member, 'retryOperation', { operationId: operation.id }, 'operation { id }');
    await world.settled(clusterId);
    expect(shape(clusterId)).toEqual(calm);
  },
);

test('a restart takes back nothing that was done: what it has not read yet is not missing', async () => {
  await world.control('POST', 'serverFaults', { name: '.', trouble: 'slow', slowMs: 6_000 });
  const clusterId = await begin('restarted');
  for (const step of ['SchedulerReady', 'ControllerManagerReady', 'AddonKubeProxyInstalled']) await reached(clusterId, step, 'DONE');
  await world.control('DELETE', 'serverFaults');
  await world.control('POST', 'faults', {
    service: 'kubernetes',
    path: '/(statefulsets|deployments)\\?',
    kind: 'stall',
    stallMs: 1_000,
    times: 4,
  });
  const [last] = world.rows<{ number: number }>(`select max(number) as number from events where stream_id = '${clusterId}'`);
  await world.restart();
  await world.settled(clusterId);
  const undone = `select step, message from events where stream_id = '${clusterId}' and number > ${last?.number} and state = 'WAITING'
                  and step in ('EtcdReady', 'ApiServerReady', 'ControllerManagerReady', 'SchedulerReady')`;
  expect(world.rows(undone)).toEqual([]);
  expect(shape(clusterId)).toEqual(calm);
});

test('once there is a trust, every token may end again and again, and nobody notices', async () => {
  const clusterId = await begin('tokens');
  // From here on Seedbed has a trust; until then it has only what the caller came with.
  await reached(clusterId, 'CloudCredentialReady', 'DONE');
  const state = () => world.rows<{ state: string }>(`select state from clusters where id = '${clusterId}'`)[0]?.state;
  let ended = 0;
  for (let i = 0; state() !== 'READY' && i < 100; i += 1) {
    // A token that ended before its first call would be told, and rightly so: a login that is never accepted.
    ended += (await world.control<{ revoked: number }>('POST', 'revokeTokens', { ageMs: 2_000 })).revoked;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(ended).toBeGreaterThan(2);
  await world.settled(clusterId);
  expect(told(clusterId)).toEqual([]);
  expect(shape(clusterId)).toEqual(calm);
});
