/** Access to a living cluster: given to one person, and truly taken back. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fingerprint } from '../../src/lib/json.ts';
import { buildKubeconfigText } from '../../src/pki/kubeconfig.ts';
import type { Kubernetes } from '../../src/seeds/connection.ts';
import { run } from '../cli/run.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
let clusterId: string;

beforeAll(async () => {
  living = await openLiving();
  clusterId = await living.makeCluster('access');
});
afterAll(() => living?.close());

interface Issued {
  kubeconfig: string;
  record: { id: string; uuid: string; state: string; userName: string };
}
const stateOf = async (id: string): Promise<string> =>
  (await living.ask<{ node: { state: string } }>(living.member, `{ node(id: "${id}") { ... on Kubeconfig { state } } }`)).node.state;
const issue = async (role: string): Promise<Issued & { kube: Kubernetes }> => {
  const issued = await living.change<Issued>(
    living.member,
    'issueKubeconfig',
    { clusterId, role },
    'kubeconfig record { id uuid state userName }',
  );
  await until(async () => (await stateOf(issued.record.id)) === 'ACTIVE');
  return { ...issued, kube: living.tenant(issued.kubeconfig) };
};
const secretsOf = (kube: Kubernetes) => kube.list({ apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system' });
const podsOf = (kube: Kubernetes) => kube.list({ apiVersion: 'v1', kind: 'Pod', namespace: 'kube-system' });

const environment = () => ({
  OS_CLIENT_CONFIG_FILE: living.sandbox.cloudsYaml,
  OS_CLOUD: 'sandbox-member',
  SEEDBED_URL: living.served.url,
});

test('each role may do what it is for, in a name of its own', async () => {
  const [admin, editor, viewer] = [await issue('ADMIN'), await issue('EDITOR'), await issue('VIEWER')];
  expect(new Set([admin, editor, viewer].map(({ record }) => record.userName)).size).toBe(3);
  await secretsOf(admin.kube);
  await podsOf(viewer.kube);
  await expect(secretsOf(viewer.kube)).rejects.toThrow(/refuses to list secrets/);
  const nodes = { apiVersion: 'v1', kind: 'Node' };
  expect((await admin.kube.list(nodes)).items).toHaveLength(1);
  await expect(editor.kube.list(nodes)).rejects.toThrow(/refuses to list nodes/);
});

test('what is revoked may do nothing more, and nobody else notices', async () => {
  const [lost, kept] = [await issue('ADMIN'), await issue('ADMIN')];
  await secretsOf(lost.kube);
  const { record } = await living.change<Issued>(
    living.member,
    'revokeKubeconfig',
    { kubeconfigId: lost.record.id },
    'record { id uuid state userName }',
  );
  expect(record.state).toBe('REVOKING');
  await until(async () => (await stateOf(record.id)) === 'REVOKED');
  await expect(secretsOf(lost.kube)).rejects.toThrow(/refuses to list secrets/);
  await expect(podsOf(living.tenant(lost.kubeconfig))).rejects.toThrow(/refuses to list pods/);
  await secretsOf(kept.kube);
  const { items } = await kept.kube.list({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding' });
  expect(JSON.stringify(items)).not.toContain(lost.record.userName);
  expect(JSON.stringify(items)).toContain(kept.record.userName);
});

test('what is over is taken out at the next look', async () => {
  const { record, kube } = await issue('ADMIN');
  living.write(`update kubeconfigs set expires_at = ${Date.now() - 1} where id = '${record.uuid}'`);
  expect(await stateOf(record.id)).toBe('EXPIRED');
  living.wake(clusterId);
  await until(() =>
    secretsOf(kube).then(
      () => false,
      (error: Error) => error.message.includes('refuses to list'),
    ),
  );
  await living.settled(clusterId);
  await until(() => living.rows(`select 1 from kubeconfigs where id = '${record.uuid}' and unbound_at is not null`).length === 1);
});

test('a kubeconfig that nobody touches costs a settled cluster no write', async () => {
  const written = () => ['kubeconfigs', 'events', 'inventory'].map((table) => fingerprint(living.rows(`select * from ${table}`)));
  const before = written();
  await fetch(`${living.sandbox.controlUrl}/counters`, { method: 'DELETE' });
  living.wake(clusterId);
  await living.idle();
  expect(written()).toEqual(before);
  expect(await (await fetch(`${living.sandbox.controlUrl}/counters`)).json()).toMatchObject({ writes: 0 });
});

test('the command line issues, lists and revokes, and tells when it is done', async () => {
  const kubeconfig = (...args: string[]) => run(['cluster', 'kubeconfig', ...args], environment());
  const issued = await kubeconfig('access', '--role', 'viewer');
  expect([issued.status, issued.err]).toEqual([0, '']);
  await podsOf(living.tenant(issued.out));
  const listed = JSON.parse((await kubeconfig('list', 'access', '--json')).out) as Issued['record'][];
  expect(listed[0]).toMatchObject({ state: 'ACTIVE', role: 'VIEWER' });
  const revoked = await kubeconfig('revoke', 'access', listed[0]?.uuid ?? '');
  expect([revoked.status, revoked.out]).toEqual([0, expect.stringContaining('REVOKED')]);
  await expect(podsOf(living.tenant(issued.out))).rejects.toThrow(/refuses to list pods/);
  expect((await kubeconfig('list', 'access')).out).not.toContain(listed[0]?.uuid);
  expect((await kubeconfig('list', 'access', '--all')).out).toContain(listed[0]?.uuid);
  expect((await kubeconfig('revoke', 'access', 'nobody')).err).toContain('was not found');
});

test('a certificate over an own key opens the cluster, too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'own-key-'));
  const [key, csr] = [join(folder, 'key'), join(folder, 'csr')];
  execFileSync(
    'openssl',
    ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', csr, '-subj', '/'],
    { stdio: 'ignore' },
  );
  const { status, out, err } = await run(['certificate', 'sign', 'access', '--csr', csr, '--role', 'viewer', '--json'], environment());
  expect([status, err]).toEqual([0, '']);
  const { certificate, caCertificate, record } = JSON.parse(out) as {
    certificate: string;
    caCertificate: string;
    record: { state: string };
  };
  expect(record).toMatchObject({ state: 'ACTIVE', kind: 'CERTIFICATE' });
  const { endpoint } = (await living.ask<{ cluster: { endpoint: string } }>(living.member, `{ cluster(id: "${clusterId}") { endpoint } }`))
    .cluster;
  const kubeconfig = buildKubeconfigText({
    clusterName: 'c',
    server: endpoint,
    caPem: caCertificate,
    userName: 'me',
    credential: { cert: certificate, key: readFileSync(key, 'utf8') },
  });
  await podsOf(living.tenant(kubeconfig));
  await expect(secretsOf(living.tenant(kubeconfig))).rejects.toThrow(/refuses to list secrets/);
  rmSync(folder, { recursive: true });
});

test('issuers and the audit log follow a change of a living cluster, through the API as typed lists', async () => {
  const serial = await living.servedSerial(clusterId);
  const overrides = {
    controlPlane: {
      audit: { level: 'REQUEST', webhook: { url: 'https://audit.example.org' } },
      issuers: [{ url: 'https://login.example.org', audiences: ['k8s'], requiredClaims: [{ key: 'hd', value: 'example.org' }] }],
    },
  };
  const { cluster } = await living.change<{ cluster: { spec: object; shortId: string } }>(
    living.member,
    'updateCluster',
    { clusterId, overrides },
    'cluster { shortId spec { controlPlane { audit { level stdout webhook { url } } issuers { url usernamePrefix requiredClaims { key value } } } } }',
  );
  expect(cluster.spec).toEqual({
    controlPlane: {
      audit: { level: 'REQUEST', stdout: true, webhook: { url: 'https://audit.example.org' } },
      issuers: [{ url: 'https://login.example.org', usernamePrefix: 'oidc:', requiredClaims: [{ key: 'hd', value: 'example.org' }] }],
    },
  });
  await living.settled(clusterId);
  const { items } = await living.seed.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: `kc-${cluster.shortId}` });
  expect(JSON.stringify(items)).toContain('https://login.example.org');
  // Its pods were rolled, and its certificate is still the same.
  expect(await living.servedSerial(clusterId)).toBe(serial);
});
