/** A worker's things in the cloud that cannot be had, or that others take away or change: told, mended, or left and named where somebody meant it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hurry } from './healingWorld.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;

interface Thing {
  id: string;
  name?: string;
}
interface Ip extends Thing {
  floating_ip_address: string;
  port_id: string | null;
}

const call = async <T>(method: string, path: string, body?: object): Promise<T> => {
  const headers = { 'x-auth-token': world.member, 'content-type': 'application/json' };
  const answer = await fetch(new URL(path, world.sandbox.authUrl), { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return (text === '' ? {} : JSON.parse(text)) as T;
};
const ips = async (): Promise<Ip[]> => (await call<{ floatingips: Ip[] }>('GET', '/network/v2.0/floatingips')).floatingips;
const serverGroups = async (): Promise<Thing[]> =>
  (await call<{ server_groups: Thing[] }>('GET', '/compute/v2.1/os-server-groups')).server_groups;
const only = <T>(things: T[]): T => {
  expect(things).toHaveLength(1);
  return things[0] as T;
};
const node = () =>
  only(
    world.rows<{ id: string; port_id: string; floating_ip: string }>('select id, port_id, floating_ip from nodes where deleted_at is null'),
  );
const told = () =>
  world.rows<{ message: string }>(`select message from conditions where object_id = '${node().id}' and name = 'FloatingIpReady'`)[0]
    ?.message;
/** The worker is looked at again and again until it is so: what the project has is listed every second here. */
const lookUntil = (look: () => Promise<boolean>) =>
  until(async () => {
    world.wake(node().id);
    return look();
  });

beforeAll(async () => {
  world = await openLiving({ driftSeconds: 1 });
  await world.makeCluster('drift', { overrides: { floatingIpEnabled: true } });
  await world.idle();
});
afterAll(() => world?.close());

test('a floating IP that is freed is given back to its worker', async () => {
  const ip = only(await ips());
  await call('PUT', `/network/v2.0/floatingips/${ip.id}`, { floatingip: { port_id: null } });
  await lookUntil(async () => only(await ips()).port_id === node().port_id);
  expect(only(await ips()).id).toBe(ip.id);
});

test('a floating IP that is deleted is made anew, and its address is shown', async () => {
  const ip = only(await ips());
  await call('DELETE', `/network/v2.0/floatingips/${ip.id}`);
  await lookUntil(async () => (await ips()).some(({ id }) => id !== ip.id));
  const made = only(await ips());
  expect(made.port_id).toBe(node().port_id);
  await until(() => node().floating_ip === made.floating_ip_address);
});

test('a floating IP that is given to another port is left there, and that is told', async () => {
  const ip = only(await ips());
  const [network] = (await call<{ networks: Thing[] }>('GET', '/network/v2.0/networks')).networks.filter(({ name }) =>
    name?.startsWith('seedbed-'),
  );
  const { port } = await call<{ port: Thing }>('POST', '/network/v2.0/ports', { port: { network_id: network?.id, name: 'mine' } });
  await call('PUT', `/network/v2.0/floatingips/${ip.id}`, { floatingip: { port_id: port.id } });
  await lookUntil(async () => told()?.includes('given to another port') === true);
  expect(only(await ips())).toMatchObject({ id: ip.id, port_id: port.id });
  await call('PUT', `/network/v2.0/floatingips/${ip.id}`, { floatingip: { port_id: node().port_id } });
  await lookUntil(async () => told() === '');
  await call('DELETE', `/network/v2.0/ports/${port.id}`);
});

test("a worker's port has Seedbed's tag and security group again, beside what was put on it", async () => {
  const path = `/network/v2.0/ports/${node().port_id}`;
  const port = async () => (await call<{ port: { tags: string[]; security_groups: string[] } }>('GET', path)).port;
  const before = await port();
  const { security_group: own } = await call<{ security_group: Thing }>('POST', '/network/v2.0/security-groups', {
    security_group: { name: 'mine' },
  });
  await call('PUT', path, { port: { security_groups: [own.id] } });
  await call('PUT', `${path}/tags`, { tags: ['mine'] });
  await lookUntil(async () => (await port()).tags.length === 2);
  expect(await port()).toMatchObject({ tags: ['mine', ...before.tags], security_groups: [...before.security_groups, own.id] });
});

test('a port whose port security somebody switched off is left so', async () => {
  const { id, port_id } = node();
  const path = `/network/v2.0/ports/${port_id}`;
  const port = async () => (await call<{ port: { security_groups: string[] } }>('GET', path)).port;
  const { security_groups } = await port();
  await call('PUT', path, { port: { security_groups: [], port_security_enabled: false } });
  await world.control('DELETE', 'counters');
  await lookUntil(async () => JSON.stringify(await world.control('GET', 'counters')).includes('"/v2.0/ports"'));
  world.wake(id);
  await world.idle();
  expect((await port()).security_groups).toEqual([]);
  expect(world.rows(`select state, message from conditions where object_id = '${id}' and name = 'PortReady'`)).toEqual([
    { state: 'DONE', message: '' },
  ]);
  await call('PUT', path, { port: { security_groups, port_security_enabled: true } });
});

