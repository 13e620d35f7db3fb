/** Ports of the simulated Neutron. */
import { isAutoAddress } from './addresses.ts';
import { ApiError, type Call, created, noContent, ok, type Route } from './http.ts';
import { envelope, type Fields, objectList, optionalBoolean, optionalString, requiredString, stringList } from './input.ts';
import { addPort, anyAddress, defaultGroup, disassociate, type NetworkDeps, requireQuota } from './networkDeps.ts';
import { commonRoutes, getVisible, getWritable, notFound, ownOrAdmin, projectFor, type Resource, requireWrite } from './networkResource.ts';
import type { FixedIp, Network, Port } from './networkState.ts';
import { assignFields, visibleNetwork } from './networks.ts';

const ADMIN_ONLY = ['binding:host_id', 'binding:vif_type', 'binding:profile', 'binding:vif_details'];

/** `fixed_ips=ip_address=10.0.0.5` and `fixed_ips=subnet_id=…`, as clients write that filter. */
const fixedIpFilter = (name: string, value: string): ((row: Port) => boolean) | undefined => {
  if (name !== 'fixed_ips') return undefined;
  const [field, wanted] = value.split('=', 2);
  return (row) => row.fixed_ips.some((ip) => (field === 'subnet_id' ? ip.subnet_id : ip.ip_address) === wanted);
};

export const portResource = (deps: NetworkDeps): Resource<Port> => ({
  singular: 'port',
  plural: 'ports',
  path: 'ports',
  kind: 'Port',
  rows: deps.state.ports,
  visible: (actor, row) =>
    ownOrAdmin(actor, row) || (row.project_id !== '' && deps.state.networks.get(row.network_id)?.project_id === actor.projectId),
  describe: (row, actor) => (actor.isAdmin ? row : Object.fromEntries(Object.entries(row).filter(([name]) => !ADMIN_ONLY.includes(name)))),
  filter: fixedIpFilter,
});

const addressesFor = (deps: NetworkDeps, network: Network, wanted: Fields[]): FixedIp[] =>
  wanted.flatMap((ip) => {
    const address = optionalString(ip, 'ip_address');
    const subnetId = optionalString(ip, 'subnet_id');
    const subnets = deps.state.subnets.by('network_id', network.id);
    if (subnetId !== undefined) {
      const subnet = subnets.find((s) => s.id === subnetId);
      // Those that make themselves come with the port, whether they are asked for or not.
      if (subnet !== undefined && isAutoAddress(subnet)) {
        if (address === undefined) return [];
        throw autoOnly(address, subnet.id);
      }
      if (subnet !== undefined) return [deps.addresses.allocate(subnet, address)];
      if (deps.state.subnets.get(subnetId) === undefined) throw notFound('Subnet', subnetId);
      throw new ApiError(
        400,
        `Invalid input for operation: Failed to create port on network ${network.id}, because fixed_ips included invalid subnet ${subnetId}.`,
        'InvalidInput',
      );
    }
    for (const subnet of subnets) {
      try {
        const found = deps.addresses.allocate(subnet, address);
        if (isAutoAddress(subnet)) throw autoOnly(found.ip_address, subnet.id);
        return [found];
      } catch (error) {
        if (!(error instanceof ApiError) || error.kind !== 'InvalidIpForSubnet') throw error;
      }
    }
    throw new ApiError(
      400,
      `IP address ${address} is not a valid IP for any of the subnets on the specified network.`,
      'InvalidIpForNetwork',
    );
  });

const autoOnly = (address: string, subnetId: string): ApiError =>
  new ApiError(
    400,
    `IPv6 address ${address} cannot be directly assigned to a port on subnet ${subnetId} as the subnet is configured for automatic addresses`,
    'AllocationOnAutoAddressSubnet',
  );

const groupsFor = (deps: NetworkDeps, call: Call, ids: readonly string[]): string[] =>
  ids.map((id) => {
    const group = deps.state.securityGroups.get(id);
    if (group === undefined || !ownOrAdmin(call.actor, group))
      throw new ApiError(404, `Security group ${id} does not exist`, 'SecurityGroupNotFound');
    return id;
  });

