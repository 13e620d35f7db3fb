/** What a node group says of its servers beyond their size, as Nova and Neutron have it in the end. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStory, type Story, until } from './story.ts';

let world: Story;
let clusterId: string;
let storageId: string;
let officeId: string;
let webId: string;

interface Cloud {
  network: { ports: { id: string; name: string; network_id: string; security_groups: string[]; fixed_ips: { ip_address: string }[] }[] };
  compute: {
    servers: {
      id: string;
      name: string;
      host: string;
      groupId: string | null;
      metadata: object;
      configDrive: boolean;
      apartFrom: string[];
      ports: { portId: string }[];
    }[];
    serverGroups: { id: string; name: string; policy: string; members: string[] }[];
  };
}
const cloud = async () => (await world.control<{ openstack: Cloud }>('GET', 'world')).openstack;
const serversOf = async (group: string) => (await cloud()).compute.servers.filter(({ name }) => name.includes(`-${group}-`));
const ready = (group: string) =>
  until(() => world.rows<{ state: string }>(`select state from node_groups where name = '${group}'`)[0]?.state === 'READY');
const SECRET = 'correct-horse-battery';
/** As Nova has it, for administrators. */
const userDataOf = async (id: string): Promise<Record<string, unknown>> => {
  const headers = { 'x-auth-token': world.admin, 'openstack-api-version': 'compute 2.90' };
  const answer = await fetch(new URL(`/compute/v2.1/servers/${id}`, world.sandbox.authUrl), { headers });
  const { server } = (await answer.json()) as { server: Record<string, string> };
  const text = Buffer.from(server['OS-EXT-SRV-ATTR:user_data'] ?? '', 'base64').toString();
  return JSON.parse(text.replace('#cloud-config\n', ''));
};
/** Makes, changes and deletes things in Neutron. */
const asMember = () => {
  const headers = { 'x-auth-token': world.member, 'content-type': 'application/json' };
  return async <T>(path: string, body: object, method = 'POST'): Promise<T> => {
    const url = new URL(`/network/v2.0/${path}`, world.sandbox.authUrl);
    const answer = await fetch(url, { method, headers, body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return (text === '' ? {} : JSON.parse(text)) as T;
  };
};
const addGroup = (input: object) =>
  world.change<{ nodeGroup: { id: string } }>(world.member, 'createNodeGroup', { clusterId, ...input }, 'nodeGroup { id }');

beforeAll(async () => {
  world = await openStory();
  await world.control('PUT', `quotas/${world.sandbox.users.member.projectId}`, { instances: 50, cores: 100, ram: 500_000 });
  const neutron = asMember();
  const storage = await neutron<{ network: { id: string } }>('networks', { network: { name: 'storage', port_security_enabled: false } });
  const office = await neutron<{ network: { id: string } }>('networks', { network: { name: 'office' } });
  for (const [i, { network }] of [storage, office].entries())
    await neutron('subnets', { subnet: { network_id: network.id, cidr: `10.7${i}.0.0/24`, ip_version: 4, gateway_ip: null } });
  const web = (await neutron<{ security_group: { id: string } }>('security-groups', { security_group: { name: 'web' } })).security_group;
  storageId = storage.network.id;
  officeId = office.network.id;
  webId = web.id;
  const groups = [{ name: 'free', count: 1, serverGroupPolicy: 'NONE' }];
  const input = { name: 'settings', clusterTemplate: 'small', nodeGroups: groups };
  clusterId = (await world.change<{ cluster: { uuid: string } }>(world.member, 'createCluster', input, 'cluster { uuid }')).cluster.uuid;
  await ready('free');
});

afterAll(() => world?.close());

test('a group without a server group has none, and one that is to stay together is on one host', async () => {
  expect((await cloud()).compute.serverGroups).toEqual([]);
  expect((await serversOf('free')).map(({ groupId }) => groupId)).toEqual([null]);
  await addGroup({ name: 'together', count: 2, serverGroupPolicy: 'AFFINITY' });
  await ready('together');
  const [first, second] = await serversOf('together');
  expect(first?.host).toBe(second?.host);
  expect((await cloud()).compute.serverGroups).toMatchObject([
    { policy: 'affinity', members: expect.arrayContaining([first?.id, second?.id]) },
  ]);
});

test('a group whose hosts run out says so, with the policy that is to blame, and recovers with fewer workers', async () => {
  const { nodeGroup } = await addGroup({ name: 'apart', count: 7, serverGroupPolicy: 'ANTI_AFFINITY' });
  const problem = await until(
    () => world.rows<{ problem: string }>("select problem from conditions where name = 'NodesReady' and state = 'FAILED'")[0]?.problem,
  );
  expect(JSON.parse(problem)).toMatchObject({
    code: 'NO_VALID_HOST',
    message: expect.stringMatching(/No valid host.*ANTI_AFFINITY.*SOFT_ANTI_AFFINITY/),
  });
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: nodeGroup.id, count: 6 }, 'nodeGroup { id }');
  await ready('apart');
  expect(new Set((await serversOf('apart')).map(({ host }) => host)).size).toBe(6);
});

