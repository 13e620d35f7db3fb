/** Domains, roles, services and role assignments of the simulated Keystone, as clients look them up. */
import { type AuthDeps, forbidden } from './authentication.ts';
import { catalogFor, originOf, REGION } from './authTokens.ts';
import { ApiError, type Call, noContent, ok, type Route } from './http.ts';
import { type Assignment, DOMAIN, SYSTEM } from './identityState.ts';
import { describeRole } from './trusts.ts';

export const requireAdmin = (call: Call, action: string): void => {
  if (!call.actor.isAdmin) throw forbidden(`identity:${action}`);
};

/** Lists in Keystone are {plural: [...], links}; `name`, `domain_id` and `enabled` filter. */
export const listed = (
  call: Call,
  word: string,
  rows: { name?: string; enabled?: boolean }[],
  describe: (row: never) => object,
): object => {
  const name = call.query.get('name');
  const domain = call.query.get('domain_id');
  const kept = rows.filter((r) => (name === null || r.name === name) && (domain === null || domain === DOMAIN.id));
  return { [word]: kept.map((r) => describe(r as never)), links: { self: `${call.baseUrl}${call.path}`, previous: null, next: null } };
};

const describeDomain = (base: string): object => ({
  ...DOMAIN,
  description: 'The default domain',
  enabled: true,
  tags: [],
  options: {},
  links: { self: `${base}/v3/domains/${DOMAIN.id}` },
});

export const assignmentRoutes = (deps: AuthDeps): Route[] => {
  const { identity } = deps;
  const template = '/v3/projects/{projectId}/users/{userId}/roles/{roleId}';
  const idOf = (call: Call): string => `${call.params.userId}/${call.params.projectId}/${call.params.roleId}`;
  const describe = (a: Assignment, named: boolean): object => {
    const entity = (id: string, name: string | undefined, inDomain: boolean): object => ({
      id,
      ...(named ? { name: name ?? '', ...(inDomain ? { domain: DOMAIN } : {}) } : {}),
    });
    const project = entity(a.target, identity.projects.get(a.target)?.name, true);
    return {
      role: entity(a.roleId, identity.roles.get(a.roleId)?.name, false),
      user: entity(a.userId, identity.users.get(a.userId)?.name, true),
      scope: a.target === SYSTEM ? { system: { all: true } } : { project },
      links: {},
    };
  };
  return [
    {
      method: 'PUT',
      template,
      handle: (call) => {
        requireAdmin(call, 'create_grant');
        const role = identity.roles.get(call.params.roleId ?? '');
        if (role === undefined) throw new ApiError(404, `Could not find role: ${call.params.roleId}.`, 'RoleNotFound');
        identity.grant(call.params.userId ?? '', call.params.projectId ?? '', role.name);
        return noContent;
      },
    },
    {
      method: 'GET',
      template,
      handle: (call) => {
        requireAdmin(call, 'check_grant');
        if (identity.assignments.get(idOf(call)) === undefined)
          throw new ApiError(404, 'Could not find role assignment', 'RoleAssignmentNotFound');
        return noContent;
      },
    },
    {
      method: 'DELETE',
      template,
      handle: (call) => {
        requireAdmin(call, 'revoke_grant');
        identity.assignments.remove(idOf(call));
        // Whichever role it was, all of the user's for the project go: nobody looks at the roles that they have.
        const { userId = '', projectId } = call.params;
        for (const credential of identity.applicationCredentials.by('user', userId))
          if (credential.projectId === projectId) identity.applicationCredentials.remove(credential.id);
        return noContent;
      },
    },
    {
      method: 'GET',
      template: '/v3/role_assignments',
      handle: (call) => {
        const user = call.query.get('user.id');
        if (user !== call.actor.userId) requireAdmin(call, 'list_role_assignments');
        const project = call.query.get('scope.project.id');
        const rows = [...identity.assignments.all()].filter(
          (a) => (user === null || a.userId === user) && (project === null || a.target === project),
        );
        return ok({
          role_assignments: rows.map((a) => describe(a, call.query.has('include_names'))),
          links: { self: `${call.baseUrl}${call.path}`, previous: null, next: null },
        });
      },
    },
  ];
};

export const lookupRoutes = (deps: AuthDeps): Route[] => {
  const { identity } = deps;
  const services = (call: Call): object[] =>
    catalogFor(originOf(call), '').map((entry) => {
      const { id, type, name } = entry as { id: string; type: string; name: string };
      return { id, type, name, enabled: true, description: '', links: {} };
    });
  return [
    { method: 'GET', template: '/v3/domains', handle: (call) => ok(listed(call, 'domains', [DOMAIN], () => describeDomain(call.baseUrl))) },
    {
      method: 'GET',
      template: '/v3/auth/domains',
      handle: (call) => ok(listed(call, 'domains', [DOMAIN], () => describeDomain(call.baseUrl))),
    },
    {
      method: 'GET',
      template: '/v3/domains/{id}',
      handle: (call) => {
        if (call.params.id !== DOMAIN.id) throw new ApiError(404, `Could not find domain: ${call.params.id}.`, 'DomainNotFound');
        return ok({ domain: describeDomain(call.baseUrl) });
      },
    },
    {
      method: 'GET',
      template: '/v3/roles',
      handle: (call) =>
        ok(listed(call, 'roles', [...identity.roles.all()], (r: { id: string; name: string }) => describeRole(r, call.baseUrl))),
    },
    {
      method: 'GET',
      template: '/v3/roles/{id}',
      handle: (call) => {
        const role = identity.roles.get(call.params.id ?? '');
        if (role === undefined) throw new ApiError(404, `Could not find role: ${call.params.id}.`, 'RoleNotFound');
        return ok({ role: describeRole(role, call.baseUrl) });
      },
    },
    {
      method: 'GET',
      template: '/v3/services',
      handle: (call) => {
        requireAdmin(call, 'list_services');
        return ok({ services: services(call), links: {} });
      },
    },
    {
      method: 'GET',
      template: '/v3/regions',
      handle: (call) =>
        ok({
          regions: [{ id: REGION, description: '', parent_region_id: null, links: {} }],
          links: { self: `${call.baseUrl}/v3/regions` },
        }),
    },
  ];
};
