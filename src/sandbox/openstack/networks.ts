/** Networks and subnets of the simulated Neutron. */
import { defaultPools, isAutoAddress, overlaps, parseCidr, type Range, rangeText, toAddress, toNumber } from './addresses.ts';
import { ApiError, type Call, created, noContent, ok, type Route } from './http.ts';
import {
  envelope,
  type Fields,
  isUuid,
  objectList,
  optionalBoolean,
  optionalInteger,
  optionalString,
  requiredString,
  stringList,
} from './input.ts';
import { addAutoAddresses, addPort, isAutomatic, type NetworkDeps, requireQuota } from './networkDeps.ts';
import { commonRoutes, getVisible, getWritable, ownOrAdmin, projectFor, type Resource, requireWrite } from './networkResource.ts';
import type { Network, Subnet } from './networkState.ts';

const networkResource = (deps: NetworkDeps): Resource<Network> => ({
  singular: 'network',
  plural: 'networks',
  path: 'networks',
  kind: 'Network',
  rows: deps.state.networks,
  visible: (actor, row) => ownOrAdmin(actor, row) || row.shared || row['router:external'],
  describe: (row, actor) => {
    if (actor.isAdmin)
      return { ...row, 'provider:network_type': 'local', 'provider:physical_network': null, 'provider:segmentation_id': null };
    if (ownOrAdmin(actor, row)) return row;
    // Neutron's policy get_network:router:external: who does not own it may find it by that word, and is not shown it.
    const { 'router:external': _, ...shown } = row;
    return shown;
  },
});

export const subnetResource = (deps: NetworkDeps): Resource<Subnet> => ({
  singular: 'subnet',
  plural: 'subnets',
  path: 'subnets',
  kind: 'Subnet',
  rows: deps.state.subnets,
  visible: (actor, row) => ownOrAdmin(actor, row) || deps.state.networks.get(row.network_id)?.shared === true,
  describe: (row) => row,
});

/** Attributes that this cloud's Neutron does not take in a POST. */
export const refuseTags = (fields: Fields): void => {
  if ('tags' in fields) throw new ApiError(400, "Attribute 'tags' not allowed in POST", 'HTTPBadRequest');
};

const createNetwork = (deps: NetworkDeps, call: Call): Network => {
  requireWrite(call.actor, 'create_network');
  const fields = envelope(call.body, 'network');
  refuseTags(fields);
  const projectId = projectFor(call.actor, fields, 'create_network');
  const external = optionalBoolean(fields, 'router:external') ?? false;
  const shared = optionalBoolean(fields, 'shared') ?? false;
  if ((external || shared) && !call.actor.isAdmin) {
    throw new ApiError(
      403,
      `(rule:create_network and rule:create_network:${shared ? 'shared' : 'router:external'}) is disallowed by policy`,
      'PolicyNotAuthorized',
    );
  }
  requireQuota(deps, projectId, 'network', deps.state.networks.countBy('project_id', projectId));
  return deps.state.networks.put({
    ...deps.state.common(projectId, optionalString(fields, 'name') ?? '', optionalString(fields, 'description') ?? ''),
    admin_state_up: optionalBoolean(fields, 'admin_state_up') ?? true,
    status: 'ACTIVE',
    shared,
    'router:external': external,
    mtu: optionalInteger(fields, 'mtu') ?? 1450,
    subnets: [],
    port_security_enabled: optionalBoolean(fields, 'port_security_enabled') ?? true,
    dns_domain: '',
    availability_zone_hints: [],
    availability_zones: [],
    ipv4_address_scope: null,
    ipv6_address_scope: null,
    is_default: false,
    l2_adjacency: true,
  });
};

const deleteNetwork = (deps: NetworkDeps, network: Network): void => {
  const ports = deps.state.ports.by('network_id', network.id);
  const using = ports.filter((p) => !isAutomatic(p));
  if (using.length > 0) {
    const ids = using.map((p) => p.id).join(',');
    throw new ApiError(
      409,
      `Unable to complete operation on network ${network.id}. There are one or more ports still in use on the network, id for these ports is: ${ids}.`,
      'NetworkInUse',
    );
  }
  if (deps.state.floatingIps.countBy('floating_network_id', network.id) > 0) {
    throw new ApiError(
      409,
      `Unable to complete operation on network ${network.id}. There are one or more floating IPs in use.`,
      'NetworkInUse',
    );
  }
  for (const port of ports) deps.state.ports.remove(port.id);
  for (const subnet of deps.state.subnets.by('network_id', network.id)) deps.state.subnets.remove(subnet.id);
  deps.state.networks.remove(network.id);
};

