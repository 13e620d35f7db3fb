/** What may be shown of a cluster's certificates, read from the certificates themselves. */
import { X509Certificate } from 'node:crypto';
import { type CertificateFact, type CertificateKind, renewalAt } from '../domain/certificate.ts';
import type { AuthorityName, ClusterPki, LeafName } from './bundle.ts';

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
  ...(Object.entries(KINDS) as [LeafName, [CertificateKind, AuthorityName]][]).map(([name, [kind, by]]) => {
    const fact = read(name, kind, by, pki.leaves[name].cert);
    return { ...fact, renewsAt: renewalAt(fact.notBefore, fact.expiresAt) };
  }),
];

const read = (name: string, kind: CertificateKind, signedBy: AuthorityName, pem: string): Omit<CertificateFact, 'renewsAt'> => {
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
