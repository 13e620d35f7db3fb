/** The Keystone webhook: whom its guard lets through, as a real process over TLS, and what its pod may read and reach. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildApiServer } from '../../src/controlPlane/apiServer.ts';
import { pkiNamesOf } from '../../src/controlPlane/hostedCluster.ts';
import { buildKeystoneAuth } from '../../src/controlPlane/keystoneAuth.ts';
import { GUARD_FILES } from '../../src/controlPlane/keystoneGuard.ts';
import { buildNetworkPolicies } from '../../src/controlPlane/networkPolicies.ts';
import type { KubernetesObject } from '../../src/controlPlane/object.ts';
import { buildClusterPki } from '../../src/pki/bundle.ts';
import { cluster, keystone, pki } from './fixture.ts';

const OURS = cluster.projectId;
const folder = mkdtempSync(join(tmpdir(), 'guard-'));
let ca = '';
let inner: Server;
let answer: (token: string) => { status: number; body: object } | null;
let atOnce = 0;
let mostAtOnce = 0;
let port = 0;
let guard: ChildProcess;

/** What k8s-keystone-auth says of a token that Keystone knows. */
const known = (project: string, more: { username?: string; groups?: string[]; roles?: string[] } = {}) => ({
  status: 200,
  body: {
    status: {
      authenticated: true,
      user: {
        username: more.username ?? 'anna',
        uid: 'u1',
        groups: [...(more.groups ?? []), project],
        extra: {
          'alpha.kubernetes.io/identity/roles': more.roles ?? ['member', 'reader'],
          'alpha.kubernetes.io/identity/project/id': [project],
          'alpha.kubernetes.io/identity/project/name': ['blue'],
          'alpha.kubernetes.io/identity/user/domain/id': ['default'],
          'alpha.kubernetes.io/identity/user/domain/name': ['Default'],
        },
      },
    },
  },
});

beforeAll(async () => {
  const real = await buildClusterPki(pkiNamesOf(cluster), { now: Date.now });
  ca = real.trust.ca;
  const files = { 'server.crt': real.leaves.keystoneAuth.cert, 'server.key': real.leaves.keystoneAuth.key, 'ca.crt': ca };
  for (const [name, text] of Object.entries({ ...files, ...GUARD_FILES })) writeFileSync(join(folder, name), text);
  inner = createServer({ cert: files['server.crt'], key: files['server.key'] }, async (incoming, response) => {
    let text = '';
    for await (const chunk of incoming) text += chunk;
    if (incoming.method === 'GET') return response.writeHead(500).end('EOF');
    const { apiVersion, spec } = JSON.parse(text) as { apiVersion: string; spec: { token: string } };
    // It knows no other.
    if (apiVersion !== 'authentication.k8s.io/v1beta1') return response.writeHead(400).end();
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    await new Promise((resolve) => setTimeout(resolve, 20));
    atOnce -= 1;
    const said = answer(spec.token);
    if (said !== null) response.writeHead(said.status).end(JSON.stringify(said.body));
  });
  await new Promise<void>((resolve) => inner.listen(0, '127.0.0.1', resolve));
  port = 20_000 + Math.floor(Math.random() * 20_000);
  const upstream = String((inner.address() as AddressInfo).port);
  guard = spawn(process.execPath, [join(folder, 'guard.mjs'), folder, String(port), upstream, OURS], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => guard.stdout?.once('data', resolve));
});

afterAll(() => {
  guard?.kill('SIGKILL');
  inner?.close();
  rmSync(folder, { recursive: true });
});

interface Said {
  status: number;
  connection: string | undefined;
  text: string;
}
const ask = (method: string, path: string, body?: unknown): Promise<Said> =>
  new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, servername: 'localhost', ca, method, path };
    const asked = request(options, async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode ?? 0, connection: response.headers.connection, text });
    });
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  });
const review = (token: string) => ({ apiVersion: 'authentication.k8s.io/v1beta1', kind: 'TokenReview', spec: { token } });
const statusOf = async (token: string): Promise<unknown> => {
  // As API servers ask.
  const { status, text } = await ask('POST', '/webhook?timeout=30s', review(token));
  expect(status).toBe(200);
  return (JSON.parse(text) as { status: unknown }).status;
};

