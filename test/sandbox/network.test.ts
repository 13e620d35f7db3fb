import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, makeNetwork, type Reply, startCloud, type TestCloud } from './cloud.ts';

let cloud: TestCloud;
let member: Client;
let reader: Client;
let other: Client;
let external: string;

beforeAll(async () => {
  cloud = await startCloud();
  [member, reader, other] = await Promise.all([cloud.login('member'), cloud.login('reader'), cloud.login('other')]);
  external = String((await member.call('GET', '/network/v2.0/networks?router:external=true')).at('networks', 0, 'id'));
});
afterAll(() => cloud.close());

const N = '/network/v2.0';
const post = (path: string, body: object, who = member): Promise<Reply> => who.call('POST', `${N}/${path}`, body);
const remove = (path: string, who = member): Promise<Reply> => who.call('DELETE', `${N}/${path}`);
const type = (answer: Reply): unknown => answer.at('NeutronError', 'type');
const ids = (answer: Reply, plural: string): string[] => (answer.at(plural) as { id: string }[]).map((r) => r.id);

let nets = 0;
const net = (): Promise<{ networkId: string; subnetId: string }> => {
  nets += 1;
  return makeNetwork(member, `10.${nets}.0.0/29`);
};

test('a subnet gives out its pool once, after DHCP took the first address, and then says so', async () => {
  const { networkId } = await net();
  const addresses: unknown[] = [];
  for (let i = 0; i < 4; i += 1)
    addresses.push((await post('ports', { port: { network_id: networkId } })).at('port', 'fixed_ips', 0, 'ip_address'));
  const base = `10.${nets}.0`;
  expect(addresses).toEqual([`${base}.3`, `${base}.4`, `${base}.5`, `${base}.6`]);
  const full = await post('ports', { port: { network_id: networkId } });
  expect([full.status, type(full)]).toEqual([409, 'IpAddressGenerationFailure']);
  const taken = await post('ports', { port: { network_id: networkId, fixed_ips: [{ ip_address: `${base}.4` }] } });
  expect([taken.status, type(taken)]).toEqual([409, 'IpAddressAlreadyAllocated']);
});

test('subnets of a network may not overlap', async () => {
  const { networkId } = await net();
  const answer = await post('subnets', { subnet: { network_id: networkId, cidr: `10.${nets}.0.0/28`, ip_version: 4 } });
  expect([answer.status, type(answer)]).toEqual([400, 'InvalidInput']);
});

test('what is in use cannot be deleted; what only DHCP uses can', async () => {
  const { networkId, subnetId } = await net();
  const group = String((await post('security-groups', { security_group: { name: 'g' } })).at('security_group', 'id'));
  const port = String((await post('ports', { port: { network_id: networkId, security_groups: [group] } })).at('port', 'id'));
  expect(type(await remove(`networks/${networkId}`))).toBe('NetworkInUse');
  expect(type(await remove(`subnets/${subnetId}`))).toBe('SubnetInUse');
  expect(type(await remove(`security-groups/${group}`))).toBe('SecurityGroupInUse');
  expect((await remove(`ports/${port}`)).status).toBe(204);
  const left = (await member.call('GET', `${N}/ports?network_id=${networkId}`)).at('ports') as { device_owner: string }[];
  expect(left.map((p) => p.device_owner)).toEqual(['network:dhcp']);
  expect((await remove(`security-groups/${group}`)).status).toBe(204);
  expect((await remove(`networks/${networkId}`)).status).toBe(204);
  expect((await member.call('GET', `${N}/subnets/${subnetId}`)).status).toBe(404);
});

