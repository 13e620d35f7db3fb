/** What Nova is sent, at its newest and at older microversions, and how servers are found again. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ServerSpec } from '../../src/openstack/server.ts';
import { type FakeCloud, failing, startFakeCloud } from './fakeCloud.ts';

let cloud: FakeCloud;
beforeEach(async () => {
  cloud = await startFakeCloud();
});
afterEach(() => cloud.close());

const speaks = (version: string) => cloud.on('GET /compute/v2.1/', { body: { version: { id: 'v2.1', version } } });

const spec: ServerSpec = {
  name: 'n-1',
  description: 'cluster c1',
  flavorId: 'f1',
  boot: { kind: 'image', imageId: 'i1' },
  portIds: ['p1', 'p2'],
  keypair: 'key',
  userData: '#cloud-config\nä: 1\n',
  configDrive: true,
  serverGroupId: 'g1',
  schedulerHints: {},
  availabilityZone: 'az1',
  metadata: { 'seedbed.cluster': 'c1' },
  tags: ['seedbed'],
};

const created = async (change: Partial<ServerSpec> = {}) => {
  cloud.on('POST /compute/v2.1/servers', { status: 202, body: { server: { id: 's1', adminPass: 'secret' } } });
  expect(await cloud.open().compute.createServer({ ...spec, ...change })).toBe('s1');
  return JSON.parse(cloud.seen.at(-1)?.body ?? '');
};

test('a server from an image', async () => {
  expect(await created()).toEqual({
    server: {
      name: 'n-1',
      description: 'cluster c1',
      flavorRef: 'f1',
      imageRef: 'i1',
      networks: [{ port: 'p1' }, { port: 'p2' }],
      key_name: 'key',
      user_data: Buffer.from(spec.userData ?? '').toString('base64'),
      config_drive: true,
      availability_zone: 'az1',
      metadata: { 'seedbed.cluster': 'c1' },
      tags: ['seedbed'],
    },
    'os:scheduler_hints': { group: 'g1' },
  });
});

test('hints stand beside the server group, and cannot take its place', async () => {
  const hints = async (change: Partial<ServerSpec>) => (await created(change))['os:scheduler_hints'];
  expect(await hints({ schedulerHints: { different_host: 's0', group: 'other' } })).toEqual({ different_host: 's0', group: 'g1' });
  expect(await hints({ schedulerHints: { different_host: 's0' }, serverGroupId: null })).toEqual({ different_host: 's0' });
});

test('nothing is sent that was not chosen, nor what an old Nova does not know', async () => {
  speaks('2.15');
  expect(await created({ keypair: null, userData: null, availabilityZone: null, serverGroupId: null })).toEqual({
    server: {
      name: 'n-1',
      flavorRef: 'f1',
      imageRef: 'i1',
      networks: [{ port: 'p1' }, { port: 'p2' }],
      config_drive: true,
      metadata: { 'seedbed.cluster': 'c1' },
    },
  });
});

test('root volumes: new with a type, existing, and a type that Nova is too old for', async () => {
  const fresh = await created({ boot: { kind: 'newVolume', imageId: 'i1', sizeGiB: 20, type: 'ssd' } });
  expect(fresh.server.imageRef).toBeUndefined();
  expect(fresh.server.block_device_mapping_v2).toEqual([
    {
      boot_index: 0,
      source_type: 'image',
      destination_type: 'volume',
      uuid: 'i1',
      volume_size: 20,
      delete_on_termination: true,
      volume_type: 'ssd',
    },
  ]);
  const existing = await created({ boot: { kind: 'volume', volumeId: 'v1' } });
  expect(existing.server.block_device_mapping_v2).toMatchObject([{ source_type: 'volume', uuid: 'v1', delete_on_termination: false }]);
  const old = await startFakeCloud();
  old.on('GET /compute/v2.1/', { body: { version: { id: 'v2.1', version: '2.60' } } });
  const boot = { kind: 'newVolume', imageId: 'i1', sizeGiB: 20, type: 'ssd' } as const;
  expect(await failing(old.open().compute.createServer({ ...spec, boot }))).toMatchObject({
    code: 'CLOUD_REFUSED',
    message: expect.stringContaining('2.67'),
  });
  await old.close();
});

const server = (id: string, name: string, more: object = {}) => ({ id, name, status: 'ACTIVE', created: '2026-01-01T00:00:00Z', ...more });

test('a server is found by its whole name only, whatever the filter lets through', async () => {
  cloud.on('GET /compute/v2.1/servers/detail', { body: { servers: [server('s0', 'N.1'), server('s1', 'n.1'), server('s2', 'n.1')] } });
  expect((await cloud.open().compute.findServer('n.1'))?.id).toBe('s1');
  expect(cloud.seen.at(-1)?.query.get('name')).toBe('^n\\.1$');
  expect(await cloud.open().compute.findServer('n')).toBeUndefined();
});

test('servers are narrowed by tag in Nova and by metadata here', async () => {
  const mine = { metadata: { cluster: 'c1' }, tags: ['seedbed'] };
  cloud.on('GET /compute/v2.1/servers/detail', {
    body: {
      servers: [
        server('s1', 'a', mine),
        server('s2', 'b', { ...mine, metadata: { cluster: 'c2' } }),
        server('s3', 'c', { metadata: { cluster: 'c1' } }),
      ],
    },
  });
  const found = await cloud.open().compute.listServers({ tags: ['seedbed'], metadata: { cluster: 'c1' } });
  expect(found.map((s) => s.id)).toEqual(['s1']);
  expect(cloud.seen.at(-1)?.query.get('tags')).toBe('seedbed');
});

test('a server with everything that Nova says of it', async () => {
  const fault = { code: 500, message: 'No valid host was found.', created: '2026-01-01T00:00:00Z' };
  const addresses = { net: [{ addr: '10.0.0.5', version: 4, 'OS-EXT-IPS:type': 'fixed', 'OS-EXT-IPS-MAC:mac_addr': 'fa:16:3e:00:00:01' }] };
  const raw = server('s1', 'a', {
    status: 'ERROR',
    fault,
    addresses,
    image: '',
    flavor: { original_name: 'm1' },
    'OS-EXT-STS:task_state': null,
  });
  cloud.on('GET /compute/v2.1/servers/s1', { body: { server: raw } });
  expect(await cloud.open().compute.getServer('s1')).toMatchObject({
    status: 'ERROR',
    fault: { code: 500, message: 'No valid host was found.' },
    addresses: [{ network: 'net', address: '10.0.0.5', version: 4, type: 'fixed', mac: 'fa:16:3e:00:00:01' }],
    imageId: null,
    flavorName: 'm1',
    taskState: null,
  });
});

test('server groups: one policy since 2.64, a list before, and a clear word when soft policies are unknown', async () => {
  const answer = { body: { server_group: { id: 'g1', name: 'g', policies: ['soft-anti-affinity'], members: [] } } };
  const make = async (version: string) => {
    const old = await startFakeCloud();
    old.on('GET /compute/v2.1/', { body: { version: { id: 'v2.1', version } } });
    old.on('POST /compute/v2.1/os-server-groups', answer);
    const result = await old
      .open()
      .compute.createServerGroup({ name: 'g', policy: 'soft-anti-affinity' })
      .catch((error: unknown) => error);
    await old.close();
    return { result, body: old.seen.at(-1)?.body };
  };
  expect((await make('2.64')).body).toBe('{"server_group":{"name":"g","policy":"soft-anti-affinity"}}');
  expect(await make('2.63')).toMatchObject({
    body: '{"server_group":{"name":"g","policies":["soft-anti-affinity"]}}',
    result: { policy: 'soft-anti-affinity' },
  });
  expect((await make('2.10')).result).toMatchObject({ code: 'CLOUD_REFUSED', message: expect.stringContaining('2.15') });
});

test('limits: -1 means none', async () => {
  const absolute = {
    maxTotalInstances: -1,
    totalInstancesUsed: 3,
    maxTotalCores: 20,
    totalCoresUsed: 4,
    maxTotalRAMSize: 1024,
    totalRAMUsed: 512,
  };
  cloud.on('GET /compute/v2.1/limits', { body: { limits: { rate: [], absolute } } });
  const quotas = await cloud.open().compute.listQuotas();
  expect(quotas).toContainEqual({ resource: 'instances', used: 3, limit: null });
  expect(quotas).toContainEqual({ resource: 'cores', used: 4, limit: 20 });
});

test('of what was done to a server the request is told that failed, newest first, or else the last one, and none of long before', async () => {
  const failedAt = Date.parse('2026-06-01T12:00:00Z');
  const told = async (...instanceActions: object[]) => {
    cloud.on('GET /compute/v2.1/servers/s1/os-instance-actions', { body: { instanceActions } });
    return cloud.open().compute.failedRequest('s1', failedAt);
  };
  const went = (request_id: string | null, message: string | null, start_time = '2026-06-01T11:30:00.000000') => ({
    action: 'x',
    request_id,
    message,
    start_time,
    user_id: null,
  });
  expect(await told(went('req-3', null), went('req-2', 'Error'), went('req-1', 'Error'))).toBe('req-2');
  expect(await told(went('req-2', null), went('req-1', null))).toBe('req-2');
  expect(await told(went(null, 'Error'))).toBeNull();
  expect(await told()).toBeNull();
  expect(await told(went('req-2', null), went('req-1', 'Error', '2026-01-01T11:30:00.000000'))).toBe('req-2');
  expect(await told(went('req-1', 'Error', '2026-01-01T11:30:00.000000'))).toBeNull();
  expect(await cloud.open().compute.failedRequest('s1', null)).toBe('req-1');
});