test("a customer's own cloud-init is in the servers' user data, sealed in the database, and shown by its digest alone", async () => {
  const cloudInit = `packages: [nfs-common]\nchpasswd: {list: "root:${SECRET}"}\nruncmd: [mount -a]\n`;
  await addGroup({ name: 'told', count: 1, cloudInit });
  await ready('told');
  const [server] = await serversOf('told');
  const config = await userDataOf(server?.id ?? '');
  expect(config).toMatchObject({ packages: ['nfs-common'], chpasswd: { list: `root:${SECRET}` } });
  expect(config.runcmd).toEqual([
    ['sh', '-c', 'mount -a\n'],
    [expect.stringContaining('seedbed-join'), expect.anything(), 'v1.36.3'],
  ]);
  const query = 'query($id: ID!) { cluster(id: $id) { nodeGroups(first: 9) { nodes { name cloudInit { sha256 sizeBytes } } } } }';
  const shown = JSON.stringify(await world.ask(world.member, query, { id: clusterId }));
  const digest = { sha256: createHash('sha256').update(cloudInit).digest('hex'), sizeBytes: cloudInit.length };
  expect(shown).toContain(JSON.stringify({ name: 'told', cloudInit: digest }));
  expect(shown).toContain(JSON.stringify({ name: 'free', cloudInit: null }));
  for (const suffix of ['', '-wal']) expect(readFileSync(`${world.dbPath}${suffix}`).toString('latin1')).not.toContain(SECRET);
});

test('what is wrong with it is said at once, and nothing is made', async () => {
  const before = world.rows('select 1 from node_groups').length;
  for (const [cloudInit, said] of [
    ['power_state: {mode: poweroff}', /"cloudInit","power_state"/],
    ['[a]', /must be a YAML map/],
    [`write_files: [{path: /etc/x, content: "${'x'.repeat(50_000)}"}]`, /49149/],
  ] as const)
    await expect(addGroup({ name: 'wrong', cloudInit })).rejects.toThrow(said);
  expect(world.rows('select 1 from node_groups').length).toBe(before);
});

test('a group that goes takes what its servers were told with it', async () => {
  const [group] = world.rows<{ id: string }>("select id from node_groups where name = 'told'");
  await world.change(world.member, 'deleteNodeGroup', { nodeGroupId: group?.id }, 'nodeGroup { id }');
  await until(() => world.rows<{ state: string }>("select state from node_groups where name = 'told'")[0]?.state === 'DELETED');
  expect(world.rows(`select 1 from secrets where owner_id = '${group?.id}'`)).toEqual([]);
});

test('metadata, hints and the config drive reach Nova, beside what Seedbed needs there', async () => {
  const [other] = await serversOf('free');
  const schedulerHints = [{ key: 'different_host', value: other?.id ?? '' }];
  const metadata = [{ key: 'cost centre', value: '4711' }];
  await addGroup({ name: 'marked', count: 1, serverGroupPolicy: 'NONE', metadata, schedulerHints, configDrive: false });
  await ready('marked');
  const [server] = await serversOf('marked');
  expect(server).toMatchObject({ configDrive: false, apartFrom: [other?.id] });
  expect(server?.host).not.toBe(other?.host);
  expect(server?.metadata).toEqual({ 'cost centre': '4711', 'seedbed-cluster': clusterId, 'seedbed-node': expect.any(String) });
  expect(other?.configDrive).toBe(true);
  const query =
    'query($id: ID!) { cluster(id: $id) { nodeGroups(first: 9) { nodes { name metadata { key value } schedulerHints { key value } configDrive } } } }';
  const shown = JSON.stringify(await world.ask(world.member, query, { id: clusterId }));
  expect(shown).toContain(JSON.stringify({ name: 'marked', metadata, schedulerHints, configDrive: false }));
  expect(shown).toContain(JSON.stringify({ name: 'free', metadata: [], schedulerHints: [], configDrive: true }));
});

