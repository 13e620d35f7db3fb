/** Looks at certificates and keys as the real programs do when they start. Every check throws an Error with the line a program would log. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { memoize } from '../memo.ts';

/** A dozen certificates a cluster, for about a thousand clusters that start at once. */
const REMEMBERED = 12_000;
const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

const readCertificates = memoize(REMEMBERED, (pem): X509Certificate[] => (pem.match(BLOCK) ?? []).map((b) => new X509Certificate(b)));

export const parseCertificates = (pem: string, what: string): X509Certificate[] => {
  let found: X509Certificate[];
  try {
    found = readCertificates(pem);
  } catch {
    throw new Error(`${what}: x509: malformed certificate`);
  }
  if (found.length === 0) throw new Error(`${what}: tls: failed to find any PEM data in certificate input`);
  return found;
};

const firstOf = (pem: string, what: string): X509Certificate => {
  const [first] = parseCertificates(pem, what);
  if (!first) throw new Error(`${what}: no certificate`);
  return first;
};

/** A P-256 key file carries its public point, and comparing it costs a tenth of loading the key (0.5 ms). Whatever does not fit is loaded and judged. */
const holdsPoint = (cert: X509Certificate, keyPem: string): boolean => {
  if (cert.publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1' || !keyPem.startsWith('-----BEGIN PRIVATE KEY-----')) return false;
  const point = cert.publicKey.export({ type: 'spki', format: 'der' }).subarray(-65);
  return Buffer.from(keyPem.replace(/-----[^-]+-----/g, ''), 'base64')
    .subarray(-65)
    .equals(point);
};

/** Keys that were found to belong to a certificate. */
const keysOfCertificates = new WeakMap<X509Certificate, string>();

/** A certificate and its key, which must belong together. */
export const parsePair = (certPem: string, keyPem: string, what: string): X509Certificate => {
  const cert = firstOf(certPem, what);
  let matches = keysOfCertificates.get(cert) === keyPem || holdsPoint(cert, keyPem);
  if (!matches) {
    try {
      matches = cert.checkPrivateKey(createPrivateKey(keyPem));
    } catch {
      throw new Error(`${what}: tls: failed to find any PEM data in key input`);
    }
    if (matches) keysOfCertificates.set(cert, keyPem);
  }
  if (!matches) throw new Error(`${what}: tls: private key does not match public key`);
  return cert;
};

const signers = new WeakMap<X509Certificate, WeakMap<X509Certificate, boolean>>();

const isSignedBy = (cert: X509Certificate, authority: X509Certificate): boolean => {
  const known = signers.get(cert) ?? new WeakMap<X509Certificate, boolean>();
  const before = known.get(authority);
  if (before !== undefined) return before;
  const signed = authority.ca && cert.checkIssued(authority) && cert.verify(authority.publicKey);
  signers.set(cert, known.set(authority, signed));
  return signed;
};

/** The certificate must be signed by an authority of the bundle, or by one `between` that such an authority signed, and be in force. */
export const requireChain = (
  cert: X509Certificate,
  authorityPem: string,
  nowMs: number,
  what: string,
  between: readonly X509Certificate[] = [],
): void => {
  const roots = parseCertificates(authorityPem, `${what}: authority`);
  const authorities = [...roots, ...between.filter((b) => roots.some((root) => isSignedBy(b, root)))];
  if (!authorities.some((a) => isSignedBy(cert, a)))
    throw new Error(`${what}: tls: failed to verify certificate: x509: certificate signed by unknown authority`);
  if (nowMs < Date.parse(cert.validFrom) || nowMs > Date.parse(cert.validTo))
    throw new Error(
      `${what}: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time ${new Date(nowMs).toISOString()} is outside ${cert.validFrom} – ${cert.validTo}`,
    );
};

/** The same for what a side shows: its certificate, and then those between. */
export const requireShown = (shownPem: string, authorityPem: string, nowMs: number, what: string): void => {
  const [cert, ...between] = parseCertificates(shownPem, what);
  if (cert) requireChain(cert, authorityPem, nowMs, what, between);
};

export const coversHost = (cert: X509Certificate, host: string): boolean =>
  (isIP(host) ? cert.checkIP(host) : cert.checkHost(host, { subject: 'never' })) !== undefined;

export const requireHost = (cert: X509Certificate, host: string, what: string): void => {
  if (coversHost(cert, host)) return;
  const names = (cert.subjectAltName ?? '').replaceAll(/(DNS|IP Address):/g, '');
  throw new Error(`${what}: tls: failed to verify certificate: x509: certificate is valid for ${names || 'no names'}, not ${host}`);
};

/** serverAuth is 1.3.6.1.5.5.7.3.1, clientAuth …3.2; a certificate without the extension may be used for both. */
export const requireUsage = (cert: X509Certificate, usage: 'server' | 'client', what: string): void => {
  const usages = cert.keyUsage as string[] | undefined;
  if (usages && !usages.includes(usage === 'server' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2')) {
    throw new Error(`${what}: tls: failed to verify certificate: x509: certificate specifies an incompatible key usage`);
  }
};

const exportPublicKey = memoize(REMEMBERED, (pem): string => createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString());

/** Public keys in comparable form, of private or public key PEMs. */
export const publicKeyText = (pem: string, what: string): string => {
  try {
    return exportPublicKey(pem);
  } catch {
    throw new Error(`${what}: data does not contain a valid RSA or ECDSA key`);
  }
};

/** The user name and groups of a client certificate. */
export const subjectOf = (cert: X509Certificate): { name: string; groups: string[] } => {
  const lines = cert.subject.split('\n');
  const values = (field: string): string[] => lines.filter((l) => l.startsWith(`${field}=`)).map((l) => l.slice(field.length + 1));
  return { name: values('CN')[0] ?? '', groups: values('O') };
};
