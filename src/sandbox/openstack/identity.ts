/** The simulated Keystone: version documents, lookups and the little administration that tests need. */
import { applicationCredentialRoutes } from './applicationCredentials.ts';
import type { AuthDeps } from './authentication.ts';
import { authTokenRoutes } from './authTokens.ts';
import { ApiError, type Call, created, noContent, ok, type Route } from './http.ts';
import { assignmentRoutes, listed, lookupRoutes, requireAdmin } from './identityLookups.ts';
import { DOMAIN, hexId, type Project } from './identityState.ts';
import { envelope, optionalBoolean, optionalString, requiredString } from './input.ts';
import type { Service } from './service.ts';
import { trustRoutes } from './trusts.ts';
import { userRoutes } from './users.ts';

const version = (base: string): object => ({
  id: 'v3.14',
  status: 'stable',
  updated: '2020-04-07T00:00:00Z',
  links: [{ rel: 'self', href: `${base}/v3/` }],
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
});

const describeProject = (project: Project, domainId: string, base: string): object => ({
  id: project.id,
  name: project.name,
  domain_id: domainId,
  description: project.description,
  enabled: project.enabled,
  parent_id: domainId,
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

const projectRoutes = (deps: AuthDeps): Route[] => {
  const { identity } = deps;
  const describe = (project: Project, base: string) => describeProject(project, identity.domainOf(project).id, base);
  const mine = (userId: string): Project[] => [...identity.projects.all()].filter((p) => identity.rolesOf(userId, p.id).length > 0);
  const get = (call: Call): Project => {
    const project = identity.projects.get(call.params.id ?? '');
    if (project === undefined) throw new ApiError(404, `Could not find project: ${call.params.id}.`, 'ProjectNotFound');
    return project;
  };
  const own = (call: Call): object => listed(deps, call, 'projects', mine(call.actor.userId), (p: Project) => describe(p, call.baseUrl));
  return [
    { method: 'GET', template: '/v3/auth/projects', handle: (call) => ok(own(call)) },
    {
      method: 'GET',
      template: '/v3/users/{id}/projects',
      handle: (call) => {
        if (call.params.id !== call.actor.userId) requireAdmin(call, 'list_user_projects');
        return ok(listed(deps, call, 'projects', mine(call.params.id ?? ''), (p: Project) => describe(p, call.baseUrl)));
      },
    },
    {
      method: 'GET',
      template: '/v3/projects',
      handle: (call) => {
        requireAdmin(call, 'list_projects');
        return ok(listed(deps, call, 'projects', [...identity.projects.all()], (p: Project) => describe(p, call.baseUrl)));
      },
    },
    {
      method: 'POST',
      template: '/v3/projects',
      handle: (call) => {
        requireAdmin(call, 'create_project');
        const fields = envelope(call.body, 'project');
        const name = requiredString(fields, 'name');
        const domainId = optionalString(fields, 'domain_id') ?? DOMAIN.id;
        if (identity.domain(domainId) === undefined) throw new ApiError(404, `Could not find domain: ${domainId}.`, 'DomainNotFound');
        if (identity.projects.by('name', name).some((project) => identity.domainOf(project).id === domainId))
          throw new ApiError(
            409,
            `Conflict occurred attempting to store project - it is not permitted to have two projects with the same name in the same domain : ${name}.`,
          );
        const project = identity.projects.put({
          id: hexId(),
          name,
          description: optionalString(fields, 'description') ?? '',
          enabled: true,
          domainId,
        });
        return created({ project: describe(project, call.baseUrl) });
      },
    },
    {
      method: 'GET',
      template: '/v3/projects/{id}',
      handle: (call) => {
        if (call.params.id !== call.actor.projectId) requireAdmin(call, 'get_project');
        return ok({ project: describe(get(call), call.baseUrl) });
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
        return ok({ project: describe(identity.projects.put(project), call.baseUrl) });
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
