import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Client, catalogue, eventually, makeNetwork, NOVA, startCloud, type TestCloud } from './cloud.ts';

let cloud: TestCloud;
let member: Client;

beforeAll(async () => {
  cloud = await startCloud();
  member = await cloud.login('member');
});
afterAll(() => cloud.close());
beforeEach(() => cloud.control('DELETE', '/faults'));

const NETWORKS = '/network/v2.0/networks';
const create = (name: string): ReturnType<Client['call']> => member.call('POST', NETWORKS, { network: { name } });
const count = async (name: string): Promise<number> =>
  ((await member.call('GET', `${NETWORKS}?name=${name}`)).at('networks') as unknown[]).length;
const fault = (rule: object): ReturnType<TestCloud['control']> =>
  cloud.control('POST', '/faults', { service: 'network', method: 'POST', path: '^/v2.0/networks$', times: 1, ...rule });

test('a status fault answers instead of the service, with Retry-After, for as often as asked', async () => {
  await fault({ kind: 'status', status: 503, retryAfterSeconds: 7, body: '{"down":true}', skip: 1 });
  expect((await create('status-1')).status).toBe(201);
  const refused = await create('status-2');
  expect([refused.status, refused.headers.get('retry-after'), refused.text]).toEqual([503, '7', '{"down":true}']);
  expect((await create('status-3')).status).toBe(201);
  expect([await count('status-1'), await count('status-2'), await count('status-3')]).toEqual([1, 0, 1]);
});

test('a reset before leaves nothing, a reset after leaves the thing behind', async () => {
  await fault({ kind: 'resetBefore' });
  await expect(create('before')).rejects.toThrow();
  expect(await count('before')).toBe(0);
  await fault({ kind: 'resetAfter' });
  await expect(create('after')).rejects.toThrow();
  expect(await count('after')).toBe(1);
});

test('a truncated answer breaks off in the middle', async () => {
  await fault({ kind: 'truncate' });
  await expect(create('cut')).rejects.toThrow();
  expect(await count('cut')).toBe(1);
});

test('a duplicate is carried out twice, and what was lost is the first answer', async () => {
  await fault({ kind: 'duplicate' });
  expect((await create('twice')).status).toBe(201);
  expect(await count('twice')).toBe(2);
  const id = String((await create('once')).at('network', 'id'));
  await fault({ kind: 'duplicate', method: 'DELETE', path: '/networks/' });
  expect((await member.call('DELETE', `${NETWORKS}/${id}`)).status).toBe(404);
});

test('a stale list lacks what is new and has what is gone, once', async () => {
  const list = async (name: string) => (await member.call('GET', `${NETWORKS}?name=${name}`)).at('networks') as { id: string }[];
  const stale = () => fault({ kind: 'staleList', method: 'GET', path: '^/v2.0/networks' });
  await create('new');
  await stale();
  expect(await list('new')).toEqual([]);
  const [seen] = await list('new');
  expect(seen).toBeDefined();
  await member.call('DELETE', `${NETWORKS}/${seen?.id}`);
  await stale();
  expect(await list('new')).toEqual([seen]);
  expect(await list('new')).toEqual([]);
});

test('a record has the calls in their order, with what they name and the fault they met', async () => {
  await cloud.control('POST', '/record');
  await fault({ kind: 'status', status: 500 });
  await create('told');
  await count('told');
  const calls = (await cloud.control('GET', '/record')).at('calls');
  expect(calls).toMatchObject([
    { service: 'network', method: 'POST', template: '/v2.0/networks', name: 'told', write: true, fault: 'status' },
    { service: 'network', method: 'GET', path: '/v2.0/networks?name=told', write: false, fault: null },
  ]);
  await cloud.control('DELETE', '/record');
  expect((await cloud.control('GET', '/record')).at('calls')).toEqual([]);
});

test('a stall delays the answer', async () => {
  await fault({ kind: 'stall', stallMs: 300 });
  const before = performance.now();
  expect((await create('stalled')).status).toBe(201);
  expect(performance.now() - before).toBeGreaterThan(280);
});

