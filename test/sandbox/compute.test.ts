import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Client, catalogue, eventually, makeNetwork, NOVA, type Reply, startCloud, type TestCloud } from './cloud.ts';

let cloud: TestCloud;
let member: Client;
let reader: Client;
let other: Client;
let admin: Client;
let networkId: string;
let refs: { flavorRef: string; imageRef: string };

beforeAll(async () => {
  cloud = await startCloud();
  [member, reader, other, admin] = await Promise.all([
    cloud.login('member'),
    cloud.login('reader'),
    cloud.login('other'),
    cloud.login('admin'),
  ]);
  ({ networkId } = await makeNetwork(member));
  refs = await catalogue(member);
});
afterAll(() => cloud.close());
beforeEach(() => cloud.control('DELETE', '/serverFaults'));

const SERVERS = '/compute/v2.1/servers';

const create = (fields: object, headers: Record<string, string> = NOVA): Promise<Reply> =>
  member.call('POST', SERVERS, { server: { name: 'worker', networks: [{ uuid: networkId }], ...refs, ...fields } }, headers);

const settled = (id: string, status: string): Promise<Reply> =>
  eventually(async () => {
    const shown = await member.call('GET', `${SERVERS}/${id}`, null, NOVA);
    expect(shown.at('server', 'status')).toBe(status);
    return shown;
  });

const newPort = async (): Promise<string> =>
  String((await member.call('POST', '/network/v2.0/ports', { port: { network_id: networkId, name: 'given' } })).at('port', 'id'));
const gone = (id: string): Promise<void> => eventually(async () => expect((await member.call('GET', `${SERVERS}/${id}`)).status).toBe(404));

test('a server builds, boots its machine with the user data, and shows its port addresses', async () => {
  const port = await newPort();
  const userData = Buffer.from('#cloud-config\nhostname: x\n').toString('base64');
  const made = await create({
    name: 'boots',
    networks: [{ port }],
    user_data: userData,
    tags: ['t:1'],
    description: 'd',
    metadata: { a: 'b' },
    config_drive: true,
  });
  expect(made.status).toBe(202);
  const id = String(made.at('server', 'id'));
  const server = await settled(id, 'ACTIVE');
  const address = (await member.call('GET', `/network/v2.0/ports/${port}`)).at('port', 'fixed_ips', 0, 'ip_address');
  expect(server.at('server', 'addresses', 'net', 0, 'addr')).toBe(address);
  expect(server.at('server', 'flavor', 'original_name')).toBe('m1.small');
  expect(server.at('server', 'tags')).toEqual(['t:1']);
  expect(server.at('server', 'config_drive')).toBe('True');
  const machine = cloud.booted.find((m) => m.serverId === id);
  expect(machine).toMatchObject({ name: 'boots', address, userData: '#cloud-config\nhostname: x\n' });
  const console = await member.call('POST', `${SERVERS}/${id}/action`, { 'os-getConsoleOutput': { length: 5 } }, NOVA);
  expect(console.at('output')).toBe('booting boots');
});

test('a deleted server leaves the given port free and takes the port Nova made with it', async () => {
  const port = await newPort();
  const id = String((await create({ networks: [{ port }, { uuid: networkId }] })).at('server', 'id'));
  await settled(id, 'ACTIVE');
  const bound = await member.call('GET', `/network/v2.0/ports?device_id=${id}`);
  expect((bound.at('ports') as unknown[]).length).toBe(2);
  expect((await create({ networks: [{ port }] })).status).toBe(409);
  expect((await member.call('DELETE', `${SERVERS}/${id}`)).status).toBe(204);
  await gone(id);
  const after = await member.call('GET', `/network/v2.0/ports/${port}`);
  expect(after.at('port')).toMatchObject({ device_id: '', device_owner: '', status: 'DOWN' });
  expect((await member.call('GET', `/network/v2.0/ports?device_id=${id}`)).at('ports')).toEqual([]);
  expect(cloud.stopped).toContain('worker');
});

test.each([
  ['flavor', { flavorRef: 'nope' }, 'Flavor nope could not be found.'],
  ['image', { imageRef: '00000000-0000-0000-0000-000000000000' }, 'Can not find requested image'],
  ['key pair', { key_name: 'nope' }, 'Invalid key_name provided.'],
  [
    'network',
    { networks: [{ uuid: '00000000-0000-0000-0000-000000000000' }] },
    'Network 00000000-0000-0000-0000-000000000000 could not be found.',
  ],
  [
    'port',
    { networks: [{ port: '00000000-0000-0000-0000-000000000000' }] },
    'Port id 00000000-0000-0000-0000-000000000000 could not be found.',
  ],
])('an unknown %s is a bad request with Nova’s words', async (_what, fields, message) => {
  const answer = await create(fields);
  expect(answer.status).toBe(400);
  expect(answer.at('badRequest', 'message')).toBe(message);
});