test('a token of the project is a name with a prefix, in a group for each role; what Keystone calls groups counts for nothing', async () => {
  answer = () => known(OURS, { username: 'system:kube-scheduler', groups: ['system:masters', 'keystone:admin'] });
  expect(await statusOf('t')).toMatchObject({
    authenticated: true,
    user: { username: 'keystone:default/system:kube-scheduler', uid: 'u1', groups: ['keystone:member', 'keystone:reader'] },
  });
});

test('a token of another project is nobody, also in a group that is called as this one is', async () => {
  answer = () => known('another', { groups: [OURS, 'system:masters'], roles: ['admin'] });
  expect(await statusOf('t')).toEqual({ authenticated: false });
});

test.each([
  ['a token that Keystone does not know', { status: 401, body: { status: { authenticated: false, user: {} } } }],
  ['an answer without extras', { status: 200, body: { status: { authenticated: true, user: { username: 'anna', groups: [OURS] } } } }],
  ['an answer with a user and no word on it', { status: 200, body: { status: { ...known(OURS).body.status, authenticated: 'true' } } }],
  ['no answer at all', { status: 200, body: {} }],
])('%s is nobody', async (_what, said) => {
  answer = () => said;
  expect(await statusOf('t')).toEqual({ authenticated: false });
});

test('k8s-keystone-auth is asked one question after the other, and each answer goes to who asked', async () => {
  answer = (token) => known(OURS, { username: token });
  mostAtOnce = 0;
  const tokens = ['a', 'b', 'c', 'd', 'e'];
  const names = await Promise.all(tokens.map(async (token) => ((await statusOf(token)) as { user: { username: string } }).user.username));
  expect(names).toEqual(tokens.map((token) => `keystone:default/${token}`));
  expect(mostAtOnce).toBe(1);
});

test('what is no review is refused, and neither too long a body nor another path ends it', async () => {
  expect((await ask('POST', '/webhook', 'no JSON')).status).toBe(400);
  expect((await ask('GET', '/webhook')).status).toBe(404);
  expect((await ask('POST', '/webhook', 'x'.repeat(100_000))).status).toBe(500);
  expect(await statusOf('')).toEqual({ authenticated: false });
  expect((await ask('GET', '/livez')).text).toBe('ok');
  expect((await ask('GET', '/readyz')).text).toBe('ok');
});

test('a Keystone that does not answer is told of in time, and holds up nobody for long', async () => {
  answer = () => null;
  expect(await statusOf('t')).toEqual({ authenticated: false, error: 'Keystone takes too long' });
  answer = () => known(OURS);
  expect(await statusOf('t')).toMatchObject({ authenticated: true });
}, 20_000);

test('without k8s-keystone-auth beside it it is not ready, and sends an API server to another pod', async () => {
  inner.close();
  inner.closeAllConnections();
  expect((await ask('GET', '/livez')).status).toBe(200);
  expect((await ask('GET', '/readyz')).status).toBe(500);
  expect(await ask('POST', '/webhook', review('t'))).toMatchObject({ status: 500, connection: 'close' });
});

const kindOf = (objects: KubernetesObject[], kind: string): KubernetesObject => objects.find((o) => o.kind === kind) as KubernetesObject;
const specOf = <T>(objects: KubernetesObject[], kind: string): T => kindOf(objects, kind)['spec'] as T;
interface Template {
  template: {
    metadata: { annotations: object };
    spec: { containers: { command: string[]; securityContext: object }[]; volumes: { secret?: { secretName: string } }[] };
  };
}
const templateOf = (objects: KubernetesObject[]) => specOf<Template>(objects, 'Deployment').template;

