/** Issues leaf certificates: for servers, clients or both, over a key of our own or one that a signing request brings. */
import { type Authority, type KeyPair, type PkiDeps, validity } from './authority.ts';
import { createKeys } from './keys.ts';
import type { SigningRequest } from './signingRequest.ts';
import { alternativeNames, authorityKey, basicConstraints, extendedKeyUsage, keyUsage, nameOf, signCertificate } from './x509.ts';

/** Names a server answers to. */
export interface Sans {
  dns: readonly string[];
  ips: readonly string[];
}

export interface LeafProfile {
  commonName: string;
  /** Kubernetes reads these as groups. */
  organizations?: readonly string[];
  usages: readonly ('server' | 'client')[];
  sans?: Sans;
  /** Life in milliseconds from now; one year unless given. */
  ttlMs?: number;
}

export interface Issued {
  cert: string;
  notBeforeMs: number;
  notAfterMs: number;
}

const YEAR_MS = 365 * 24 * 3_600_000;

/** A leaf over a new P-256 key. */
export const issueLeaf = (authority: Authority, profile: LeafProfile, deps: PkiDeps): Issued & KeyPair => {
  const { key, publicKey } = createKeys();
  return { ...sign(authority, profile, publicKey, deps), key };
};

/** A leaf over the public key of a signing request; all else is the profile's. */
export const issueForRequest = (
  authority: Authority,
  request: Pick<SigningRequest, 'publicKey'>,
  profile: LeafProfile,
  deps: PkiDeps,
): Issued => sign(authority, profile, request.publicKey, deps);

const sign = (authority: Authority, profile: LeafProfile, publicKey: Uint8Array, deps: PkiDeps): Issued => {
  const times = validity(deps.now(), profile.ttlMs ?? YEAR_MS);
  // A leaf that outlives its authority fails at a date nobody watches.
  if (times.notAfter > authority.notAfter) times.notAfter = authority.notAfter;
  const { commonName, organizations = [], usages, sans } = profile;
  const isNamed = sans !== undefined && sans.dns.length + sans.ips.length > 0;
  const cert = signCertificate(
    {
      subject: nameOf(commonName, organizations),
      issuer: authority.name,
      ...times,
      publicKey,
      extensions: [
        basicConstraints(false),
        keyUsage(false),
        extendedKeyUsage(usages),
        authorityKey(authority.keyId),
        ...(isNamed ? [alternativeNames(sans)] : []),
      ],
    },
    authority.key,
  );
  return { cert, notBeforeMs: times.notBefore.getTime(), notAfterMs: times.notAfter.getTime() };
};
