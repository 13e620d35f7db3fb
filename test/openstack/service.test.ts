/** Catalog forms, regions and interfaces, microversions, and listings over many pages. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UserError } from '../../src/domain/errors.ts';
import { entry, type FakeCloud, failing, startFakeCloud } from './fakeCloud.ts';

let cloud: FakeCloud;
beforeEach(async () => {
  cloud = await startFakeCloud();
});
afterEach(() => cloud.close());

/** The path that a call of the service ends up at, with this URL in the catalog. */
const pathFor = async (type: string, path: string): Promise<string | undefined> => {
  cloud.catalog = [entry(type, `${cloud.origin}${path}`)];
  const open = cloud.open();
  const calls: Record<string, () => Promise<unknown>> = {
    compute: open.compute.listFlavors,
    network: open.network.listNetworks,
    image: open.image.listImages,
    volumev3: open.volume.listVolumeTypes,
    'block-storage': open.volume.listVolumeTypes,
    'load-balancer': open.loadBalancer.listLoadBalancers,
  };
  for (const root of ['/v2.1/', '/c/v2.1/']) cloud.on(`GET ${root}`, { body: { version: { id: 'v2.1', version: '2.90' } } });
  for (const root of ['/v3/', '/c/v3/']) cloud.on(`GET ${root}`, { body: { versions: [{ id: 'v3.0', version: '3.59' }] } });
  await failing(calls[type]?.() ?? Promise.resolve());
  return cloud.seen.findLast((call) => call.path !== '/v2.0/extensions' && call.path !== '/c/v2.0/extensions')?.path;
};

test.each([
  ['compute', '', '/v2.1/flavors/detail'],
  ['compute', '/c/', '/c/v2.1/flavors/detail'],
  ['compute', '/v2', '/v2.1/flavors/detail'],
  ['compute', '/v2/p1', '/v2.1/flavors/detail'],
  ['compute', '/c/v2.1/', '/c/v2.1/flavors/detail'],
  ['compute', '/v2.1/p1', '/v2.1/p1/flavors/detail'],
  ['network', '', '/v2.0/networks'],
  ['network', '/c/v2.0/', '/c/v2.0/networks'],
  ['image', '/c', '/c/v2/images'],
  ['image', '/v2', '/v2/images'],
  ['volumev3', '/v3/p1', '/v3/p1/types'],
  ['block-storage', '/c/v3', '/c/v3/p1/types'],
  ['block-storage', '', '/v3/p1/types'],
  ['load-balancer', '', '/v2/lbaas/loadbalancers'],
  ['load-balancer', '/c/v2.0', '/c/v2.0/lbaas/loadbalancers'],
])('catalog: %s at "%s" is called at %s', async (type, path, expected) => {
  expect(await pathFor(type, path)).toBe(expected);
});

test('a service that the catalog lacks is a sentence, and offers() says so before', async () => {
  cloud.catalog = [entry('network', cloud.origin)];
  const error = await failing(cloud.open().volume.listVolumeTypes());
  expect(error).toBeInstanceOf(UserError);
  expect(error).toMatchObject({ message: "This cloud's catalog has no volume service.", detail: { whoMustAct: 'CLOUD_ADMIN' } });
  expect(await cloud.open().offers('volume')).toBe(false);
  expect(await cloud.open().offers('network')).toBe(true);
});

test('region and interface choose the endpoint; two regions need a choice', async () => {
  const endpoints = [
    { interface: 'public', region_id: 'R1', url: `${cloud.origin}/r1` },
    { interface: 'public', region_id: 'R2', url: `${cloud.origin}/r2` },
    { interface: 'internal', region_id: 'R2', url: `${cloud.origin}/r2-internal` },
  ];
  cloud.catalog = [{ type: 'network', endpoints }];
  expect(await failing(cloud.open().network.listNetworks())).toMatchObject({ message: expect.stringContaining('R1, R2') });

  const inner = await startFakeCloud({ region: 'R2', interface: 'internal' });
  inner.catalog = [{ type: 'network', endpoints: endpoints.map((e) => ({ ...e, url: e.url.replace(cloud.origin, inner.origin) })) }];
  inner.on('GET /r2-internal/v2.0/networks', { body: { networks: [] } });
  await expect(inner.open().network.listNetworks()).resolves.toEqual([]);
  await inner.close();

  const elsewhere = await startFakeCloud({ region: 'R9' });
  expect(await failing(elsewhere.open().network.listNetworks())).toMatchObject({ message: expect.stringContaining('in region R9') });
  await elsewhere.close();
});