test('a router’s interfaces are ports; it stays until they and the floating IPs are gone', async () => {
  const { networkId, subnetId } = await net();
  const router = String(
    (await post('routers', { router: { name: 'r', external_gateway_info: { network_id: external } } })).at('router', 'id'),
  );
  const port = String((await post('ports', { port: { network_id: networkId } })).at('port', 'id'));
  const fip = { floatingip: { floating_network_id: external, port_id: port } };
  expect(type(await post('floatingips', fip))).toBe('ExternalGatewayForFloatingIPNotFound');
  const interfaces = (verb: string): Promise<Reply> =>
    member.call('PUT', `${N}/routers/${router}/${verb}_router_interface`, { subnet_id: subnetId });
  const added = await interfaces('add');
  expect(added.at('subnet_ids')).toEqual([subnetId]);
  expect([(await interfaces('add')).status, type(await interfaces('add'))]).toEqual([400, 'BadRequest']);
  expect(type(await remove(`ports/${String(added.at('port_id'))}`))).toBe('ServicePortInUse');
  expect(type(await remove(`routers/${router}`))).toBe('RouterInUse');
  const ip = await post('floatingips', fip);
  expect(ip.at('floatingip', 'router_id')).toBe(router);
  expect(type(await interfaces('remove'))).toBe('RouterInterfaceInUseByFloatingIP');
  expect((await remove(`ports/${port}`)).status).toBe(204);
  const freed = await member.call('GET', `${N}/floatingips/${String(ip.at('floatingip', 'id'))}`);
  expect(freed.at('floatingip')).toMatchObject({ port_id: null, router_id: null, status: 'DOWN' });
  expect((await interfaces('remove')).status).toBe(200);
  expect([(await interfaces('remove')).status, type(await interfaces('remove'))]).toEqual([404, 'RouterInterfaceNotFoundForSubnet']);
  expect((await remove(`routers/${router}`)).status).toBe(204);
});

test('a floating IP says which of several addresses it leads to, and a gateway stays while a router has it', async () => {
  const { networkId, subnetId } = await net();
  const cidr = `10.${nets}.1.0/29`;
  const second = String((await post('subnets', { subnet: { network_id: networkId, cidr, ip_version: 4 } })).at('subnet', 'id'));
  const router = String(
    (await post('routers', { router: { name: 'two', external_gateway_info: { network_id: external } } })).at('router', 'id'),
  );
  await member.call('PUT', `${N}/routers/${router}/add_router_interface`, { subnet_id: subnetId });
  const fixedIps = [{ subnet_id: second }, { subnet_id: subnetId }];
  const port = await post('ports', { port: { network_id: networkId, fixed_ips: fixedIps } });
  const fip = (more: object) =>
    post('floatingips', { floatingip: { floating_network_id: external, port_id: port.at('port', 'id'), ...more } });
  const vague = await fip({});
  expect(vague.status).toBe(400);
  expect(vague.at('NeutronError', 'message')).toMatch(/multiple fixed IPv4 addresses/);
  expect((await fip({ fixed_ip_address: '192.0.2.1' })).at('NeutronError', 'message')).toMatch(/does not have fixed ip 192\.0\.2\.1/);
  const address = port.at('port', 'fixed_ips', 1, 'ip_address');
  expect((await fip({ fixed_ip_address: address })).at('floatingip', 'fixed_ip_address')).toBe(address);
  const move = (id: string, gateway_ip: string | null) => member.call('PUT', `${N}/subnets/${id}`, { subnet: { gateway_ip } });
  expect(type(await move(subnetId, null))).toBe('GatewayIpInUse');
  expect((await move(second, null)).at('subnet', 'gateway_ip')).toBeNull();
});

test('a rule exists once; the default group exists by itself and stays', async () => {
  const group = String((await post('security-groups', { security_group: { name: 'rules' } })).at('security_group', 'id'));
  const rule = {
    security_group_rule: {
      security_group_id: group,
      direction: 'ingress',
      protocol: 'tcp',
      port_range_min: 10250,
      port_range_max: 10250,
      remote_group_id: group,
    },
  };
  expect((await post('security-group-rules', rule)).status).toBe(201);
  const twin = await post('security-group-rules', rule);
  expect([twin.status, type(twin)]).toEqual([409, 'SecurityGroupRuleExists']);
  expect(
    ((await member.call('GET', `${N}/security-groups/${group}`)).at('security_group', 'security_group_rules') as unknown[]).length,
  ).toBe(3);
  const found = await other.call('GET', `${N}/security-groups?name=default`);
  expect(ids(found, 'security_groups').length).toBe(1);
  expect(type(await remove(`security-groups/${ids(found, 'security_groups')[0]}`, other))).toBe('SecurityGroupCannotRemoveDefault');
});

