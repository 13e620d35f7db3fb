/** Keystone's tokens at a living cluster: what each role may do, whom the cluster does not know, and both changes of the setting. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { run } from '../cli/run.ts';
import { type Access, accessOf, type Client, createClient, type Fields } from '../sandbox/kubernetes/client.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
let clusterId: string;
let access: Access;
const clients: Client[] = [];

const logIn = async (username: string, password: string, projectName: string): Promise<string> => {
  const domain = { name: 'Default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name: username, domain, password } } },
    scope: { project: { name: projectName, domain } },
  };
  const answer = await fetch(`${living.sandbox.authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth }),
  });
  return answer.headers.get('x-subject-token') ?? '';
};
const tokenOf = (who: 'member' | 'reader' | 'other' | 'admin'): Promise<string> => {
  const { username, password, projectName } = living.sandbox.users[who];
  return logIn(username, password, projectName);
};

const keystone = async (method: string, path: string, body?: object): Promise<Fields> => {
  const answer = await fetch(`${living.sandbox.authUrl}${path}`, {
    method,
    headers: { 'x-auth-token': living.admin, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  return answer.status === 204 ? {} : ((await answer.json()) as Fields);
};

/** kubectl --token. */
const withToken = (token: string) => {
  const client = createClient({ server: access.server, ca: access.ca, token });
  clients.push(client);
  return async (method: string, path: string, body?: object): Promise<number> => (await client.call(method, path, body)).status;
};

const environment = () => ({
  OS_CLIENT_CONFIG_FILE: living.sandbox.cloudsYaml,
  OS_CLOUD: 'sandbox-member',
  SEEDBED_URL: living.served.url,
});

const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
const MAPS = '/api/v1/namespaces/default/configmaps';
const SECRETS = '/api/v1/namespaces/default/secrets';
const change = (overrides: object) => living.change(living.member, 'updateCluster', { clusterId, overrides }, 'cluster { id }');

