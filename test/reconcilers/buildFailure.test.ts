/** A server that Nova cannot build is made again elsewhere, with the same port and root volume, and reported after three tries with Nova's own words. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface Problem {
  code: string;
  message: string;
  whoMustAct: string;
  retryable: boolean;
}
interface Cloud {
  network: { ports: { id: string; name: string; device_id: string }[] };
  compute: { servers: { id: string; name: string; zone: string; status: string }[] };
  volume: { volumes: { id: string; name: string; status: string }[] };
}
interface Node {
  id: string;
  name: string;
  state: string;
  zone: string | null;
  server_id: string | null;
  port_id: string | null;
  build_failures: string | null;
}

let world: Living;
let clusterId: string;
const ZONES = ['east', 'west'];

const cloud = async () => (await world.control<{ openstack: Cloud }>('GET', 'world')).openstack;
const groupRow = (name: string) => world.rows<{ id: string; state: string }>(`select id, state from node_groups where name = '${name}'`)[0];
const nodesOf = (name: string) =>
  world.rows<Node>(
    `select n.* from nodes n join node_groups g on g.id = n.node_group_id where g.name = '${name}' and n.deleted_at is null`,
  );
const ready = (name: string) => until(() => groupRow(name)?.state === 'READY');
const fail = (name: string, trouble: string, more: object = {}) =>
  world.control('POST', 'serverFaults', { name: `-${name}-`, trouble, ...more });
const heal = () => world.control('DELETE', 'serverFaults');
const addGroup = async (name: string, more: object = {}) => {
  const input = { clusterId, name, count: 1, serverGroupPolicy: 'NONE', ...more };
  return (await world.change<{ operation: { id: string } }>(world.member, 'createNodeGroup', input, 'operation { id }')).operation.id;
};
const problemOf = (objectId: string | undefined, step: string) =>
  until(() => {
    const row = world.rows<{ problem: string }>(
      `select problem from conditions where object_id = '${objectId}' and name = '${step}' and state = 'FAILED'`,
    )[0];
    return row && (JSON.parse(row.problem) as Problem);
  });
const posts = async (service: string, path: string) => {
  const { calls } = await world.control<{ calls: { service: string; method: string; path: string; calls: number }[] }>('GET', 'counters');
  return calls
    .filter((c) => c.service === service && c.method === 'POST' && c.path.endsWith(path))
    .reduce((sum, { calls: n }) => sum + n, 0);
};
/** What the API tells of where an operation's problem is from. */
const toldOf = async (operationId: string) => {
  const query = 'query ($id: ID!) { operation(id: $id) { problem { openstack { service status requestId } } } }';
  const { operation } = await until(async () => {
    const answer = await world.ask<{ operation: { problem: { openstack: object } | null } }>(world.member, query, { id: operationId });
    return answer.operation.problem === null ? undefined : answer;
  });
  return operation.problem?.openstack;
};
/** Nova's request that made the last server of this name, which is gone by now, as Nova has it. */
const lastCreate = async (name = ''): Promise<string> => {
  const nova = `${world.sandbox.authUrl.replace(/\/identity.*$/, '')}/compute/v2.1`;
  const get = async (path: string) => {
    const headers = { 'x-auth-token': world.member, 'openstack-api-version': 'compute 2.90' };
    return (await fetch(`${nova}${path}`, { headers })).json();
  };
  const since = new Date(Date.now() - 600_000).toISOString();
  const listed = (await get(`/servers/detail?changes-since=${since}&name=${name}`)) as { servers: { id: string; created: string }[] };
  const requests: { request_id: string; start_time: string }[] = [];
  for (const { id } of listed.servers) {
    const { instanceActions } = (await get(`/servers/${id}/os-instance-actions`)) as {
      instanceActions: { action: string; request_id: string; start_time: string }[];
    };
    requests.push(...instanceActions.filter(({ action }) => action === 'create'));
  }
  expect(requests).toHaveLength(3);
  return requests.sort((a, b) => (a.start_time < b.start_time ? 1 : -1))[0]?.request_id ?? '';
};
/** How often Nova was asked for what was done to a server. */
const actionsAsked = async () => {
  const { calls } = await world.control<{ calls: { path: string; calls: number }[] }>('GET', 'counters');
  return calls.filter(({ path }) => path.endsWith('/os-instance-actions')).reduce((sum, { calls: n }) => sum + n, 0);
};
/** Nothing of the group but what one worker has. */
const one = async (name: string) => {
  const { network, compute } = await cloud();
  expect(network.ports.filter((p) => p.name.includes(`-${name}-`))).toHaveLength(1);
  expect(compute.servers.filter((s) => s.name.includes(`-${name}-`))).toHaveLength(1);
};

