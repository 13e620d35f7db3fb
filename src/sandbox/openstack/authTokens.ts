/** /v3/auth of the simulated Keystone: tokens made, shown, judged and revoked, and the catalogue that comes with them. */
import { type AuthDeps, forbidden, logIn } from './authentication.ts';
import { ApiError, type Call, noContent, ok, type Route } from './http.ts';
import { DOMAIN, SYSTEM } from './identityState.ts';
import type { Token } from './tokens.ts';

export const REGION = 'RegionOne';

/** Keystone's times carry microseconds. */
const keystoneTime = (ms: number): string => new Date(ms).toISOString().replace(/Z$/, '000Z');

const CATALOG: [type: string, name: string, path: (projectId: string) => string][] = [
  ['identity', 'keystone', () => '/identity/v3'],
  ['compute', 'nova', () => '/compute/v2.1'],
  ['network', 'neutron', () => '/network'],
  ['image', 'glance', () => '/image'],
  ['volumev3', 'cinderv3', (projectId) => `/volume/v3/${projectId}`],
  ['load-balancer', 'octavia', () => '/load-balancer'],
  ['object-store', 'swift', (projectId) => `/object-store/v1/AUTH_${projectId}`],
];

/** The catalogue as seen by a project; ids are stable so that clients may compare. `origin` is scheme and host. */
export const catalogFor = (origin: string, projectId: string): object[] =>
  CATALOG.map(([type, name, path], service) => ({
    id: `${service}`.padStart(32, 'c'),
    type,
    name,
    endpoints: ['public', 'internal', 'admin'].map((where, i) => ({
      id: `${service * 3 + i}`.padStart(32, 'e'),
      interface: where,
      region: REGION,
      region_id: REGION,
      url: origin + path(projectId),
    })),
  }));

export const originOf = (call: Call): string => call.baseUrl.replace(/\/identity$/, '');

/** The token as Keystone shows it. */
const describeToken = (deps: AuthDeps, token: Token, call: Call): object => {
  const { identity } = deps;
  const user = identity.users.get(token.userId);
  const project = token.scope === null ? undefined : identity.projects.get(token.scope);
  const trust = token.trustId === null ? undefined : identity.trusts.get(token.trustId);
  const credential =
    token.applicationCredentialId === null ? undefined : identity.applicationCredentials.get(token.applicationCredentialId);
  return {
    methods: token.methods,
    user: { domain: user === undefined ? DOMAIN : identity.domainOf(user), id: token.userId, name: user?.name, password_expires_at: null },
    audit_ids: token.auditIds,
    expires_at: keystoneTime(token.expiresAt),
    issued_at: keystoneTime(token.issuedAt),
    ...(project === undefined
      ? {}
      : { project: { domain: identity.domainOf(project), id: project.id, name: project.name }, is_domain: false }),
    ...(token.domainId === undefined ? {} : { domain: identity.domain(token.domainId) }),
    ...(token.scope === SYSTEM ? { system: { all: true } } : {}),
    ...(token.scope === null ? {} : { roles: deps.tokens.rolesOf(token).map(({ id, name }) => ({ id, name })) }),
    ...(token.scope === null || call.query.has('nocatalog') ? {} : { catalog: catalogFor(originOf(call), project?.id ?? '') }),
    ...(trust === undefined
      ? {}
      : {
          'OS-TRUST:trust': {
            id: trust.id,
            trustor_user: { id: trust.trustorId },
            trustee_user: { id: trust.trusteeId },
            impersonation: trust.impersonation,
          },
        }),
    ...(credential === undefined
      ? {}
      : {
          application_credential: {
            id: credential.id,
            name: credential.name,
            restricted: !credential.unrestricted,
            ...(credential.accessRules === null ? {} : { access_rules: credential.accessRules }),
          },
        }),
  };
};

/** Whoever may judge any token: administrators and services. Everybody may judge their own. */
const subjectOf = (deps: AuthDeps, call: Call, action: string): Token => {
  const header = call.headers['x-subject-token'];
  // oslo's strutils.bool_from_string.
  const allowExpired = /^(?:1|t|true|on|y|yes)$/i.test(call.query.get('allow_expired') ?? '');
  const subject = typeof header === 'string' ? deps.tokens.find(header, allowExpired) : undefined;
  if (subject === undefined) throw new ApiError(404, 'Could not recognize Fernet token', 'NotFound');
  const trusted = call.actor.isAdmin || call.actor.roles.some((r) => r.name === 'service');
  if (!trusted && subject.userId !== call.actor.userId) throw forbidden(action);
  return subject;
};

/** Who does not say that he keeps access rules is not shown a token that has some. */
const requireRulesKept = (deps: AuthDeps, call: Call, { applicationCredentialId }: Token): void => {
  const credential = applicationCredentialId === null ? undefined : deps.identity.applicationCredentials.get(applicationCredentialId);
  const version = Number(call.headers['openstack-identity-access-rules'] ?? 0);
  if (credential !== undefined && credential.accessRules !== null && !(version >= 1))
    throw new ApiError(404, 'Failed to validate token', 'NotFound');
};

export const authTokenRoutes = (deps: AuthDeps): Route[] => [
  {
    method: 'POST',
    template: '/v3/auth/tokens',
    open: true,
    handle: (call) => {
      const token = logIn(deps, call.body);
      return {
        status: 201,
        body: { token: describeToken(deps, token, call) },
        headers: { 'X-Subject-Token': token.id, Vary: 'X-Auth-Token' },
      };
    },
  },
  {
    method: 'GET',
    template: '/v3/auth/tokens',
    handle: (call) => {
      const subject = subjectOf(deps, call, 'identity:validate_token');
      requireRulesKept(deps, call, subject);
      return {
        status: 200,
        body: { token: describeToken(deps, subject, call) },
        headers: { 'X-Subject-Token': subject.id, Vary: 'X-Auth-Token' },
      };
    },
  },
  {
    method: 'DELETE',
    template: '/v3/auth/tokens',
    handle: (call) => {
      deps.tokens.revoke(subjectOf(deps, call, 'identity:revoke_token').id);
      return noContent;
    },
  },
  {
    method: 'GET',
    template: '/v3/auth/catalog',
    handle: (call) => ok({ catalog: catalogFor(originOf(call), call.actor.projectId), links: {} }),
  },
];