test('rules are shown with their hits, and removed one by one', async () => {
  const rule = await fault({ kind: 'status', status: 500, times: null });
  await create('hit');
  await create('hit');
  expect((await cloud.control('GET', '/faults')).at('faults', 0, 'hits')).toBe(2);
  await cloud.control('DELETE', `/faults/${String(rule.at('id'))}`);
  expect((await create('hit')).status).toBe(201);
});

test.each([
  [{ kind: 'nonsense' }],
  [{ kind: 'status', status: 42 }],
  [{ kind: 'stall', stallMs: -1 }],
  [{ kind: 'duplicate', service: 'kubernetes' }],
  [{ kind: 'resetBefore', path: '(' }],
])('a bad rule %j is refused', async (rule) => {
  expect((await cloud.control('POST', '/faults', rule)).status).toBe(400);
});

test('counters tell calls by template, and logins are no writes', async () => {
  await cloud.control('DELETE', '/counters');
  await cloud.login('member');
  await create('counted');
  await member.call('GET', `${NETWORKS}/nope`);
  const report = await cloud.control('GET', '/counters');
  expect([report.at('total'), report.at('writes')]).toEqual([3, 1]);
  expect(report.at('calls')).toContainEqual({ service: 'network', method: 'GET', path: '/v2.0/networks/{id}', calls: 1 });
  expect(report.at('byService', 'identity')).toEqual({ total: 1, writes: 0 });
});

test('web pages are kept off the control endpoint', async () => {
  const answer = await fetch(`${cloud.sandbox.handover.controlUrl}/world`, { headers: { Origin: 'http://evil.example' } });
  expect(answer.status).toBe(403);
});

test('the hand-over holds passwords and is for its owner only', async () => {
  for (const file of ['sandbox.json', 'clouds.yaml', 'world.jsonl'])
    expect((await stat(join(cloud.dataDir, file))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(cloud.dataDir, 'clouds.yaml'), 'utf8')).toContain('sandbox-reader');
});

test('a second sandbox on the same directory is refused, and the first goes on', async () => {
  await expect(cloud.startAnother()).rejects.toThrow('runs on');
  expect((await member.call('GET', NETWORKS)).status).toBe(200);
});

test('after a restart the world, its URLs, tokens, machines and half-built servers are there again', async () => {
  const { networkId } = await makeNetwork(member);
  const refs = await catalogue(member);
  const server = (name: string): object => ({
    server: { name, networks: [{ uuid: networkId }], user_data: Buffer.from(name).toString('base64'), ...refs },
  });
  const done = String((await member.call('POST', '/compute/v2.1/servers', server('done'), NOVA)).at('server', 'id'));
  const status = async (id: string): Promise<unknown> => (await member.call('GET', `/compute/v2.1/servers/${id}`)).at('server', 'status');
  await eventually(async () => expect(await status(done)).toBe('ACTIVE'));
  cloud.booted.find((m) => m.serverId === done)?.save({ joined: true, key: 'k' });
  await cloud.control('PATCH', '/dials', { latencyScale: 1 });
  const half = String((await member.call('POST', '/compute/v2.1/servers', server('half'), NOVA)).at('server', 'id'));
  expect(await status(half)).toBe('BUILD');
  const before = cloud.sandbox.handover;
  cloud.booted.length = 0;
  await cloud.restart();
  expect(cloud.sandbox.handover).toMatchObject({ authUrl: before.authUrl, controlUrl: before.controlUrl, users: before.users });
  expect(cloud.booted).toEqual([
    expect.objectContaining({ serverId: done, userData: 'done', state: { joined: true, key: 'k' }, bootMs: 0 }),
  ]);
  expect((await cloud.control('GET', '/dials')).at('latencyScale')).toBe(1);
  await eventually(async () => expect(await status(half)).toBe('ACTIVE'));
  expect(await count('net')).toBe(1);
});
