/** The simulated Neutron: versions, extensions, quotas, and the parts that have files of their own. */
import { floatingIpRoutes } from './floatingIps.ts';
import { ApiError, type Call, noContent, ok, type Route } from './http.ts';
import { envelope } from './input.ts';
import type { NetworkDeps } from './networkDeps.ts';
import { networkRoutes } from './networks.ts';
import { portRoutes } from './ports.ts';
import { isQuotaName, type QuotaName } from './quotas.ts';
import { routerRoutes } from './routers.ts';
import { securityGroupRoutes } from './securityGroups.ts';
import type { Service } from './service.ts';

const EXTENSIONS = [
  'agent',
  'allowed-address-pairs',
  'availability_zone',
  'binding',
  'default-subnetpools',
  'ext-gw-mode',
  'external-net',
  'extra_dhcp_opt',
  'extraroute',
  'fip-port-details',
  'net-mtu',
  'net-mtu-writable',
  'pagination',
  'port-security',
  'project-id',
  'provider',
  'quota_details',
  'quotas',
  'router',
  'security-group',
  'sorting',
  'standard-attr-description',
  'standard-attr-revisions',
  'standard-attr-tag',
  'standard-attr-timestamp',
  'stateful-security-group',
  'subnet-service-types',
  'subnet_allocation',
];

const describeExtension = (alias: string): object => ({
  alias,
  name: alias,
  description: `The extension ${alias}`,
  updated: '2016-01-01T00:00:00-00:00',
  links: [],
});

const QUOTAS: QuotaName[] = [
  'network',
  'subnet',
  'subnetpool',
  'port',
  'router',
  'floatingip',
  'rbac_policy',
  'security_group',
  'security_group_rule',
  'trunk',
];

const used = (deps: NetworkDeps, name: QuotaName, projectId: string): number => {
  const { networks, subnets, ports, routers, floatingIps, securityGroups, securityGroupRules } = deps.state;
  const rows = {
    network: networks,
    subnet: subnets,
    port: ports,
    router: routers,
    floatingip: floatingIps,
    security_group: securityGroups,
    security_group_rule: securityGroupRules,
  };
  return name in rows ? rows[name as keyof typeof rows].countBy('project_id', projectId) : 0;
};

const quotaRoutes = (deps: NetworkDeps): Route[] => {
  const project = (call: Call): string => {
    const id = call.params.project ?? '';
    if (id !== call.actor.projectId && !call.actor.isAdmin)
      throw new ApiError(403, 'rule:get_quota is disallowed by policy', 'PolicyNotAuthorized');
    return id;
  };
  const limits = (id: string): object => Object.fromEntries(QUOTAS.map((name) => [name, deps.quotas.limit(id, name)]));
  return [
    { method: 'GET', template: '/v2.0/quotas/{project}', handle: (call) => ok({ quota: limits(project(call)) }) },
    { method: 'GET', template: '/v2.0/quotas/{project}/default', handle: (call) => ok({ quota: limits(`default of ${project(call)}`) }) },
    {
      method: 'GET',
      template: '/v2.0/quotas/{project}/details.json',
      handle: (call) => {
        const id = project(call);
        return ok({
          quota: Object.fromEntries(
            QUOTAS.map((name) => [name, { limit: deps.quotas.limit(id, name), used: used(deps, name, id), reserved: 0 }]),
          ),
        });
      },
    },
    {
      method: 'PUT',
      template: '/v2.0/quotas/{project}',
      handle: (call) => {
        if (!call.actor.isAdmin) throw new ApiError(403, 'rule:update_quota is disallowed by policy', 'PolicyNotAuthorized');
        const asked = Object.entries(envelope(call.body, 'quota')).filter(
          ([name, value]) => isQuotaName(name) && typeof value === 'number',
        );
        deps.quotas.set(project(call), Object.fromEntries(asked));
        return ok({ quota: limits(project(call)) });
      },
    },
    {
      method: 'DELETE',
      template: '/v2.0/quotas/{project}',
      handle: (call) => {
        if (!call.actor.isAdmin) throw new ApiError(403, 'rule:delete_quota is disallowed by policy', 'PolicyNotAuthorized');
        deps.quotas.set(project(call), {});
        return noContent;
      },
    },
  ];
};

const metaRoutes = (): Route[] => {
  const versions = (call: Call): object => ({
    versions: [{ id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: `${call.baseUrl}/v2.0/` }] }],
  });
  const resources = ['network', 'subnet', 'port', 'router', 'security_group', 'security_group_rule', 'floatingip'];
  const resource = (name: string, base: string): object => ({
    name,
    collection: `${name}s`,
    links: [{ rel: 'self', href: `${base}/v2.0/${name.replaceAll('_', '-')}s` }],
  });
  return [
    { method: 'GET', template: '/', open: true, handle: (call) => ok(versions(call)) },
    { method: 'GET', template: '/v2.0', open: true, handle: (call) => ok({ resources: resources.map((r) => resource(r, call.baseUrl)) }) },
    { method: 'GET', template: '/v2.0/extensions', handle: () => ok({ extensions: EXTENSIONS.map(describeExtension) }) },
    {
      method: 'GET',
      template: '/v2.0/extensions/{alias}',
      handle: (call) => {
        const alias = call.params.alias ?? '';
        if (!EXTENSIONS.includes(alias)) throw new ApiError(404, `Extension with alias ${alias} does not exist`, 'HTTPNotFound');
        return ok({ extension: describeExtension(alias) });
      },
    },
    {
      method: 'GET',
      template: '/v2.0/availability_zones',
      handle: () => ok({ availability_zones: ['network', 'router'].map((kind) => ({ name: 'nova', resource: kind, state: 'available' })) }),
    },
    // Listed by clients in passing; this cloud has none.
    { method: 'GET', template: '/v2.0/subnetpools', handle: () => ok({ subnetpools: [] }) },
    { method: 'GET', template: '/v2.0/trunks', handle: () => ok({ trunks: [] }) },
    { method: 'GET', template: '/v2.0/agents', handle: () => ok({ agents: [] }) },
    { method: 'GET', template: '/v2.0/rbac-policies', handle: () => ok({ rbac_policies: [] }) },
    { method: 'GET', template: '/v2.0/address-scopes', handle: () => ok({ address_scopes: [] }) },
  ];
};

export const networkService = (deps: NetworkDeps): Service => ({
  name: 'network',
  prefix: '/network',
  routes: [
    ...metaRoutes(),
    ...quotaRoutes(deps),
    ...networkRoutes(deps),
    ...portRoutes(deps),
    ...routerRoutes(deps),
    ...securityGroupRoutes(deps),
    ...floatingIpRoutes(deps),
  ],
  errorBody: (error) => ({ body: { NeutronError: { type: error.kind, message: error.message, detail: '' } } }),
});
