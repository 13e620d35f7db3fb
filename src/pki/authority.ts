/** Certificate authorities: made once for a cluster, opened each time something is signed. */
import 'reflect-metadata';
import { randomBytes, type webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { createKey, importSigningKey, SIGNING } from './keys.ts';

export type AuthorityName = 'ca' | 'frontProxyCa' | 'etcdCa';

/** Their common names. */
export const AUTHORITIES: Record<AuthorityName, string> = { ca: 'kubernetes', frontProxyCa: 'front-proxy-ca', etcdCa: 'etcd-ca' };

/** A certificate and its private key (PKCS#8), both PEM. */
export interface KeyPair {
  cert: string;
  key: string;
}

export interface PkiDeps {
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** An authority ready to sign. */
export interface Authority {
  cert: x509.X509Certificate;
  key: webcrypto.CryptoKey;
  /** What its leaves say of its key. */
  keyIdentifier: x509.Extension;
}

const YEAR_MS = 365 * 24 * 3_600_000;
/** Nodes whose clocks run a little behind must not refuse what was issued a moment ago. */
const BACKDATE_MS = 5 * 60_000;

/** A self-signed P-256 authority, valid for ten years; its name is also its one DNS name, as kubeadm's are. */
export const createAuthority = async (commonName: string, deps: PkiDeps): Promise<KeyPair> => {
  const { key, publicKey } = createKey();
  const name = subjectName(commonName, []);
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: createSerial(),
    subject: name,
    issuer: name,
    ...validity(deps.now(), 10 * YEAR_MS),
    signingAlgorithm: SIGNING,
    publicKey,
    signingKey: await importSigningKey(key),
    extensions: [
      ...authorityExtensions(),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: commonName }]),
    ],
  });
  return { cert: pem(cert), key };
};

/**
 * One authority's certificate as another signs it: a chain from what the first signed to who knows only the second.
 * It ends with the second at the latest.
 */
export const crossSign = async (subject: KeyPair, signer: Authority, deps: PkiDeps): Promise<string> => {
  const { subjectName: name, publicKey } = new x509.X509Certificate(subject.cert);
  const times = validity(deps.now(), YEAR_MS);
  if (times.notAfter > signer.cert.notAfter) times.notAfter = signer.cert.notAfter;
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: createSerial(),
    subject: name,
    issuer: signer.cert.subjectName,
    ...times,
    signingAlgorithm: SIGNING,
    publicKey,
    signingKey: signer.key,
    extensions: [...authorityExtensions(), await x509.SubjectKeyIdentifierExtension.create(publicKey), signer.keyIdentifier],
  });
  return pem(cert);
};

const authorityExtensions = (): x509.Extension[] => [
  new x509.BasicConstraintsExtension(true, undefined, true),
  new x509.KeyUsagesExtension(
    x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment | x509.KeyUsageFlags.keyCertSign,
    true,
  ),
];

/** Reads a stored authority; throws when certificate and key do not parse. */
export const openAuthority = async (pair: KeyPair): Promise<Authority> => {
  const cert = new x509.X509Certificate(pair.cert);
  return {
    cert,
    key: await importSigningKey(pair.key),
    keyIdentifier: await x509.AuthorityKeyIdentifierExtension.create(cert.publicKey),
  };
};

/** notBefore is five minutes back, and the end is counted from now; certificates know whole seconds only. */
export const validity = (nowMs: number, ttlMs: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(Math.floor((nowMs - BACKDATE_MS) / 1000) * 1000),
  notAfter: new Date(Math.floor((nowMs + ttlMs) / 1000) * 1000),
});

/**
 * A subject given as structure and typed strings, so that no character of a name can end it or begin another: the library
 * reads a plain string that begins with "#" as raw DER and takes quotes off.
 */
export const subjectName = (commonName: string, organizations: readonly string[]): x509.Name =>
  new x509.Name([...organizations.map((o) => ({ O: [{ utf8String: o }] })), { CN: [{ utf8String: commonName }] }]);

/** 127 random bits: unique without a register (RFC 5280 wants it positive and at most 20 bytes). */
export const createSerial = (): string => {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
};

export const pem = (cert: x509.X509Certificate): string => `${cert.toString('pem').trimEnd()}\n`;