/** DHCP takes an address of its own in every subnet it serves; customers see that port, and Neutron removes it with the subnet. */
const serveDhcp = (deps: NetworkDeps, network: Network, subnet: Subnet): void => {
  const existing = deps.state.ports.by('network_id', network.id).find((p) => p.device_owner === 'network:dhcp');
  const address = deps.addresses.allocate(subnet);
  if (existing !== undefined) {
    existing.fixed_ips.push(address);
    deps.state.touch(deps.state.ports, existing);
    return;
  }
  const common = {
    network,
    projectId: network.project_id,
    name: '',
    description: '',
    fixedIps: [address],
    securityGroups: [],
    status: 'ACTIVE',
  };
  addPort(deps, { ...common, deviceId: `dhcp-${network.id}`, deviceOwner: 'network:dhcp' });
};

const gatewayFor = (fields: Fields, { first, family }: Range): string | null => {
  if (fields.gateway_ip === null) return null;
  return optionalString(fields, 'gateway_ip') ?? toAddress(first + 1n, family);
};

const MODES = ['dhcpv6-stateful', 'dhcpv6-stateless', 'slaac'];

const invalidInput = (message: string): ApiError => new ApiError(400, `Invalid input for operation: ${message}`, 'InvalidInput');

/** How hosts come by their IPv6 addresses: who announces the prefix, and who gives the address. */
const ipv6ModesOf = (fields: Fields, { family, prefix, ...range }: Range) => {
  const modes = {
    ipv6_ra_mode: optionalString(fields, 'ipv6_ra_mode') ?? null,
    ipv6_address_mode: optionalString(fields, 'ipv6_address_mode') ?? null,
  };
  const given = Object.entries(modes).filter((entry): entry is [string, string] => entry[1] !== null);
  for (const [name, mode] of given) {
    if (!MODES.includes(mode))
      throw new ApiError(
        400,
        `Invalid input for ${name}. Reason: '${mode}' is not in ['dhcpv6-stateful', 'dhcpv6-stateless', 'slaac'].`,
        'HTTPBadRequest',
      );
    if (family === 4) throw invalidInput(`${name} is not valid when ip_version is 4.`);
  }
  if (given.length > 0 && optionalBoolean(fields, 'enable_dhcp') === false)
    throw invalidInput('ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False.');
  const [ra, address] = [modes.ipv6_ra_mode, modes.ipv6_address_mode];
  if (ra !== null && address !== null && ra !== address)
    throw invalidInput(
      `ipv6_ra_mode set to '${ra}' with ipv6_address_mode set to '${address}' is not valid. If both attributes are set, they must be the same value.`,
    );
  if ((address === 'slaac' || address === 'dhcpv6-stateless') && prefix !== 64)
    throw invalidInput(
      `Invalid CIDR ${rangeText({ ...range, family, prefix })} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64.`,
    );
  return modes;
};

/** Adds a subnet to a network; also used for the networks the sandbox begins with. */
export const addSubnet = (deps: NetworkDeps, network: Network, projectId: string, fields: Fields): Subnet => {
  const range = parseCidr(requiredString(fields, 'cidr'));
  const clash = deps.state.subnets.by('network_id', network.id).find((s) => overlaps(parseCidr(s.cidr), range));
  if (clash !== undefined) {
    throw new ApiError(
      400,
      `Invalid input for operation: Requested subnet with cidr: ${rangeText(range)} for network: ${network.id} overlaps with another subnet.`,
      'InvalidInput',
    );
  }
  const gateway = gatewayFor(fields, range);
  const pools = objectList(fields, 'allocation_pools').map((p) => ({ start: requiredString(p, 'start'), end: requiredString(p, 'end') }));
  if (pools.some((p) => toNumber(p.start) < range.first || toNumber(p.end) > range.last))
    throw new ApiError(400, 'The allocation pool is outside of the subnet.', 'OutOfBoundsAllocationPool');
  const subnet = deps.state.subnets.put({
    ...deps.state.common(projectId, optionalString(fields, 'name') ?? '', optionalString(fields, 'description') ?? ''),
    network_id: network.id,
    ip_version: range.family,
    cidr: rangeText(range),
    gateway_ip: gateway,
    enable_dhcp: optionalBoolean(fields, 'enable_dhcp') ?? true,
    allocation_pools: pools.length > 0 ? pools : defaultPools(range, gateway),
    dns_nameservers: stringList(fields, 'dns_nameservers') ?? [],
    host_routes: objectList(fields, 'host_routes'),
    subnetpool_id: null,
    ...ipv6ModesOf(fields, range),
    service_types: [],
  });
  network.subnets.push(subnet.id);
  deps.state.touch(deps.state.networks, network);
  if (isAutoAddress(subnet)) addAutoAddresses(deps, subnet);
  else if (subnet.enable_dhcp) serveDhcp(deps, network, subnet);
  return subnet;
};

