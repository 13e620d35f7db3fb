/** The simulated Octavia, as small as it may be: load balancers with a VIP port and tags; nothing is forwarded. */
import { randomUUID } from 'node:crypto';
import type { Latency, World } from '../contract.ts';
import { isAutoAddress } from './addresses.ts';
import { createCollection } from './collection.ts';
import { ApiError, type Call, created, noContent, ok, type Route } from './http.ts';
import { envelope, optionalBoolean, optionalString, stringList } from './input.ts';
import { addPort, anyAddress, defaultGroup, type NetworkDeps } from './networkDeps.ts';
import type { FixedIp, Network, Subnet } from './networkState.ts';
import { removePort } from './ports.ts';
import type { Quotas } from './quotas.ts';
import type { Service } from './service.ts';

interface LoadBalancer {
  id: string;
  name: string;
  description: string;
  project_id: string;
  provisioning_status: 'PENDING_CREATE' | 'PENDING_UPDATE' | 'PENDING_DELETE' | 'ACTIVE' | 'ERROR';
  operating_status: string;
  admin_state_up: boolean;
  vip_address: string;
  vip_port_id: string;
  vip_subnet_id: string;
  vip_network_id: string;
  provider: string;
  tags: string[];
  created_at: string;
  updated_at: string | null;
}

export interface LoadBalancerDeps {
  world: World;
  network: NetworkDeps;
  quotas: Quotas;
  latency: Latency;
  now: () => number;
}

const octaviaTime = (ms: number): string => new Date(ms).toISOString().slice(0, 19);

