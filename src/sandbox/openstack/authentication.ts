/** Logging in to the simulated Keystone: proves who someone is, and finds what the token shall be good for. */
import { ApiError } from './http.ts';
import { DOMAIN, type Domain, type IdentityState, type Project, SYSTEM, type Trust, targetOfDomain, type User } from './identityState.ts';
import { envelope, type Fields, optionalObject, optionalString, stringList } from './input.ts';
import type { Token, Tokens } from './tokens.ts';

export interface AuthDeps {
  identity: IdentityState;
  tokens: Tokens;
  now: () => number;
  tokenLifetimeSeconds: () => number;
}

const unauthenticated = (): ApiError => new ApiError(401, 'The request you have made requires authentication.', 'Unauthorized');
export const forbidden = (action?: string): ApiError =>
  new ApiError(403, `You are not authorized to perform the requested action${action === undefined ? '' : `: ${action}`}.`, 'Forbidden');

const findDomain = (identity: IdentityState, fields: Fields | undefined): Domain | undefined => {
  if (fields === undefined) return undefined;
  const id = optionalString(fields, 'id');
  const name = optionalString(fields, 'name');
  return id !== undefined ? identity.domain(id) : name === DOMAIN.name ? DOMAIN : identity.domains.by('name', name ?? '')[0];
};

/** By its name in the domain that is named with it. */
const named = <T extends User | Project>(identity: IdentityState, rows: { by(index: string, key: string): T[] }, fields: Fields) => {
  const domain = findDomain(identity, optionalObject(fields, 'domain'));
  return rows.by('name', optionalString(fields, 'name') ?? '').find((row) => identity.domainOf(row) === domain);
};

const findUser = (identity: IdentityState, fields: Fields): User | undefined => {
  const id = optionalString(fields, 'id');
  if (id !== undefined) return identity.users.get(id);
  return named(identity, identity.users, fields);
};

const findProject = (identity: IdentityState, fields: Fields): Project | undefined => {
  const id = optionalString(fields, 'id');
  if (id !== undefined) return identity.projects.get(id);
  return named(identity, identity.projects, fields);
};

interface Proof {
  methods: string[];
  user: User;
  /** The token that was shown, for the method `token`. */
  parent?: Token;
  /** Fixes the scope, for the method `application_credential`. */
  credential?: { id: string; projectId: string };
}

const byPassword = (deps: AuthDeps, identityFields: Fields): Proof => {
  const fields = optionalObject(optionalObject(identityFields, 'password') ?? {}, 'user') ?? {};
  const user = findUser(deps.identity, fields);
  if (user === undefined || !user.enabled || user.password !== optionalString(fields, 'password')) throw unauthenticated();
  return { methods: ['password'], user };
};

const byToken = (deps: AuthDeps, identityFields: Fields): Proof => {
  const parent = deps.tokens.find(optionalString(optionalObject(identityFields, 'token') ?? {}, 'id') ?? '');
  const user = parent === undefined ? undefined : deps.identity.users.get(parent.userId);
  if (parent === undefined || user === undefined) throw unauthenticated();
  if (parent.trustId !== null) throw forbidden('Using trust-scoped token to create another token. Create a new trust-scoped token instead');
  return { methods: [...new Set(['token', ...parent.methods])], user, parent };
};

const byCredential = (deps: AuthDeps, identityFields: Fields): Proof => {
  const fields = optionalObject(identityFields, 'application_credential') ?? {};
  const id = optionalString(fields, 'id');
  const owner = id === undefined ? findUser(deps.identity, optionalObject(fields, 'user') ?? {}) : undefined;
  const name = optionalString(fields, 'name');
  const found =
    id === undefined
      ? deps.identity.applicationCredentials.by('user', owner?.id ?? '').find((c) => c.name === name)
      : deps.identity.applicationCredentials.get(id);
  const user = found === undefined ? undefined : deps.identity.users.get(found.userId);
  const expired = found?.expiresAt != null && Date.parse(found.expiresAt) <= deps.now();
  const paused = deps.identity.projects.get(found?.projectId ?? '')?.enabled !== true;
  if (found === undefined || user?.enabled !== true || paused || expired || found.secret !== optionalString(fields, 'secret'))
    throw unauthenticated();
  return { methods: ['application_credential'], user, credential: { id: found.id, projectId: found.projectId } };
};

