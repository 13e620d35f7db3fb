/** Trusts of the simulated Keystone: a user lets a service act in the user's project. Facts checked against Keystone Zed. */
import { type AuthDeps, forbidden } from './authentication.ts';
import { ApiError, type Call, created, noContent, ok, type Route } from './http.ts';
import { hexId, type Role, type Trust, trustKey } from './identityState.ts';
import { envelope, type Fields, objectList, optionalBoolean, optionalInteger, optionalString, requiredString } from './input.ts';

export const describeRole = (role: Role, base: string): object => ({
  id: role.id,
  name: role.name,
  domain_id: null,
  description: null,
  options: {},
  links: { self: `${base}/v3/roles/${role.id}` },
});

const summary = (trust: Trust, base: string): object => ({
  id: trust.id,
  trustor_user_id: trust.trustorId,
  trustee_user_id: trust.trusteeId,
  project_id: trust.projectId,
  impersonation: trust.impersonation,
  expires_at: trust.expiresAt,
  remaining_uses: trust.remainingUses,
  deleted_at: null,
  redelegated_trust_id: null,
  redelegation_count: 0,
  links: { self: `${base}/v3/OS-TRUST/trusts/${trust.id}` },
});

const notFound = (id: string): ApiError => new ApiError(404, `Could not find trust: ${id}.`, 'TrustNotFound');