test('the microversion decides on fields and policies, and an unknown one is refused', async () => {
  const id = String((await create({ name: 'versions' })).at('server', 'id'));
  const old = await member.call('GET', `${SERVERS}/${id}`);
  expect(old.at('server', 'tags')).toBeUndefined();
  expect(old.headers.get('openstack-api-version')).toBe('compute 2.1');
  const unknown = await member.call('GET', SERVERS, null, { 'OpenStack-API-Version': 'compute 2.999' });
  expect(unknown.status).toBe(406);
  const group = (fields: object, headers = {}): Promise<Reply> =>
    member.call('POST', '/compute/v2.1/os-server-groups', { server_group: { name: 'g', ...fields } }, headers);
  expect((await group({ policies: ['soft-anti-affinity'] })).status).toBe(400);
  expect((await group({ policy: 'soft-anti-affinity' }, NOVA)).at('server_group', 'policy')).toBe('soft-anti-affinity');
  expect((await create({ tags: ['t'] }, {})).status).toBe(400);
});

test('servers of an anti-affinity group never share a host, and one too many finds no valid host', async () => {
  const group = String(
    (await member.call('POST', '/compute/v2.1/os-server-groups', { server_group: { name: 'apart', policy: 'anti-affinity' } }, NOVA)).at(
      'server_group',
      'id',
    ),
  );
  const ids: string[] = [];
  for (let i = 0; i < 7; i += 1) {
    const server = { name: `apart-${i}`, networks: 'none', ...refs };
    const made = await member.call('POST', SERVERS, { server, 'os:scheduler_hints': { group } }, NOVA);
    ids.push(String(made.at('server', 'id')));
  }
  const shown = await eventually(async () => {
    const all = await Promise.all(ids.map((id) => admin.call('GET', `${SERVERS}/${id}`, null, NOVA)));
    expect(all.every((s) => s.at('server', 'status') !== 'BUILD')).toBe(true);
    return all;
  });
  const active = shown.filter((s) => s.at('server', 'status') === 'ACTIVE');
  expect(new Set(active.map((s) => s.at('server', 'OS-EXT-SRV-ATTR:host'))).size).toBe(6);
  const failed = shown.find((s) => s.at('server', 'status') === 'ERROR');
  expect(failed?.at('server', 'fault', 'message')).toContain('No valid host was found');
});

test.each([
  ['noValidHost', 'ERROR'],
  ['buildError', 'ERROR'],
  ['neverActive', 'BUILD'],
])('a server that meets %s ends as %s, once', async (trouble, status) => {
  await cloud.control('POST', '/serverFaults', { name: '^unlucky', trouble, times: 1 });
  const first = String((await create({ name: 'unlucky-1' })).at('server', 'id'));
  const second = String((await create({ name: 'unlucky-2' })).at('server', 'id'));
  await settled(second, 'ACTIVE');
  const server = await settled(first, status);
  if (status === 'ERROR') {
    expect(server.at('server', 'fault', 'code')).toBe(500);
    expect(server.at('server', 'fault', 'details')).toBeUndefined();
    expect((await admin.call('GET', `${SERVERS}/${first}`)).at('server', 'fault', 'details')).toContain('Traceback');
  }
  await member.call('DELETE', `${SERVERS}/${first}`);
  await gone(first);
});

test('a machine can die once it has joined: the server is then shut off', async () => {
  await cloud.control('POST', '/serverFaults', { name: '^dies', trouble: 'diesAfterJoin' });
  const id = String((await create({ name: 'dies-1' })).at('server', 'id'));
  await settled(id, 'ACTIVE');
  cloud.booted.find((m) => m.serverId === id)?.save({ joined: true });
  await settled(id, 'SHUTOFF');
  expect(cloud.stopped).toContain('dies-1');
});

test('a kubelet that is stopped is nothing that Nova sees; it comes back on the same disk', async () => {
  const id = String((await create({ name: 'hangs' })).at('server', 'id'));
  await settled(id, 'ACTIVE');
  expect((await cloud.control('POST', '/kubelets', { name: '^hangs$', running: false })).at('servers')).toBe(1);
  expect(cloud.stopped).toContain('hangs');
  await cloud.control('PATCH', '/dials', { latencyScale: 0 });
  await settled(id, 'ACTIVE');
  const boots = () => cloud.booted.filter((m) => m.serverId === id).length;
  expect(boots()).toBe(1);
  await cloud.control('POST', '/kubelets', { name: '^hangs$', running: true });
  expect(boots()).toBe(2);
});

