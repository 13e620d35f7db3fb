/** Issues leaf certificates: for servers, clients or both, over a key of our own or one that a signing request brings. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { type Authority, createSerial, type KeyPair, type PkiDeps, pem, subjectName, validity } from './authority.ts';
import { createKey, SIGNING } from './keys.ts';
import type { SigningRequest } from './signingRequest.ts';

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
export const issueLeaf = async (authority: Authority, profile: LeafProfile, deps: PkiDeps): Promise<Issued & KeyPair> => {
  const { key, publicKey } = createKey();
  return { ...(await sign(authority, profile, publicKey, deps)), key };
};

/** A leaf over the public key of a signing request; all else is the profile's. */
export const issueForRequest = (
  authority: Authority,
  request: Pick<SigningRequest, 'publicKey'>,
  profile: LeafProfile,
  deps: PkiDeps,
): Promise<Issued> => sign(authority, profile, request.publicKey, deps);

const sign = async (authority: Authority, profile: LeafProfile, publicKey: Uint8Array<ArrayBuffer>, deps: PkiDeps): Promise<Issued> => {
  const times = validity(deps.now(), profile.ttlMs ?? YEAR_MS);
  // A leaf that outlives its authority fails at a date nobody watches.
  if (times.notAfter > authority.cert.notAfter) times.notAfter = authority.cert.notAfter;
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: createSerial(),
    subject: subjectName(profile.commonName, profile.organizations ?? []),
    issuer: authority.cert.subjectName,
    ...times,
    signingAlgorithm: SIGNING,
    publicKey,
    signingKey: authority.key,
    extensions: extensionsOf(authority, profile),
  });
  return { cert: pem(cert), notBeforeMs: times.notBefore.getTime(), notAfterMs: times.notAfter.getTime() };
};

const extensionsOf = (authority: Authority, profile: LeafProfile): x509.Extension[] => {
  const names: x509.JsonGeneralNames = [
    ...(profile.sans?.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(profile.sans?.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const purposes = { server: x509.ExtendedKeyUsage.serverAuth, client: x509.ExtendedKeyUsage.clientAuth };
  return [
    NO_AUTHORITY,
    KEY_USAGES,
    new x509.ExtendedKeyUsageExtension(profile.usages.map((usage) => purposes[usage])),
    authority.keyIdentifier,
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
  ];
};

const NO_AUTHORITY = new x509.BasicConstraintsExtension(false, undefined, true);
const KEY_USAGES = new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true);
