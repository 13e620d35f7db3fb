/** A certificate for a person over a key that only they have. */
import { UserError } from '../domain/errors.ts';
import { openAuthority } from './authority.ts';
import type { ClusterPki } from './bundle.ts';
import { issueForRequest } from './certificate.ts';
import { trustOf } from './rotation.ts';
import { readSigningRequest } from './signingRequest.ts';

export interface UserCertificateOrder {
  /** The cluster's ClusterPki as JSON. */
  pkiJson: string;
  /** PEM. */
  csr: string;
  userName: string;
  /** What the request may say as its CN, for who asks is known; none is fine, too. */
  ownNames: readonly string[];
  ttlMs: number;
  /** Milliseconds since the epoch. */
  now: number;
}

/** PEM texts and the end, in milliseconds since the epoch. @throws UserError INVALID_INPUT, field "csr". */
export const issueUserCertificate = async (
  order: UserCertificateOrder,
): Promise<{ certificate: string; caCertificate: string; expiresAt: number }> => {
  const request = await readSigningRequest(order.csr);
  const names = order.ownNames.map((name) => JSON.stringify(name)).join(' or ');
  if (request.commonName !== '' && !order.ownNames.includes(request.commonName))
    throw new UserError('INVALID_INPUT', `The certificate signing request names somebody else; let its CN be ${names}, or leave it out.`, {
      field: ['csr'],
    });
  const pki = JSON.parse(order.pkiJson) as ClusterPki;
  const profile = { commonName: order.userName, usages: ['client'] as const, ttlMs: order.ttlMs };
  const { cert, notAfterMs } = await issueForRequest(await openAuthority(pki.authorities.ca), request, profile, { now: () => order.now });
  return { certificate: cert, caCertificate: trustOf(pki).ca, expiresAt: notAfterMs };
};
