/** The Keystone webhook: whom its guard lets through, as a real process over TLS, and what its pod may read and reach. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildApiServer } from '../../src/controlPlane/apiServer.ts';
import { buildKeystoneAuth } from '../../src/controlPlane/keystoneAuth.ts';
import { buildNetworkPolicies } from '../../src/controlPlane/networkPolicies.ts';
import type { KubernetesObject } from '../../src/controlPlane/object.ts';
import { cluster, keystone, pki } from './fixture.ts';
import { type Guard, known, newToken, OURS, review, startGuard } from './guard.ts';

let guard: Guard;
beforeAll(async () => {
  guard = await startGuard();
});
afterAll(() => guard?.close());

test('a token of the project is a name with a prefix, in a group for each role; what Keystone calls groups counts for nothing', async () => {
  guard.answer = () => known(OURS, { username: 'system:kube-scheduler', groups: ['system:masters', 'keystone:admin'] });
  expect(await guard.statusOf(newToken())).toMatchObject({
    authenticated: true,
    user: { username: 'keystone:default/system:kube-scheduler', uid: 'u1', groups: ['keystone:member', 'keystone:reader'] },
  });
});

test('a token of another project is nobody, also in a group that is called as this one is', async () => {
  guard.answer = () => known('another', { groups: [OURS, 'system:masters'], roles: ['admin'] });
  expect(await guard.statusOf(newToken())).toEqual({ authenticated: false });
});

test.each([
  ['a token that Keystone does not know', { status: 401, body: { status: { authenticated: false, user: {} } } }],
  ['an answer without extras', { status: 200, body: { status: { authenticated: true, user: { username: 'anna', groups: [OURS] } } } }],
  ['an answer with a user and no word on it', { status: 200, body: { status: { ...known(OURS).body.status, authenticated: 'true' } } }],
  ['no answer at all', { status: 200, body: {} }],
])('%s is nobody', async (_what, said) => {
  guard.answer = () => said;
  expect(await guard.statusOf(newToken())).toEqual({ authenticated: false });
});

test('what is no review is refused, and neither too long a body nor another path ends it', async () => {
  expect((await guard.ask('POST', '/webhook', 'no JSON')).status).toBe(400);
  expect((await guard.ask('GET', '/webhook')).status).toBe(404);
  expect((await guard.ask('POST', '/webhook', 'x'.repeat(100_000))).status).toBe(500);
  expect(await guard.statusOf('')).toEqual({ authenticated: false });
  expect((await guard.ask('GET', '/livez')).text).toBe('ok');
  expect((await guard.ask('GET', '/readyz')).text).toBe('ok');
});

test('a Keystone that does not answer is told of in time, and holds up nobody for long', async () => {
  guard.answer = () => null;
  expect(await guard.statusOf(newToken())).toEqual({ authenticated: false, error: 'Keystone takes too long' });
  guard.answer = () => known(OURS);
  expect(await guard.statusOf(newToken())).toMatchObject({ authenticated: true });
}, 20_000);

test('without k8s-keystone-auth beside it it is not ready, and sends an API server to another pod', async () => {
  guard.endInner();
  expect((await guard.ask('GET', '/livez')).status).toBe(200);
  expect((await guard.ask('GET', '/readyz')).status).toBe(500);
  expect(await guard.ask('POST', '/webhook', review(newToken()))).toMatchObject({ status: 500, connection: 'close' });
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
