/** Clusters with IPv6 beside IPv4: what is refused before anything is made, and what is taken. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listLiveNodeGroups } from '../../src/store/reconcile.ts';
import { clusters } from '../../src/store/tables.ts';
import { ANNA, call, catalogue, errorOf, type House, openHouse, subnet, TEMPLATE } from './house.ts';

let house: House;
beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
});
afterEach(() => house.close());

const BOTH = ['IPV4', 'IPV6'];
const create = (overrides: object, more = {}) =>
  house.commands.createCluster(call(ANNA), { name: 'hello', clusterTemplate: 'standard', overrides, ...more });

test('a cluster has IPv4 alone unless it is asked, and with IPv6 ranges that overlap nothing', async () => {
  expect((await create({})).cluster.spec).toMatchObject({ ipFamilies: ['IPV4'] });
  const overrides = { ipFamilies: BOTH, podCidrV6: 'FD00:1:0:0::5/56', serviceCidrV6: 'fd00:2::/112', nodeCidrV6: '2001:db8:1:2::/64' };
  expect((await create(overrides, { name: 'both' })).cluster.spec).toMatchObject({
    ...overrides,
    podCidrV6: 'fd00:1::/56',
    podCidr: '10.200.0.0/16',
  });
  const { spec } = (await create({ ipFamilies: BOTH }, { name: 'plain' })).cluster;
  expect(spec).toMatchObject({ podCidrV6: 'fd00:10:200::/56', serviceCidrV6: 'fd00:10:254::/112', nodeCidrV6: null });
});

test.each<[string, object, string, string, string]>([
  ['IPv6 alone', { ipFamilies: ['IPV6'] }, 'INVALID_INPUT', 'ipFamilies', 'give [IPV4, IPV6]'],
  ['IPv6 first', { ipFamilies: ['IPV6', 'IPV4'] }, 'INVALID_INPUT', 'ipFamilies', 'IPv4 first'],
  ['one twice', { ipFamilies: ['IPV4', 'IPV4'] }, 'INVALID_INPUT', 'ipFamilies', 'IPv4 first'],
  ['a range and no IPv6', { podCidrV6: 'fd00::/56' }, 'INVALID_INPUT', 'podCidrV6', 'give ipFamilies [IPV4, IPV6] too'],
  ['IPv4 for IPv6', { ipFamilies: BOTH, podCidrV6: '10.1.0.0/16' }, 'INVALID_INPUT', 'podCidrV6', 'not an IPv6 range'],
  ['IPv6 for IPv4', { ipFamilies: BOTH, podCidr: 'fd00::/56' }, 'INVALID_INPUT', 'podCidr', 'for IPv4'],
  ['a small range for pods', { ipFamilies: BOTH, podCidrV6: 'fd00::/113' }, 'INVALID_INPUT', 'podCidrV6', '/48 and /112'],
  ['a wide range for services', { ipFamilies: BOTH, serviceCidrV6: 'fd00::/64' }, 'INVALID_INPUT', 'serviceCidrV6', '/108 and /124'],
  ['workers in no /64', { ipFamilies: BOTH, nodeCidrV6: 'fd00::/56' }, 'INVALID_INPUT', 'nodeCidrV6', '/64'],
  [
    'services among pods',
    { ipFamilies: BOTH, podCidrV6: 'fd00::/56', serviceCidrV6: 'fd00:0:0:7::/112' },
    'OVERLAPPING_CIDR',
    'serviceCidrV6',
    'overlaps the IPv6 range for pods fd00::/56',
  ],
  [
    'workers among the pods that are not named',
    { ipFamilies: BOTH, nodeCidrV6: 'fd00:10:200::/64' },
    'OVERLAPPING_CIDR',
    'nodeCidrV6',
    'for pods',
  ],
  ['link-local pods', { ipFamilies: BOTH, podCidrV6: 'fe80::/56' }, 'OVERLAPPING_CIDR', 'podCidrV6', 'reserved range fe80::/10'],
  ['a subnet without its network', { ipFamilies: BOTH, fixedSubnetV6: 'x' }, 'INVALID_INPUT', 'fixedSubnetV6', 'fixedNetwork'],
])('%s: refused by the name of the field', async (_what, overrides, code, field, says) => {
  const error = await errorOf(create(overrides));
  expect(error).toMatchObject({ code });
  expect(error.field?.slice(0, 2)).toEqual(['overrides', field]);
  expect(error.message).toContain(says);
  expect(await house.store.db.$count(clusters)).toBe(0);
});

test('a range for pods holds as many nodes as are asked for', async () => {
  const overrides = { ipFamilies: BOTH, podCidr: '10.128.0.0/12', nodeCidr: '10.0.0.0/20' };
  expect(await errorOf(create(overrides, { nodeCount: 300 }))).toMatchObject({
    code: 'INVALID_INPUT',
    field: ['overrides', 'podCidrV6'],
    message: expect.stringContaining('holds 256 nodes'),
  });
  const { cluster } = await create({ ...overrides, podCidrV6: 'fd00:1::/52' }, { nodeCount: 300 });
  expect((await listLiveNodeGroups(house.store.db, cluster.id))[0]?.spec.count).toBe(300);
});

test('the families and the ranges stay for the life of a cluster', async () => {
  const { cluster } = await create({ ipFamilies: BOTH });
  const update = (overrides: object) => house.commands.updateCluster(call(ANNA), { clusterId: cluster.id, overrides });
  for (const [field, value] of [
    ['ipFamilies', ['IPV4']],
    ['podCidrV6', 'fd00:1::/56'],
    ['serviceCidrV6', 'fd00:2::/112'],
    ['nodeCidrV6', 'fd00:3::/64'],
  ] as const)
    expect(await errorOf(update({ [field]: value }))).toMatchObject({
      code: 'INVALID_INPUT',
      field: ['overrides', field],
      message: expect.stringContaining('cannot be changed'),
    });
});

test('what a second family takes of the quotas is asked for, too', async () => {
  const quotas = ['subnet', 'port', 'security_group_rule'].map((resource) => ({ resource, used: 0, limit: 0 }));
  house.cloud.catalogue = { ...catalogue(), quotas };
  const error = await create({ ipFamilies: BOTH }, { nodeCount: 1 }).catch((thrown: { detail: object }) => thrown.detail);
  expect(error).toMatchObject({
    quotas: [
      { resource: 'subnet', requested: 2 },
      { resource: 'port', requested: 4 },
      { resource: 'security_group_rule', requested: 10 },
    ],
  });
});

describe('in a network that is given', () => {
  const GIVEN = { ipFamilies: BOTH, fixedNetwork: 'office', fixedSubnet: 'office-0' };
  const slaac = { ipVersion: 6, ipv6AddressMode: 'slaac', gatewayIp: 'fd00:5::1' } as const;
  const withSubnets = (...more: ReturnType<typeof subnet>[]) => {
    const all = catalogue();
    const networks = all.networks.map((network) =>
      network.name === 'office' ? { ...network, subnets: [...network.subnets, ...more] } : network,
    );
    house.cloud.catalogue = { ...all, networks };
  };
  const six = (name: string, more: object = {}, cidr = 'fd00:5::/64') => subnet('net-in', name, `id-${name}`, cidr, { ...slaac, ...more });

  test('its IPv6 subnet is found', async () => {
    withSubnets(six('six'));
    expect((await create(GIVEN)).cluster.spec).toMatchObject(GIVEN);
    withSubnets(six('six'), six('seven', { ipv6AddressMode: 'dhcpv6-stateful' }, 'fd00:6::/80'));
    expect((await create({ ...GIVEN, fixedSubnetV6: 'seven' }, { name: 'named' })).cluster.spec.fixedSubnetV6).toBe('seven');
  });

  test('its real range counts, and one that is for a network of our own does not', async () => {
    withSubnets(six('six'));
    const { spec } = (await create({ ...GIVEN, nodeCidrV6: 'fd00:10:200::/64' })).cluster;
    expect(spec).toMatchObject({ podCidrV6: 'fd00:10:200::/56', nodeCidrV6: 'fd00:10:200::/64' });
  });

  test.each<[string, ReturnType<typeof subnet>[], object, string, string, string]>([
    ['none', [], {}, 'INVALID_INPUT', 'ipFamilies', 'has no IPv6 subnet'],
    ['several', [six('six'), six('seven')], {}, 'INVALID_INPUT', 'fixedSubnetV6', 'several IPv6 subnets'],
    ['another name', [six('six')], { fixedSubnetV6: 'nine' }, 'INVALID_INPUT', 'fixedSubnetV6', 'six'],
    ['no addresses', [six('six', { ipv6AddressMode: null })], {}, 'INVALID_INPUT', 'fixedSubnetV6', 'ipv6_address_mode'],
    ['no gateway', [six('six', { gatewayIp: null })], {}, 'INVALID_INPUT', 'fixedSubnetV6', 'no gateway'],
    ['a range of the pods', [six('six', {}, 'fd00:10:200::/64')], {}, 'OVERLAPPING_CIDR', 'fixedNetwork', 'for pods'],
  ])('%s: refused', async (_what, subnets, overrides, code, field, says) => {
    withSubnets(...subnets);
    const error = await errorOf(create({ ...GIVEN, ...overrides }));
    expect(error).toMatchObject({ code, field: ['overrides', field] });
    expect(error.message).toContain(says);
  });
});
