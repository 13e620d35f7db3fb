/** What may be shown of a cluster's certificates, read from the certificates themselves. */
import { X509Certificate } from 'node:crypto';
import { type CertificateFact, type CertificateKind, renewalAt } from '../domain/certificate.ts';
import type { AuthorityName } from './authority.ts';
import type { ClusterPki, LeafName } from './bundle.ts';
import type { Rotation } from './rotation.ts';

const KINDS: Record<LeafName, [kind: CertificateKind, by: AuthorityName]> = {
  apiServer: ['SERVER', 'ca'],
  apiServerKubeletClient: ['CLIENT', 'ca'],
  superAdmin: ['CLIENT', 'ca'],
  controllerManager: ['CLIENT', 'ca'],
  scheduler: ['CLIENT', 'ca'],
  konnectivityServer: ['SERVER', 'ca'],
  konnectivity: ['CLIENT', 'ca'],
  cloudController: ['CLIENT', 'ca'],
  csiController: ['CLIENT', 'ca'],
  clusterAutoscaler: ['CLIENT', 'ca'],
  keystoneAuth: ['SERVER', 'ca'],
  frontProxyClient: ['CLIENT', 'frontProxyCa'],
  apiServerEtcdClient: ['CLIENT', 'etcdCa'],
  etcdClient: ['CLIENT', 'etcdCa'],
  etcdServer: ['PEER', 'etcdCa'],
  etcdPeer: ['PEER', 'etcdCa'],
};

/** Authorities first, then leaves. Authorities are not renewed by themselves: nodes out there trust them. */
export const factsOf = (pki: ClusterPki): CertificateFact[] => [
  ...(Object.entries(pki.authorities) as [AuthorityName, { cert: string }][]).map(([name, { cert }]) => ({
    ...read(name, 'AUTHORITY', name, cert),
    renewsAt: null,
  })),
  ...otherAuthorities(pki.rotation),
  ...(Object.entries(KINDS) as [LeafName, [CertificateKind, AuthorityName]][]).map(([name, [kind, by]]) => {
    const fact = read(name, kind, by, pki.leaves[name].cert);
    return { ...fact, renewsAt: renewalAt(fact.notBefore, fact.expiresAt) };
  }),
];

const otherAuthorities = ({ phase, other }: Rotation): CertificateFact[] =>
  (Object.entries(other?.authorities ?? {}) as [AuthorityName, { cert: string }][]).map(([authority, { cert }]) => {
    const name = `${authority}${phase === 'TRUST' ? 'Next' : 'Previous'}`;
    return { ...read(name, 'AUTHORITY', name, cert), renewsAt: null };
  });

const read = (name: string, kind: CertificateKind, signedBy: string, pem: string): Omit<CertificateFact, 'renewsAt'> => {
  const { subject, validFrom, validTo } = new X509Certificate(pem);
  // Node puts each part of a name on a line of its own.
  return {
    name,
    kind,
    subject: subject.split('\n').join(', '),
    signedBy,
    notBefore: Date.parse(validFrom),
    expiresAt: Date.parse(validTo),
  };
};
