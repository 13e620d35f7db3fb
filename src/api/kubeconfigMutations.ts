/** issueKubeconfig and revokeKubeconfig. */
import type { KubeconfigAnswer, RevokedKubeconfigAnswer } from '../commands/call.ts';
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
