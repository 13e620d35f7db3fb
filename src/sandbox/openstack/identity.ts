/** The simulated Keystone: version documents, lookups and the little administration that tests need. */
import { applicationCredentialRoutes } from './applicationCredentials.ts';
import type { AuthDeps } from './authentication.ts';
import { authTokenRoutes } from './authTokens.ts';
import { ApiError, type Call, created, noContent, ok, type Route } from './http.ts';
import { assignmentRoutes, listed, lookupRoutes, requireAdmin } from './identityLookups.ts';
import { DOMAIN, hexId, type Project, type User } from './identityState.ts';
import { envelope, optionalBoolean, optionalString, requiredString } from './input.ts';
import type { Service } from './service.ts';
import { endTrust, trustRoutes } from './trusts.ts';

const version = (base: string): object => ({
  id: 'v3.14',
  status: 'stable',
  updated: '2020-04-07T00:00:00Z',
  links: [{ rel: 'self', href: `${base}/v3/` }],
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
});

const describeUser = (user: User, base: string): object => ({
  id: user.id,
  name: user.name,
  domain_id: DOMAIN.id,
  enabled: user.enabled,
  default_project_id: user.defaultProjectId,
  password_expires_at: null,
  options: {},
  links: { self: `${base}/v3/users/${user.id}` },
});

const describeProject = (project: Project, base: string): object => ({
  id: project.id,
  name: project.name,
  domain_id: DOMAIN.id,
  description: project.description,
  enabled: project.enabled,
  parent_id: DOMAIN.id,
  is_domain: false,
  tags: [],
  options: {},
  links: { self: `${base}/v3/projects/${project.id}` },
});

const versionRoutes = (): Route[] => [
  {
    method: 'GET',
    template: '/',
    open: true,
    handle: (call) => ({
      status: 300,
      body: { versions: { values: [version(call.baseUrl)] } },
      headers: { Location: `${call.baseUrl}/v3/` },
    }),
  },
  { method: 'GET', template: '/v3', open: true, handle: (call) => ok({ version: version(call.baseUrl) }) },
];

const userRoutes = (deps: AuthDeps): Route[] => {
  const { identity, tokens } = deps;
  const get = (call: Call): User => {
    const user = identity.users.get(call.params.id ?? '');
    if (user === undefined) throw new ApiError(404, `Could not find user: ${call.params.id}.`, 'UserNotFound');
    return user;
  };
  const create = (call: Call): User => {
    requireAdmin(call, 'create_user');
    const fields = envelope(call.body, 'user');
    const name = requiredString(fields, 'name');
    if (identity.users.countBy('name', name) > 0)
      throw new ApiError(409, `Conflict occurred attempting to store user - Duplicate entry found with name ${name} at domain ID default.`);
    return identity.users.put({
      id: hexId(),
      name,
      password: optionalString(fields, 'password') ?? '',
      enabled: true,
      defaultProjectId: optionalString(fields, 'default_project_id') ?? null,
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
        requireAdmin(call, 'list_users');
        return ok(listed(call, 'users', [...identity.users.all()], (u: User) => describeUser(u, call.baseUrl)));
      },
    },
    { method: 'POST', template: '/v3/users', handle: (call) => created({ user: describeUser(create(call), call.baseUrl) }) },
    {
      method: 'GET',
      template: '/v3/users/{id}',
      handle: (call) => {
        if (call.params.id !== call.actor.userId) requireAdmin(call, 'get_user');
        return ok({ user: describeUser(get(call), call.baseUrl) });
      },
    },
    {
      method: 'GET',
      template: '/v3/users/{id}/groups',
      handle: (call) => {
        if (call.params.id !== call.actor.userId) requireAdmin(call, 'list_groups_for_user');
        // Nobody can make one here.
        return ok(listed(call, 'groups', [], () => ({})));
      },
    },
    {
      method: 'PATCH',
      template: '/v3/users/{id}',
      handle: (call) => {
        requireAdmin(call, 'update_user');
        const user = get(call);
        const fields = envelope(call.body, 'user');
        user.password = optionalString(fields, 'password') ?? user.password;
        user.enabled = optionalBoolean(fields, 'enabled') ?? user.enabled;
        // They are not there again when the user is enabled.
        if (!user.enabled) endCredentials(user);
        return ok({ user: describeUser(identity.users.put(user), call.baseUrl) });
      },
    },
    {
      method: 'DELETE',
      template: '/v3/users/{id}',
      handle: (call) => {
        requireAdmin(call, 'delete_user');
        remove(get(call));
        return noContent;
      },
    },
  ];
};

