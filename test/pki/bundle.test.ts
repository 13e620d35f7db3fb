import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildClusterPki, type ClusterPki, type ClusterPkiNames, type LeafName } from '../../src/pki/bundle.ts';
import { caPin } from '../../src/pki/keys.ts';

const DAY = 86_400_000;
const names: ClusterPkiNames = {
  clusterName: 'one',
  publicServer: 'https://192.0.2.1:6443',
  inSeedServer: 'https://c1-kube-apiserver.kc-c1.svc:6443',
  etcdName: 'c1-etcd',
  apiServer: { dns: ['kubernetes', 'localhost'], ips: ['10.96.0.1', '192.0.2.1', '127.0.0.1'] },
  etcdServer: { dns: ['c1-etcd', 'localhost'], ips: ['127.0.0.1', '::1'] },
  etcdPeer: { dns: ['c1-etcd-0'], ips: ['127.0.0.1'] },
  konnectivity: { dns: [], ips: ['192.0.2.1'] },
  keystoneAuth: { dns: ['keystone-auth'], ips: [] },
  localServer: 'https://localhost:6443',
};
const clock = { nowMs: Date.now(), now: () => clock.nowMs };
const folder = mkdtempSync(join(tmpdir(), 'pki-'));
let pki: ClusterPki;

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

beforeAll(async () => {
  pki = await buildClusterPki(names, clock);
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ['apiServer', 'ca', 'sslserver'],
  ['apiServerKubeletClient', 'ca', 'sslclient'],
  ['apiServerEtcdClient', 'etcdCa', 'sslclient'],
  ['frontProxyClient', 'frontProxyCa', 'sslclient'],
  ['etcdServer', 'etcdCa', 'sslserver'],
  ['etcdServer', 'etcdCa', 'sslclient'],
  ['etcdPeer', 'etcdCa', 'sslserver'],
  ['etcdPeer', 'etcdCa', 'sslclient'],
  ['superAdmin', 'ca', 'sslclient'],
  ['controllerManager', 'ca', 'sslclient'],
  ['scheduler', 'ca', 'sslclient'],
  ['konnectivityServer', 'ca', 'sslserver'],
  ['konnectivity', 'ca', 'sslclient'],
] as const)('openssl verifies %s under %s as %s, and under no other authority', (leaf, authority, purpose) => {
  const cert = file('leaf.crt', pki.leaves[leaf].cert);
  const verify = (ca: 'ca' | 'etcdCa' | 'frontProxyCa') =>
    openssl('verify', '-x509_strict', '-purpose', purpose, '-CAfile', file('ca.crt', pki.authorities[ca].cert), cert);
  expect(verify(authority)).toContain('OK');
  for (const other of (['ca', 'etcdCa', 'frontProxyCa'] as const).filter((name) => name !== authority))
    expect(() => verify(other)).toThrow();
});

test.each([
  ['apiServer', 'sslclient'],
  ['apiServerEtcdClient', 'sslserver'],
  ['superAdmin', 'sslserver'],
  ['konnectivityServer', 'sslclient'],
  ['konnectivity', 'sslserver'],
] as const)('%s does not serve as %s', (leaf, purpose) => {
  const args = [
    'verify',
    '-purpose',
    purpose,
    '-CAfile',
    file('ca.crt', pki.authorities[leaf === 'apiServerEtcdClient' ? 'etcdCa' : 'ca'].cert),
  ];
  expect(() => openssl(...args, file('leaf.crt', pki.leaves[leaf].cert))).toThrow(/unsuitable certificate purpose/);
});

test('subjects, key type, life and names are those that Kubernetes expects', () => {
  const of = (leaf: LeafName) => new X509Certificate(pki.leaves[leaf].cert);
  expect(of('superAdmin').subject).toBe('O=system:masters\nCN=kubernetes-super-admin');
  expect(of('apiServerKubeletClient').subject).toBe('CN=kube-apiserver-kubelet-client');
  expect(of('scheduler').subject).toBe('CN=system:kube-scheduler');
  expect(of('apiServer').subjectAltName).toBe(
    'DNS:kubernetes, DNS:localhost, IP Address:10.96.0.1, IP Address:192.0.2.1, IP Address:127.0.0.1',
  );
  expect(of('etcdServer').subjectAltName).toContain('IP Address:0:0:0:0:0:0:0:1');
  const text = openssl('x509', '-noout', '-text', '-in', file('leaf.crt', pki.leaves.apiServer.cert));
  expect(text).toContain('prime256v1');
  expect(text).toMatch(/CA:FALSE/);
  const leafLife = Date.parse(of('apiServer').validTo) - clock.nowMs;
  expect(Math.round(leafLife / DAY)).toBe(365);
  expect(Date.parse(of('apiServer').validFrom)).toBeLessThanOrEqual(clock.nowMs - 299_000);
  const ca = new X509Certificate(pki.authorities.ca.cert);
  expect(ca.ca).toBe(true);
  expect(Math.round((Date.parse(ca.validTo) - clock.nowMs) / DAY)).toBe(3650);
});

