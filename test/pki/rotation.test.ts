/** A rotation as a row of forms: programs that read one form and its neighbour go on together, and the last knows nothing of the first. */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuthorityName } from '../../src/pki/authority.ts';
import { buildClusterPki, type ClusterPki, type ClusterPkiNames, type LeafName } from '../../src/pki/bundle.ts';
import { factsOf } from '../../src/pki/facts.ts';
import { endRotation, startRotation, switchRotation } from '../../src/pki/rotation.ts';

const sans = { dns: ['localhost'], ips: ['127.0.0.1'] };
const names: ClusterPkiNames = {
  clusterName: 'one',
  publicServer: 'https://192.0.2.1:6443',
  inSeedServer: 'https://c1-kube-apiserver.kc-c1.svc:6443',
  etcdName: 'c1-etcd',
  apiServer: sans,
  etcdServer: sans,
  etcdPeer: sans,
  konnectivity: sans,
  keystoneAuth: sans,
  localServer: 'https://localhost:6443',
};
const clock = { now: () => Date.now() };
const AUTHORITIES = ['ca', 'frontProxyCa', 'etcdCa'] as const;
const folder = mkdtempSync(join(tmpdir(), 'rotation-'));
/** As a cluster stores and its pods read them, one after the other: before, TRUST, ISSUE, after. */
let forms: ClusterPki[];

const complete = (pki: ClusterPki): Promise<ClusterPki> => buildClusterPki(names, clock, pki);

beforeAll(async () => {
  const before = await buildClusterPki(names, clock);
  const trusting = await complete({ ...before, ...(await startRotation(before, clock)) });
  const issuing = await complete({ ...trusting, ...switchRotation(trusting, clock.now()) });
  forms = [before, trusting, issuing, await complete({ ...issuing, ...endRotation(issuing) })];
});
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
/** As a TLS library does it: along what the other side shows beside its certificate. */
const trusts = (caPem: string, certPem: string, chainPem: string): boolean => {
  const chain = chainPem === '' ? [] : ['-untrusted', file('chain.crt', chainPem)];
  try {
    execFileSync('openssl', ['verify', '-CAfile', file('ca.crt', caPem), ...chain, file('leaf.crt', certPem)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const leavesTrusted = (truster: ClusterPki, shower: ClusterPki): [string, boolean][] =>
  factsOf(shower)
    .filter(({ kind }) => kind !== 'AUTHORITY')
    .map(({ name, signedBy }) => [name, trusts(truster.trust[signedBy as AuthorityName], shower.leaves[name as LeafName].cert, '')]);
const form = (index: number): ClusterPki => {
  const found = forms[index];
  if (found === undefined) throw new Error(`no form ${index}`);
  return found;
};

test.each([
  [0, 1],
  [1, 2],
  [2, 3],
])('pods of form %i and of form %i trust each other in every way', (one, other) => {
  for (const [a, b] of [
    [form(one), form(other)],
    [form(other), form(one)],
    [form(other), form(other)],
  ] as const) {
    expect(leavesTrusted(a, b).filter(([, trusted]) => !trusted)).toEqual([]);
    expect(a.trust.serviceAccountKeys).toContain(b.serviceAccount.publicKey);
  }
});

test('the last form and the first trust each other in nothing', () => {
  for (const [a, b] of [
    [form(3), form(0)],
    [form(0), form(3)],
  ] as const) {
    expect(leavesTrusted(a, b).filter(([, trusted]) => trusted)).toEqual([]);
    expect(a.trust.serviceAccountKeys).not.toContain(b.serviceAccount.publicKey);
  }
});

test('who knows the old authority alone follows a server along the chain that it shows, and not beyond the rotation', () => {
  const old = form(0).authorities.ca.cert;
  expect(form(1).trust.chain).toBe('');
  expect(trusts(old, form(2).leaves.apiServer.cert, form(2).trust.chain)).toBe(true);
  expect(trusts(old, form(2).leaves.apiServer.cert, '')).toBe(false);
  expect(form(3).trust.chain).toBe('');
});

test('leaves are issued once, when the new authorities begin to sign', () => {
  const serials = forms.map(({ leaves }) => Object.values(leaves).map(({ cert }) => new X509Certificate(cert).serialNumber));
  expect(serials[1]).toEqual(serials[0]);
  expect(serials[3]).toEqual(serials[2]);
  expect(new Set([...(serials[0] ?? []), ...(serials[2] ?? [])]).size).toBe(2 * (serials[0] ?? []).length);
});

test('a form that is complete is left as it is', async () => {
  for (const pki of forms) expect(await complete(pki)).toBe(pki);
});

test('old keys are forgotten as soon as they sign nothing any more, and kubeconfigs show what is trusted', () => {
  const keys = [...AUTHORITIES.map((name) => form(0).authorities[name].key), form(0).serviceAccount.key];
  for (const key of keys) {
    expect(JSON.stringify(form(1))).toContain(JSON.stringify(key));
    expect(JSON.stringify(form(2))).not.toContain(JSON.stringify(key));
  }
  for (const { trust, kubeconfigs } of forms)
    for (const text of Object.values(kubeconfigs)) expect(text).toContain(Buffer.from(trust.ca).toString('base64'));
});

test('what signs stands first in a bundle: some programs read only that', () => {
  for (const { trust, authorities, serviceAccount } of forms) {
    for (const name of AUTHORITIES) expect(trust[name].startsWith(authorities[name].cert)).toBe(true);
    expect(trust.serviceAccountKeys.startsWith(serviceAccount.publicKey)).toBe(true);
  }
});

test('both authorities of a name are shown while there are two', () => {
  const shown = forms.map((pki) => factsOf(pki).flatMap(({ name, kind }) => (kind === 'AUTHORITY' ? [name] : [])));
  const alone = [...AUTHORITIES];
  expect(shown).toEqual([
    alone,
    [...alone, 'caNext', 'frontProxyCaNext', 'etcdCaNext'],
    [...alone, 'caPrevious', 'frontProxyCaPrevious', 'etcdCaPrevious'],
    alone,
  ]);
});

test('keys from before there were rotations are completed, and no pod sees a difference', async () => {
  const { rotation: _, trust: __, ...stored } = form(0);
  const now = await buildClusterPki(names, clock, stored);
  expect(now).toEqual({ ...form(0), rotation: now.rotation });
  expect(now.rotation).toMatchObject({ phase: 'NONE', turn: 0, spread: true });
});

test('there is nothing to switch to outside of a rotation', () => {
  expect(() => switchRotation(form(0), 0)).toThrow('no authorities to switch to');
  expect(() => switchRotation(form(2), 0)).toThrow('is missing');
});