test('tags are set after the fact, encoded in the path, and find things again', async () => {
  const { networkId } = await net();
  const refused = await post('networks', { network: { name: 'x', tags: ['a'] } });
  expect([refused.status, type(refused)]).toEqual([400, 'HTTPBadRequest']);
  const port = String((await post('ports', { port: { network_id: networkId, tags: ['dropped'] } })).at('port', 'id'));
  const tags = `${N}/ports/${port}/tags`;
  expect((await member.call('PUT', `${tags}/${encodeURIComponent('seedbed:cluster=1')}`)).status).toBe(201);
  expect((await member.call('PUT', `${tags}/two`)).status).toBe(201);
  expect((await member.call('GET', tags)).at('tags')).toEqual(['seedbed:cluster=1', 'two']);
  const find = async (query: string): Promise<string[]> => ids(await member.call('GET', `${N}/ports?${query}`), 'ports');
  expect(await find('tags=seedbed:cluster=1,two')).toEqual([port]);
  expect(await find('tags=seedbed:cluster=1,three')).toEqual([]);
  expect(await find('tags-any=three,two')).toEqual([port]);
  expect((await member.call('DELETE', `${tags}/two`)).status).toBe(204);
  expect((await member.call('DELETE', `${tags}/two`)).status).toBe(404);
  expect((await member.call('PUT', tags, { tags: ['only'] })).at('tags')).toEqual(['only']);
});

test('readers are refused, strangers find nothing', async () => {
  const { networkId } = await net();
  const answer = await post('ports', { port: { network_id: networkId } }, reader);
  expect([answer.status, answer.at('NeutronError', 'message')]).toEqual([403, 'rule:create_port is disallowed by policy']);
  expect((await reader.call('GET', `${N}/networks/${networkId}`)).status).toBe(200);
  expect((await remove(`networks/${networkId}`, reader)).status).toBe(403);
  expect((await other.call('GET', `${N}/networks/${networkId}`)).status).toBe(404);
  expect((await remove(`networks/${networkId}`, other)).status).toBe(404);
  expect(ids(await other.call('GET', `${N}/networks`), 'networks')).toEqual([external]);
  expect((await post('ports', { port: { network_id: networkId } }, other)).status).toBe(404);
});

test('an exceeded quota is a conflict that names the resource', async () => {
  await cloud.control('PUT', '/quotas/other', { network: 1 });
  expect((await post('networks', { network: { name: 'one' } }, other)).status).toBe(201);
  const refused = await post('networks', { network: { name: 'two' } }, other);
  expect([refused.status, type(refused), refused.at('NeutronError', 'message')]).toEqual([
    409,
    'OverQuota',
    "Quota exceeded for resources: ['network'].",
  ]);
});

test('lists take fields, several values, sorting and pages', async () => {
  const names = ['sort-b', 'sort-c', 'sort-a'];
  for (const name of names) await post('networks', { network: { name } });
  const query = names.map((n) => `name=${n}`).join('&');
  const answer = await member.call('GET', `${N}/networks?${query}&fields=name&sort_key=name&sort_dir=asc&limit=2`);
  expect(answer.at('networks')).toEqual([{ name: 'sort-a' }, { name: 'sort-b' }]);
  const next = new URL(String(answer.at('networks_links', 0, 'href')));
  expect((await member.call('GET', next.pathname + next.search)).at('networks')).toEqual([{ name: 'sort-c' }]);
});

