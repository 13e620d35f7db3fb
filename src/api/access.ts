/** Who gets into a cluster and what is written down of it: settings as output and as input in the same words. */
import type { AuditSpec, AuditWebhook } from '../domain/audit.ts';
import type { IssuerSpec } from '../domain/issuer.ts';
import type { KeystoneRole } from '../domain/keystoneRole.ts';
import { builder } from './builder.ts';
import { AuditLevelEnum, KubeconfigRoleEnum } from './enums.ts';
import { entriesOf, LabelInput, LabelType } from './label.ts';

const TEXT = {
  level: 'What is written of each request.',
  stdout: "Beside the API server's own log, for the operator's log collector.",
  webhook: 'Where it is sent; null: nowhere.',
  webhookUrl: 'An https:// address that takes audit.k8s.io/v1 event lists.',
  caCertificate: 'PEM of the authority that signs its certificate; null: those that everybody trusts.',
  issuerUrl: "An https:// address, as it stands in the tokens' iss.",
  audiences: 'A token must be for one of them; at most 10.',
  usernameClaim: 'The claim that names the user; sub without it.',
  usernamePrefix: 'Stands before each user name; oidc: without it. Never empty: no token may name a user of Kubernetes.',
  groupsClaim: "The claim that lists the user's groups; null: none.",
  groupsPrefix: 'Stands before each group; oidc: without it.',
  requiredClaims: 'Claims that a token must have, with their values.',
  keystoneRole: 'A role in the project, as Keystone names it.',
  keystoneAccess: 'What it allows in the cluster.',
} as const;

const AuditWebhookType = builder.objectRef<AuditWebhook>('AuditWebhook').implement({
  description: 'Where audit events are sent.',
  fields: (t) => ({
    url: t.exposeString('url', { description: TEXT.webhookUrl }),
    caCertificate: t.exposeString('caCertificate', { nullable: true, description: TEXT.caCertificate }),
  }),
});

export const AuditSpecType = builder.objectRef<AuditSpec>('AuditSpec').implement({
  description: 'What the API server writes down of who did what.',
  fields: (t) => ({
    level: t.expose('level', { type: AuditLevelEnum, description: TEXT.level }),
    stdout: t.exposeBoolean('stdout', { description: TEXT.stdout }),
    webhook: t.expose('webhook', { type: AuditWebhookType, nullable: true, description: TEXT.webhook }),
  }),
});

const AuditWebhookInput = builder.inputType('AuditWebhookInput', {
  description: 'Where audit events are sent.',
  fields: (t) => ({
    url: t.string({ required: true, description: TEXT.webhookUrl }),
    caCertificate: t.string({ description: TEXT.caCertificate }),
  }),
});

export const AuditInput = builder.inputType('AuditInput', {
  description: 'What the API server writes down of who did what; what is left out stays.',
  fields: (t) => ({
    level: t.field({ type: AuditLevelEnum, description: TEXT.level }),
    stdout: t.boolean({ description: TEXT.stdout }),
    webhook: t.field({ type: AuditWebhookInput, description: TEXT.webhook }),
  }),
});

export const IssuerSpecType = builder.objectRef<IssuerSpec>('IssuerSpec').implement({
  description: 'An OpenID Connect issuer whose tokens are taken.',
  fields: (t) => ({
    url: t.exposeString('url', { description: TEXT.issuerUrl }),
    audiences: t.exposeStringList('audiences', { description: TEXT.audiences }),
    usernameClaim: t.exposeString('usernameClaim', { description: TEXT.usernameClaim }),
    usernamePrefix: t.exposeString('usernamePrefix', { description: TEXT.usernamePrefix }),
    groupsClaim: t.exposeString('groupsClaim', { nullable: true, description: TEXT.groupsClaim }),
    groupsPrefix: t.exposeString('groupsPrefix', { description: TEXT.groupsPrefix }),
    requiredClaims: t.field({
      type: [LabelType],
      description: TEXT.requiredClaims,
      resolve: ({ requiredClaims }) => entriesOf(requiredClaims),
    }),
    caCertificate: t.exposeString('caCertificate', { nullable: true, description: TEXT.caCertificate }),
  }),
});

export const IssuerInput = builder.inputType('IssuerInput', {
  description: 'An OpenID Connect issuer whose tokens are taken.',
  fields: (t) => ({
    url: t.string({ required: true, description: TEXT.issuerUrl }),
    audiences: t.stringList({ required: true, description: TEXT.audiences }),
    usernameClaim: t.string({ description: TEXT.usernameClaim }),
    usernamePrefix: t.string({ description: TEXT.usernamePrefix }),
    groupsClaim: t.string({ description: TEXT.groupsClaim }),
    groupsPrefix: t.string({ description: TEXT.groupsPrefix }),
    requiredClaims: t.field({ type: [LabelInput], description: TEXT.requiredClaims }),
    caCertificate: t.string({ description: TEXT.caCertificate }),
  }),
});

export const KeystoneRoleType = builder.objectRef<KeystoneRole>('KeystoneRole').implement({
  description: 'What a role in the project allows in a cluster that takes Keystone tokens.',
  fields: (t) => ({
    role: t.exposeString('role', { description: TEXT.keystoneRole }),
    access: t.expose('access', { type: KubeconfigRoleEnum, description: TEXT.keystoneAccess }),
  }),
});

export const KeystoneRoleInput = builder.inputType('KeystoneRoleInput', {
  description: 'What a role in the project allows in a cluster that takes Keystone tokens.',
  fields: (t) => ({
    role: t.string({ required: true, description: TEXT.keystoneRole }),
    access: t.field({ type: KubeconfigRoleEnum, required: true, description: TEXT.keystoneAccess }),
  }),
});
