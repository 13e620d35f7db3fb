/** The listing for forms and checks: once a minute, once for all who wait, per project and user. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findByNameOrId } from '../../src/domain/cloud.ts';
import { createProjectCatalogue } from '../../src/openstack/catalogue.ts';
import { type FakeCloud, failing, startFakeCloud } from './fakeCloud.ts';

let cloud: FakeCloud;
beforeEach(async () => {
  cloud = await startFakeCloud();
  cloud.on('GET /compute/v2.1/flavors/detail', { body: { flavors: [{ id: 'f1', name: 'm1', vcpus: 2, ram: 2048, disk: 10 }] } });
  cloud.on('GET /compute/v2.1/os-keypairs', { body: { keypairs: [{ keypair: { name: 'k', type: 'ssh', fingerprint: 'aa' } }] } });
  cloud.on('GET /compute/v2.1/os-availability-zone', {
    body: { availabilityZoneInfo: [{ zoneName: 'nova', zoneState: { available: true } }] },
  });
  cloud.on('GET /network/v2.0/security-groups', { body: { security_groups: [{ id: 'sg', name: 'web', security_group_rules: [] }] } });
  cloud.on('GET /image/v2/images', { body: { images: [{ id: 'i1', name: 'node', status: 'active' }] } });
  // As Neutron shows it to a member: who does not own the network is not told that it is external, and finds it by the filter alone.
  const net = { id: 'n1', name: 'net', status: 'ACTIVE', 'router:external': false };
  const external = { id: 'x', name: 'public', status: 'ACTIVE' };
  cloud.on('GET /network/v2.0/networks', (call) => ({
    body: { networks: call.query.get('router:external') === 'true' ? [external] : [net, external] },
  }));
  cloud.on('GET /network/v2.0/subnets', {
    body: { subnets: [{ id: 's1', name: 'sub', network_id: 'n1', cidr: '10.0.0.0/24', ip_version: 4 }] },
  });
  cloud.on('GET /volume/v3/p1/types', { body: { volume_types: [{ id: 'v1', name: 'ssd' }] } });
});
afterEach(() => cloud.close());

const start = () => createProjectCatalogue({ clock: { now: () => cloud.now } });
const listings = () => cloud.seen.filter((call) => call.path.endsWith('/flavors/detail')).length;

test('everything a project may choose from', async () => {
  const catalogue = await start().load(cloud.open(), 'p1', 'u1');
  expect(catalogue).toMatchObject({
    loadedAt: cloud.now,
    flavors: [{ id: 'f1', vcpus: 2, ramMiB: 2048, diskGiB: 10 }],
    images: [{ id: 'i1' }],
    keypairs: [{ name: 'k' }],
    availabilityZones: [{ name: 'nova', available: true }],
    volumeTypes: [{ name: 'ssd' }],
  });
  expect(catalogue.networks.map((n) => [n.name, n.external, n.subnets.map((s) => s.cidr)])).toEqual([
    ['net', false, ['10.0.0.0/24']],
    ['public', true, []],
  ]);
});

test('a listing serves all who wait and the next minute; peek never calls', async () => {
  const catalogues = start();
  expect(catalogues.peek('p1', 'u1')).toBeNull();
  await Promise.all(Array.from({ length: 5 }, () => catalogues.load(cloud.open(), 'p1', 'u1')));
  cloud.now += 59_999;
  await catalogues.load(cloud.open(), 'p1', 'u1');
  expect(listings()).toBe(1);
  cloud.now += 1;
  expect(catalogues.peek('p1', 'u1')?.flavors).toHaveLength(1);
  expect(catalogues.peek('p1', 'u1')?.securityGroups).toEqual([{ id: 'sg', name: 'web', description: '' }]);
  await catalogues.load(cloud.open(), 'p1', 'u1');
  expect(listings()).toBe(2);
  await catalogues.load(cloud.open(), 'p1', 'u2');
  expect(listings()).toBe(3);
  expect(catalogues.peek('p2', 'u1')).toBeNull();
});

const giveQuotas = () => {
  const absolute = {
    maxTotalInstances: 10,
    totalInstancesUsed: 3,
    maxTotalCores: -1,
    totalCoresUsed: 4,
    maxTotalRAMSize: 8,
    totalRAMUsed: 1,
  };
  cloud.on('GET /compute/v2.1/limits', { body: { limits: { rate: [], absolute } } });
  cloud.on('GET /network/v2.0/quotas/p1/details.json', { body: { quota: { port: { limit: 5, used: 2, reserved: 1 } } } });
  cloud.on('GET /volume/v3/p1/os-quota-sets/p1', (call) =>
    call.query.get('usage') === 'true'
      ? { body: { quota_set: { id: 'p1', gigabytes_ssd: { limit: 100, in_use: 20, reserved: 5 } } } }
      : { status: 400, body: {} },
  );
};

test('quotas of all services, with what is used and promised; any user of the project sees a fresh reading', async () => {
  giveQuotas();
  const catalogues = start();
  expect(catalogues.peekQuotas('p1')).toBeNull();
  const { quotas } = await catalogues.load(cloud.open(), 'p1', 'u1');
  expect(quotas).toEqual([
    { resource: 'instances', used: 3, limit: 10 },
    { resource: 'cores', used: 4, limit: null },
    { resource: 'ram', used: 1, limit: 8 },
    { resource: 'server_groups', used: 0, limit: null },
    { resource: 'server_group_members', used: 0, limit: null },
    { resource: 'port', used: 3, limit: 5 },
    { resource: 'gigabytes_ssd', used: 25, limit: 100 },
  ]);
  expect(catalogues.peekQuotas('p1')).toEqual(quotas);
  expect(catalogues.peekQuotas('p2')).toBeNull();
  cloud.now += 60_000;
  expect(catalogues.peekQuotas('p1')).toBeNull();
});

test('quotas that a service does not show are left out, and a service that is down takes nothing else with it', async () => {
  giveQuotas();
  cloud.on('GET /network/v2.0/quotas/p1/details.json', {
    status: 403,
    body: { NeutronError: { type: 'PolicyNotAuthorized', message: 'no' } },
  });
  const { quotas } = await start().load(cloud.open(), 'p1', 'u1');
  expect(quotas.map(({ resource }) => resource)).toEqual([
    'instances',
    'cores',
    'ram',
    'server_groups',
    'server_group_members',
    'gigabytes_ssd',
  ]);
  cloud.on('GET /compute/v2.1/limits', { status: 500, body: {} });
  expect(await start().load(cloud.open(), 'p1', 'u1')).toMatchObject({ flavors: [{ id: 'f1' }], quotas: [] });
});

test('a failed listing is not kept', async () => {
  const catalogues = start();
  cloud.on('GET /image/v2/images', { status: 500, body: {} });
  expect(await failing(catalogues.load(cloud.open(), 'p1', 'u1'))).toMatchObject({ code: 'CLOUD_UNAVAILABLE' });
  expect(catalogues.peek('p1', 'u1')).toBeNull();
  cloud.on('GET /image/v2/images', { body: { images: [] } });
  await expect(catalogues.load(cloud.open(), 'p1', 'u1')).resolves.toMatchObject({ images: [] });
});

test('a cloud without block storage has no volume types', async () => {
  cloud.catalog = cloud.catalog.filter((service) => !JSON.stringify(service).includes('volumev3'));
  expect((await start().load(cloud.open(), 'p1', 'u1')).volumeTypes).toEqual([]);
});

test('at most 500 are kept, the longest unrefreshed goes first', async () => {
  const catalogues = start();
  const open = cloud.open();
  const still = {
    ...open,
    compute: { ...open.compute, listFlavors: async () => [], listKeypairs: async () => [], listAvailabilityZones: async () => [] },
  };
  const quiet = {
    ...still,
    image: { ...open.image, listImages: async () => [] },
    network: { ...open.network, listNetworks: async () => [], listSubnets: async () => [] },
    offers: async () => false,
  };
  for (let n = 0; n <= 500; n++) await catalogues.load(quiet, `p${n}`, 'u');
  expect(catalogues.peek('p0', 'u')).toBeNull();
  expect(catalogues.peek('p1', 'u')).not.toBeNull();
  expect(catalogues.peek('p500', 'u')).not.toBeNull();
});

test('an id wins over a name; a name of two is nobody’s', () => {
  const items = [
    { id: 'a', name: 'x' },
    { id: 'x', name: 'y' },
    { id: 'c', name: 'z' },
    { id: 'd', name: 'z' },
  ];
  expect(findByNameOrId(items, 'x')?.id).toBe('x');
  expect(findByNameOrId(items, 'y')?.id).toBe('x');
  expect(findByNameOrId(items, 'z')).toBeUndefined();
});