export const loadBalancerService = (deps: LoadBalancerDeps): Service => {
  const rows = createCollection<LoadBalancer>(deps.world.table('loadBalancer/loadBalancers'), { project_id: (l) => l.project_id });
  const denied = (): ApiError => new ApiError(403, 'Policy does not allow this request to be performed.');
  const may = (call: Call, role: string): boolean => call.actor.isAdmin || call.actor.roles.some((r) => r.name === role);
  const reading = (call: Call): void => {
    if (!may(call, 'load-balancer_observer')) throw denied();
  };
  const writing = (call: Call): void => {
    if (!may(call, 'load-balancer_member')) throw denied();
  };
  const get = (call: Call): LoadBalancer => {
    reading(call);
    const row = rows.get(call.params.id ?? '');
    if (row === undefined) throw new ApiError(404, `Load Balancer ${call.params.id} not found.`);
    if (row.project_id !== call.actor.projectId && !call.actor.isAdmin) throw denied();
    return row;
  };
  const describe = (row: LoadBalancer): object => ({
    ...row,
    listeners: [],
    pools: [],
    additional_vips: [],
    flavor_id: null,
    availability_zone: null,
    vip_qos_policy_id: null,
  });
  const later = (usualMs: number, act: () => void): void => {
    setTimeout(act, deps.latency(usualMs)).unref();
  };
  const finish = (row: LoadBalancer): void => {
    if (row.provisioning_status === 'PENDING_DELETE') {
      const port = deps.network.state.ports.get(row.vip_port_id);
      if (port !== undefined) removePort(deps.network, port);
      rows.remove(row.id);
      return;
    }
    Object.assign(row, { provisioning_status: 'ACTIVE', operating_status: 'ONLINE', updated_at: octaviaTime(deps.now()) });
    rows.put(row);
  };
  for (const row of rows.all()) if (row.provisioning_status.startsWith('PENDING')) later(600, () => finish(row));

  const vipNetwork = (call: Call, subnetId: string | undefined, networkId: string | undefined): Network => {
    const subnet = subnetId === undefined ? undefined : deps.network.state.subnets.get(subnetId);
    const network = deps.network.state.networks.get(subnet?.network_id ?? networkId ?? '');
    const usable = network !== undefined && (call.actor.isAdmin || network.project_id === call.actor.projectId || network.shared);
    if (!usable) throw new ApiError(400, `Validation failure: Subnet ${subnetId ?? networkId} not found.`);
    return network;
  };
  /** One that makes itself comes with the port. */
  const vipOn = (subnet: Subnet, wanted: string | undefined): FixedIp[] =>
    isAutoAddress(subnet) ? [] : [deps.network.addresses.allocate(subnet, wanted)];
  const create = (call: Call): LoadBalancer => {
    writing(call);
    const fields = envelope(call.body, 'loadbalancer');
    const projectId = call.actor.projectId;
    if (!deps.quotas.fits(projectId, 'loadbalancer', rows.countBy('project_id', projectId), 1))
      throw new ApiError(403, 'Quota has been met for resources: Load Balancer');
    const subnetId = optionalString(fields, 'vip_subnet_id');
    const network = vipNetwork(call, subnetId, optionalString(fields, 'vip_network_id'));
    const subnet = subnetId === undefined ? undefined : deps.network.state.subnets.get(subnetId);
    const wanted = optionalString(fields, 'vip_address');
    const fixedIps = subnet === undefined ? anyAddress(deps.network, network) : vipOn(subnet, wanted);
    const id = randomUUID();
    const common = {
      network,
      projectId,
      name: `octavia-lb-${id}`,
      description: '',
      fixedIps,
      securityGroups: [defaultGroup(deps.network, projectId).id],
      status: 'DOWN',
    };
    const port = addPort(deps.network, { ...common, deviceId: `lb-${id}`, deviceOwner: 'Octavia' });
    const row = rows.put({
      id,
      name: optionalString(fields, 'name') ?? '',
      description: optionalString(fields, 'description') ?? '',
      project_id: projectId,
      provisioning_status: 'PENDING_CREATE',
      operating_status: 'OFFLINE',
      admin_state_up: optionalBoolean(fields, 'admin_state_up') ?? true,
      vip_address: fixedIps[0]?.ip_address ?? '',
      vip_port_id: port.id,
      vip_subnet_id: fixedIps[0]?.subnet_id ?? '',
      vip_network_id: network.id,
      provider: 'octavia',
      tags: stringList(fields, 'tags') ?? [],
      created_at: octaviaTime(deps.now()),
      updated_at: null,
    });
    later(600, () => finish(row));
    return row;
  };
  const change = (call: Call, status: 'PENDING_UPDATE' | 'PENDING_DELETE'): LoadBalancer => {
    writing(call);
    const row = get(call);
    if (row.provisioning_status !== 'ACTIVE' && row.provisioning_status !== 'ERROR')
      throw new ApiError(409, `Load Balancer ${row.id} is immutable and cannot be updated.`);
    row.provisioning_status = status;
    rows.put(row);
    later(300, () => finish(row));
    return row;
  };
  const update = (call: Call): LoadBalancer => {
    const row = change(call, 'PENDING_UPDATE');
    const fields = envelope(call.body, 'loadbalancer');
    row.name = optionalString(fields, 'name') ?? row.name;
    row.description = optionalString(fields, 'description') ?? row.description;
    row.tags = stringList(fields, 'tags') ?? row.tags;
    return rows.put(row);
  };
  const list = (call: Call): LoadBalancer[] => {
    reading(call);
    const own = call.actor.isAdmin ? [...rows.all()] : rows.by('project_id', call.actor.projectId);
    const tags = call.query.getAll('tags').flatMap((t) => t.split(','));
    const name = call.query.get('name');
    return own.filter((l) => (name === null || l.name === name) && tags.every((t) => l.tags.includes(t)));
  };
  /** octaviaclient writes v2.0, the SDK v2: both are the same. */
  const under = (base: string): Route[] => [
    {
      method: 'GET',
      template: `${base}/lbaas/loadbalancers`,
      handle: (call) => ok({ loadbalancers: list(call).map(describe), loadbalancers_links: [] }),
    },
    {
      method: 'GET',
      template: `${base}/lbaas/quotas/{project}`,
      handle: ({ actor, params }) => {
        if (params.project !== actor.projectId && !actor.isAdmin)
          throw new ApiError(403, 'Policy does not allow this request to be performed.');
        return ok({ quota: { loadbalancer: deps.quotas.limit(params.project ?? '', 'loadbalancer'), listener: -1, pool: -1, member: -1 } });
      },
    },
    { method: 'POST', template: `${base}/lbaas/loadbalancers`, handle: (call) => created({ loadbalancer: describe(create(call)) }) },
    { method: 'GET', template: `${base}/lbaas/loadbalancers/{id}`, handle: (call) => ok({ loadbalancer: describe(get(call)) }) },
    { method: 'PUT', template: `${base}/lbaas/loadbalancers/{id}`, handle: (call) => ok({ loadbalancer: describe(update(call)) }) },
    {
      method: 'DELETE',
      template: `${base}/lbaas/loadbalancers/{id}`,
      handle: (call) => {
        change(call, 'PENDING_DELETE');
        return noContent;
      },
    },
  ];
  const version = (call: Call, id: string, status: string): object => ({
    id,
    status,
    updated: '2022-08-31T00:00:00Z',
    links: [{ rel: 'self', href: `${call.baseUrl}/v2` }],
  });
  const versions: Route = {
    method: 'GET',
    template: '/',
    open: true,
    handle: (call) => ok({ versions: [version(call, 'v2.0', 'SUPPORTED'), version(call, 'v2.26', 'CURRENT')] }),
  };
  return {
    name: 'load-balancer',
    prefix: '/load-balancer',
    routes: [versions, ...under('/v2'), ...under('/v2.0')],
    errorBody: (error) => ({ body: { faultcode: error.status < 500 ? 'Client' : 'Server', faultstring: error.message, debuginfo: null } }),
  };
};