const prove = (deps: AuthDeps, fields: Fields): Proof => {
  const methods = stringList(fields, 'methods') ?? [];
  if (methods.includes('application_credential')) return byCredential(deps, fields);
  if (methods.includes('token')) return byToken(deps, fields);
  if (methods.includes('password')) return byPassword(deps, fields);
  throw methods.length === 0
    ? new ApiError(400, 'Expecting to find methods in identity. The server could not comply with the request.')
    : unauthenticated();
};

const redeemTrust = (deps: AuthDeps, trustId: string, user: User): Trust => {
  const trust = deps.identity.trusts.get(trustId);
  const gone = trust === undefined || trust.deleted || (trust.expiresAt !== null && Date.parse(trust.expiresAt) <= deps.now());
  if (gone || deps.identity.users.get(trust.trustorId)?.enabled !== true) throw unauthenticated();
  if (trust.trusteeId !== user.id) throw forbidden('User is not a trustee');
  const held = new Set(deps.identity.rolesOf(trust.trustorId, trust.projectId).map((r) => r.id));
  if (!trust.roleIds.every((id) => held.has(id))) throw forbidden('Trustor has lost a role');
  if (trust.remainingUses !== null) {
    if (trust.remainingUses <= 0) throw unauthenticated();
    trust.remainingUses -= 1;
    deps.identity.trusts.put(trust);
  }
  return trust;
};

type Grant = Pick<Token, 'userId' | 'scope' | 'domainId' | 'trustId'>;

const grantFor = (deps: AuthDeps, proof: Proof, scope: unknown): Grant => {
  const { user } = proof;
  const grant = (target: string | null): Grant => {
    if (target !== null && deps.identity.rolesOf(user.id, target).length === 0) throw unauthenticated();
    return { userId: user.id, scope: target, trustId: null };
  };
  if (scope === 'unscoped') return grant(null);
  if (scope === undefined || scope === null) return grant(user.defaultProjectId);
  const fields = envelope({ scope }, 'scope');
  if ('unscoped' in fields) return grant(null);
  const project = optionalObject(fields, 'project');
  if (project !== undefined) {
    const found = findProject(deps.identity, project);
    if (found === undefined || !found.enabled) throw unauthenticated();
    return grant(found.id);
  }
  const asked = optionalObject(fields, 'domain');
  if (asked !== undefined) {
    const domainId = findDomain(deps.identity, asked)?.id;
    if (domainId === undefined) throw unauthenticated();
    return { ...grant(targetOfDomain(domainId)), domainId };
  }
  const trust = optionalObject(fields, 'OS-TRUST:trust');
  if (trust !== undefined) {
    const redeemed = redeemTrust(deps, optionalString(trust, 'id') ?? '', user);
    return { userId: redeemed.impersonation ? redeemed.trustorId : user.id, scope: redeemed.projectId, trustId: redeemed.id };
  }
  if (optionalObject(fields, 'system') !== undefined) return grant(SYSTEM);
  throw unauthenticated();
};

/** Makes a token from the body of POST /v3/auth/tokens; 401 or 403 as Keystone would. */
export const logIn = (deps: AuthDeps, body: Fields): Token => {
  const auth = envelope(body, 'auth');
  const proof = prove(deps, envelope(auth, 'identity'));
  const expiresAt = proof.parent?.expiresAt ?? Math.floor(deps.now() / 1000 + deps.tokenLifetimeSeconds()) * 1000;
  const common = { methods: proof.methods, expiresAt };
  if (proof.credential !== undefined) {
    if (auth.scope !== undefined) throw unauthenticated();
    const { id, projectId } = proof.credential;
    return deps.tokens.issue({ ...common, userId: proof.user.id, scope: projectId, trustId: null, applicationCredentialId: id });
  }
  // A token made from an application credential's token keeps the credential's bounds, and so does its project.
  const boundTo = proof.parent?.applicationCredentialId ?? null;
  const granted = grantFor(deps, proof, boundTo === null ? auth.scope : { project: { id: proof.parent?.scope } });
  return deps.tokens.issue({ ...common, ...granted, applicationCredentialId: boundTo }, proof.parent);
};
