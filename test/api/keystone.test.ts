/** The whole server beside a Keystone: what a token allows by its access rules, and what a service may pass on. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { readConfig } from '../../src/config.ts';
import { type Action, actionNames } from '../../src/domain/policy.ts';
import { type RunningServer, startServer } from '../../src/server.ts';
import { type Client, passwordAuth, startCloud, type TestCloud } from '../sandbox/cloud.ts';

let cloud: TestCloud;
let member: Client;
let service: Client;
const servers: RunningServer[] = [];

const serve = async (name: string, settings: object = {}): Promise<string> => {
  const { username, password, projectName } = cloud.sandbox.handover.users.service;
  const login = { keystoneUsername: username, keystonePassword: password, keystoneProject: projectName };
  const common = { listen: '127.0.0.1:0', data: join(cloud.dataDir, name), logLevel: 'silent' as const };
  const server = await startServer(readConfig({}, { ...common, keystoneUrl: cloud.sandbox.handover.authUrl, ...login, ...settings }));
  servers.push(server);
  return server.url;
};

beforeAll(async () => {
  cloud = await startCloud();
  [member, service] = await Promise.all([cloud.login('member'), cloud.login('service')]);
  const admin = await cloud.login('admin');
  const roles = await admin.call('GET', '/identity/v3/roles');
  const roleId = (roles.at('roles') as { id: string; name: string }[]).find(({ name }) => name === 'admin')?.id;
  expect((await admin.call('PUT', `/identity/v3/domains/default/users/${admin.userId}/roles/${roleId}`)).status).toBe(204);
});
afterAll(async () => {
  for (const server of servers) await server.close(1_000);
  await cloud.close();
  rmSync(cloud.dataDir, { recursive: true, force: true });
});

/** A token by a new application credential. */
const tokenBy = async (name: string, rules?: object[]): Promise<string> => {
  const fields = { name, secret: 's3cret', ...(rules && { access_rules: rules }) };
  const made = await member.call('POST', `/identity/v3/users/${member.userId}/application_credentials`, { application_credential: fields });
  const credential = { id: made.at('application_credential', 'id'), secret: 's3cret' };
  const login = await cloud.authenticate({ identity: { methods: ['application_credential'], application_credential: credential } });
  return login.headers.get('x-subject-token') ?? '';
};

const ask = async (url: string, token: string, more: Record<string, string> = {}) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': token, ...more },
    body: JSON.stringify({ query: '{ viewer { userName } }' }),
  });
  return response.status;
};

test('access rules are kept by the type of service that Seedbed has, and without one such a token is refused', async () => {
  // Of the catalogue's; a real cloud has one for Seedbed.
  const kept = await serve('kept', { serviceType: 'compute' });
  const unset = await serve('unset');
  const absent = await serve('absent', { serviceType: 'container-infra' });
  const reads = await tokenBy('reads', [{ service: 'compute', method: 'POST', path: '/graphql/*' }]);
  const other = await tokenBy('other', [{ service: 'network', method: 'POST', path: '/**' }]);
  const free = await tokenBy('free');
  expect(await ask(`${kept}/read`, reads)).toBe(200);
  expect(await ask(kept, reads)).toBe(401);
  expect(await ask(`${kept}/read`, other)).toBe(401);
  for (const url of [unset, absent]) expect(await ask(`${url}/read`, reads)).toBe(401);
  for (const url of [kept, unset, absent]) expect(await ask(url, free)).toBe(200);
});