const projectRoutes = (deps: AuthDeps): Route[] => {
  const { identity } = deps;
  const mine = (userId: string): Project[] => [...identity.projects.all()].filter((p) => identity.rolesOf(userId, p.id).length > 0);
  const get = (call: Call): Project => {
    const project = identity.projects.get(call.params.id ?? '');
    if (project === undefined) throw new ApiError(404, `Could not find project: ${call.params.id}.`, 'ProjectNotFound');
    return project;
  };
  const own = (call: Call): object => listed(call, 'projects', mine(call.actor.userId), (p: Project) => describeProject(p, call.baseUrl));
  return [
    { method: 'GET', template: '/v3/auth/projects', handle: (call) => ok(own(call)) },
    {
      method: 'GET',
      template: '/v3/users/{id}/projects',
      handle: (call) => {
        if (call.params.id !== call.actor.userId) requireAdmin(call, 'list_user_projects');
        return ok(listed(call, 'projects', mine(call.params.id ?? ''), (p: Project) => describeProject(p, call.baseUrl)));
      },
    },
    {
      method: 'GET',
      template: '/v3/projects',
      handle: (call) => {
        requireAdmin(call, 'list_projects');
        return ok(listed(call, 'projects', [...identity.projects.all()], (p: Project) => describeProject(p, call.baseUrl)));
      },
    },
    {
      method: 'POST',
      template: '/v3/projects',
      handle: (call) => {
        requireAdmin(call, 'create_project');
        const fields = envelope(call.body, 'project');
        const name = requiredString(fields, 'name');
        if (identity.projects.countBy('name', name) > 0)
          throw new ApiError(
            409,
            `Conflict occurred attempting to store project - it is not permitted to have two projects with the same name in the same domain : ${name}.`,
          );
        const project = identity.projects.put({
          id: hexId(),
          name,
          description: optionalString(fields, 'description') ?? '',
          enabled: true,
        });
        return created({ project: describeProject(project, call.baseUrl) });
      },
    },
    {
      method: 'GET',
      template: '/v3/projects/{id}',
      handle: (call) => {
        if (call.params.id !== call.actor.projectId) requireAdmin(call, 'get_project');
        return ok({ project: describeProject(get(call), call.baseUrl) });
      },
    },
    {
      method: 'PATCH',
      template: '/v3/projects/{id}',
      handle: (call) => {
        requireAdmin(call, 'update_project');
        const project = get(call);
        const fields = envelope(call.body, 'project');
        project.description = optionalString(fields, 'description') ?? project.description;
        project.enabled = optionalBoolean(fields, 'enabled') ?? project.enabled;
        return ok({ project: describeProject(identity.projects.put(project), call.baseUrl) });
      },
    },
    {
      method: 'DELETE',
      template: '/v3/projects/{id}',
      handle: (call) => {
        requireAdmin(call, 'delete_project');
        const project = get(call);
        for (const a of identity.assignments.by('target', project.id)) identity.assignments.remove(a.id);
        identity.projects.remove(project.id);
        return noContent;
      },
    },
  ];
};

export const identityService = (deps: AuthDeps): Service => ({
  name: 'identity',
  prefix: '/identity',
  routes: [
    ...versionRoutes(),
    ...authTokenRoutes(deps),
    ...userRoutes(deps),
    ...projectRoutes(deps),
    ...assignmentRoutes(deps),
    ...lookupRoutes(deps),
    ...trustRoutes(deps),
    ...applicationCredentialRoutes(deps),
  ],
  errorBody: (error) => ({ body: { error: { code: error.status, message: error.message, title: TITLES[error.status] ?? 'Error' } } }),
});

const TITLES: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Request is too large.',
  500: 'Internal Server Error',
};