beforeAll(async () => {
  world = await openLiving();
  await world.control('PATCH', 'dials', { zones: ZONES });
  await world.control('PUT', `quotas/${world.sandbox.users.member.projectId}`, { instances: 50, cores: 100, ram: 500_000 });
  clusterId = await world.makeCluster('builds', { nodeCount: 0 });
});
afterAll(() => world?.close());

test('a server for which a zone has no host is made in the next, and its worker stays there', async () => {
  await fail('zones', 'noValidHost', { zone: 'east' });
  await addGroup('zones', { count: 2, availabilityZones: ZONES });
  await ready('zones');
  expect(nodesOf('zones').map(({ zone }) => zone)).toEqual(['west', 'west']);
  await heal();
});

test('a build that fails once is made again with the port and the root volume it had', async () => {
  await world.control('DELETE', 'counters');
  await fail('again', 'buildError', { times: 1 });
  await addGroup('again', { rootVolume: { sizeGiB: 20 } });
  const first = await until(() => nodesOf('again').find((node) => node.build_failures !== null && node.state === 'CREATING'));
  await ready('again');
  expect(nodesOf('again')[0]).toMatchObject({ id: first.id, port_id: first.port_id, build_failures: null });
  await one('again');
  // For the one that failed, and for none that did not.
  expect(await actionsAsked()).toBe(1);
  expect([await posts('compute', '/servers'), await posts('network', '/ports'), await posts('volume', '/volumes')]).toEqual([2, 1, 1]);
});

test.each([
  ['host', 'noValidHost', 'NO_VALID_HOST', /No valid host was found\. There are not enough hosts available/],
  ['build', 'buildError', 'SERVER_BUILD_FAILED', /Build of instance .* aborted: Failed to allocate the network\(s\), not rescheduling/],
])('three tries, then the words of Nova: %s', async (name, trouble, code, words) => {
  await fail(name, trouble);
  const operationId = await addGroup(name);
  const group = await problemOf(groupRow(name)?.id, 'NodesReady');
  expect(group).toMatchObject({ code, whoMustAct: 'CLOUD_ADMIN', retryable: false, message: expect.stringMatching(words) });
  expect(group.message).toContain('try 3 of 3');
  expect(await toldOf(operationId)).toEqual({ service: 'compute', status: 500, requestId: await lastCreate(nodesOf(name)[0]?.name) });
  const [node] = nodesOf(name);
  expect(await problemOf(node?.id, 'ServerActive')).toEqual(group);
  await world.idle();
  // Nothing of it is left but its port, and what looks at it anew makes nothing at once.
  const servers = async () => (await cloud()).compute.servers.filter((s) => s.name === node?.name);
  await until(async () => (await servers()).length === 0);
  await world.control('DELETE', 'counters');
  world.wake(node?.id ?? '');
  await world.idle();
  expect(await posts('compute', '/servers')).toBe(0);
  expect(nodesOf(name)[0]?.state).toBe('FAILED');
  await heal();
  await world.change(world.member, 'retryOperation', { operationId }, 'operation { id }');
  await ready(name);
  await one(name);
});

