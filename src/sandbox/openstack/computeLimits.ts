/** Limits, quotas and availability zones of the simulated Nova. */
import { ApiError, type Call, ok, type Route } from './http.ts';
import { envelope } from './input.ts';
import { isQuotaName, type QuotaName } from './quotas.ts';
import type { ServerDeps } from './serverCreate.ts';

const denied = (rule: string): ApiError => new ApiError(403, `Policy doesn't allow os_compute_api:${rule} to be performed.`);

const QUOTAS: QuotaName[] = ['cores', 'instances', 'key_pairs', 'metadata_items', 'ram', 'server_group_members', 'server_groups'];

export const limitRoutes = (deps: ServerDeps): Route[] => {
  const limits = (call: Call): object => {
    const id = call.actor.projectId;
    const used = deps.compute.usage(id);
    const limit = (name: QuotaName): number => deps.quotas.limit(id, name);
    return {
      maxTotalInstances: limit('instances'),
      maxTotalCores: limit('cores'),
      maxTotalRAMSize: limit('ram'),
      maxServerMeta: limit('metadata_items'),
      maxTotalKeypairs: limit('key_pairs'),
      maxServerGroups: limit('server_groups'),
      maxServerGroupMembers: limit('server_group_members'),
      totalRAMUsed: used.ram,
      totalCoresUsed: used.cores,
      totalInstancesUsed: used.instances,
      totalServerGroupsUsed: deps.compute.serverGroups.countBy('project_id', id),
    };
  };
  const project = (call: Call): string => {
    const id = call.params.project ?? '';
    if (id !== call.actor.projectId && !call.actor.isAdmin) throw denied('os-quota-sets:show');
    return id;
  };
  const quotas = (id: string): object => Object.fromEntries(QUOTAS.map((name) => [name, deps.quotas.limit(id, name)]));
  const detail = (id: string): object => {
    const used: Partial<Record<QuotaName, number>> = {
      ...deps.compute.usage(id),
      server_groups: deps.compute.serverGroups.countBy('project_id', id),
    };
    return Object.fromEntries(QUOTAS.map((name) => [name, { limit: deps.quotas.limit(id, name), in_use: used[name] ?? 0, reserved: 0 }]));
  };
  const zones = (hosts: object | null): object[] =>
    deps.dials.data.zones.map((zoneName) => ({ zoneName, zoneState: { available: true }, hosts }));
  return [
    { method: 'GET', template: '/v2.1/limits', handle: (call) => ok({ limits: { rate: [], absolute: limits(call) } }) },
    {
      method: 'GET',
      template: '/v2.1/os-quota-sets/{project}',
      handle: (call) => ok({ quota_set: { id: project(call), ...quotas(project(call)) } }),
    },
    {
      method: 'GET',
      template: '/v2.1/os-quota-sets/{project}/defaults',
      handle: (call) => ok({ quota_set: { id: project(call), ...quotas('') } }),
    },
    {
      method: 'GET',
      template: '/v2.1/os-quota-sets/{project}/detail',
      handle: (call) => ok({ quota_set: { id: project(call), ...detail(project(call)) } }),
    },
    {
      method: 'PUT',
      template: '/v2.1/os-quota-sets/{project}',
      handle: (call) => {
        if (!call.actor.isAdmin) throw denied('os-quota-sets:update');
        const asked = Object.entries(envelope(call.body, 'quota_set')).filter(
          ([name, value]) => isQuotaName(name) && typeof value === 'number',
        );
        deps.quotas.set(project(call), Object.fromEntries(asked));
        return ok({ quota_set: quotas(project(call)) });
      },
    },
    {
      method: 'GET',
      template: '/v2.1/os-availability-zone',
      handle: () => ok({ availabilityZoneInfo: zones(null) }),
    },
    {
      method: 'GET',
      template: '/v2.1/os-availability-zone/detail',
      handle: (call) => {
        if (!call.actor.isAdmin) throw denied('os-availability-zone:detail');
        return ok({ availabilityZoneInfo: zones({}) });
      },
    },
    { method: 'GET', template: '/v2.1/extensions', handle: () => ok({ extensions: [] }) },
  ];
};