test('pages are followed by their markers, with our own filters and our own host', async () => {
  const flavor = (n: number) => ({ id: `f${n}`, name: `m${n}`, vcpus: 1, ram: 512, disk: 1 });
  cloud.on('GET /compute/v2.1/flavors/detail', (call) => {
    const from = Number(call.query.get('marker')?.slice(1) ?? 0);
    const flavors = [flavor(from + 1), flavor(from + 2)];
    const next = { rel: 'next', href: `http://wrong.invalid/v2.1/flavors/detail?marker=f${from + 2}` };
    return { body: { flavors, ...(from < 4 ? { flavors_links: [next] } : {}) } };
  });
  const flavors = await cloud.open().compute.listFlavors();
  expect(flavors.map((f) => f.id)).toEqual(['f1', 'f2', 'f3', 'f4', 'f5', 'f6']);
});

test("Glance's pages keep the filter", async () => {
  cloud.on('GET /image/v2/images', (call) => {
    const more = call.query.get('marker') === null;
    const image = {
      id: more ? 'i1' : 'i2',
      name: 'node',
      status: 'active',
      os_distro: 'debian',
      kube_version: 'v1.36.3',
      hw_disk_bus: 'virtio',
      size: 5,
    };
    return { body: { images: [image], ...(more ? { next: '/v2/images?marker=i1&name=node&limit=1' } : {}) } };
  });
  const images = await cloud.open().image.listImages({ name: 'node' });
  expect(images.map((image) => image.id)).toEqual(['i1', 'i2']);
  expect(images[0]).toMatchObject({ osDistro: 'debian', kubeVersion: 'v1.36.3', properties: { hw_disk_bus: 'virtio' } });
  expect(cloud.seen.map((call) => call.query.get('name'))).toEqual(['node', 'node']);
});

test('a service that gives the same page for ever is left after it repeats', async () => {
  cloud.on('GET /network/v2.0/networks', {
    body: { networks: [{ id: 'n1', name: 'n', status: 'ACTIVE' }], networks_links: [{ rel: 'next', href: '?marker=n1' }] },
  });
  expect(await cloud.open().network.listNetworks()).toHaveLength(2);
});

test('the newest common microversion is spoken, asked for once', async () => {
  cloud.on('GET /compute/v2.1/os-availability-zone', { body: { availabilityZoneInfo: [] } });
  const open = cloud.open();
  await open.compute.listAvailabilityZones();
  await open.compute.listAvailabilityZones();
  expect(cloud.seen.map((call) => `${call.path} ${call.headers['openstack-api-version'] ?? ''}`)).toEqual([
    '/compute/v2.1/ ',
    '/compute/v2.1/os-availability-zone compute 2.90',
    '/compute/v2.1/os-availability-zone compute 2.90',
  ]);
});

test('a failed version document is asked for again', async () => {
  cloud.on('GET /compute/v2.1/', (_call, nth) =>
    nth === 0 ? { status: 500, body: {} } : { body: { version: { id: 'v2.1', version: '2.60' } } },
  );
  cloud.on('GET /compute/v2.1/os-availability-zone', { body: { availabilityZoneInfo: [] } });
  expect(await failing(cloud.open().compute.listAvailabilityZones())).toMatchObject({ code: 'CLOUD_UNAVAILABLE' });
  await cloud.open().compute.listAvailabilityZones();
  expect(cloud.seen.at(-1)?.headers['openstack-api-version']).toBe('compute 2.60');
});