test.each([
  ['metadata', { 'seedbed-node': 'x' }, 'seedbed-node', /Seedbed's own/],
  ['metadata', { SEEDBED: 'x' }, 'SEEDBED', /Seedbed's own/],
  ['metadata', { 'a/b': 'x' }, 'a/b', /letters, digits/],
  ['metadata', { a: 'x'.repeat(256) }, 'a', /at most 255/],
  ['schedulerHints', { group: 'x' }, 'group', /serverGroupPolicy/],
  ['schedulerHints', { 'a b': 'x' }, 'a b', /visible ASCII/],
])('%s: %o is refused at once', async (field, map, key, said) => {
  const entries = Object.entries(map).map(([k, value]) => ({ key: k, value }));
  const refused = addGroup({ name: 'wrong', [field]: entries });
  await expect(refused).rejects.toThrow(said);
  await expect(refused).rejects.toThrow(`"field":["${field}","${key}"]`);
});

test('workers have a port in each further network, with the security groups that were asked for, and they go with the worker', async () => {
  const settings = { additionalNetworks: ['storage', officeId], securityGroups: ['web'], serverGroupPolicy: 'NONE' };
  const { nodeGroup } = await addGroup({ name: 'wide', count: 1, ...settings });
  await ready('wide');
  const [server] = await serversOf('wide');
  const ports = async () => (await cloud()).network.ports.filter(({ name }) => name.includes('-wide-'));
  const [first, second, third] = (await ports()).sort((a, b) => (a.name < b.name ? -1 : 1));
  expect([first, second, third].map((port) => port?.name)).toEqual([server?.name, `${server?.name}-1`, `${server?.name}-2`]);
  expect([second?.network_id, third?.network_id]).toEqual([storageId, officeId]);
  expect(server?.ports.map(({ portId }) => portId)).toEqual([first?.id, second?.id, third?.id]);
  // Ours stands first; a network without port security has none.
  expect(first?.security_groups).toEqual([expect.not.stringMatching(webId), webId]);
  expect([second?.security_groups, third?.security_groups]).toEqual([[], first?.security_groups]);
  const config = JSON.stringify(await userDataOf(server?.id ?? ''));
  expect(config).toContain(first?.fixed_ips[0]?.ip_address);
  await world.change(world.member, 'deleteNodeGroup', { nodeGroupId: nodeGroup.id }, 'nodeGroup { id }');
  await until(async () => (await ports()).length === 0);
});

test.each([
  ['additionalNetworks', 'nowhere'],
  ['additionalNetworks', 'public'],
  ['securityGroups', 'nobody'],
])('%s: %s is not there, which is said at once', async (field, value) => {
  const refused = addGroup({ name: 'wrong', [field]: [value] });
  await expect(refused).rejects.toThrow(`\\"${value}\\" is not there for your project`);
  await expect(refused).rejects.toThrow(`"field":["${field}"]`);
});

test("workers have the customer's own ports, one each, which outlive them as they were", async () => {
  const neutron = asMember();
  const makePort = async () => (await neutron<{ port: { id: string } }>('ports', { port: { network_id: officeId, name: 'mine' } })).port.id;
  const existingPorts = [await makePort(), await makePort()];
  const [busy] = (await serversOf('free'))[0]?.ports ?? [];
  const refusal = async (input: object) => {
    const name = `no-${Math.random().toString(36).slice(2, 8)}`;
    const { nodeGroup } = await addGroup({ name, serverGroupPolicy: 'NONE', ...input });
    const [group] = world.rows<{ id: string }>(`select id from node_groups where name = '${name}'`);
    const failed = `select problem from conditions where object_id = '${group?.id}' and state = 'FAILED'`;
    const problem = JSON.parse(await until(() => world.rows<{ problem: string }>(failed)[0]?.problem));
    await world.change(world.member, 'deleteNodeGroup', { nodeGroupId: nodeGroup.id }, 'nodeGroup { id }');
    return problem;
  };
  expect(await refusal({ existingPorts: [busy?.portId] })).toMatchObject({ code: 'IN_USE', field: ['existingPorts', '0'] });
  const nobodys = '11111111-2222-4333-8444-555555555555';
  expect(await refusal({ existingPorts: [nobodys] })).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining(nobodys) });
  await expect(addGroup({ name: 'more', count: 3, existingPorts })).rejects.toThrow('at most 2');
  await expect(addGroup({ name: 'more', count: 1, maxCount: 3, existingPorts })).rejects.toThrow('"field":["maxCount"]');

  const { nodeGroup } = await addGroup({ name: 'owned', count: 2, existingPorts, serverGroupPolicy: 'NONE' });
  await ready('owned');
  await expect(addGroup({ name: 'twice', existingPorts: existingPorts.slice(1) })).rejects.toThrow('IN_USE');
  await expect(world.change(world.member, 'resizeNodeGroup', { nodeGroupId: nodeGroup.id, count: 3 }, 'nodeGroup { id }')).rejects.toThrow(
    'at most 2',
  );
  const holders = () =>
    world.rows<{ id: string; server_id: string; state: string; existing_port_id: string }>(
      `select n.id, n.server_id, n.state, n.existing_port_id from nodes n join node_groups g on g.id = n.node_group_id where g.name = 'owned' and n.deleted_at is null`,
    );
  const ports = async () =>
    (await cloud()).network.ports.filter(({ id }) => existingPorts.includes(id)) as unknown as {
      id: string;
      name: string;
      device_id: string;
      tags: string[];
    }[];
  expect(
    holders()
      .map((node) => node.existing_port_id)
      .sort(),
  ).toEqual(existingPorts.toSorted());
  for (const { id, device_id } of await ports()) expect(holders().find((node) => node.existing_port_id === id)?.server_id).toBe(device_id);

  // There is no third port for a successor before its time.
  const [old] = holders();
  await world.change(world.member, 'replaceNode', { nodeId: old?.id }, 'operation { uuid }');
  await until(() => holders().length === 2 && holders().every(({ id, state }) => id !== old?.id && state === 'READY'));
  expect(
    holders()
      .map((node) => node.existing_port_id)
      .sort(),
  ).toEqual(existingPorts.toSorted());
  await ready('owned');
  await world.change(world.member, 'deleteNodeGroup', { nodeGroupId: nodeGroup.id }, 'nodeGroup { id }');
  await until(() => holders().length === 0);
  expect(await ports()).toMatchObject(existingPorts.map(() => ({ name: 'mine', device_id: '', tags: [] })));
});