test('a rule for one stored operation lets that one be called, each time, and nothing else', async () => {
  const directory = join(cloud.dataDir, 'stored');
  mkdirSync(directory);
  for (const name of ['one', 'two']) writeFileSync(join(directory, `${name}.graphql`), '{ viewer { userName } }');
  const graphql = await serve('operations', { serviceType: 'compute', operations: directory });
  const page = (name: string) => new URL(`/v1/ops/${name}`, graphql).href;
  const rule = (method: string, path: string) => ({ service: 'compute', method, path });
  const one = await tokenBy('one', [rule('POST', '/v1/ops/one')]);
  const all = await tokenBy('all', [rule('POST', '/v1/ops/*')]);
  const gets = await tokenBy('gets', [rule('GET', '/v1/ops/one')]);
  const free = await tokenBy('unbound');
  const call = async (token: string, name: string) => {
    const response = await fetch(page(name), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': token },
      body: '{}',
    });
    return [response.status, await response.json()];
  };
  const done = [200, { viewer: { userName: cloud.sandbox.handover.users.member.username } }];
  const refused = [401, { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] }];
  // The second time the token is known already.
  for (let i = 0; i < 2; i += 1) {
    expect(await call(one, 'one')).toMatchObject(done);
    expect(await call(one, 'two')).toMatchObject(refused);
    // Nor is it told which names there are.
    expect(await call(one, 'three')).toMatchObject(refused);
    expect(await ask(graphql, one)).toBe(401);
    for (const name of ['one', 'two']) {
      expect(await call(all, name)).toMatchObject(done);
      expect(await call(free, name)).toMatchObject(done);
      expect(await call(gets, name)).toMatchObject(refused);
    }
    expect(await ask(graphql, all)).toBe(401);
  }
});

test('Keystone shows a token with rules to nobody who does not say that he keeps them', async () => {
  const reads = await tokenBy('shown', [{ service: 'compute', method: 'POST', path: '/graphql' }]);
  const look = (headers: object) => service.call('GET', '/identity/v3/auth/tokens', null, { 'x-subject-token': reads, ...headers });
  expect((await look({})).status).toBe(404);
  expect((await look({ 'openstack-identity-access-rules': '0' })).status).toBe(404);
  const shown = await look({ 'openstack-identity-access-rules': '1.0' });
  expect(shown.at('token', 'application_credential', 'access_rules', 0)).toMatchObject({
    service: 'compute',
    method: 'POST',
    path: '/graphql',
  });
});

test("with a service's token one that has ended is good, for as long as Keystone says so", async () => {
  const url = await serve('ended');
  await cloud.control('PATCH', '/dials', { tokenLifetimeSeconds: 0 });
  const ended = (await cloud.login('member')).token;
  await cloud.control('PATCH', '/dials', { tokenLifetimeSeconds: 3600 });
  expect(await ask(url, ended)).toBe(401);
  expect(await ask(url, ended, { 'x-service-token': service.token })).toBe(200);
  expect(await ask(url, ended, { 'x-service-token': member.token })).toBe(401);
  expect(await ask(url, 'nobody', { 'x-service-token': service.token })).toBe(401);
  const picky = await serve('picky', { serviceTokenRoles: 'heat_service' });
  expect(await ask(picky, member.token, { 'x-service-token': service.token })).toBe(401);
});

/** A token of the admin's for another scope than a project's; null: none at all. */
const adminFor = async (scope: object | null): Promise<string> => {
  const auth = { identity: passwordAuth(cloud, 'admin'), scope: scope ?? { unscoped: {} } };
  return (await cloud.authenticate(auth)).headers.get('x-subject-token') ?? '';
};
const data = async <T>(url: string, token: string, query: string): Promise<T> => {
  const headers = { 'content-type': 'application/json', 'x-auth-token': token };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) });
  const { data: found, errors } = (await answer.json()) as { data: T; errors?: unknown };
  expect(errors).toBeUndefined();
  return found;
};
interface Scoped {
  viewer: Record<string, unknown> & { can: Record<Action, boolean> };
  clusterTemplates: { nodes: { name: string }[] };
}
const SCOPED = `{
  viewer { projectId projectName roles isCloudAdmin canRead canWrite can { ${actionNames.join(' ')} } }
  clusterTemplates { nodes { name } }
}`;
const makes = (url: string, token: string) =>
  data<{ createClusterTemplate: { __typename: string; code?: string } }>(
    url,
    token,
    `mutation { createClusterTemplate(input: { name: "small", image: "debian-12-node", flavor: "m1.small" }) { __typename ... on Problem { code } } }`,
  );

