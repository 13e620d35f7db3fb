/** Which networks a cluster is in: those it names, the only one there is, or one that is made as it wishes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askNeutron } from './neutron.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;

interface Thing {
  id: string;
  name?: string;
  mtu?: number;
  external_gateway_info?: { network_id: string } | null;
}
interface Rule {
  security_group_id: string;
  port_range_min: number | null;
  remote_ip_prefix: string | null;
}

const neutron = <T>(token: string, method: string, path: string, body?: object): Promise<T> =>
  askNeutron<T>(world, token, method, path, body);
const make = async (token: string, what: string, fields: object): Promise<Thing> =>
  Object.values(await neutron<Record<string, Thing>>(token, 'POST', `${what}s`, { [what]: fields }))[0] as Thing;
const list = async <T>(what: string, query: string): Promise<T[]> =>
  (await neutron<Record<string, T[]>>(world.admin, 'GET', `${what}?${query}`))[what.replaceAll('-', '_')] ?? [];

const nameOf = (clusterId: string) =>
  `seedbed-${world.rows<{ short_id: string }>(`select short_id from clusters where id = '${clusterId}'`)[0]?.short_id}`;
/** What the rules for node ports let in. */
const nodePortSources = async (clusterId: string): Promise<(string | null)[]> => {
  const [group] = await list<Thing>('security-groups', `name=${nameOf(clusterId)}`);
  const rules = await list<Rule>('security-group-rules', `security_group_id=${group?.id}`);
  return [...new Set(rules.filter((rule) => rule.port_range_min === 30_000).map((rule) => rule.remote_ip_prefix))];
};
/** What a catalogue does not show yet is found out by the cluster itself. */
const forgetCatalogues = () => world.restart();
const createFailing = async (
  name: string,
  overrides: object,
): Promise<{ id: string; problem: { code: string; field: string[]; message: string } }> => {
  const input = { name, clusterTemplate: 'small', nodeCount: 1, overrides };
  const { cluster } = await world.change<{ cluster: { uuid: string } }>(world.member, 'createCluster', input, 'cluster { uuid }');
  const problem = await until(
    () =>
      world.rows<{ problem: string }>(`select problem from operations where target_id = '${cluster.uuid}' and state = 'FAILED'`)[0]
        ?.problem,
  );
  return { id: cluster.uuid, problem: JSON.parse(problem) };
};

beforeAll(async () => {
  world = await openLiving({}, { externalNetwork: null });
});

afterAll(() => world?.close());

test('the only external network is taken, and a network is made with the MTU that is asked for', async () => {
  const clusterId = await world.makeCluster('made', { overrides: { networkMtu: 1400, nodeCidr: '10.7.0.0/24' } });
  const [outside] = await list<Thing>('networks', 'router:external=true');
  const [router] = await list<Thing>('routers', `name=${nameOf(clusterId)}`);
  expect(router?.external_gateway_info?.network_id).toBe(outside?.id);
  expect(await list<Thing>('networks', `name=${nameOf(clusterId)}`)).toMatchObject([{ mtu: 1400 }]);
  expect(await nodePortSources(clusterId)).toEqual(['10.7.0.0/24']);
  const query = 'query($id: ID!) { cluster(id: $id) { spec { networkMtu externalNetwork } } }';
  expect(await world.ask(world.member, query, { id: clusterId })).toEqual({
    cluster: { spec: { networkMtu: 1400, externalNetwork: null } },
  });
});

test("node ports are open to a given subnet's own range, and of several one must be named", async () => {
  const network = await make(world.member, 'network', { name: 'lan' });
  const subnet = { network_id: network.id, ip_version: 4 };
  await make(world.member, 'subnet', { ...subnet, name: 'lan-a', cidr: '192.168.70.0/24' });
  await forgetCatalogues();
  const clusterId = await world.makeCluster('given', { overrides: { fixedNetwork: 'lan' } });
  expect(await nodePortSources(clusterId)).toEqual(['192.168.70.0/24']);

  // As it was before the range was kept.
  world.write(`update clusters set resolved = json_remove(resolved, '$.fixedCidr') where id = '${clusterId}'`);
  world.wake(clusterId);
  const kept = `select json_extract(resolved, '$.fixedCidr') as cidr from clusters where id = '${clusterId}'`;
  await until(() => world.rows<{ cidr: string | null }>(kept)[0]?.cidr === '192.168.70.0/24');

  await make(world.member, 'subnet', { ...subnet, name: 'lan-b', cidr: '192.168.71.0/24' });
  await forgetCatalogues();
  const { problem } = await createFailing('which', { fixedNetwork: 'lan' });
  expect(problem).toMatchObject({ code: 'INVALID_INPUT', field: ['fixedSubnet'], message: expect.stringContaining('several IPv4') });
  const chosen = await world.makeCluster('chosen', { overrides: { fixedNetwork: 'lan', fixedSubnet: 'lan-b' } });
  expect(await nodePortSources(chosen)).toEqual(['192.168.71.0/24']);
});

