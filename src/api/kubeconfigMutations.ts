/** issueKubeconfig, signCertificate and revokeKubeconfig. */
import type { CertificateAnswer, KubeconfigAnswer, RevokedKubeconfigAnswer } from '../commands/call.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { KubeconfigRoleEnum } from './enums.ts';
import { plainId } from './ids.ts';
import { KubeconfigRef } from './kubeconfig.ts';
import { defineMutation, REPLAYED, targetFields } from './mutation.ts';

const IssueKubeconfigInput = builder.inputType('IssueKubeconfigInput', {
  description: 'What issueKubeconfig is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
    role: t.field({ type: KubeconfigRoleEnum, required: true, description: 'What it is to allow.' }),
    ttlSeconds: t.int({ description: 'How long it is to be valid, from 600 to 86400 seconds.' }),
  }),
});

const IssueKubeconfigPayload = builder.objectRef<KubeconfigAnswer>('IssueKubeconfigPayload').implement({
  description: 'A kubeconfig with a certificate of its own.',
  fields: (t) => ({
    cluster: t.field({ type: ClusterRef, description: 'The cluster.', resolve: (answer) => answer.cluster }),
    record: t.field({
      type: KubeconfigRef,
      description: 'What is known of it: whether it counts, and how to revoke it.',
      resolve: (answer) => answer.record,
    }),
    kubeconfig: t.exposeString('kubeconfig', { description: 'YAML for kubectl. Keep it secret.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When its certificate ends.' }),
    replayed: t.exposeBoolean('replayed', { description: REPLAYED }),
  }),
});

defineMutation({
  name: 'issueKubeconfig',
  description: 'Makes a short-lived kubeconfig for the caller; it counts once its record is ACTIVE, usually within a second.',
  input: IssueKubeconfigInput,
  payload: IssueKubeconfigPayload,
  toCommand: (input) => ({ ...input, clusterId: plainId('Cluster', input.clusterId) }),
  command: (commands) => commands.issueKubeconfig,
});

const SignCertificateInput = builder.inputType('SignCertificateInput', {
  description: 'What signCertificate is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
    csr: t.string({
      required: true,
      description:
        "PKCS#10 request as PEM, signed by its own key: ECDSA on P-256, P-384 or P-521, or RSA of 2048 to 4096 bits. Its subject may hold the caller's own name as CN and no O; it may ask for clientAuth, digitalSignature and keyEncipherment.",
    }),
    role: t.field({ type: KubeconfigRoleEnum, required: true, description: 'What it is to allow.' }),
    ttlSeconds: t.int({ description: 'How long it is to be valid, from 600 to 86400 seconds; an hour without it.' }),
  }),
});

const SignCertificatePayload = builder.objectRef<CertificateAnswer>('SignCertificatePayload').implement({
  description: "A client certificate over the caller's own key.",
  fields: (t) => ({
    cluster: t.field({ type: ClusterRef, description: 'The cluster.', resolve: (answer) => answer.cluster }),
    record: t.field({
      type: KubeconfigRef,
      description: 'What is known of it: whether it counts, and how to revoke it.',
      resolve: (answer) => answer.record,
    }),
    certificate: t.exposeString('certificate', { description: 'The certificate as PEM; its subject is the userName of the record.' }),
    caCertificate: t.exposeString('caCertificate', { description: "PEM of the authority that signs the API server's certificate." }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it ends.' }),
    replayed: t.exposeBoolean('replayed', { description: REPLAYED }),
  }),
});

defineMutation({
  name: 'signCertificate',
  description:
    "Signs a client certificate for the caller over a key that never leaves them, as Magnum's certificates:create does; it counts once its record is ACTIVE.",
  input: SignCertificateInput,
  payload: SignCertificatePayload,
  toCommand: (input) => ({ ...input, clusterId: plainId('Cluster', input.clusterId) }),
  command: (commands) => commands.signCertificate,
});

const RevokeKubeconfigInput = builder.inputType('RevokeKubeconfigInput', {
  description: 'What revokeKubeconfig is asked.',
  fields: (t) => ({
    ...targetFields(t),
    kubeconfigId: t.id({ required: true, description: 'The kubeconfig, by its global or plain id.' }),
  }),
});

const RevokeKubeconfigPayload = builder.objectRef<RevokedKubeconfigAnswer>('RevokeKubeconfigPayload').implement({
  description: 'The kubeconfig that is being revoked.',
  fields: (t) => ({
    cluster: t.field({ type: ClusterRef, description: 'The cluster.', resolve: (answer) => answer.cluster }),
    record: t.field({ type: KubeconfigRef, description: 'What is known of it.', resolve: (answer) => answer.record }),
    replayed: t.exposeBoolean('replayed', { description: REPLAYED }),
  }),
});

defineMutation({
  name: 'revokeKubeconfig',
  description:
    "Ends an access before its time: every request after its record is REVOKED is refused; a watch or a shell that is open already ends by itself. Needs the role member for other people's.",
  input: RevokeKubeconfigInput,
  payload: RevokeKubeconfigPayload,
  toCommand: (input) => ({ ...input, kubeconfigId: plainId('Kubeconfig', input.kubeconfigId) }),
  command: (commands) => commands.revokeKubeconfig,
});