test('what a token of the system, of a domain or of nothing allows, by the same roles of the same user', async () => {
  const url = await serve('scopes');
  await makes(url, member.token);
  const [ofSystem, ofDomain, ofNothing] = [
    await adminFor({ system: { all: true } }),
    await adminFor({ domain: { id: 'default' } }),
    await adminFor(null),
  ];
  const system = await data<Scoped>(url, ofSystem, SCOPED);
  const roleNames = ['admin', 'member', 'reader'];
  const nowhere = { projectId: null, projectName: null };
  expect(system.viewer).toMatchObject({ ...nowhere, roles: roleNames, isCloudAdmin: true, canRead: true, canWrite: false });
  // What is made or seen in a project of one's own asks for one; all else is the cloud's.
  expect(actionNames.filter((action) => !system.viewer.can[action])).toEqual([
    'readCloud',
    'createCluster',
    'cloneCluster',
    'createClusterTemplate',
  ]);
  expect(system.clusterTemplates.nodes).toEqual([{ name: 'small' }]);

  for (const [token, roles] of [
    [ofDomain, roleNames],
    [ofNothing, []],
  ] as const) {
    const { viewer, clusterTemplates } = await data<Scoped>(url, token, SCOPED);
    expect(viewer).toMatchObject({ ...nowhere, roles, isCloudAdmin: false, canRead: false, canWrite: false });
    expect(actionNames.filter((action) => viewer.can[action])).toEqual([]);
    expect(clusterTemplates.nodes).toEqual([]);
  }
  for (const token of [ofSystem, ofDomain, ofNothing])
    expect(await makes(url, token)).toEqual({ createClusterTemplate: { __typename: 'ForbiddenError', code: 'FORBIDDEN' } });
});

test('a policy may tell the system and a domain from a project, and means what Keystone says of each token', async () => {
  const policyFile = join(cloud.dataDir, 'policy.yaml');
  writeFileSync(
    policyFile,
    '"cloud_admin": "role:admin and system_scope:all"\n"seedbed:cluster_template:get": "rule:project_reader or (role:admin and domain_id:default)"\n',
  );
  const url = await serve('policy', { policyFile });
  expect(await makes(url, member.token)).toEqual({ createClusterTemplate: { __typename: 'CreateClusterTemplatePayload' } });
  const told: Record<string, unknown> = {};
  for (const [name, token] of [
    ['project', (await cloud.login('admin')).token],
    ['system', await adminFor({ system: { all: true } })],
    ['domain', await adminFor({ domain: { id: 'default' } })],
  ] as const) {
    const { viewer, clusterTemplates } = await data<Scoped>(url, token, SCOPED);
    told[name] = [viewer.isCloudAdmin, viewer.can.readSeeds, viewer.can.readClusterTemplates, clusterTemplates.nodes.length];
  }
  expect(told).toEqual({ project: [false, false, true, 0], system: [true, true, false, 0], domain: [false, false, true, 1] });
});

/** A socket that says hello: whether it was welcome (`ack`), and the code of its end. */
const hello = (url: string, payload: Record<string, string>, headers: Record<string, string> = {}) => {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { headers });
  const ended = new Promise<number>((resolve) => socket.once('close', resolve));
  const answers = new Map<string, (message: { payload?: unknown }) => void>();
  const answer = (type: string) => new Promise<{ payload?: unknown }>((resolve) => answers.set(type, resolve));
  const ack = Promise.race([answer('connection_ack').then(() => 'ack' as const), ended]);
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as { type: string; payload?: unknown };
    answers.get(message.type)?.(message);
  });
  const init = (fresh: Record<string, string>) => socket.send(JSON.stringify({ type: 'connection_init', payload: fresh }));
  socket.once('open', () => init(payload));
  const ask = async (query: string) => {
    const next = answer('next');
    socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query } }));
    return (await next).payload;
  };
  return { ack, ended, ask, init, welcomed: () => answer('connection_ack'), close: () => socket.terminate() };
};