test('a node group chooses subnets of the given network: an address in each, and node ports open to them all', async () => {
  const [cluster] = world.rows<{ id: string }>("select id from clusters where name = 'chosen'");
  const clusterId = cluster?.id ?? '';
  const [network] = await list<Thing>('networks', 'name=lan');
  const subnet = (fields: object) => make(world.member, 'subnet', { network_id: network?.id, ip_version: 4, ...fields });
  const pool = [{ start: '192.168.72.10', end: '192.168.72.11' }];
  const narrow = await subnet({ name: 'lan-c', cidr: '192.168.72.0/24', allocation_pools: pool, enable_dhcp: false });
  await subnet({ name: 'lan-pods', cidr: '10.200.7.0/24', enable_dhcp: false });
  const side = await make(world.member, 'network', { name: 'side' });
  const fast = await make(world.member, 'subnet', {
    network_id: side.id,
    ip_version: 4,
    name: 'fast',
    cidr: '10.77.0.0/24',
    gateway_ip: null,
  });
  await make(world.member, 'subnet', { network_id: side.id, ip_version: 4, name: 'slow', cidr: '10.78.0.0/24', gateway_ip: null });
  await forgetCatalogues();
  const add = (name: string, input: object) =>
    world.change<{ nodeGroup: { uuid: string } }>(
      world.member,
      'createNodeGroup',
      { clusterId, name, serverGroupPolicy: 'NONE', ...input },
      'nodeGroup { uuid }',
    );
  // At once by what was listed of the cloud, or by the group's first look at it.
  const refused = async (name: string, input: object) => {
    const group = await add(name, input).catch((error: Error) => JSON.parse(error.message.slice(error.message.indexOf('{'))));
    if (group.nodeGroup === undefined) return group;
    const failed = `select problem from conditions where object_id = '${group.nodeGroup.uuid}' and state = 'FAILED'`;
    return JSON.parse(await until(() => world.rows<{ problem: string }>(failed)[0]?.problem));
  };
  const taken = await make(world.member, 'port', { network_id: network?.id, fixed_ips: [{ subnet_id: narrow.id }] });
  expect(await refused('elsewhere', { subnets: ['fast'] })).toMatchObject({
    code: 'INVALID_INPUT',
    field: ['subnets'],
    message: expect.stringMatching(/another network than lan.*lan-a, lan-b, lan-c/),
  });
  expect(await refused('pods', { subnets: ['lan-pods'] })).toMatchObject({ code: 'OVERLAPPING_CIDR', field: ['subnets'] });
  expect(await refused('many', { subnets: ['lan-c'], count: 2 })).toMatchObject({
    code: 'ADDRESSES_EXHAUSTED',
    field: ['subnets'],
    message: expect.stringContaining('1 of 2'),
  });
  const inNarrow = () => list<Thing>('ports', `fixed_ips=subnet_id=${narrow.id}`);
  expect((await inNarrow()).map(({ id }) => id)).toEqual([taken.id]);

  const ports = [{ network: 'side', subnets: [fast.id], securityGroups: [], vnicType: 'DIRECT' }];
  const { nodeGroup } = await add('both', { subnets: ['lan-c', 'lan-a'], additionalPorts: ports });
  await until(() => world.rows<{ state: string }>(`select state from node_groups where id = '${nodeGroup.uuid}'`)[0]?.state === 'READY');
  const [node] = world.rows<{ name: string; address: string }>(`select name, address from nodes where node_group_id = '${nodeGroup.uuid}'`);
  expect(node?.address).toMatch(/^192\.168\.72\./);
  const [port] = await list<{ fixed_ips: { ip_address: string }[] }>('ports', `name=${node?.name}`);
  expect(port?.fixed_ips.map(({ ip_address }) => ip_address.replace(/\d+$/, '')).sort()).toEqual(['192.168.70.', '192.168.72.']);
  expect(await list('ports', `name=${node?.name}-1`)).toMatchObject([
    { network_id: side.id, fixed_ips: [{ subnet_id: fast.id }], security_groups: [], 'binding:vnic_type': 'direct' },
  ]);
  await until(async () => (await nodePortSources(clusterId)).length === 3);
  expect((await nodePortSources(clusterId)).sort()).toEqual(['192.168.70.0/24', '192.168.71.0/24', '192.168.72.0/24']);
  const query =
    'query($id: ID!) { node(id: $id) { ... on NodeGroup { subnets additionalPorts { network subnets securityGroups vnicType } } } }';
  const global = Buffer.from(`NodeGroup:${nodeGroup.uuid}`).toString('base64url');
  expect(await world.ask(world.member, query, { id: global })).toEqual({ node: { subnets: ['lan-c', 'lan-a'], additionalPorts: ports } });
  await world.change(world.member, 'deleteNodeGroup', { nodeGroupId: nodeGroup.uuid }, 'nodeGroup { id }');
  await until(async () => (await inNarrow()).length === 1);
});

test('of several external networks one must be named', async () => {
  await make(world.admin, 'network', { name: 'partner', 'router:external': true, shared: true });
  await forgetCatalogues();
  const { id, problem } = await createFailing('torn', {});
  expect(problem).toMatchObject({ code: 'INVALID_INPUT', field: ['externalNetwork'], message: expect.stringContaining('partner, public') });
  expect(await list('networks', `name=${nameOf(id)}`)).toEqual([]);
  await world.makeCluster('named', { overrides: { externalNetwork: 'public' } });
});
