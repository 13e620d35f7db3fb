/** Logs in to Keystone v3 and reads what a token says. */
import { z } from 'zod';
import type { AccessRule } from '../domain/accessRule.ts';
import { RENEW_CLUSTER_USER, RENEW_CREDENTIAL } from '../domain/cloudCredential.ts';
import { RENEW_TRUST } from '../domain/cluster.ts';
import type { CatalogEntry } from './endpoint.ts';
import { type Asked, failureOf, loginRefused, unreadable } from './errors.ts';
import type { Reply, Transport } from './http.ts';

type DomainReference = { id: string } | { name: string };

export type Credential =
  | {
      kind: 'password';
      username: string;
      password: string;
      userDomainName: string;
      projectId?: string;
      projectName?: string;
      projectDomainName?: string;
      /** In place of a project: the login is for all of a domain. */
      domain?: DomainReference;
    }
  /** A cluster's own user, by its id. */
  | { kind: 'user'; userId: string; password: string; projectId: string }
  | { kind: 'trust'; username: string; password: string; userDomainName: string; trustId: string }
  /** `ofCluster`: of the cluster's own user, not one that was handed in. */
  | { kind: 'applicationCredential'; id: string; secret: string; ofCluster?: true }
  /** A caller's scoped token, used as it is, never renewed. */
  | { kind: 'token'; token: string };

/** Who a token speaks for. Times in milliseconds since the epoch. */
export interface TokenInfo {
  userId: string;
  userName: string;
  userDomainName: string;
  projectId: string | null;
  projectName: string | null;
  projectDomainName: string | null;
  roles: string[];
  expiresAt: number;
  isSystemScoped: boolean;
  /** Of a login for a domain. */
  domainId: string | null;
  methods: string[];
  isTrustScoped: boolean;
  trustId: string | null;
  trustorUserId: string | null;
  trusteeUserId: string | null;
  applicationCredentialId: string | null;
  /** Of that application credential; null: it has none, and may be used for all. */
  accessRules: AccessRule[] | null;
  /** Of the catalogue, where it was asked for. */
  serviceTypes: string[];
}

export interface Token {
  value: string;
  info: TokenInfo;
  /** From its issue to its end, in milliseconds. */
  lifetimeMs: number;
  catalog: CatalogEntry[];
}

const nameable = z.object({ id: z.string(), name: z.string() });
const endpointSchema = z
  .object({ interface: z.string(), region_id: z.string().nullish(), region: z.string().nullish(), url: z.string() })
  .transform((e) => ({ interface: e.interface, region: e.region_id ?? e.region ?? null, url: e.url }));

export const tokenSchema = z.object({
  token: z.object({
    expires_at: z.string(),
    issued_at: z.string(),
    methods: z.array(z.string()).default([]),
    user: nameable.extend({ domain: z.object({ name: z.string() }) }),
    project: nameable.extend({ domain: z.object({ name: z.string() }) }).optional(),
    roles: z.array(nameable).default([]),
    system: z.unknown().optional(),
    domain: nameable.optional(),
    catalog: z.array(z.object({ type: z.string(), endpoints: z.array(endpointSchema) })).default([]),
    application_credential: z
      .object({
        id: z.string(),
        access_rules: z.array(z.object({ service: z.string(), method: z.string(), path: z.string() })).nullish(),
      })
      .optional(),
    'OS-TRUST:trust': z
      .object({ id: z.string(), trustor_user: z.object({ id: z.string() }), trustee_user: z.object({ id: z.string() }) })
      .optional(),
  }),
});

export const tokenInfo = ({ token }: z.output<typeof tokenSchema>): TokenInfo => {
  const trust = token['OS-TRUST:trust'];
  return {
    userId: token.user.id,
    userName: token.user.name,
    userDomainName: token.user.domain.name,
    projectId: token.project?.id ?? null,
    projectName: token.project?.name ?? null,
    projectDomainName: token.project?.domain.name ?? null,
    roles: token.roles.map((role) => role.name),
    expiresAt: Date.parse(token.expires_at),
    isSystemScoped: token.system !== undefined,
    domainId: token.domain?.id ?? null,
    methods: token.methods,
    isTrustScoped: trust !== undefined,
    trustId: trust?.id ?? null,
    trustorUserId: trust?.trustor_user.id ?? null,
    trusteeUserId: trust?.trustee_user.id ?? null,
    applicationCredentialId: token.application_credential?.id ?? null,
    accessRules: token.application_credential?.access_rules ?? null,
    serviceTypes: token.catalog.map(({ type }) => type),
  };
};