beforeAll(async () => {
  living = await openLiving();
  clusterId = await living.makeCluster('tokens', { nodeCount: 0 });
  const issued = await living.change<{ kubeconfig: string }>(living.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  access = accessOf(issued.kubeconfig);
});
afterAll(async () => {
  for (const client of clients) client.close();
  await living?.close();
});

test('a cluster that was not asked to takes no token of Keystone', async () => {
  expect(await withToken(await tokenOf('member'))('GET', MAPS)).toBe(401);
  const refused = await run(['cluster', 'kubeconfig', 'keystone', 'tokens'], environment());
  expect([refused.status, refused.err]).toEqual([2, expect.stringContaining('keystoneAuthEnabled')]);
});

test('asked to, it takes those of its project, and roles say what they may', async () => {
  await change({ keystoneAuthEnabled: true });
  await living.settled(clusterId);
  const [member, reader] = [withToken(await tokenOf('member')), withToken(await tokenOf('reader'))];
  expect(await member('POST', MAPS, configMap('made'))).toBe(201);
  expect(await member('GET', SECRETS)).toBe(200);
  expect(await member('GET', '/api/v1/nodes')).toBe(403);
  expect(await reader('GET', `${MAPS}/made`)).toBe(200);
  expect(await reader('POST', MAPS, configMap('other'))).toBe(403);
  expect(await reader('DELETE', `${MAPS}/made`)).toBe(403);
  expect(await reader('GET', SECRETS)).toBe(403);
  const conditions = living.rows<{ name: string; status: string }>(
    `select name, status from conditions where object_id = '${clusterId}' and name like 'KeystoneAuth%'`,
  );
  expect(conditions).toEqual([{ name: 'KeystoneAuthReady', status: 'TRUE' }]);
});

test('the command line makes a kubeconfig without a secret, and the token that kubectl asks it for', async () => {
  const made = await run(['cluster', 'kubeconfig', 'keystone', 'tokens'], environment());
  expect([made.status, made.err]).toEqual([0, '']);
  const config = parse(made.out) as { clusters: { cluster: Fields }[]; users: { user: { exec: { command: string; args: string[] } } }[] };
  expect(config.clusters[0]?.cluster.server).toBe(access.server);
  const { command, args = [] } = config.users[0]?.user.exec ?? {};
  expect([command, ...args]).toEqual(['seedbed', 'token', '--exec-credential', '--os-cloud', 'sandbox-member']);
  // As kubectl runs it: without the cloud in the environment.
  const { status, out } = await run(args, { OS_CLIENT_CONFIG_FILE: living.sandbox.cloudsYaml });
  expect(status).toBe(0);
  const credential = JSON.parse(out) as { kind: string; status: { token: string; expirationTimestamp: string } };
  expect(credential).toMatchObject({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential' });
  expect(Date.parse(credential.status.expirationTimestamp)).toBeGreaterThan(Date.now());
  expect(await withToken(credential.status.token)('GET', MAPS)).toBe(200);
});

test('a token of another project is nobody, also an administrator’s and one of nobody', async () => {
  for (const token of [await tokenOf('other'), await tokenOf('admin'), 'gAAAAAnonsense']) {
    const nobody = withToken(token);
    expect(await nobody('GET', MAPS)).toBe(401);
    // Not even what any user may.
    expect(await nobody('GET', '/version')).toBe(401);
  }
});

test('the role admin in the project is the cluster’s, and no name makes more of a user than its roles', async () => {
  const made = async (name: string, role: string): Promise<string> => {
    const project = living.sandbox.users.member.projectName;
    const { user } = (await keystone('POST', '/users', { user: { name, password: 'pw' } })) as { user: { id: string } };
    const { projects } = (await keystone('GET', `/projects?name=${project}`)) as { projects: { id: string }[] };
    const { roles } = (await keystone('GET', `/roles?name=${role}`)) as { roles: { id: string }[] };
    await keystone('PUT', `/projects/${projects[0]?.id}/users/${user.id}/roles/${roles[0]?.id}`);
    return logIn(name, 'pw', project);
  };
  const boss = withToken(await made('boss', 'admin'));
  expect(await boss('GET', '/api/v1/nodes')).toBe(200);
  const posing = withToken(await made('system:kube-controller-manager', 'reader'));
  expect(await posing('GET', MAPS)).toBe(200);
  expect(await posing('GET', SECRETS)).toBe(403);
});

test('what a role allows follows a change of it, and no role is named twice', async () => {
  const keystoneRoles = [
    { role: 'admin', access: 'ADMIN' },
    { role: 'member', access: 'VIEWER' },
    { role: 'load-balancer_member', access: 'EDITOR' },
  ];
  const fields = 'cluster { spec { controlPlane { keystoneRoles { role access } } } }';
  const { cluster } = await living.change<{ cluster: object }>(
    living.member,
    'updateCluster',
    { clusterId, overrides: { controlPlane: { keystoneRoles: keystoneRoles.slice(0, 2) } } },
    fields,
  );
  expect(cluster).toEqual({ spec: { controlPlane: { keystoneRoles: keystoneRoles.slice(0, 2) } } });
  await living.settled(clusterId);
  const [member, reader] = [withToken(await tokenOf('member')), withToken(await tokenOf('reader'))];
  expect(await member('GET', MAPS)).toBe(200);
  expect(await member('POST', MAPS, configMap('later'))).toBe(403);
  // Known, and may do what any user may.
  expect([await reader('GET', MAPS), await reader('GET', '/version')]).toEqual([403, 200]);
  await change({ controlPlane: { keystoneRoles } });
  await living.settled(clusterId);
  expect(await member('POST', MAPS, configMap('later'))).toBe(201);
  await expect(change({ controlPlane: { keystoneRoles: [...keystoneRoles, keystoneRoles[0]] } })).rejects.toThrow(/INVALID_INPUT.*twice/);
});

test('while Keystone is away, nobody who has a certificate notices', async () => {
  await living.control('POST', 'faults', { service: 'identity', path: '/auth/tokens$', method: 'GET', kind: 'resetBefore', times: 50 });
  try {
    const owner = createClient(access);
    clients.push(owner);
    expect((await owner.call('GET', '/api/v1/nodes')).status).toBe(200);
    expect(await withToken(`${await tokenOf('member')}`)('GET', MAPS)).toBe(401);
  } finally {
    await living.control('DELETE', 'faults');
  }
  expect(await withToken(await tokenOf('member'))('GET', MAPS)).toBe(200);
});

test('what is broken of it by hand is put back', async () => {
  const [row] = living.rows<{ shortId: string }>(`select short_id as shortId from clusters where id = '${clusterId}'`);
  const ref = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: `kc-${row?.shortId}`, name: `${row?.shortId}-keystone-auth` };
  await living.seed.remove(ref);
  await until(async () => {
    const live = (await living.seed.get(ref)) as { status?: { readyReplicas?: number } } | undefined;
    return (live?.status?.readyReplicas ?? 0) > 0;
  });
  await until(async () => (await withToken(await tokenOf('member'))('GET', MAPS)) === 200);
});

test('new authorities reach the webhook and those who ask it', async () => {
  await living.change(living.member, 'rotateCertificates', { clusterId }, 'operation { id }');
  await until(() => living.pki(clusterId).rotation.turn === 1, 90);
  await living.settled(clusterId);
  access = { ...access, ca: living.pki(clusterId).trust.ca };
  expect(await withToken(await tokenOf('member'))('GET', MAPS)).toBe(200);
});

test('switched off, its tokens are nobody’s again, and nothing is left of it', async () => {
  await change({ keystoneAuthEnabled: false });
  await living.settled(clusterId);
  await until(async () => (await withToken(await tokenOf('member'))('GET', MAPS)) === 401);
  const [row] = living.rows<{ shortId: string }>(`select short_id as shortId from clusters where id = '${clusterId}'`);
  for (const kind of ['Secret', 'ConfigMap', 'Service']) {
    const { items } = await living.seed.list({ apiVersion: 'v1', kind, namespace: `kc-${row?.shortId}` });
    expect(items.map(({ metadata }) => metadata.name).filter((name) => name.includes('keystone'))).toEqual([]);
  }
  const issued = await living.change<{ kubeconfig: string }>(living.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  const owner = createClient(accessOf(issued.kubeconfig));
  clients.push(owner);
  await until(async () => (await owner.call('GET', SECRETS)).status === 200);
  const bindings = (await owner.call('GET', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings')).body.items as Fields[];
  expect(JSON.stringify(bindings)).not.toContain('keystone:');
});