test('a worker that stops is seen although the network service is away', async () => {
  const { id } = node();
  const state = () => world.rows<{ state: string }>(`select state from nodes where id = '${id}'`)[0]?.state;
  await world.control('POST', 'faults', { kind: 'status', status: 503, service: 'network' });
  await world.control('POST', 'kubelets', { name: '.*', running: false });
  await until(() => state() === 'NOT_READY');
  await world.control('DELETE', 'faults');
  await world.control('POST', 'kubelets', { name: '.*', running: true });
  await until(() => state() === 'READY');
});

test('a server group that is deleted is made anew for the next worker', async () => {
  const group = only(await serverGroups());
  await call('DELETE', `/compute/v2.1/os-server-groups/${group.id}`);
  const [{ id } = { id: '' }] = world.rows<{ id: string }>('select id from node_groups');
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: id, count: 2 }, 'operation { id }');
  await until(() => world.rows("select 1 from nodes where deleted_at is null and state = 'READY'").length === 2);
  const made = only(await serverGroups());
  expect(made.name).toBe(group.name);
  expect(made.id).not.toBe(group.id);
  expect(world.rows("select 1 from events where json_extract(problem, '$.whoMustAct') != 'NOBODY'")).toEqual([]);
});

test('a worker without the floating IP that was asked for is not READY, and is tried again when somebody says so', async () => {
  const refusal = { NeutronError: { type: 'OverQuota', message: "Quota exceeded for resources: ['floatingip'].", detail: '' } };
  const fault = {
    kind: 'status',
    status: 409,
    body: JSON.stringify(refusal),
    service: 'network',
    method: 'POST',
    path: '^/v2.0/floatingips',
  };
  await world.control('POST', 'faults', fault);
  const { id: clusterId } = only(world.rows<{ id: string }>('select id from clusters'));
  const input = { clusterId, name: 'outside', count: 1, floatingIpEnabled: true };
  const { operation } = await world.change<{ operation: { id: string; uuid: string } }>(
    world.member,
    'createNodeGroup',
    input,
    'operation { id uuid }',
  );
  const asked = () => only(world.rows<{ state: string; problem: string }>(`select * from operations where id = '${operation.uuid}'`));
  const worker = () =>
    world.rows<{ id: string; node_group_id: string; state: string; kubelet_version: string | null; fault: string | null }>(
      "select * from nodes where name like '%-outside-%'",
    )[0];
  await until(() => asked().state === 'FAILED' && worker()?.kubelet_version != null);
  expect(JSON.parse(asked().problem)).toMatchObject({ retryable: false, message: expect.stringContaining('floatingip') });
  await until(() => worker()?.state === 'FAILED');
  const settledAt = asked().state;
  // What looks at it again and again, and another try that does not help, change nothing of what is told.
  const stillTold = async () => {
    for (let looks = 0; looks < 3; looks += 1) {
      world.wake(worker()?.id ?? '');
      world.wake(worker()?.node_group_id ?? '');
      await world.idle();
    }
    expect([asked().state, worker()?.state, worker()?.fault ?? '']).toEqual([settledAt, 'FAILED', expect.stringContaining('floatingip')]);
  };
  await stillTold();
  await world.change(world.member, 'retryOperation', { operationId: operation.id }, 'operation { id }');
  await until(() => asked().state === 'FAILED');
  await stillTold();
  await world.control('DELETE', 'faults');
  await world.change(world.member, 'retryOperation', { operationId: operation.id }, 'operation { id }');
  await until(() => asked().state === 'SUCCEEDED');
  expect(worker()).toMatchObject({ state: 'READY', fault: null });
  expect(await ips()).toHaveLength(3);
});

const workers = () =>
  world.rows<{ id: string; state: string; port_id: string; server_id: string; trouble: string | null }>(
    "select id, state, port_id, server_id, trouble from nodes where deleted_at is null and name like '%-default-worker-%' order by created_at",
  );

test('a port that is deleted before there is a server on it is made anew', async () => {
  await world.control('POST', 'faults', { service: 'compute', method: 'POST', path: '/servers$', kind: 'status', status: 503 });
  const [{ id } = { id: '' }] = world.rows<{ id: string }>('select id from node_groups where is_default');
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: id, count: 3 }, 'operation { id }');
  const first = await until(() => workers()[2]?.port_id);
  await call('DELETE', `/network/v2.0/ports/${first}`);
  await world.control('DELETE', 'faults');
  await until(() => workers()[2]?.state === 'READY');
  expect(workers()[2]?.port_id).not.toBe(first);
});

test("a worker's port that is deleted under its server is named, and another worker takes its place", async () => {
  hurry(world);
  const [victim] = workers();
  await call('DELETE', `/network/v2.0/ports/${victim?.port_id}`);
  const trouble = await until(() => {
    world.wake(victim?.id ?? '');
    return world.rows<{ trouble: string | null }>(`select trouble from nodes where id = '${victim?.id}'`)[0]?.trouble;
  });
  expect(JSON.parse(trouble)).toMatchObject({
    kind: 'PORT_LOST',
    message: expect.stringMatching(/^has lost its port \S+, which was deleted in the cloud$/),
  });
  await until(() => workers().length === 3 && workers().every((one) => one.id !== victim?.id && one.state === 'READY'));
  expect(world.rows("select 1 from operations where kind = 'HEAL_NODE' and reason like '%has lost its port%'")).toHaveLength(1);
});