test('a server whose host fails is in ERROR with a fault, and can be deleted', async () => {
  const id = String((await create({ name: 'falls' })).at('server', 'id'));
  await settled(id, 'ACTIVE');
  await cloud.control('POST', '/failedServers', { name: '^falls$' });
  await settled(id, 'ERROR');
  expect((await member.call('GET', `${SERVERS}/${id}`)).at('server', 'fault', 'message')).toBe('The host of this server has failed.');
  expect((await member.call('DELETE', `${SERVERS}/${id}`)).status).toBe(204);
});

test('stop and start go through their states and boot the machine anew', async () => {
  const id = String((await create({ name: 'cycles' })).at('server', 'id'));
  await settled(id, 'ACTIVE');
  const act = (action: object): Promise<number> => member.call('POST', `${SERVERS}/${id}/action`, action).then((r) => r.status);
  expect(await act({ 'os-start': null })).toBe(409);
  expect(await act({ 'os-stop': null })).toBe(202);
  await settled(id, 'SHUTOFF');
  expect(await act({ 'os-start': null })).toBe(202);
  await settled(id, 'ACTIVE');
  expect(cloud.booted.filter((m) => m.serverId === id).length).toBe(2);
});

test('a reboot goes through its state and boots the machine anew; where Nova refuses, so does this', async () => {
  const id = String((await create({ name: 'reboots' })).at('server', 'id'));
  const act = (action: object, who = member): Promise<number> => who.call('POST', `${SERVERS}/${id}/action`, action).then((r) => r.status);
  const hard = { reboot: { type: 'HARD' } };
  expect(await act(hard)).toBe(409);
  await settled(id, 'ACTIVE');
  expect(await act(hard, reader)).toBe(403);
  expect(await act(hard, other)).toBe(404);
  expect(await act({ reboot: {} })).toBe(400);
  expect(await act({ reboot: { type: 'SOFT' } })).toBe(202);
  await settled(id, 'ACTIVE');
  await cloud.control('POST', '/kubelets', { name: '^reboots$', running: false });
  await cloud.control('PATCH', '/dials', { latencyScale: 1 });
  expect(await act(hard)).toBe(202);
  const shown = await member.call('GET', `${SERVERS}/${id}`, null, NOVA);
  expect(shown.at('server', 'status')).toBe('HARD_REBOOT');
  expect(shown.at('server', 'OS-EXT-STS:task_state')).toBe('rebooting_hard');
  expect(await act({ reboot: { type: 'SOFT' } })).toBe(409);
  await settled(id, 'ACTIVE');
  const boots = () => cloud.booted.filter((m) => m.serverId === id).length;
  expect(boots()).toBe(3);
  expect(await act({ lock: null })).toBe(202);
  expect(await act(hard)).toBe(409);
  expect(await act({ unlock: null })).toBe(202);
  await cloud.control('POST', '/kubelets', { name: '^reboots$', running: false, forGood: true });
  expect(await act(hard)).toBe(202);
  await settled(id, 'ACTIVE');
  expect(boots()).toBe(3);
});

test('lists filter by tag, by name and by status, page with a marker, and show the newest first', async () => {
  for (const name of ['page-a', 'page-b', 'page-c']) await create({ name, tags: ['paged'], networks: 'none' });
  const names = async (query: string): Promise<string[]> =>
    ((await member.call('GET', `${SERVERS}/detail?${query}`, null, NOVA)).at('servers') as { name: string }[]).map((s) => s.name);
  expect(await names('tags=paged')).toEqual(['page-c', 'page-b', 'page-a']);
  expect(await names('name=^page-b$')).toEqual(['page-b']);
  expect(await names('name=page-[ab]')).toEqual(['page-b', 'page-a']);
  const first = await member.call('GET', `${SERVERS}?tags=paged&limit=2`, null, NOVA);
  expect(String(first.at('servers_links', 0, 'href'))).toContain(`marker=${String(first.at('servers', 1, 'id'))}`);
  const rest = await names(new URL(String(first.at('servers_links', 0, 'href'))).search.slice(1));
  expect(rest).toEqual(['page-a']);
});

test('who asks what changed since hears of deleted servers too, and nobody else does', async () => {
  const id = String((await create({ name: 'short-lived.x', networks: 'none' })).at('server', 'id'));
  await settled(id, 'ACTIVE');
  const names = encodeURIComponent('^short-lived\\.x$');
  expect(((await member.call('GET', `${SERVERS}?name=${names}`)).at('servers') as unknown[]).length).toBe(1);
  const since = new Date(Date.now() - 1000).toISOString();
  await member.call('DELETE', `${SERVERS}/${id}`);
  await gone(id);
  const changed = (await member.call('GET', `${SERVERS}/detail?changes-since=${since}`)).at('servers') as { id: string; status: string }[];
  expect(changed.find((s) => s.id === id)?.status).toBe('DELETED');
  expect(((await member.call('GET', `${SERVERS}?name=${names}`)).at('servers') as unknown[]).length).toBe(0);
  const later = new Date(Date.now() + 60_000).toISOString();
  expect((await member.call('GET', `${SERVERS}?changes-since=${later}`)).at('servers')).toEqual([]);
});