test('after three tries the next come ever later, and at once when the customer asks for another', async () => {
  const asked = () => posts('compute', '/servers');
  const failuresOf = () => JSON.parse(nodesOf('slow')[0]?.build_failures ?? 'null') as { tries: number; notBefore: number } | null;
  const failed = (tries: number) =>
    until(() => {
      const failures = failuresOf();
      return nodesOf('slow')[0]?.state === 'FAILED' && failures?.tries === tries ? failures : undefined;
    });
  const minutesLeft = ({ notBefore }: { notBefore: number }) => (notBefore - Date.now()) / 60_000;
  await world.control('DELETE', 'counters');
  await fail('slow', 'noValidHost');
  const operationId = await addGroup('slow');
  await failed(3);
  expect(await asked()).toBe(3);
  const id = nodesOf('slow')[0]?.id ?? '';
  for (const [tries, minutes] of [
    [4, 2],
    [5, 4],
  ] as const) {
    world.write(`update nodes set build_failures = json_set(build_failures, '$.notBefore', 0) where id = '${id}'`);
    world.wake(id);
    const failures = await failed(tries);
    expect(minutesLeft(failures)).toBeGreaterThan(minutes - 1);
    expect(minutesLeft(failures)).toBeLessThanOrEqual(minutes);
    const next = `${new Date(failures.notBefore).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
    const words = new RegExp(`\\(try ${tries}\\).*the next try by itself comes after ${next}`);
    await until(async () => words.test((await problemOf(id, 'ServerActive')).message));
    // What looks at it meanwhile asks for none.
    world.wake(id);
    await world.idle();
    expect(await asked()).toBe(tries);
  }
  await world.change(world.member, 'retryOperation', { operationId }, 'operation { id }');
  await failed(3);
  expect(await asked()).toBe(8);
  await heal();
  await world.change(world.member, 'retryOperation', { operationId }, 'operation { id }');
  await ready('slow');
  expect(await asked()).toBe(9);
  await one('slow');
});

test('one that fails can be replaced, and its group deleted', async () => {
  await fail('out', 'buildError');
  await addGroup('out');
  await problemOf(groupRow('out')?.id, 'NodesReady');
  const old = nodesOf('out')[0]?.id;
  await world.change(world.member, 'replaceNode', { nodeId: old }, 'operation { id }');
  await until(() => nodesOf('out').some(({ id, state }) => id !== old && state === 'FAILED') && nodesOf('out').length === 1);
  await world.change(world.member, 'deleteNodeGroup', { nodeGroupId: groupRow('out')?.id }, 'operation { id }');
  await until(() => groupRow('out')?.state === 'DELETED');
  const { network, compute } = await cloud();
  expect([...network.ports, ...compute.servers].filter((thing) => thing.name.includes('-out-'))).toEqual([]);
  await heal();
});

test('a root volume that ends in error is made again; three in a row are reported', async () => {
  await fail('disk', 'volumeError', { times: 1 });
  await addGroup('disk', { rootVolume: { sizeGiB: 20 } });
  await ready('disk');
  await fail('disks', 'volumeError');
  const operationId = await addGroup('disks', { rootVolume: { sizeGiB: 20 } });
  expect(await problemOf(groupRow('disks')?.id, 'NodesReady')).toMatchObject({
    code: 'VOLUME_BUILD_FAILED',
    whoMustAct: 'CLOUD_ADMIN',
    message: expect.stringContaining('try 3 of 3'),
  });
  await heal();
  await world.change(world.member, 'retryOperation', { operationId }, 'operation { id }');
  await ready('disks');
  const volumes = (await cloud()).volume.volumes.filter(({ name }) => /-disks?-/.test(name));
  expect(volumes.map(({ status }) => status)).toEqual(['in-use', 'in-use']);
});

test('a Nova that does not tell which request it was takes nothing from the problem', async () => {
  await world.control('POST', 'faults', { kind: 'status', service: 'compute', path: '/os-instance-actions$', status: 403 });
  await fail('untold', 'buildError');
  const operationId = await addGroup('untold');
  expect(await problemOf(groupRow('untold')?.id, 'NodesReady')).toMatchObject({ code: 'SERVER_BUILD_FAILED' });
  expect(await toldOf(operationId)).toEqual({ service: 'compute', status: 500, requestId: null });
  await world.control('DELETE', 'faults');
  await heal();
});
