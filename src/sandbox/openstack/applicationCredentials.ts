/** Application credentials of the simulated Keystone, with access rules. Facts checked against Keystone Zed. */
import { randomBytes } from 'node:crypto';
import { type AuthDeps, forbidden } from './authentication.ts';
import { ApiError, type Call, created, noContent, ok, type Route } from './http.ts';
import { type AccessRule, type ApplicationCredential, hexId, type Role } from './identityState.ts';
import { envelope, type Fields, objectList, optionalBoolean, optionalString, requiredString } from './input.ts';
import { describeRole, parseExpiry } from './trusts.ts';

const describe = (deps: AuthDeps, credential: ApplicationCredential, base: string): object => ({
  id: credential.id,
  name: credential.name,
  description: credential.description,
  user_id: credential.userId,
  project_id: credential.projectId,
  system: null,
  expires_at: credential.expiresAt,
  unrestricted: credential.unrestricted,
  roles: credential.roleIds.flatMap((id) => deps.identity.roles.get(id) ?? []).map((r) => describeRole(r, base)),
  ...(credential.accessRules === null ? {} : { access_rules: credential.accessRules }),
  links: { self: `${base}/v3/users/${credential.userId}/application_credentials/${credential.id}` },
});

/** Only the user's own token counts, and a restricted credential cannot make or remove credentials. */
const requireSelf = (deps: AuthDeps, call: Call, action: string, changes: boolean): void => {
  const { actor } = call;
  if (call.params.userId !== actor.userId && !(actor.isAdmin && !changes)) throw forbidden(action);
  const from = actor.token.applicationCredentialId;
  if (!changes) return;
  if (from !== null && deps.identity.applicationCredentials.get(from)?.unrestricted !== true) {
    throw forbidden("Using method 'application_credential' is not allowed for managing additional application credentials.");
  }
  if (actor.token.trustId !== null) throw forbidden(action);
};

const rolesFor = (held: readonly Role[], fields: Fields): string[] => {
  const asked = fields.roles === undefined ? [] : objectList(fields, 'roles');
  // None asked for means all, whether the list is left out or empty.
  if (asked.length === 0) return held.map((r) => r.id);
  return asked.map((wanted) => {
    const role = held.find((r) => r.id === optionalString(wanted, 'id') || r.name === optionalString(wanted, 'name'));
    if (role === undefined) throw new ApiError(400, 'Invalid application credential: Could not find role assignment.');
    return role.id;
  });
};

const rulesFrom = (fields: Fields): AccessRule[] | null =>
  fields.access_rules === undefined
    ? null
    : objectList(fields, 'access_rules').map((rule) => ({
        id: hexId(),
        service: requiredString(rule, 'service'),
        method: requiredString(rule, 'method'),
        path: requiredString(rule, 'path'),
      }));

export const applicationCredentialRoutes = (deps: AuthDeps): Route[] => {
  const all = '/v3/users/{userId}/application_credentials';
  const owned = (call: Call): ApplicationCredential => {
    const found = deps.identity.applicationCredentials.get(call.params.id ?? '');
    if (found === undefined || found.userId !== call.params.userId)
      throw new ApiError(404, `Could not find Application Credential: ${call.params.id}.`, 'NotFound');
    return found;
  };
  const create = (call: Call): object => {
    requireSelf(deps, call, 'identity:create_application_credential', true);
    const fields = envelope(call.body, 'application_credential');
    const name = requiredString(fields, 'name');
    const { userId, projectId } = call.actor;
    if (deps.identity.applicationCredentials.by('user', userId).some((c) => c.name === name)) {
      throw new ApiError(
        409,
        `Conflict occurred attempting to store application_credential - Duplicate entry found with name ${name}.`,
        'Conflict',
      );
    }
    const credential = deps.identity.applicationCredentials.put({
      id: hexId(),
      name,
      description: optionalString(fields, 'description') ?? null,
      secret: optionalString(fields, 'secret') ?? randomBytes(64).toString('base64url'),
      userId,
      projectId,
      roleIds: rolesFor(call.actor.roles, fields),
      expiresAt: parseExpiry(fields, deps.now()),
      unrestricted: optionalBoolean(fields, 'unrestricted') ?? false,
      accessRules: rulesFrom(fields),
    });
    return { ...describe(deps, credential, call.baseUrl), secret: credential.secret };
  };
  const list = (call: Call): object[] => {
    requireSelf(deps, call, 'identity:list_application_credentials', false);
    const name = call.query.get('name');
    const rows = deps.identity.applicationCredentials.by('user', call.params.userId ?? '');
    return rows.filter((c) => name === null || c.name === name).map((c) => describe(deps, c, call.baseUrl));
  };
  return [
    { method: 'POST', template: all, handle: (call) => created({ application_credential: create(call) }) },
    {
      method: 'GET',
      template: all,
      handle: (call) =>
        ok({ application_credentials: list(call), links: { self: `${call.baseUrl}${call.path}`, next: null, previous: null } }),
    },
    {
      method: 'GET',
      template: `${all}/{id}`,
      handle: (call) => {
        requireSelf(deps, call, 'identity:get_application_credential', false);
        return ok({ application_credential: describe(deps, owned(call), call.baseUrl) });
      },
    },
    {
      method: 'DELETE',
      template: `${all}/{id}`,
      handle: (call) => {
        requireSelf(deps, call, 'identity:delete_application_credential', true);
        const credential = owned(call);
        deps.identity.applicationCredentials.remove(credential.id);
        deps.tokens.revokeWhere((t) => t.applicationCredentialId === credential.id);
        return noContent;
      },
    },
    {
      method: 'GET',
      template: '/v3/users/{userId}/access_rules',
      handle: (call) => {
        requireSelf(deps, call, 'identity:list_access_rules', false);
        return ok({
          access_rules: deps.identity.applicationCredentials.by('user', call.params.userId ?? '').flatMap((c) => c.accessRules ?? []),
          links: { next: null, previous: null },
        });
      },
    },
  ];
};
