/** Neutron: filters, rules that exist already, missing extensions, things that are gone. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Conflict, NotFound, UserError } from '../../src/domain/errors.ts';
import { type FakeCloud, failing, startFakeCloud } from './fakeCloud.ts';

let cloud: FakeCloud;
beforeEach(async () => {
  cloud = await startFakeCloud();
  cloud.on('GET /network/v2.0/extensions', { body: { extensions: [{ alias: 'router' }] } });
});
afterEach(() => cloud.close());

const gone = { status: 404, body: { NeutronError: { type: 'NotFound', message: 'Not there.', detail: '' } } };

test('filters are exact and leave out what is not given', async () => {
  cloud.on('GET /network/v2.0/ports', { body: { ports: [] } });
  await cloud
    .open()
    .network.listPorts({ tag: 'seedbed.cluster=c1', networkId: 'n1', subnetId: 's1', deviceOwner: ['network:router_interface'] });
  expect(Object.fromEntries(cloud.seen[0]?.query ?? [])).toEqual({
    tags: 'seedbed.cluster=c1',
    network_id: 'n1',
    fixed_ips: 'subnet_id=s1',
    device_owner: 'network:router_interface',
  });
});

test('of a cloud that takes no notice of filters only what matches is taken', async () => {
  const group = (id: string, name: string, description: string, tags: string[]) => ({
    id,
    name,
    description,
    tags,
    project_id: id === 'g4' ? 'other' : 'mine',
    security_group_rules: [],
  });
  const all = [group('g1', 'a', 'ours', ['t']), group('g2', 'a', 'theirs', ['t']), group('g3', 'b', 'ours', []), group('g4', 'A', '', [])];
  cloud.on('GET /network/v2.0/security-groups', { body: { security_groups: all } });
  const { network } = cloud.open();
  const ids = async (filter: object) => (await network.listSecurityGroups(filter)).map(({ id }) => id);
  expect(await ids({ description: 'ours' })).toEqual(['g1', 'g3']);
  expect(await ids({ name: 'a', description: 'ours' })).toEqual(['g1']);
  expect(await ids({ tag: 't' })).toEqual(['g1', 'g2']);
  expect(await ids({ id: 'g4' })).toEqual(['g4']);
  expect(await ids({ projectId: 'mine' })).toEqual(['g1', 'g2', 'g3']);
  expect(await ids({})).toEqual(['g1', 'g2', 'g3', 'g4']);
});

test('a port is asked for with its subnet, groups and the pods’ ranges', async () => {
  cloud.on('POST /network/v2.0/ports', {
    status: 201,
    body: { port: { id: 'p1', status: 'DOWN', network_id: 'n1', mac_address: 'fa:16:3e:00:00:01' } },
  });
  await cloud.open().network.createPort({
    name: 'p',
    description: 'd',
    networkId: 'n1',
    subnetIds: ['s1', 's2'],
    vnicType: 'direct',
    securityGroupIds: ['g1'],
    allowedAddressPairs: ['10.244.0.0/16'],
  });
  expect(JSON.parse(cloud.seen[0]?.body ?? '')).toEqual({
    port: {
      name: 'p',
      description: 'd',
      network_id: 'n1',
      fixed_ips: [{ subnet_id: 's1' }, { subnet_id: 's2' }],
      'binding:vnic_type': 'direct',
      security_groups: ['g1'],
      allowed_address_pairs: [{ ip_address: '10.244.0.0/16' }],
    },
  });
});

test('a rule that is there already is no failure; its quota is, and any other conflict', async () => {
  const rule = {
    direction: 'ingress',
    etherType: 'IPv4',
    protocol: 'tcp',
    portMin: 10250,
    portMax: 10250,
    remoteCidr: '10.0.0.0/8',
    remoteGroupId: null,
    description: '',
  } as const;
  const error = (type: string, message: string) => ({ status: 409, body: { NeutronError: { type, message, detail: '' } } });
  cloud.on('POST /network/v2.0/security-group-rules', error('SecurityGroupRuleExists', 'Security group rule already exists.'));
  expect(await cloud.open().network.createSecurityGroupRule('g1', rule)).toBe(false);
  cloud.on('POST /network/v2.0/security-group-rules', error('OverQuota', "Quota exceeded for resources: ['security_group_rule']."));
  expect(await failing(cloud.open().network.createSecurityGroupRule('g1', rule))).toMatchObject({ code: 'QUOTA_EXCEEDED' });
  cloud.on('POST /network/v2.0/security-group-rules', error('RetryRequest', 'The record was changed meanwhile.'));
  expect(await failing(cloud.open().network.createSecurityGroupRule('g1', rule))).toBeInstanceOf(Conflict);
});

test('an extension that is missing is named; with it, a 404 is a missing object', async () => {
  cloud.on('PUT /network/v2.0/ports/p1/tags/a%2Fb', gone);
  const error = await failing(cloud.open().network.addTag('ports', 'p1', 'a/b'));
  expect(error).toBeInstanceOf(UserError);
  expect(error).toMatchObject({
    code: 'CLOUD_REFUSED',
    message: expect.stringContaining('"standard-attr-tag"'),
    detail: { whoMustAct: 'CLOUD_ADMIN' },
  });
  cloud.on('GET /network/v2.0/routers/r1', gone);
  expect(await failing(cloud.open().network.getRouter('r1'))).toBeInstanceOf(NotFound);
});

test('what is gone is done, and says so', async () => {
  const net = cloud.open().network;
  for (const path of ['networks', 'subnets', 'routers', 'ports', 'security-groups', 'security-group-rules', 'floatingips'])
    cloud.on(`DELETE /network/v2.0/${path}/x`, (_call, nth) => (nth === 0 ? { status: 204 } : gone));
  cloud.on('PUT /network/v2.0/routers/x/remove_router_interface', (_call, nth) => (nth === 0 ? { body: {} } : gone));
  const all = [
    () => net.deleteNetwork('x'),
    () => net.deleteSubnet('x'),
    () => net.deleteRouter('x'),
    () => net.deletePort('x'),
    () => net.deleteSecurityGroup('x'),
    () => net.deleteSecurityGroupRule('x'),
    () => net.deleteFloatingIp('x'),
    () => net.removeRouterInterface('x', 's1'),
  ];
  for (const remove of all) expect([await remove(), await remove()]).toEqual([true, false]);
});

test('a load balancer goes with all its parts', async () => {
  cloud.on('DELETE /lb/v2/lbaas/loadbalancers/l1', { status: 204 });
  expect(await cloud.open().loadBalancer.deleteLoadBalancer('l1')).toBe(true);
  expect(cloud.seen[0]?.query.get('cascade')).toBe('true');
});

test('an interface that is refused because it is there is no failure; any other refusal is', async () => {
  const refused = { status: 400, body: { NeutronError: { type: 'BadRequest', message: 'Bad router request: no.', detail: '' } } };
  cloud.on('PUT /network/v2.0/routers/r1/add_router_interface', refused);
  const port = { id: 'p1', status: 'ACTIVE', network_id: 'n1', mac_address: 'fa:16:3e:00:00:01' };
  cloud.on('GET /network/v2.0/ports', { body: { ports: [port] } });
  expect(await cloud.open().network.addRouterInterface('r1', 's1')).toEqual({ portId: 'p1' });
  expect(Object.fromEntries(cloud.seen.at(-1)?.query ?? [])).toEqual({ device_id: 'r1', fixed_ips: 'subnet_id=s1' });
  cloud.on('GET /network/v2.0/ports', { body: { ports: [] } });
  expect(await failing(cloud.open().network.addRouterInterface('r1', 's1'))).toMatchObject({
    code: 'CLOUD_REFUSED',
    message: expect.stringContaining('Bad router request'),
  });
});

test('an IPv6 subnet is one whose servers make their own addresses, and says how its servers get them', async () => {
  const subnet = { id: 's6', name: 'n', network_id: 'n1', cidr: 'fd00:7::/64', ip_version: 6, gateway_ip: 'fd00:7::1' };
  cloud.on('POST /network/v2.0/subnets', { status: 201, body: { subnet: { ...subnet, ipv6_address_mode: 'slaac' } } });
  const made = await cloud
    .open()
    .network.createSubnet({ name: 'n', description: 'd', networkId: 'n1', cidr: 'fd00:7::/64', ipVersion: 6, dnsNameservers: [] });
  expect(made).toMatchObject({ ipVersion: 6, ipv6AddressMode: 'slaac', gatewayIp: 'fd00:7::1' });
  expect(JSON.parse(cloud.seen[0]?.body ?? '')).toMatchObject({
    subnet: { ip_version: 6, enable_dhcp: true, ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' },
  });
});