test('in an IPv6 subnet that makes addresses itself every port but a router’s has one that follows from its MAC address', async () => {
  const { networkId, subnetId: v4 } = await net();
  const port = { network_id: networkId, mac_address: 'fa:16:3e:12:34:56' };
  const before = String((await post('ports', { port })).at('port', 'id'));
  const slaac = { network_id: networkId, ip_version: 6, ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' };
  const made = await post('subnets', { subnet: { ...slaac, cidr: 'fd00:7::9/64' } });
  const v6 = String(made.at('subnet', 'id'));
  expect(made.at('subnet')).toMatchObject({ cidr: 'fd00:7::/64', gateway_ip: 'fd00:7::1', ip_version: 6, ipv6_address_mode: 'slaac' });
  const own = { subnet_id: v6, ip_address: 'fd00:7::f816:3eff:fe12:3456' };
  const fixed = async (id: string) => (await member.call('GET', `${N}/ports/${id}`)).at('port', 'fixed_ips');
  expect(await fixed(before)).toEqual([{ subnet_id: v4, ip_address: expect.stringMatching(/^10\./) }, own]);
  // Whether it is asked for or not.
  for (const fixed_ips of [[{ subnet_id: v4 }], [{ subnet_id: v6 }, { subnet_id: v4 }]]) {
    const added = await post('ports', { port: { network_id: networkId, fixed_ips } });
    expect(added.at('port', 'fixed_ips')).toMatchObject([{ subnet_id: v4 }, { subnet_id: v6 }]);
    await remove(`ports/${String(added.at('port', 'id'))}`);
  }
  const wished = await post('ports', { port: { network_id: networkId, fixed_ips: [{ subnet_id: v6, ip_address: 'fd00:7::5' }] } });
  expect([wished.status, type(wished)]).toEqual([400, 'AllocationOnAutoAddressSubnet']);

  const router = String((await post('routers', { router: { name: 'six' } })).at('router', 'id'));
  const interfaces = (verb: string, subnet_id: string): Promise<Reply> =>
    member.call('PUT', `${N}/routers/${router}/${verb}_router_interface`, { subnet_id });
  const [four, six] = [await interfaces('add', v4), await interfaces('add', v6)];
  expect(four.at('port_id')).not.toBe(six.at('port_id'));
  expect(await fixed(String(six.at('port_id')))).toEqual([{ subnet_id: v6, ip_address: 'fd00:7::1' }]);
  const more = String((await post('subnets', { subnet: { ...slaac, cidr: 'fd00:8::/64' } })).at('subnet', 'id'));
  expect((await interfaces('add', more)).at('port_id')).toBe(six.at('port_id'));
  // The router's address was asked for and holds the subnet; those that made themselves go with it.
  expect(type(await remove(`subnets/${more}`))).toBe('SubnetInUse');
  expect((await interfaces('remove', more)).status).toBe(200);
  expect((await remove(`subnets/${more}`)).status).toBe(204);
  expect(await fixed(before)).toHaveLength(2);
  expect(await fixed(String(six.at('port_id')))).toHaveLength(1);
});

test('what Neutron refuses of an IPv6 subnet and of a rule for it', async () => {
  const { networkId } = await net();
  const subnet = (fields: object) => post('subnets', { subnet: { network_id: networkId, ip_version: 6, cidr: 'fd00:9::/64', ...fields } });
  for (const [fields, says] of [
    [{ ip_version: 4 }, 'does not match'],
    [{ ipv6_address_mode: 'slaac', ipv6_ra_mode: 'dhcpv6-stateful' }, 'must be the same value'],
    [{ ipv6_address_mode: 'slaac', cidr: 'fd00:9::/60' }, 'prefix to be /64'],
    [{ ipv6_ra_mode: 'slaac', enable_dhcp: false }, 'enable_dhcp'],
    [{ ipv6_ra_mode: 'auto' }, 'is not in'],
    [{ ip_version: 4, cidr: '10.250.0.0/24', ipv6_ra_mode: 'slaac' }, 'when ip_version is 4'],
  ] as const) {
    const answer = await subnet(fields);
    expect([answer.status, String(answer.at('NeutronError', 'message'))]).toEqual([400, expect.stringContaining(says)]);
  }
  const given = await subnet({ ipv6_address_mode: 'dhcpv6-stateful', cidr: 'fd00:9::/80' });
  expect(given.at('subnet', 'allocation_pools')).toEqual([{ start: 'fd00:9::2', end: 'fd00:9::ffff:ffff:ffff' }]);
  const port = await post('ports', { port: { network_id: networkId } });
  expect(port.at('port', 'fixed_ips')).toMatchObject([{}, { ip_address: 'fd00:9::3' }]);

  const group = String((await post('security-groups', { security_group: { name: 'six' } })).at('security_group', 'id'));
  const rule = (fields: object) =>
    post('security-group-rules', { security_group_rule: { security_group_id: group, direction: 'ingress', ethertype: 'IPv6', ...fields } });
  expect(type(await rule({ ethertype: 'IPv4', remote_ip_prefix: 'fd00::/64' }))).toBe('SecurityGroupRuleParameterConflict');
  expect(type(await rule({ ethertype: 'IPv4', protocol: 'ipv6-icmp' }))).toBe('SecurityGroupEthertypeConflictWithProtocol');
  const ping = await rule({ protocol: 'icmp', remote_ip_prefix: 'FD00:0::5/64' });
  expect(ping.at('security_group_rule')).toMatchObject({ protocol: 'ipv6-icmp', remote_ip_prefix: 'fd00::/64' });
  expect(type(await rule({ protocol: 'ipv6-icmp', remote_ip_prefix: 'fd00::/64' }))).toBe('SecurityGroupRuleExists');
});