const createSubnet = (deps: NetworkDeps, call: Call): Subnet => {
  requireWrite(call.actor, 'create_subnet');
  const fields = envelope(call.body, 'subnet');
  refuseTags(fields);
  const networkId = requiredString(fields, 'network_id');
  if (!isUuid(networkId))
    throw new ApiError(400, `Invalid input for network_id. Reason: '${networkId}' is not a valid UUID.`, 'HTTPBadRequest');
  const version = optionalInteger(fields, 'ip_version') ?? 4;
  const cidr = requiredString(fields, 'cidr');
  if (parseCidr(cidr).family !== version) throw invalidInput(`'cidr' '${cidr}' does not match the ip_version '${version}'`);
  const network = getWritable(networkResource(deps), call.actor, networkId, 'create_subnet');
  const projectId = projectFor(call.actor, fields, 'create_subnet');
  requireQuota(deps, projectId, 'subnet', deps.state.subnets.countBy('project_id', projectId));
  return addSubnet(deps, network, projectId, fields);
};

const deleteSubnet = (deps: NetworkDeps, subnet: Subnet): void => {
  const ports = deps.state.ports.by('subnet', subnet.id);
  // Addresses that made themselves go with the subnet, but for those of routers, which were asked for.
  if (ports.some((p) => (isAutoAddress(subnet) ? p.device_owner === 'network:router_interface' : !isAutomatic(p)))) {
    throw new ApiError(
      409,
      `Unable to complete operation on subnet ${subnet.id}: One or more ports have an IP allocation from this subnet.`,
      'SubnetInUse',
    );
  }
  for (const port of ports) {
    port.fixed_ips = port.fixed_ips.filter((ip) => ip.subnet_id !== subnet.id);
    if (port.fixed_ips.length === 0 && isAutomatic(port)) deps.state.ports.remove(port.id);
    else deps.state.touch(deps.state.ports, port);
  }
  const network = deps.state.networks.get(subnet.network_id);
  if (network !== undefined) {
    network.subnets = network.subnets.filter((id) => id !== subnet.id);
    deps.state.touch(deps.state.networks, network);
  }
  deps.state.subnets.remove(subnet.id);
};

/** One that a router has stays until the router is gone. */
const requireGatewayFree = (deps: NetworkDeps, { id, gateway_ip: address }: Subnet): void => {
  const [port] = address === null ? [] : deps.state.ports.by('address', `${id} ${address}`);
  if (port === undefined) return;
  const message = `Current gateway ip ${address} already in use by port ${port.id}. Unable to update.`;
  throw new ApiError(409, message, 'GatewayIpInUse');
};

/** Copies the named plain fields of an update onto a row. */
export const assignFields = (row: object, fields: Fields, names: readonly string[]): void => {
  for (const name of names) if (name in fields) Object.assign(row, { [name]: fields[name] });
};

export const networkRoutes = (deps: NetworkDeps): Route[] => {
  const networks = networkResource(deps);
  const subnets = subnetResource(deps);
  const id = (call: Call): string => call.params.id ?? '';
  return [
    ...commonRoutes(networks, deps.state),
    ...commonRoutes(subnets, deps.state),
    {
      method: 'POST',
      template: '/v2.0/networks',
      handle: (call) => created({ network: networks.describe(createNetwork(deps, call), call.actor) }),
    },
    {
      method: 'PUT',
      template: '/v2.0/networks/{id}',
      handle: (call) => {
        const row = getWritable(networks, call.actor, id(call), 'update_network');
        assignFields(row, envelope(call.body, 'network'), ['name', 'description', 'admin_state_up', 'mtu', 'port_security_enabled']);
        return ok({ network: networks.describe(deps.state.touch(deps.state.networks, row), call.actor) });
      },
    },
    {
      method: 'DELETE',
      template: '/v2.0/networks/{id}',
      handle: (call) => {
        deleteNetwork(deps, getWritable(networks, call.actor, id(call), 'delete_network'));
        return noContent;
      },
    },
    { method: 'POST', template: '/v2.0/subnets', handle: (call) => created({ subnet: createSubnet(deps, call) }) },
    {
      method: 'PUT',
      template: '/v2.0/subnets/{id}',
      handle: (call) => {
        const row = getWritable(subnets, call.actor, id(call), 'update_subnet');
        const fields = envelope(call.body, 'subnet');
        if ('gateway_ip' in fields && fields.gateway_ip !== row.gateway_ip) requireGatewayFree(deps, row);
        assignFields(row, fields, [
          'name',
          'description',
          'gateway_ip',
          'enable_dhcp',
          'dns_nameservers',
          'host_routes',
          'allocation_pools',
        ]);
        return ok({ subnet: deps.state.touch(deps.state.subnets, row) });
      },
    },
    {
      method: 'DELETE',
      template: '/v2.0/subnets/{id}',
      handle: (call) => {
        deleteSubnet(deps, getWritable(subnets, call.actor, id(call), 'delete_subnet'));
        return noContent;
      },
    },
  ];
};

/** The network for a port, router or floating IP. */
export const visibleNetwork = (deps: NetworkDeps, call: Call, id: string): Network => {
  if (!isUuid(id)) throw new ApiError(400, `Invalid input for network_id. Reason: '${id}' is not a valid UUID.`, 'HTTPBadRequest');
  return getVisible(networkResource(deps), call.actor, id);
};
