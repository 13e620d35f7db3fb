/** Certificate authorities: made once for a cluster, opened each time something is signed. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createKeys } from './keys.ts';
import {
  alternativeNames,
  authorityKey,
  basicConstraints,
  keyIdOf,
  keyUsage,
  nameOf,
  signCertificate,
  subjectIn,
  subjectKey,
} from './x509.ts';

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
  /** Its name as DER. */
  name: Buffer;
  keyId: Buffer;
  notAfter: Date;
  key: KeyObject;
}

const YEAR_MS = 365 * 24 * 3_600_000;
/** Nodes whose clocks run a little behind must not refuse what was issued a moment ago. */
const BACKDATE_MS = 5 * 60_000;

/** A self-signed P-256 authority, valid for ten years; its name is also its one DNS name, as kubeadm's are. */
export const createAuthority = (commonName: string, deps: PkiDeps): KeyPair => {
  const { key, publicKey } = createKeys();
  const name = nameOf(commonName, []);
  const cert = signCertificate(
    {
      subject: name,
      issuer: name,
      ...validity(deps.now(), 10 * YEAR_MS),
      publicKey,
      extensions: [
        basicConstraints(true),
        keyUsage(true),
        subjectKey(keyIdOf(publicKey)),
        alternativeNames({ dns: [commonName], ips: [] }),
      ],
    },
    createPrivateKey(key),
  );
  return { cert, key };
};

/**
 * One authority's certificate as another signs it: a chain from what the first signed to who knows only the second.
 * It ends with the second at the latest.
 */
export const crossSign = (subject: KeyPair, signer: Authority, deps: PkiDeps): string => {
  const { raw, publicKey: key } = new X509Certificate(subject.cert);
  const publicKey = key.export({ type: 'spki', format: 'der' });
  const times = validity(deps.now(), YEAR_MS);
  if (times.notAfter > signer.notAfter) times.notAfter = signer.notAfter;
  const extensions = [basicConstraints(true), keyUsage(true), subjectKey(keyIdOf(publicKey)), authorityKey(signer.keyId)];
  return signCertificate({ subject: subjectIn(raw), issuer: signer.name, ...times, publicKey, extensions }, signer.key);
};

/** Reads a stored authority; throws when certificate and key do not parse. */
export const openAuthority = (pair: KeyPair): Authority => {
  const cert = new X509Certificate(pair.cert);
  return {
    name: subjectIn(cert.raw),
    keyId: keyIdOf(cert.publicKey.export({ type: 'spki', format: 'der' })),
    notAfter: new Date(cert.validTo),
    key: createPrivateKey(pair.key),
  };
};

/** notBefore is five minutes back, and the end is counted from now; certificates know whole seconds only. */
export const validity = (nowMs: number, ttlMs: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(Math.floor((nowMs - BACKDATE_MS) / 1000) * 1000),
  notAfter: new Date(Math.floor((nowMs + ttlMs) / 1000) * 1000),
});