const createPort = (deps: NetworkDeps, call: Call): Port => {
  requireWrite(call.actor, 'create_port');
  const fields = envelope(call.body, 'port');
  const network = visibleNetwork(deps, call, requiredString(fields, 'network_id'));
  const projectId = projectFor(call.actor, fields, 'create_port');
  if (!call.actor.isAdmin && network.project_id !== projectId && !network.shared)
    throw new ApiError(403, 'rule:create_port is disallowed by policy', 'PolicyNotAuthorized');
  requireQuota(deps, projectId, 'port', deps.state.ports.countBy('project_id', projectId));
  const mac = optionalString(fields, 'mac_address');
  if (mac !== undefined && deps.state.ports.by('mac_address', mac).some((p) => p.network_id === network.id)) {
    throw new ApiError(409, `Unable to complete operation for network ${network.id}. The mac address ${mac} is in use.`, 'MacAddressInUse');
  }
  const groupIds = stringList(fields, 'security_groups');
  const secured = optionalBoolean(fields, 'port_security_enabled') ?? network.port_security_enabled;
  if (!secured && groupIds !== undefined && groupIds.length > 0) throw needsPortSecurity();
  const standard = secured ? [defaultGroup(deps, projectId).id] : [];
  const securityGroups = groupIds === undefined ? standard : groupsFor(deps, call, groupIds);
  const port = addPort(deps, {
    network,
    projectId,
    name: optionalString(fields, 'name') ?? '',
    description: optionalString(fields, 'description') ?? '',
    fixedIps: Array.isArray(fields.fixed_ips) ? addressesFor(deps, network, objectList(fields, 'fixed_ips')) : anyAddress(deps, network),
    securityGroups,
    deviceId: optionalString(fields, 'device_id') ?? '',
    deviceOwner: optionalString(fields, 'device_owner') ?? '',
    status: 'DOWN',
    ...(mac === undefined ? {} : { mac }),
  });
  // Neutron Zed takes `tags` in a POST of ports without a word, and forgets them: so does this one.
  assignFields(port, fields, ['admin_state_up', 'allowed_address_pairs', 'extra_dhcp_opts', 'binding:vnic_type']);
  port.port_security_enabled = secured;
  return deps.state.ports.put(port);
};

const needsPortSecurity = (): ApiError =>
  new ApiError(
    400,
    'Port security must be enabled and port must have an IP address in order to use security groups.',
    'PortSecurityAndIPRequiredForSecurityGroups',
  );

const updatePort = (deps: NetworkDeps, call: Call, port: Port): Port => {
  const fields = envelope(call.body, 'port');
  const groupIds = stringList(fields, 'security_groups');
  if (groupIds !== undefined) groupsFor(deps, call, groupIds);
  if (!(optionalBoolean(fields, 'port_security_enabled') ?? port.port_security_enabled)) {
    if (groupIds !== undefined && groupIds.length > 0) throw needsPortSecurity();
    if (groupIds === undefined && port.security_groups.length > 0)
      throw new ApiError(
        409,
        'Port has security group associated. Cannot disable port security or IP address until security group is removed.',
        'PortSecurityPortHasSecurityGroup',
      );
  }
  if (Array.isArray(fields.fixed_ips)) {
    const network = deps.state.networks.get(port.network_id);
    const wanted = objectList(fields, 'fixed_ips');
    const kept = port.fixed_ips.filter((ip) => wanted.some((w) => w.ip_address === ip.ip_address));
    const fresh = wanted.filter((w) => !kept.some((ip) => ip.ip_address === w.ip_address));
    port.fixed_ips = network === undefined ? kept : [...kept, ...addressesFor(deps, network, fresh)];
  }
  assignFields(port, fields, [
    'name',
    'description',
    'admin_state_up',
    'security_groups',
    'device_id',
    'device_owner',
    'allowed_address_pairs',
    'extra_dhcp_opts',
    'port_security_enabled',
  ]);
  return deps.state.touch(deps.state.ports, port);
};

/** Removes a port and what hangs on it. */
export const removePort = (deps: NetworkDeps, port: Port): void => {
  disassociate(deps, port.id);
  deps.state.ports.remove(port.id);
};

const ROUTER_OWNED = new Set(['network:router_interface', 'network:router_gateway', 'network:floatingip']);

export const portRoutes = (deps: NetworkDeps): Route[] => {
  const ports = portResource(deps);
  const writable = (call: Call, action: string): Port => {
    getVisible(ports, call.actor, call.params.id ?? '');
    return getWritable(ports, call.actor, call.params.id ?? '', action);
  };
  return [
    ...commonRoutes(ports, deps.state),
    { method: 'POST', template: '/v2.0/ports', handle: (call) => created({ port: ports.describe(createPort(deps, call), call.actor) }) },
    {
      method: 'PUT',
      template: '/v2.0/ports/{id}',
      handle: (call) => ok({ port: ports.describe(updatePort(deps, call, writable(call, 'update_port')), call.actor) }),
    },
    {
      method: 'DELETE',
      template: '/v2.0/ports/{id}',
      handle: (call) => {
        const port = writable(call, 'delete_port');
        if (ROUTER_OWNED.has(port.device_owner)) {
          throw new ApiError(
            409,
            `Port ${port.id} cannot be deleted directly via the port API: has device owner ${port.device_owner}.`,
            'ServicePortInUse',
          );
        }
        removePort(deps, port);
        return noContent;
      },
    },
  ];
};
