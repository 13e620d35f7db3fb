/** Domains, roles, services and role assignments of the simulated Keystone, as clients look them up. */
import { type AuthDeps, forbidden } from './authentication.ts';
import { catalogFor, originOf, REGION } from './authTokens.ts';
import { ApiError, type Call, created, noContent, ok, type Route } from './http.ts';
import { type Assignment, DOMAIN, type Domain, hexId, SYSTEM, targetOfDomain } from './identityState.ts';
import { envelope, requiredString } from './input.ts';
import { describeRole } from './trusts.ts';

export const requireAdmin = (call: Call, action: string): void => {
  if (!call.actor.isAdmin) throw forbidden(`identity:${action}`);
};

/** Lists in Keystone are {plural: [...], links}; `name`, `domain_id` and `enabled` filter. */
export const listed = (
  deps: AuthDeps,
  call: Call,
  word: string,
  rows: { name?: string; enabled?: boolean; domainId?: string }[],
  describe: (row: never) => object,
): object => {
  const name = call.query.get('name');
  const domain = call.query.get('domain_id');
  const kept = rows.filter((r) => (name === null || r.name === name) && (domain === null || domain === deps.identity.domainOf(r).id));
  return { [word]: kept.map((r) => describe(r as never)), links: { self: `${call.baseUrl}${call.path}`, previous: null, next: null } };
};

const describeDomain = ({ id, name }: Domain, base: string): object => ({
  id,
  name,
  description: id === DOMAIN.id ? 'The default domain' : '',
  enabled: true,
  tags: [],
  options: {},
  links: { self: `${base}/v3/domains/${id}` },
});

const notAssigned = ({ params: { roleId, userId, projectId, domainId } }: Call): ApiError => {
  const target = projectId === undefined ? `domain: ${domainId}` : `project: ${projectId}`;
  return new ApiError(
    404,
    `Could not find role assignment with role: ${roleId}, user or group: ${userId}, ${target}.`,
    'RoleAssignmentNotFound',
  );
};

export const assignmentRoutes = (deps: AuthDeps): Route[] => {
  const { identity } = deps;
  const template = '/v3/projects/{projectId}/users/{userId}/roles/{roleId}';
  const onDomain = '/v3/domains/{domainId}/users/{userId}/roles/{roleId}';
  const targetOf = ({ params }: Call): string => params.projectId ?? targetOfDomain(params.domainId ?? '');
  const idOf = (call: Call): string => `${call.params.userId}/${targetOf(call)}/${call.params.roleId}`;
  /** By Keystone's secure defaults an administrator of a domain needs user and project in it; what is not there is told before anything else. */
  const requireKeeper = (call: Call, action: string, role = 'admin'): void => {
    const { userId = '', projectId, domainId, roleId = '' } = call.params;
    const user = identity.users.get(userId);
    const project = projectId === undefined ? undefined : identity.projects.get(projectId);
    if (identity.roles.get(roleId) === undefined) throw new ApiError(404, `Could not find role: ${roleId}.`, 'RoleNotFound');
    if (user === undefined) throw new ApiError(404, `Could not find user: ${userId}.`, 'UserNotFound');
    if (projectId !== undefined && project === undefined)
      throw new ApiError(404, `Could not find project: ${projectId}.`, 'ProjectNotFound');
    if (domainId !== undefined && identity.domain(domainId) === undefined)
      throw new ApiError(404, `Could not find domain: ${domainId}.`, 'DomainNotFound');
    const { actor } = call;
    if (actor.isAdmin) return;
    const of = [identity.domainOf(user).id, project === undefined ? domainId : identity.domainOf(project).id];
    if (!of.every((id) => id === actor.domainId) || !actor.roles.some(({ name }) => name === role)) throw forbidden(`identity:${action}`);
  };
  const describe = (a: Assignment, named: boolean): object => {
    const entity = (id: string, name: string | undefined, inDomain: boolean): object => ({
      id,
      ...(named ? { name: name ?? '', ...(inDomain ? { domain: DOMAIN } : {}) } : {}),
    });
    const project = entity(a.target, identity.projects.get(a.target)?.name, true);
    const domain = [DOMAIN, ...identity.domains.all()].find(({ id }) => targetOfDomain(id) === a.target);
    return {
      role: entity(a.roleId, identity.roles.get(a.roleId)?.name, false),
      user: entity(a.userId, identity.users.get(a.userId)?.name, true),
      scope: a.target === SYSTEM ? { system: { all: true } } : domain === undefined ? { project } : { domain },
      links: {},
    };
  };
  const routesAt = (template: string): Route[] => [
    {
      method: 'PUT',
      template,
      handle: (call) => {
        requireKeeper(call, 'create_grant');
        const { userId = '', roleId = '' } = call.params;
        identity.grant(userId, targetOf(call), identity.roles.get(roleId)?.name ?? '');
        return noContent;
      },
    },
    {
      method: 'GET',
      template,
      handle: (call) => {
        requireKeeper(call, 'check_grant', 'reader');
        if (identity.assignments.get(idOf(call)) === undefined) throw notAssigned(call);
        return noContent;
      },
    },
    {
      method: 'DELETE',
      template,
      handle: (call) => {
        requireKeeper(call, 'revoke_grant');
        if (identity.assignments.get(idOf(call)) === undefined) throw notAssigned(call);
        identity.assignments.remove(idOf(call));
        // Whichever role it was, all of the user's for the project go: nobody looks at the roles that they have.
        const { userId = '', projectId } = call.params;
        for (const credential of identity.applicationCredentials.by('user', userId))
          if (credential.projectId === projectId) identity.applicationCredentials.remove(credential.id);
        return noContent;
      },
    },
  ];
  return [
    ...routesAt(template),
    ...routesAt(onDomain),
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
  const all = (): Domain[] => [DOMAIN, ...identity.domains.all()];
  const services = (call: Call): object[] =>
    catalogFor(originOf(call), '').map((entry) => {
      const { id, type, name } = entry as { id: string; type: string; name: string };
      return { id, type, name, enabled: true, description: '', links: {} };
    });
  return [
    {
      method: 'GET',
      template: '/v3/domains',
      handle: (call) => ok(listed(deps, call, 'domains', all(), (domain: Domain) => describeDomain(domain, call.baseUrl))),
    },
    {
      method: 'POST',
      template: '/v3/domains',
      handle: (call) => {
        requireAdmin(call, 'create_domain');
        const name = requiredString(envelope(call.body, 'domain'), 'name');
        if (all().some((domain) => domain.name === name))
          throw new ApiError(
            409,
            `Conflict occurred attempting to store domain - it is not permitted to have two domains with the same name: ${name}.`,
          );
        return created({ domain: describeDomain(identity.domains.put({ id: hexId(), name }), call.baseUrl) });
      },
    },
    {
      method: 'GET',
      template: '/v3/auth/domains',
      handle: (call) => ok(listed(deps, call, 'domains', [DOMAIN], (domain: Domain) => describeDomain(domain, call.baseUrl))),
    },
    {
      method: 'GET',
      template: '/v3/domains/{id}',
      handle: (call) => {
        const domain = identity.domain(call.params.id ?? '');
        if (domain === undefined) throw new ApiError(404, `Could not find domain: ${call.params.id}.`, 'DomainNotFound');
        return ok({ domain: describeDomain(domain, call.baseUrl) });
      },
    },
    {
      method: 'GET',
      template: '/v3/roles',
      handle: (call) =>
        ok(listed(deps, call, 'roles', [...identity.roles.all()], (r: { id: string; name: string }) => describeRole(r, call.baseUrl))),
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