test('its pod is restricted, has no token of the seed, and mounts one Secret, a change of which rolls it', () => {
  const objects = buildKeystoneAuth(cluster, pki, keystone);
  const { spec } = templateOf(objects);
  expect(spec).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } });
  expect(spec.containers).toHaveLength(2);
  for (const { securityContext } of spec.containers)
    expect(securityContext).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
  expect(spec.volumes.flatMap(({ secret }) => secret?.secretName ?? [])).toEqual([kindOf(objects, 'Secret').metadata.name]);
  const leaf = { ...pki.leaves.keystoneAuth, cert: 'new\n' };
  expect(templateOf(buildKeystoneAuth(cluster, { ...pki, leaves: { ...pki.leaves, keystoneAuth: leaf } }, keystone))).not.toEqual(
    templateOf(objects),
  );
  expect(spec.containers[1]?.command).toContain('--listen=127.0.0.1:9443');
});

test("the cloud's authority reaches it where there is one, and only then", () => {
  const flagsOf = (objects: KubernetesObject[]) => templateOf(objects).spec.containers[1]?.command.join(' ');
  const own = buildKeystoneAuth(cluster, pki, keystone);
  expect(flagsOf(own)).toContain('--keystone-ca-file=/etc/keystone-auth/files/keystone-ca.crt');
  expect(Object.keys(kindOf(own, 'Secret')['data'] as object)).toContain('keystone-ca.crt');
  const usual = buildKeystoneAuth(cluster, pki, { ...keystone, caPem: null });
  expect(flagsOf(usual)).not.toContain('keystone-ca');
  expect(Object.keys(kindOf(usual, 'Secret')['data'] as object)).toEqual(['server.crt', 'server.key', 'ca.crt']);
});

test('API servers reach it and it reaches Keystone, both by one port and nothing else', () => {
  const policy = specOf<{ ingress: object[]; egress: object[]; policyTypes: string[] }>(
    buildKeystoneAuth(cluster, pki, keystone),
    'NetworkPolicy',
  );
  expect(policy.policyTypes).toEqual(['Ingress', 'Egress']);
  const apiServers = {
    podSelector: { matchLabels: { 'app.kubernetes.io/name': 'kube-apiserver', 'app.kubernetes.io/instance': cluster.shortId } },
  };
  expect(policy.ingress).toEqual([{ from: [apiServers], ports: [{ protocol: 'TCP', port: 8443 }] }]);
  expect(policy.egress).toEqual([
    { to: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['169.254.0.0/16'] } }], ports: [{ protocol: 'TCP', port: 5000 }] },
  ]);
  const egressOf = (keystoneAuth: boolean) => JSON.stringify(buildNetworkPolicies({ ...cluster, keystoneAuth }));
  expect(egressOf(false)).not.toContain('8443');
  expect(egressOf(true)).toContain('8443');
});

test('several are spread, and drained one at a time', () => {
  const budget = (managerReplicas: number) =>
    buildKeystoneAuth({ ...cluster, managerReplicas }, pki, keystone).filter(({ kind }) => kind === 'PodDisruptionBudget');
  expect([budget(1).length, budget(2).length]).toEqual([0, 1]);
});

test('the API server asks it by its name and the authority of the cluster, and does not know of it otherwise', () => {
  const of = (keystoneAuth: boolean) => buildApiServer({ ...cluster, keystoneAuth }, pki);
  expect(JSON.stringify(of(false))).not.toContain('webhook');
  const { data } = kindOf(of(true), 'ConfigMap') as unknown as { data: Record<string, string> };
  expect(parse(data['keystone-auth.yaml'] ?? '')).toMatchObject({
    clusters: [
      {
        cluster: {
          server: `https://${cluster.shortId}-keystone-auth.${cluster.namespace}.svc:8443/webhook`,
          'certificate-authority-data': Buffer.from(pki.trust.ca).toString('base64'),
        },
      },
    ],
  });
  // A login by certificate asks nobody: who decides stays as it is.
  expect(JSON.stringify(of(true))).toContain('--authorization-mode=Node,RBAC');
});
