/** Users of the simulated Keystone. An administrator of a domain keeps those of the domain, as Keystone's secure defaults have it. */
import { type AuthDeps, forbidden } from './authentication.ts';
import { ApiError, type Call, created, noContent, ok, type Route } from './http.ts';
import { listed, requireAdmin } from './identityLookups.ts';
import { DOMAIN, hexId, type User } from './identityState.ts';
import { envelope, optionalBoolean, optionalObject, optionalString, requiredString } from './input.ts';
import { endTrust } from './trusts.ts';

export const userRoutes = (deps: AuthDeps): Route[] => {
  const { identity, tokens } = deps;
  const describe = (user: User, base: string): object => ({
    id: user.id,
    name: user.name,
    domain_id: identity.domainOf(user).id,
    ...(user.description !== undefined && { description: user.description }),
    enabled: user.enabled,
    default_project_id: user.defaultProjectId,
    password_expires_at: null,
    options: {},
    links: { self: `${base}/v3/users/${user.id}` },
  });
  const requireKeeper = ({ actor }: Call, action: string, domainId: string, role = 'admin'): void => {
    if (!actor.isAdmin && !(actor.domainId === domainId && actor.roles.some(({ name }) => name === role)))
      throw forbidden(`identity:${action}`);
  };
  const missing = (call: Call): ApiError => new ApiError(404, `Could not find user: ${call.params.id}.`, 'UserNotFound');
  const get = (call: Call): User => {
    const user = identity.users.get(call.params.id ?? '');
    if (user === undefined) throw missing(call);
    return user;
  };
  /** Who may not look at it is refused, whether it is there or not. */
  const kept = (call: Call, action: string, role?: string): User => {
    const user = identity.users.get(call.params.id ?? '');
    if (user !== undefined && role !== undefined && user.id === call.actor.userId) return user;
    requireKeeper(call, action, user === undefined ? '' : identity.domainOf(user).id, role);
    if (user === undefined) throw missing(call);
    return user;
  };
  const create = (call: Call): User => {
    const fields = envelope(call.body, 'user');
    const name = requiredString(fields, 'name');
    // Without one it is the token's own.
    const domainId = optionalString(fields, 'domain_id') ?? call.actor.domainId ?? DOMAIN.id;
    requireKeeper(call, 'create_user', domainId);
    if (identity.domain(domainId) === undefined) throw new ApiError(404, `Could not find domain: ${domainId}.`, 'DomainNotFound');
    optionalObject(fields, 'options');
    if (identity.users.by('name', name).some((user) => identity.domainOf(user).id === domainId))
      throw new ApiError(
        409,
        `Conflict occurred attempting to store user - Duplicate entry found with name ${name} at domain ID ${domainId}.`,
      );
    const description = optionalString(fields, 'description');
    return identity.users.put({
      id: hexId(),
      name,
      password: optionalString(fields, 'password') ?? '',
      enabled: optionalBoolean(fields, 'enabled') ?? true,
      defaultProjectId: optionalString(fields, 'default_project_id') ?? null,
      domainId,
      ...(description !== undefined && { description }),
    });
  };
  const endCredentials = (user: User): void => {
    for (const credential of identity.applicationCredentials.by('user', user.id)) identity.applicationCredentials.remove(credential.id);
  };
  /** With the user go its tokens, credentials, assignments and every trust it gave or held. */
  const remove = (user: User): void => {
    for (const trust of [...identity.trusts.by('trustor', user.id), ...identity.trusts.by('trustee', user.id)]) endTrust(deps, trust);
    endCredentials(user);
    for (const assignment of identity.assignments.by('user', user.id)) identity.assignments.remove(assignment.id);
    tokens.revokeWhere((t) => t.userId === user.id);
    identity.users.remove(user.id);
  };
  return [
    {
      method: 'GET',
      template: '/v3/users',
      handle: (call) => {
        // To the administrator of a domain the others' users are not there.
        const domainId = call.query.get('domain_id') ?? call.actor.domainId;
        requireKeeper(call, 'list_users', domainId ?? '', 'reader');
        const users = [...identity.users.all()].filter((user) => domainId === null || identity.domainOf(user).id === domainId);
        return ok(listed(deps, call, 'users', users, (u: User) => describe(u, call.baseUrl)));
      },
    },
    { method: 'POST', template: '/v3/users', handle: (call) => created({ user: describe(create(call), call.baseUrl) }) },
    {
      method: 'GET',
      template: '/v3/users/{id}',
      handle: (call) => ok({ user: describe(kept(call, 'get_user', 'reader'), call.baseUrl) }),
    },
    {
      method: 'GET',
      template: '/v3/users/{id}/groups',
      handle: (call) => {
        if (call.params.id !== call.actor.userId) requireAdmin(call, 'list_groups_for_user');
        // Nobody can make one here.
        return ok(listed(deps, call, 'groups', [], () => ({})));
      },
    },
    {
      method: 'PATCH',
      template: '/v3/users/{id}',
      handle: (call) => {
        const user = kept(call, 'update_user');
        const fields = envelope(call.body, 'user');
        user.password = optionalString(fields, 'password') ?? user.password;
        user.enabled = optionalBoolean(fields, 'enabled') ?? user.enabled;
        // They are not there again when the user is enabled.
        if (!user.enabled) endCredentials(user);
        return ok({ user: describe(identity.users.put(user), call.baseUrl) });
      },
    },
    {
      method: 'DELETE',
      template: '/v3/users/{id}',
      handle: (call) => {
        kept(call, 'delete_user');
        remove(get(call));
        return noContent;
      },
    },
  ];
};