/** A token for the credential. Throws UserError CLOUD_CREDENTIAL when Keystone refuses it, Unavailable when it is not there. */
export const logIn = async (transport: Transport, root: string, credential: Credential): Promise<Token> => {
  const asked: Asked = { service: 'identity', method: 'POST', path: '/auth/tokens' };
  const url = `${root}/auth/tokens`;
  const reply =
    credential.kind === 'token'
      ? // A token may look at itself. Without the access-rules header Keystone hides tokens whose rules we do not enforce.
        await transport.send({
          service: 'identity',
          method: 'GET',
          url,
          headers: { 'x-auth-token': credential.token, 'x-subject-token': credential.token },
        })
      : await transport.send({ service: 'identity', method: 'POST', url, body: { auth: authOf(credential) }, repeatable: true });
  const value = credential.kind === 'token' ? credential.token : reply.subjectToken;
  if (reply.status < 200 || reply.status > 299) throw refusal(asked, reply, credential);
  const parsed = tokenSchema.safeParse(reply.body);
  if (!parsed.success || value === null) throw unreadable(asked, reply, 'token');
  const info = tokenInfo(parsed.data);
  return { value, info, lifetimeMs: info.expiresAt - Date.parse(parsed.data.token.issued_at), catalog: parsed.data.token.catalog };
};

/** Keystone tells a dead trust or a lost role by 403 or 404, a wrong or expired secret by 401: all of them need a person. */
const refusal = (asked: Asked, reply: Reply, credential: Credential) => {
  if (reply.status !== 401 && reply.status !== 403 && reply.status !== 404 && reply.status !== 400) return failureOf(asked, reply);
  switch (credential.kind) {
    case 'password':
      return credential.domain === undefined
        ? loginRefused(`the login of user ${credential.username}`, reply, 'CLOUD_ADMIN')
        : loginRefused(
            `the login of user ${credential.username} for the domain ${Object.values(credential.domain)[0]} of SEEDBED_USER_DOMAIN, in which it needs the role admin`,
            reply,
            'CLOUD_ADMIN',
          );
    case 'user':
      return loginRefused(`the login of the cluster's own user ${credential.userId}; ${RENEW_CLUSTER_USER}`, reply, 'CLOUD_ADMIN');
    case 'trust':
      return loginRefused(
        `the trust by which Seedbed acts in the project, which may be deleted or its trustor gone; ${RENEW_TRUST}`,
        reply,
        'CUSTOMER',
      );
    case 'applicationCredential':
      if (credential.ofCluster === true)
        return loginRefused(`the application credential of the cluster's own user; ${RENEW_CLUSTER_USER}`, reply, 'CLOUD_ADMIN');
      return loginRefused(
        `the application credential, which may have been deleted or have ended, or its user with it; ${RENEW_CREDENTIAL}`,
        reply,
        'CUSTOMER',
      );
    case 'token':
      return loginRefused('the token; it may be expired or revoked', reply, 'CUSTOMER');
  }
};

const authOf = (credential: Exclude<Credential, { kind: 'token' }>): object => {
  if (credential.kind === 'applicationCredential') {
    return {
      identity: { methods: ['application_credential'], application_credential: { id: credential.id, secret: credential.secret } },
    };
  }
  if (credential.kind === 'user') {
    const identity = { methods: ['password'], password: { user: { id: credential.userId, password: credential.password } } };
    return { identity, scope: { project: { id: credential.projectId } } };
  }
  const user = { name: credential.username, domain: { name: credential.userDomainName }, password: credential.password };
  const identity = { methods: ['password'], password: { user } };
  if (credential.kind === 'trust') return { identity, scope: { 'OS-TRUST:trust': { id: credential.trustId } } };
  if (credential.domain !== undefined) return { identity, scope: { domain: credential.domain } };
  if (credential.projectId !== undefined) return { identity, scope: { project: { id: credential.projectId } } };
  if (credential.projectName === undefined) return { identity };
  const domain = { name: credential.projectDomainName ?? credential.userDomainName };
  return { identity, scope: { project: { name: credential.projectName, domain } } };
};
