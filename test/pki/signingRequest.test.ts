import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthority, type KeyPair } from '../../src/pki/authority.ts';
import { createServiceAccountKey } from '../../src/pki/keys.ts';
import { issueUserCertificate } from '../../src/pki/userCertificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'csr-'));
const keyFile = join(folder, 'key');
let ca: KeyPair;
beforeAll(async () => {
  ca = await createAuthority('kubernetes', { now: Date.now });
});
afterAll(() => rmSync(folder, { recursive: true }));

const P256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
/** What openssl makes of a subject, extensions ("keyUsage=…") and a kind of key. */
const request = (subject: string, extensions: string[] = [], key: string[] = P256): string =>
  execFileSync(
    'openssl',
    ['req', '-new', '-newkey', ...key, '-nodes', '-keyout', keyFile, '-subj', subject, ...extensions.flatMap((text) => ['-addext', text])],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
const sign = (csr: string) =>
  issueUserCertificate({
    pkiJson: JSON.stringify({ authorities: { ca, frontProxyCa: ca, etcdCa: ca }, serviceAccount: createServiceAccountKey() }),
    csr,
    userName: 'anna@Default:x',
    ownNames: ['anna', 'anna@Default'],
    ttlMs: 3_600_000,
    now: Date.now(),
  });

test.each([
  ['no name', '/', [], P256],
  ['the own name', '/CN=anna', [], P256],
  ['the own name with its domain, on P-384', '/CN=anna@Default', [], ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384']],
  [
    'what a client may have, over RSA',
    '/C=DE/CN=anna',
    ['keyUsage=critical,digitalSignature,keyEncipherment', 'extendedKeyUsage=clientAuth', 'basicConstraints=CA:FALSE'],
    ['rsa:2048'],
  ],
])('signs a request with %s, in the name that was chosen and over its own key', async (_what, subject, extensions, key) => {
  const { certificate, caCertificate, expiresAt } = await sign(request(subject, extensions, key));
  const cert = new X509Certificate(certificate);
  expect(cert.subject).toBe('CN=anna@Default:x');
  expect(cert.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect([cert.ca, cert.subjectAltName, caCertificate]).toEqual([false, undefined, ca.cert]);
  expect(Math.abs(expiresAt - Date.now() - 3_600_000)).toBeLessThan(5_000);
  expect(execFileSync('openssl', ['pkey', '-pubout', '-in', keyFile], { encoding: 'utf8' })).toBe(
    cert.publicKey.export({ type: 'spki', format: 'pem' }),
  );
});

test.each([
  ['the group of masters', '/O=system:masters/CN=anna', [], P256, /system:masters.*role ADMIN/],
  ['masters in another field of the same kind', '/O=team/O=system:masters/CN=anna', [], P256, /O in its subject/],
  ['another person', '/CN=ben', [], P256, /CN be "anna" or "anna@Default"/],
  ['a component', '/CN=system:kube-controller-manager', [], P256, /names somebody else/],
  ['two names', '/CN=anna/CN=system:admin', [], P256, /more than one CN/],
  ['an authority', '/CN=anna', ['basicConstraints=critical,CA:TRUE'], P256, /CA:FALSE/],
  ['the right to sign', '/CN=anna', ['keyUsage=digitalSignature,keyCertSign'], P256, /digitalSignature and keyEncipherment at most/],
  ['a server', '/CN=anna', ['extendedKeyUsage=clientAuth,serverAuth'], P256, /clientAuth/],
  ['host names', '/CN=anna', ['subjectAltName=DNS:kubernetes'], P256, /2\.5\.29\.17/],
  ['a short key', '/CN=anna', [], ['rsa:1024'], /RSA of 2048 to 4096 bits/],
  ['a long key', '/CN=anna', [], ['rsa:5120'], /RSA of 2048 to 4096 bits/],
  ['a curve that nobody checks', '/CN=anna', [], ['ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1'], /PKCS#10|ECDSA on P-256/],
  ['an Edwards key', '/CN=anna', [], ['ed25519'], /PKCS#10|ECDSA on P-256/],
])('refuses a request for %s, by its field and with a remedy', async (_what, subject, extensions, key, message) => {
  await expect(sign(request(subject, extensions, key))).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringMatching(message),
    detail: { field: ['csr'] },
  });
});

test('refuses what is no request, or was changed after it was signed', async () => {
  const good = request('/CN=anna');
  const der = Buffer.from(good.split('\n').slice(1, -2).join(''), 'base64');
  const wrap = (bytes: Buffer) => `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  const renamed = Buffer.from(der.toString('latin1').replace('anna', 'adam'), 'latin1');
  expect(renamed.equals(der)).toBe(false);
  const bad = [
    '',
    'nonsense',
    ca.cert,
    der.toString('base64'),
    wrap(renamed),
    wrap(der.subarray(0, 60)),
    `${good}${readFileSync(keyFile, 'utf8')}`,
  ];
  for (const csr of bad)
    await expect(sign(csr)).rejects.toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining('PKCS#10') });
  await expect(sign(`${good}${' '.repeat(20_000)}`)).rejects.toMatchObject({ message: expect.stringContaining('16384 characters') });
});