test('readers may look and not touch, strangers see nothing, and only an administrator sees all projects', async () => {
  const id = String((await create({ name: 'private' })).at('server', 'id'));
  expect((await reader.call('GET', `${SERVERS}/${id}`)).status).toBe(200);
  expect((await reader.call('DELETE', `${SERVERS}/${id}`)).status).toBe(403);
  expect((await reader.call('POST', SERVERS, { server: { name: 'x', networks: 'none', ...refs } }, NOVA)).status).toBe(403);
  expect((await other.call('GET', `${SERVERS}/${id}`)).status).toBe(404);
  expect((await other.call('GET', SERVERS)).at('servers')).toEqual([]);
  expect((await other.call('GET', `${SERVERS}?all_tenants=1`)).status).toBe(403);
  const all = (await admin.call('GET', `${SERVERS}?all_tenants=1`)).at('servers') as { id: string }[];
  expect(all.map((s) => s.id)).toContain(id);
});

test('an exceeded quota names the figures', async () => {
  await cloud.control('PUT', '/quotas/other', { instances: 1 });
  const body = { server: { name: 'q', networks: 'none', ...refs } };
  expect((await other.call('POST', SERVERS, body, NOVA)).status).toBe(202);
  const refused = await other.call('POST', SERVERS, body, NOVA);
  expect(refused.status).toBe(403);
  expect(refused.at('forbidden', 'message')).toBe('Quota exceeded for instances: Requested 1, but already used 1 of 1 instances');
});

test('a server can boot from a volume that goes with it', async () => {
  const mapping = {
    boot_index: 0,
    source_type: 'image',
    destination_type: 'volume',
    uuid: refs.imageRef,
    volume_size: 5,
    delete_on_termination: true,
  };
  const id = String((await create({ name: 'bfv', imageRef: '', block_device_mapping_v2: [mapping] })).at('server', 'id'));
  const server = await settled(id, 'ACTIVE');
  expect(server.at('server', 'image')).toBe('');
  const volumeId = String(server.at('server', 'os-extended-volumes:volumes_attached', 0, 'id'));
  const volume = (): Promise<Reply> => member.call('GET', `/volume/v3/${member.projectId}/volumes/${volumeId}`);
  await eventually(async () => expect((await volume()).at('volume', 'status')).toBe('in-use'));
  expect((await member.call('DELETE', `/volume/v3/volumes/${volumeId}`)).status).toBe(400);
  await member.call('DELETE', `${SERVERS}/${id}`);
  await eventually(async () => expect((await volume()).status).toBe(404));
});

test('what was asked of a server is told by its requests, and what failed as an error, also of one that is gone', async () => {
  await cloud.control('POST', '/serverFaults', { name: '^acted$', trouble: 'buildError' });
  const made = await create({ name: 'acted' });
  const id = String(made.at('server', 'id'));
  await settled(id, 'ERROR');
  const actions = `${SERVERS}/${id}/os-instance-actions`;
  const request = made.headers.get('x-openstack-request-id');
  const listed = await member.call('GET', actions, null, NOVA);
  expect(listed.at('instanceActions')).toEqual([
    expect.objectContaining({ action: 'create', instance_uuid: id, request_id: request, message: 'Error', updated_at: expect.any(String) }),
  ]);
  const shown = async (who: Client, version: string) =>
    (await who.call('GET', `${actions}/${request}`, null, { 'openstack-api-version': `compute ${version}` })).at(
      'instanceAction',
      'events',
      0,
    );
  expect(await shown(member, '2.50')).toBeUndefined();
  expect(await shown(member, '2.51')).toEqual({
    ...{ event: 'compute__do_build_and_run_instance', result: 'Error' },
    ...{ start_time: expect.any(String), finish_time: expect.any(String) },
  });
  expect(await shown(admin, '2.90')).toMatchObject({ traceback: expect.stringContaining('Failed to allocate'), host: expect.any(String) });
  expect((await member.call('GET', `${actions}/req-x`, null, NOVA)).status).toBe(404);
  expect((await other.call('GET', actions, null, NOVA)).status).toBe(404);
  const dropped = await member.call('DELETE', `${SERVERS}/${id}`);
  await gone(id);
  const after = await member.call('GET', actions, null, NOVA);
  expect([
    after.at('instanceActions', 0, 'action'),
    after.at('instanceActions', 0, 'request_id'),
    after.at('instanceActions', 0, 'message'),
  ]).toEqual(['delete', dropped.headers.get('x-openstack-request-id'), null]);
  expect(after.at('instanceActions', 1, 'request_id')).toBe(request);
  expect((await member.call('GET', actions, null, { 'openstack-api-version': 'compute 2.20' })).status).toBe(404);
});
