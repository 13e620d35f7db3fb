/** A cluster with IPv6 beside IPv4: what is made for it, what its workers and its API say, what is mended, and that nothing of it stays. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessOf, at, createClient } from '../sandbox/kubernetes/client.ts';
import { askNeutron } from './neutron.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;

interface Thing {
  id: string;
  name: string;
}
interface Port extends Thing {
  network_id: string;
  device_owner: string;
  fixed_ips: { subnet_id: string; ip_address: string }[];
}
interface Rule extends Thing {
  ethertype: string;
  direction: string;
  protocol: string | null;
  port_range_min: number | null;
  remote_ip_prefix: string | null;
  remote_group_id: string | null;
}

const neutron = <T>(token: string, method: string, path: string, body?: object): Promise<T> =>
  askNeutron<T>(world, token, method, path, body);
const make = async (what: string, fields: object): Promise<Thing> =>
  Object.values(await neutron<Record<string, Thing>>(world.member, 'POST', `${what}s`, { [what]: fields }))[0] as Thing;
const list = async <T = Thing>(what: string, query: string): Promise<T[]> =>
  (await neutron<Record<string, T[]>>(world.member, 'GET', `${what}?${query}`))[what.replaceAll('-', '_')] ?? [];

const nameOf = (clusterId: string) =>
  `seedbed-${world.rows<{ short_id: string }>(`select short_id from clusters where id = '${clusterId}'`)[0]?.short_id}`;
const workersOf = async (clusterId: string) => {
  const { cluster } = await world.ask<{
    cluster: { nodes: { nodes: { name: string; portId: string; address: string; addressV6: string | null }[] } };
  }>(world.member, 'query($id: ID!) { cluster(id: $id) { nodes { nodes { name portId address addressV6 } } } }', { id: clusterId });
  return cluster.nodes.nodes;
};
const tenantOf = async (clusterId: string) => {
  const issued = await world.change<{ kubeconfig: string }>(world.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  const tenant = createClient(accessOf(issued.kubeconfig));
  // What was issued a moment ago is bound by a pass to come.
  await until(async () => (await tenant.call('GET', '/api/v1/nodes')).status === 200);
  return tenant;
};
const rulesV6 = async (clusterId: string): Promise<Rule[]> => {
  const [group] = await list('security-groups', `name=${nameOf(clusterId)}`);
  return (await list<Rule>('security-group-rules', `security_group_id=${group?.id}`)).filter(
    ({ ethertype, direction }) => ethertype === 'IPv6' && direction === 'ingress',
  );
};

beforeAll(async () => {
  world = await openLiving({}, { ipFamilies: ['IPV4', 'IPV6'] });
});

afterAll(() => world?.close());

test('in a network of its own: a second subnet, rules and addresses of both families; what is taken away comes back, and nothing stays', async () => {
  const clusterId = await world.makeCluster('both');
  const range = `fd${clusterId.slice(-10, -8)}:${clusterId.slice(-8, -4)}:${clusterId.slice(-4)}::/64`.replaceAll(
    /(?<=[:])0{1,3}(?=[0-9a-f])/g,
    '',
  );
  const name = nameOf(clusterId);
  const [network] = await list('networks', `name=${name}`);
  const subnets = await list<Thing & { cidr: string; ipv6_address_mode: string; tags: string[] }>('subnets', `network_id=${network?.id}`);
  expect(subnets).toMatchObject([
    { name, cidr: '10.0.0.0/24', ipv6_address_mode: null },
    { name: `${name}-v6`, cidr: range, ipv6_address_mode: 'slaac', tags: [`seedbed-cluster-${clusterId}`] },
  ]);
  const v6 = subnets[1]?.id;
  const interfaces = () => list<Port>('ports', `network_id=${network?.id}&device_owner=network:router_interface`);
  expect((await interfaces()).map(({ fixed_ips }) => fixed_ips.map(({ subnet_id }) => subnet_id))).toEqual(subnets.map(({ id }) => [id]));
  const open = (await rulesV6(clusterId)).map(({ protocol, port_range_min, remote_ip_prefix, remote_group_id }) =>
    [protocol, port_range_min, remote_ip_prefix, remote_group_id === null ? null : 'group'].join(),
  );
  expect(open.sort()).toEqual([',,,group', 'ipv6-icmp,,,', `tcp,30000,${range},`, `udp,30000,${range},`].sort());

  const [worker] = await workersOf(clusterId);
  const [port] = await list<Port>('ports', `id=${worker?.portId}`);
  expect(port?.fixed_ips).toEqual([
    { subnet_id: subnets[0]?.id, ip_address: worker?.address },
    { subnet_id: v6, ip_address: worker?.addressV6 },
  ]);
  expect(worker?.addressV6).toMatch(/^fd.*ff:fe/);

  const tenant = await tenantOf(clusterId);
  const node = (await tenant.call('GET', `/api/v1/nodes/${worker?.name}`)).body;
  expect(at(node, 'status', 'addresses')).toMatchObject([
    { type: 'InternalIP', address: worker?.address },
    { type: 'InternalIP', address: worker?.addressV6 },
    { type: 'Hostname' },
  ]);
  expect(at(node, 'spec', 'podCIDRs')).toEqual(['10.200.0.0/24', 'fd00:10:200::/64']);
  const dns = (await tenant.call('GET', '/api/v1/namespaces/kube-system/services/kube-dns')).body;
  expect(at(dns, 'spec')).toMatchObject({
    clusterIP: '10.254.0.10',
    clusterIPs: ['10.254.0.10', expect.stringMatching(/^fd00:10:254::/)],
    ipFamilies: ['IPv4', 'IPv6'],
  });
  tenant.close();

  const [router] = await list('routers', `name=${name}`);
  const [rule] = await rulesV6(clusterId);
  await neutron(world.member, 'PUT', `routers/${router?.id}/remove_router_interface`, { subnet_id: v6 });
  await neutron(world.member, 'DELETE', `security-group-rules/${rule?.id}`);
  await world.restart();
  world.wake(clusterId);
  await until(async () => (await interfaces()).length === 2 && (await rulesV6(clusterId)).length === 4);
  await world.settled(clusterId);

  await world.change(world.member, 'deleteCluster', { clusterId }, 'cluster { id }');
  await until(() => world.rows(`select 1 from clusters where id = '${clusterId}' and state = 'DELETED'`).length === 1);
  expect(world.rows("select 1 from inventory where state <> 'GONE'")).toEqual([]);
  expect(world.rows(`select name from inventory where kind in ('subnet', 'router-interface') order by kind, name`)).toEqual(
    [name, `${name}-v6`, name, `${name}-v6`].map((noted) => ({ name: noted })),
  );
  for (const what of ['networks', 'subnets', 'routers', 'security-groups'])
    expect((await list(what, '')).filter((thing) => thing.name.startsWith('seedbed'))).toEqual([]);
});

test('in a network that is given: its IPv6 subnet is used, and a worker with IPv4 alone is not known by an address that came unasked', async () => {
  // Neutron sorts a port's addresses as texts: here that of IPv6 comes first.
  const network = await make('network', { name: 'lan' });
  await make('subnet', { network_id: network.id, ip_version: 4, name: 'four', cidr: '203.0.113.0/24' });
  const chosen = await make('subnet', { network_id: network.id, ip_version: 4, name: 'chosen', cidr: '198.51.100.0/24' });
  const fixed = { fixedNetwork: 'lan', fixedSubnet: 'four' };
  const input = { name: 'early', clusterTemplate: 'small', nodeCount: 1, overrides: fixed };
  await world.restart();
  const { cluster } = await world.change<{ cluster: { uuid: string } }>(world.member, 'createCluster', input, 'cluster { uuid }');
  const problem = await until(
    () =>
      world.rows<{ problem: string }>(`select problem from operations where target_id = '${cluster.uuid}' and state = 'FAILED'`)[0]
        ?.problem,
  );
  expect(JSON.parse(problem)).toMatchObject({
    code: 'INVALID_INPUT',
    field: ['fixedNetwork'],
    message: expect.stringContaining('no IPv6 subnet'),
  });

  const slaac = { ip_version: 6, ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' };
  const v6 = await make('subnet', { network_id: network.id, ...slaac, name: 'six', cidr: '2001:db8:7::/64' });
  await world.restart();
  const nodeGroups = [{ name: 'default-worker', count: 1, subnets: ['chosen'] }];
  const both = await world.makeCluster('given', { overrides: fixed, nodeCount: undefined, nodeGroups });
  const [worker] = await workersOf(both);
  expect(worker).toMatchObject({
    address: expect.stringMatching(/^198\.51\.100\./),
    addressV6: expect.stringMatching(/^2001:db8:7:0:f816:|^2001:db8:7::f816:/),
  });
  const [port] = await list<Port>('ports', `id=${worker?.portId}`);
  expect(port?.fixed_ips.map(({ subnet_id }) => subnet_id)).toEqual([chosen.id, v6.id]);
  expect((await rulesV6(both)).map(({ remote_ip_prefix }) => remote_ip_prefix)).toContain('2001:db8:7::/64');

  const alone = await world.makeCluster('alone', { overrides: { ...fixed, ipFamilies: ['IPV4'] } });
  expect(await workersOf(alone)).toMatchObject([{ address: expect.stringMatching(/^203\.0\.113\./), addressV6: null }]);
  expect(await rulesV6(alone)).toEqual([]);
});