test("a WebSocket takes a service's token by the same rules, in its hello and in its handshake", async () => {
  const url = await serve('sockets', { serviceType: 'compute' });
  await cloud.control('PATCH', '/dials', { tokenLifetimeSeconds: 0 });
  const ended = (await cloud.login('member')).token;
  await cloud.control('PATCH', '/dials', { tokenLifetimeSeconds: 3600 });
  const reads = await tokenBy('socket-reads', [{ service: 'compute', method: 'GET', path: '/graphql/read' }]);
  const other = (await cloud.login('other')).token;
  for (const token of [ended, reads]) {
    expect(await hello(url, { 'X-Auth-Token': token }).ack).toBe(4403);
    const served = [
      hello(url, { 'X-Auth-Token': token, 'x-service-token': service.token }),
      hello(url, { 'X-Auth-Token': token }, { 'x-service-token': service.token }),
      hello(url, {}, { 'x-auth-token': token, 'x-service-token': service.token }),
    ];
    for (const socket of served) {
      expect(await socket.ack).toBe('ack');
      expect(await socket.ask('{ viewer { userName } }')).toMatchObject({ data: { viewer: { userName: 'sandbox-member' } } });
      // What rests on both tokens helps nobody who has the one alone, by whatever text he says it.
      for (const said of [token, `${token} expired`, ` ${token}`]) expect(await hello(url, { 'X-Auth-Token': said }).ack).toBe(4403);
      socket.close();
    }
    for (const wrong of [member.token, 'nobody'])
      expect(await hello(url, { 'X-Auth-Token': token, 'X-Service-Token': wrong }).ack).toBe(4403);
  }
  expect(await hello(url, { 'X-Auth-Token': 'nobody', 'X-Service-Token': service.token }).ack).toBe(4403);
  // Good by itself, and refused all the same beside what is no service's.
  expect(await hello(url, { 'X-Auth-Token': member.token, 'X-Service-Token': member.token }).ack).toBe(4403);
  // The next token rests on the service's that came before, and is nobody else's for that.
  const renewed = hello(url, { 'X-Auth-Token': member.token, 'X-Service-Token': service.token });
  expect(await renewed.ack).toBe('ack');
  const again = renewed.welcomed();
  renewed.init({ 'X-Auth-Token': ended });
  await again;
  renewed.init({ 'X-Auth-Token': other });
  expect(await renewed.ended).toBe(4403);
});

test("live streams go on beside a service's token, and end soon after it", async () => {
  const url = await serve('streams');
  await cloud.control('PATCH', '/dials', { tokenLifetimeSeconds: 0 });
  const ended = (await cloud.login('member')).token;
  await cloud.control('PATCH', '/dials', { tokenLifetimeSeconds: 3600 });
  const passing = (await cloud.login('service')).token;
  const socket = hello(url, { 'X-Auth-Token': ended, 'X-Service-Token': passing });
  expect(await socket.ack).toBe('ack');
  const stream = async (headers: object) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', 'x-auth-token': ended, ...headers },
      body: JSON.stringify({ query: 'subscription { clusters { missed } }' }),
    });
    return response.text();
  };
  const streamed = stream({ 'x-service-token': passing });
  const first = Promise.race([streamed, socket.ended, new Promise((resolve) => setTimeout(resolve, 6_000, 'running'))]);
  expect(await first).toBe('running');
  await service.call('DELETE', '/identity/v3/auth/tokens', null, { 'x-subject-token': passing });
  const revokedAt = Date.now();
  expect(await socket.ended).toBe(4403);
  expect(await streamed).toContain('UNAUTHENTICATED');
  expect(Date.now() - revokedAt).toBeLessThan(6_000);
}, 30_000);