test("a port of the customer's that is in use or gone when its worker comes is told, and taken once it is free", async () => {
  const neutron = asMember();
  const makePort = async () => (await neutron<{ port: { id: string } }>('ports', { port: { network_id: officeId } })).port.id;
  const [first, second] = [await makePort(), await makePort()];
  const { nodeGroup } = await addGroup({ name: 'lent', count: 1, existingPorts: [first, second], serverGroupPolicy: 'NONE' });
  await ready('lent');
  const failed = `select c.problem from conditions c join node_groups g on g.id = c.object_id where g.name = 'lent' and c.state = 'FAILED'`;
  const resize = (count: number) =>
    world.change<{ operation: { id: string } }>(world.member, 'resizeNodeGroup', { nodeGroupId: nodeGroup.id, count }, 'operation { id }');
  const problem = (code: string) =>
    until(() => world.rows<{ problem: string }>(failed).find((row) => JSON.parse(row.problem).code === code));
  await neutron(`ports/${second}`, { port: { device_id: 'mine', device_owner: 'mine:appliance' } }, 'PUT');
  const { operation } = await resize(2);
  expect(JSON.parse((await problem('IN_USE')).problem)).toMatchObject({
    field: ['existingPorts'],
    message: expect.stringContaining(second),
  });
  await neutron(`ports/${second}`, { port: { device_id: '', device_owner: '' } }, 'PUT');
  await world.change(world.member, 'retryOperation', { operationId: operation.id }, 'operation { id }');
  await ready('lent');

  await resize(1);
  const workers = () =>
    world.rows<{ existing_port_id: string }>("select existing_port_id from nodes where name like '%-lent-%' and deleted_at is null");
  await until(() => workers().length === 1);
  await ready('lent');
  const replace = async () => {
    const made = () => world.rows<{ id: string }>("select id from nodes where name like '%-lent-%'").map(({ id }) => id);
    const live = () =>
      world.rows<{ id: string; state: string }>("select id, state from nodes where name like '%-lent-%' and deleted_at is null");
    const before = made();
    await world.change(world.member, 'replaceNode', { nodeId: live()[0]?.id }, 'operation { uuid }');
    await until(() => live().length === 1 && live().every(({ id, state }) => state === 'READY' && !before.includes(id)));
    expect(made()).toHaveLength(before.length + 1);
    await ready('lent');
  };
  // With one to spare the successor has that, and stays.
  const [{ existing_port_id: own } = { existing_port_id: '' }] = workers();
  await replace();
  expect(workers()[0]?.existing_port_id).not.toBe(own);
  const free = workers()[0]?.existing_port_id === first ? second : first;
  await neutron(`ports/${free}`, {}, 'DELETE');
  await resize(2);
  expect(JSON.parse((await problem('PORT_GONE')).problem)).toMatchObject({
    whoMustAct: 'CUSTOMER',
    message: expect.stringContaining(free),
  });
  await resize(1);
  await ready('lent');

  // The one that is gone is no spare one: the worker's own port is its successor's.
  await replace();
  expect(workers()).toEqual([{ existing_port_id: free === first ? second : first }]);
});

test('a policy that Nova does not know is refused', async () => {
  await expect(addGroup({ name: 'odd', serverGroupPolicy: 'SPREAD' })).rejects.toThrow('input.serverGroupPolicy');
});