/** Times are kept to the second, as Keystone's database does: a trust made for .123456 answers .000000. */
export const parseExpiry = (fields: Fields, now: number): string | null => {
  const text = optionalString(fields, 'expires_at');
  if (text === undefined) return null;
  const ms = Date.parse(/Z$|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`);
  if (Number.isNaN(ms)) throw new ApiError(400, `Invalid input for field 'expires_at': '${text}' is not a 'date-time'.`);
  if (ms < now)
    throw new ApiError(
      400,
      "The 'expires_at' must not be before now. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.",
    );
  return `${new Date(ms).toISOString().slice(0, 19)}.000000Z`;
};

const requestedRoles = (deps: AuthDeps, fields: Fields): Role[] =>
  objectList(fields, 'roles').map((wanted) => {
    const id = optionalString(wanted, 'id');
    const name = optionalString(wanted, 'name') ?? '';
    const role = id === undefined ? deps.identity.roles.by('name', name)[0] : deps.identity.roles.get(id);
    if (role === undefined)
      throw new ApiError(404, id === undefined ? `Role ${name} is not defined` : `Could not find role: ${id}.`, 'RoleNotFound');
    return role;
  });

/** Forgets the trust and every token made from it. */
export const endTrust = (deps: Pick<AuthDeps, 'identity' | 'tokens'>, trust: Trust): void => {
  trust.deleted = true;
  deps.identity.trusts.put(trust);
  deps.tokens.revokeWhere((t) => t.trustId === trust.id);
};

const createTrust = (deps: AuthDeps, call: Call): Trust => {
  const fields = envelope(call.body, 'trust');
  const { token } = call.actor;
  if (token.trustId !== null) throw forbidden();
  if (token.applicationCredentialId !== null) throw forbidden('Delegated tokens cannot manage trusts.');
  const trustorId = requiredString(fields, 'trustor_user_id');
  const trusteeId = requiredString(fields, 'trustee_user_id');
  const impersonation = optionalBoolean(fields, 'impersonation');
  if (impersonation === undefined) throw new ApiError(400, "Invalid input for field 'trust': 'impersonation' is a required property");
  if (trustorId !== call.actor.userId) throw forbidden('identity:create_trust');
  if (deps.identity.users.get(trusteeId) === undefined) throw new ApiError(404, `Could not find user: ${trusteeId}.`, 'UserNotFound');
  const expiresAt = parseExpiry(fields, deps.now());
  const roles = requestedRoles(deps, fields);
  if (roles.length === 0) throw forbidden('At least one role should be specified');
  const projectId = requiredString(fields, 'project_id');
  if (deps.identity.projects.get(projectId) === undefined)
    throw new ApiError(404, `Could not find project: ${projectId}.`, 'ProjectNotFound');
  const held = new Set(deps.identity.rolesOf(trustorId, projectId).map((r) => r.id));
  const missing = roles.find((r) => !held.has(r.id));
  if (missing !== undefined) throw new ApiError(404, `Could not find role: ${missing.id}.`, 'RoleNotFound');
  const remainingUses = optionalInteger(fields, 'remaining_uses') ?? null;
  const key = { trustorId, trusteeId, projectId, impersonation, expiresAt };
  const id = hexId();
  if (deps.identity.trusts.countBy('unique', trustKey(key) ?? '') > 0) {
    throw new ApiError(409, `Conflict occurred attempting to store trust - Duplicate entry found with ID ${id}.`, 'Conflict');
  }
  return deps.identity.trusts.put({ ...key, id, roleIds: roles.map((r) => r.id), remainingUses, deleted: false });
};

export const trustRoutes = (deps: AuthDeps): Route[] => {
  const live = (trust: Trust | undefined): trust is Trust =>
    trust !== undefined && !trust.deleted && (trust.expiresAt === null || Date.parse(trust.expiresAt) > deps.now());
  const get = (call: Call): Trust => {
    const trust = deps.identity.trusts.get(call.params.id ?? '');
    if (!live(trust)) throw notFound(call.params.id ?? '');
    return trust;
  };
  const readable = (call: Call, action: string): Trust => {
    const trust = get(call);
    const { userId, isAdmin } = call.actor;
    if (!isAdmin && trust.trustorId !== userId && trust.trusteeId !== userId) throw forbidden(action);
    return trust;
  };
  const inFull = (trust: Trust, base: string): object => ({
    roles: trust.roleIds.flatMap((id) => deps.identity.roles.get(id) ?? []).map((role) => describeRole(role, base)),
    ...summary(trust, base),
    roles_links: { self: `${base}/v3/OS-TRUST/trusts/${trust.id}/roles`, next: null, previous: null },
  });
  const list = (call: Call): Trust[] => {
    const trustor = call.query.get('trustor_user_id');
    const trustee = call.query.get('trustee_user_id');
    const { userId, isAdmin } = call.actor;
    if (!isAdmin && trustor !== userId && trustee !== userId) throw forbidden('identity:list_trusts');
    const rows =
      trustor !== null
        ? deps.identity.trusts.by('trustor', trustor)
        : trustee !== null
          ? deps.identity.trusts.by('trustee', trustee)
          : [...deps.identity.trusts.all()];
    return rows.filter((t) => live(t) && (trustee === null || t.trusteeId === trustee));
  };
  return [
    {
      method: 'POST',
      template: '/v3/OS-TRUST/trusts',
      handle: (call) => created({ trust: inFull(createTrust(deps, call), call.baseUrl) }),
    },
    {
      method: 'GET',
      template: '/v3/OS-TRUST/trusts',
      handle: (call) =>
        ok({
          trusts: list(call).map((t) => summary(t, call.baseUrl)),
          links: { next: null, self: `${call.baseUrl}/v3/OS-TRUST/trusts`, previous: null },
        }),
    },
    {
      method: 'GET',
      template: '/v3/OS-TRUST/trusts/{id}',
      handle: (call) => ok({ trust: inFull(readable(call, 'identity:get_trust'), call.baseUrl) }),
    },
    {
      method: 'GET',
      template: '/v3/OS-TRUST/trusts/{id}/roles',
      handle: (call) =>
        ok({
          roles: readable(call, 'identity:list_roles_for_trust')
            .roleIds.flatMap((id) => deps.identity.roles.get(id) ?? [])
            .map((r) => describeRole(r, call.baseUrl)),
        }),
    },
    {
      method: 'DELETE',
      template: '/v3/OS-TRUST/trusts/{id}',
      handle: (call) => {
        const trust = get(call);
        if (!call.actor.isAdmin && trust.trustorId !== call.actor.userId) throw forbidden('identity:delete_trust');
        endTrust(deps, trust);
        return noContent;
      },
    },
  ];
};
