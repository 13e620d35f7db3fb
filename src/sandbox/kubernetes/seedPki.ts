/** The seed's own authority, its serving certificate and the two logins it hands out. Made once and remembered. */
import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

export interface SeedPki {
  caPem: string;
  serverCertPem: string;
  serverKeyPem: string;
  /** User names to their certificate and key. */
  logins: Record<string, { certPem: string; keyPem: string }>;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
const TEN_YEARS_MS = 3650 * DAY_MS;

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;

const keyPem = async (keys: webcrypto.CryptoKeyPair): Promise<string> => {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`;
};

interface Issue {
  subject: string;
  extensions: x509.Extension[];
}

/** A certificate over a new key, signed by an authority that is given in PEM. */
export const issueCertificate = async (
  authority: { certPem: string; keyPem: string },
  { subject, usage, hosts, nowMs }: { subject: string; usage: 'server' | 'client'; hosts: readonly string[]; nowMs: number },
): Promise<{ certPem: string; keyPem: string }> => {
  const pkcs8 = createPrivateKey(authority.keyPem).export({ type: 'pkcs8', format: 'der' });
  const keys = await newKeys();
  const names = hosts.map((value): x509.JsonGeneralName => ({ type: isIP(value) ? 'ip' : 'dns', value }));
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: `00${randomBytes(8).toString('hex')}`,
    subject,
    issuer: new x509.X509Certificate(authority.certPem).subject,
    notBefore: new Date(nowMs - DAY_MS / 1440),
    notAfter: new Date(nowMs + 365 * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.ExtendedKeyUsageExtension([usage === 'server' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2']),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return { certPem: `${cert.toString('pem')}\n`, keyPem: await keyPem(keys) };
};

/** Makes the whole set; `hosts` are the names and addresses that the API answers at. */
export const createSeedPki = async (hosts: readonly string[], logins: Record<string, string>, nowMs: number): Promise<SeedPki> => {
  const validity = { notBefore: new Date(nowMs - DAY_MS), notAfter: new Date(nowMs + TEN_YEARS_MS) };
  const serial = (): string => `00${randomBytes(8).toString('hex')}`;
  const caKeys = await newKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: 'CN=seed-ca',
    ...validity,
    keys: caKeys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
    ],
  });
  const issue = async ({ subject, extensions }: Issue): Promise<{ certPem: string; keyPem: string }> => {
    const keys = await newKeys();
    const cert = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject,
      issuer: ca.subject,
      ...validity,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions,
    });
    return { certPem: `${cert.toString('pem')}\n`, keyPem: await keyPem(keys) };
  };
  const names = hosts.map((value): x509.JsonGeneralName => ({ type: isIP(value) ? 'ip' : 'dns', value }));
  const server = await issue({
    subject: 'CN=kube-apiserver',
    extensions: [new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1']), new x509.SubjectAlternativeNameExtension(names)],
  });
  const made: SeedPki['logins'] = {};
  for (const [name, subject] of Object.entries(logins))
    made[name] = await issue({ subject, extensions: [new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.2'])] });
  return { caPem: `${ca.toString('pem')}\n`, serverCertPem: server.certPem, serverKeyPem: server.keyPem, logins: made };
};