test('each key belongs to its certificate, and the service account key to its public half', () => {
  for (const pair of [...Object.values(pki.leaves), ...Object.values(pki.authorities)]) {
    expect(openssl('pkey', '-pubout', '-in', file('key', pair.key))).toBe(
      openssl('x509', '-noout', '-pubkey', '-in', file('crt', pair.cert)),
    );
  }
  expect(openssl('pkey', '-pubout', '-in', file('key', pki.serviceAccount.key))).toBe(pki.serviceAccount.publicKey);
});

test('the pin is what openssl makes of the public key', () => {
  const pub = file('pub.pem', openssl('x509', '-noout', '-pubkey', '-in', file('crt', pki.authorities.ca.cert)));
  const der = join(folder, 'pub.der');
  openssl('pkey', '-pubin', '-in', pub, '-outform', 'DER', '-out', der);
  expect(openssl('dgst', '-sha256', der)).toContain(caPin(pki.authorities.ca.cert));
});

test('nothing to do gives back the very same value, also for names in another order and after a trip through JSON', async () => {
  const stored = JSON.parse(JSON.stringify(pki)) as ClusterPki;
  const shuffled = { ...names, apiServer: { dns: ['localhost', 'kubernetes'], ips: ['127.0.0.1', '192.0.2.1', '10.96.0.1'] } };
  expect(await buildClusterPki(shuffled, clock, stored)).toBe(stored);
});

test('a new address renews what carries it and nothing else', async () => {
  const moved = {
    ...names,
    publicServer: 'https://192.0.2.2:6443',
    apiServer: { ...names.apiServer, ips: ['10.96.0.1', '192.0.2.2', '127.0.0.1'] },
  };
  const next = await buildClusterPki(moved, clock, pki);
  expect(next.authorities).toEqual(pki.authorities);
  expect(next.serviceAccount).toEqual(pki.serviceAccount);
  const renewed = (Object.keys(pki.leaves) as LeafName[]).filter((name) => next.leaves[name].cert !== pki.leaves[name].cert);
  expect(renewed.toSorted()).toEqual(['apiServer', 'superAdmin']);
  expect(parse(next.kubeconfigs.superAdmin).clusters[0].cluster.server).toBe('https://192.0.2.2:6443');
  expect(next.kubeconfigs.scheduler).toBe(pki.kubeconfigs.scheduler);
});

test('a run cut off anywhere is completed without changing what was there', async () => {
  for (const lost of Object.keys(pki.leaves) as LeafName[]) {
    const { [lost]: _, ...leaves } = pki.leaves;
    const next = await buildClusterPki(names, clock, { ...pki, leaves });
    expect({ ...next.leaves, [lost]: null }).toEqual({ ...pki.leaves, [lost]: null });
    expect(next.leaves[lost].cert).toContain('BEGIN CERTIFICATE');
  }
  const next = await buildClusterPki(names, clock, {
    authorities: { ca: pki.authorities.ca },
    leaves: { scheduler: pki.leaves.scheduler },
  });
  expect(next.authorities.ca).toEqual(pki.authorities.ca);
  expect(next.leaves.scheduler).toEqual(pki.leaves.scheduler);
  expect(next.kubeconfigs.scheduler).toBe(pki.kubeconfigs.scheduler);
});

test('leaves of a lost authority are reissued, for they would verify under nobody', async () => {
  const { etcdCa: _, ...authorities } = pki.authorities;
  const next = await buildClusterPki(names, clock, { ...pki, authorities });
  const renewed = (Object.keys(pki.leaves) as LeafName[]).filter((name) => next.leaves[name].cert !== pki.leaves[name].cert);
  expect(renewed.toSorted()).toEqual(['apiServerEtcdClient', 'etcdClient', 'etcdPeer', 'etcdServer']);
});

test('leaves are renewed after two thirds of their life, authorities never', async () => {
  const at = (days: number) => ({ now: () => clock.nowMs + days * DAY });
  expect(await buildClusterPki(names, at(242), pki)).toBe(pki);
  const next = await buildClusterPki(names, at(244), pki);
  expect(next.authorities).toEqual(pki.authorities);
  for (const name of Object.keys(pki.leaves) as LeafName[])
    expect(next.leaves[name].notAfterMs).toBeGreaterThan(pki.leaves[name].notAfterMs);
});

test('a leaf never outlives its authority', async () => {
  const late = await buildClusterPki(names, { now: () => clock.nowMs + 3500 * DAY }, pki);
  expect(late.leaves.apiServer.notAfterMs).toBe(Date.parse(new X509Certificate(pki.authorities.ca.cert).validTo));
});
