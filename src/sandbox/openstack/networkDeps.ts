/** What the parts of the simulated Neutron work with, and the operations they share. */

import { type AddressBook, autoAddress, isAutoAddress } from './addresses.ts';
import { ApiError } from './http.ts';
import type { FixedIp, Network, NetworkState, Port, SecurityGroup, Subnet } from './networkState.ts';
import { newMac } from './networkState.ts';
import type { QuotaName, Quotas } from './quotas.ts';

export interface NetworkDeps {
  state: NetworkState;
  addresses: AddressBook;
  quotas: Quotas;
}

/** 409 OverQuota when the project has no room for one more. */
export const requireQuota = (deps: NetworkDeps, projectId: string, name: QuotaName, used: number): void => {
  if (projectId !== '' && !deps.quotas.fits(projectId, name, used, 1))
    throw new ApiError(409, `Quota exceeded for resources: ['${name}'].`, 'OverQuota');
};

export interface NewPort {
  network: Network;
  projectId: string;
  name: string;
  description: string;
  fixedIps: FixedIp[];
  securityGroups: string[];
  deviceId: string;
  deviceOwner: string;
  status: string;
  mac?: string;
}

const INTERFACE = 'network:router_interface';

/** Neutron gives a port's addresses in this order, and not in that of the request. */
const byAddress = (a: FixedIp, b: FixedIp): number => (a.ip_address < b.ip_address ? -1 : 1);

/** Adds a port, whoever wants it: a customer, Nova, a router or DHCP. */
export const addPort = (deps: NetworkDeps, wanted: NewPort): Port => {
  const mac = wanted.mac ?? newMac();
  const automatic = wanted.deviceOwner === INTERFACE ? [] : deps.state.subnets.by('network_id', wanted.network.id).filter(isAutoAddress);
  return deps.state.ports.put({
    ...deps.state.common(wanted.projectId, wanted.name, wanted.description),
    network_id: wanted.network.id,
    mac_address: mac,
    admin_state_up: true,
    status: wanted.status,
    device_id: wanted.deviceId,
    device_owner: wanted.deviceOwner,
    fixed_ips: [...wanted.fixedIps, ...automatic.map((subnet) => autoAddress(subnet, mac))].sort(byAddress),
    security_groups: wanted.securityGroups,
    allowed_address_pairs: [],
    extra_dhcp_opts: [],
    port_security_enabled: !wanted.deviceOwner.startsWith('network:'),
    'binding:vnic_type': 'normal',
    'binding:host_id': '',
    'binding:vif_type': 'unbound',
    'binding:profile': {},
    'binding:vif_details': {},
    ip_allocation: 'immediate',
  });
};

/** An address of each family that the network gives out, as Neutron picks when nobody says which; those that make themselves come with the port. */
export const anyAddress = (deps: NetworkDeps, network: Network): FixedIp[] => {
  const subnets = deps.state.subnets.by('network_id', network.id).filter((subnet) => !isAutoAddress(subnet));
  return [4, 6].flatMap((family) => {
    const candidates = subnets.filter((subnet) => subnet.ip_version === family);
    let failure: unknown;
    for (const subnet of candidates) {
      try {
        return [deps.addresses.allocate(subnet)];
      } catch (error) {
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
    return [];
  });
};

/** A new subnet whose addresses make themselves has one for every port that is there. */
export const addAutoAddresses = (deps: NetworkDeps, subnet: Subnet): void => {
  for (const port of deps.state.ports.by('network_id', subnet.network_id)) {
    if (port.device_owner === INTERFACE) continue;
    port.fixed_ips = [...port.fixed_ips, autoAddress(subnet, port.mac_address)].sort(byAddress);
    deps.state.touch(deps.state.ports, port);
  }
};

/** Every project has a group `default`, made when it is first looked for. */
export const defaultGroup = (deps: NetworkDeps, projectId: string): SecurityGroup => {
  const found = deps.state.securityGroups.by('project_id', projectId).find((g) => g.name === 'default');
  if (found !== undefined) return found;
  const group = deps.state.securityGroups.put({
    ...deps.state.common(projectId, 'default', 'Default security group'),
    stateful: true,
    shared: false,
  });
  for (const ethertype of ['IPv4', 'IPv6']) {
    addRule(deps, group, { direction: 'egress', ethertype });
    addRule(deps, group, { direction: 'ingress', ethertype, remote_group_id: group.id });
  }
  return group;
};

export interface RuleFields {
  direction: string;
  ethertype: string;
  protocol?: string | null;
  port_range_min?: number | null;
  port_range_max?: number | null;
  remote_ip_prefix?: string | null;
  remote_group_id?: string | null;
  description?: string;
}

export const addRule = (
  deps: NetworkDeps,
  group: SecurityGroup,
  fields: RuleFields,
): ReturnType<NetworkState['securityGroupRules']['put']> => {
  const { name: _, ...common } = deps.state.common(group.project_id, '', fields.description ?? '');
  return deps.state.securityGroupRules.put({
    ...common,
    revision_number: 0,
    security_group_id: group.id,
    direction: fields.direction,
    ethertype: fields.ethertype,
    protocol: fields.protocol ?? null,
    port_range_min: fields.port_range_min ?? null,
    port_range_max: fields.port_range_max ?? null,
    remote_ip_prefix: fields.remote_ip_prefix ?? null,
    remote_group_id: fields.remote_group_id ?? null,
    remote_address_group_id: null,
    normalized_cidr: fields.remote_ip_prefix ?? null,
  });
};

/** Takes a floating IP off its port. */
export const disassociate = (deps: NetworkDeps, portId: string): void => {
  for (const ip of deps.state.floatingIps.by('port_id', portId)) {
    Object.assign(ip, { port_id: null, router_id: null, fixed_ip_address: null, status: 'DOWN' });
    deps.state.touch(deps.state.floatingIps, ip);
  }
};

/** Ports that Neutron removes by itself together with their subnet. */
export const isAutomatic = (port: Port): boolean => port.device_owner === 'network:dhcp' || port.device_owner === 'network:distributed';
