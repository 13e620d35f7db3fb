/** Certificates of a cluster: whose they are and when they end. */
import type { CertificateFact } from '../domain/certificate.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { CertificateKindEnum } from './enums.ts';

const CertificateType = builder.objectRef<CertificateFact>('Certificate').implement({
  description: "A certificate of a cluster's control plane; its key is never shown.",
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Unique in the cluster, such as apiServer.' }),
    kind: t.expose('kind', { type: CertificateKindEnum, description: 'What it is for.' }),
    subject: t.exposeString('subject', { description: 'Whose it is, such as "CN=kube-apiserver".' }),
    signedBy: t.exposeString('signedBy', { description: 'Name of the authority that signed it; its own for an authority.' }),
    notBefore: t.expose('notBefore', { type: 'DateTime', description: 'Since when it is valid.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it ends.' }),
    renewsAt: t.expose('renewsAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it is made anew without a hand, at two thirds of its life; null for an authority.',
    }),
  }),
});

builder.objectField(ClusterRef, 'certificates', (t) =>
  t.field({
    type: [CertificateType],
    description: "Its control plane's certificates, authorities first; empty until they are issued.",
    resolve: (row, _args, { loaders }) => loaders.certificates.load(row.id),
  }),
);
