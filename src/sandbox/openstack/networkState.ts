/** Rows of the simulated Neutron, kept in the shape the API shows them, with the address pools behind them. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { World } from '../contract.ts';
import { type Collection, createCollection, type IndexOf } from './collection.ts';

/** What every Neutron resource carries. */
export interface NetworkRow {
  id: string;
  name: string;
  description: string;
  tenant_id: string;
  project_id: string;
  tags: string[];
  created_at: string;
  updated_at: string;
  revision_number: number;
}

export interface Network extends NetworkRow {
  admin_state_up: boolean;
  status: string;
  shared: boolean;
  'router:external': boolean;
  mtu: number;
  subnets: string[];
  port_security_enabled: boolean;
  dns_domain: string;
  availability_zone_hints: string[];
  availability_zones: string[];
  ipv4_address_scope: null;
  ipv6_address_scope: null;
  is_default: boolean;
  l2_adjacency: boolean;
}

export interface AddressPool {
  start: string;
  end: string;
}

export interface Subnet extends NetworkRow {
  network_id: string;
  ip_version: number;
  cidr: string;
  gateway_ip: string | null;
  enable_dhcp: boolean;
  allocation_pools: AddressPool[];
  dns_nameservers: string[];
  host_routes: object[];
  subnetpool_id: null;
  ipv6_ra_mode: string | null;
  ipv6_address_mode: string | null;
  service_types: string[];
}

export interface FixedIp {
  subnet_id: string;
  ip_address: string;
}

export interface Port extends NetworkRow {
  network_id: string;
  mac_address: string;
  admin_state_up: boolean;
  status: string;
  device_id: string;
  device_owner: string;
  fixed_ips: FixedIp[];
  security_groups: string[];
  allowed_address_pairs: object[];
  extra_dhcp_opts: object[];
  port_security_enabled: boolean;
  'binding:vnic_type': string;
  'binding:host_id': string;
  'binding:vif_type': string;
  'binding:profile': object;
  'binding:vif_details': object;
  ip_allocation: string;
}

export interface Router extends NetworkRow {
  admin_state_up: boolean;
  status: string;
  external_gateway_info: { network_id: string; enable_snat: boolean; external_fixed_ips: FixedIp[] } | null;
  routes: object[];
  flavor_id: null;
  availability_zones: string[];
  availability_zone_hints: string[];
}

export interface SecurityGroup extends NetworkRow {
  stateful: boolean;
  shared: boolean;
}

export interface SecurityGroupRule extends Omit<NetworkRow, 'name'> {
  security_group_id: string;
  direction: string;
  ethertype: string;
  protocol: string | null;
  port_range_min: number | null;
  port_range_max: number | null;
  remote_ip_prefix: string | null;
  remote_group_id: string | null;
  remote_address_group_id: null;
  normalized_cidr: string | null;
}

export interface FloatingIp extends Omit<NetworkRow, 'name'> {
  floating_ip_address: string;
  floating_network_id: string;
  router_id: string | null;
  port_id: string | null;
  fixed_ip_address: string | null;
  status: string;
}

export interface NetworkState {
  networks: Collection<Network>;
  subnets: Collection<Subnet>;
  ports: Collection<Port>;
  routers: Collection<Router>;
  securityGroups: Collection<SecurityGroup>;
  securityGroupRules: Collection<SecurityGroupRule>;
  floatingIps: Collection<FloatingIp>;
  /** A row's common fields for a new resource of the project. */
  common(projectId: string, name: string, description: string): NetworkRow;
  /** Says that a row changed: raises its revision and time. */
  touch<T extends Omit<NetworkRow, 'name'>>(rows: Collection<T>, row: T): T;
}

const COMMON: Record<string, IndexOf<Omit<NetworkRow, 'name'> & { name?: string }>> = {
  project_id: (r) => r.project_id,
  tags: (r) => r.tags,
};

const neutronTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

export const createNetworkState = (world: World, now: () => number): NetworkState => {
  const rows = <T extends Omit<NetworkRow, 'name'>>(name: string, more: Record<string, IndexOf<T>>): Collection<T> =>
    createCollection<T>(world.table(`network/${name}`), { ...COMMON, ...more });
  const byName = { name: (r: NetworkRow) => r.name };
  return {
    networks: rows<Network>('networks', {
      ...byName,
      'router:external': (n) => String(n['router:external']),
      shared: (n) => String(n.shared),
    }),
    subnets: rows<Subnet>('subnets', { ...byName, network_id: (s) => s.network_id }),
    ports: rows<Port>('ports', {
      ...byName,
      network_id: (p) => p.network_id,
      device_id: (p) => p.device_id || null,
      subnet: (p) => p.fixed_ips.map((ip) => ip.subnet_id),
      address: (p) => p.fixed_ips.map((ip) => `${ip.subnet_id} ${ip.ip_address}`),
      mac_address: (p) => p.mac_address,
      security_groups: (p) => p.security_groups,
    }),
    routers: rows<Router>('routers', byName),
    securityGroups: rows<SecurityGroup>('securityGroups', byName),
    securityGroupRules: rows<SecurityGroupRule>('securityGroupRules', {
      security_group_id: (r) => r.security_group_id,
      remote_group_id: (r) => r.remote_group_id,
    }),
    floatingIps: rows<FloatingIp>('floatingIps', {
      port_id: (f) => f.port_id,
      router_id: (f) => f.router_id,
      floating_ip_address: (f) => f.floating_ip_address,
      floating_network_id: (f) => f.floating_network_id,
    }),
    common: (projectId, name, description) => {
      const at = neutronTime(now());
      return {
        id: randomUUID(),
        name,
        description,
        tenant_id: projectId,
        project_id: projectId,
        tags: [],
        created_at: at,
        updated_at: at,
        revision_number: 1,
      };
    },
    touch: (collection, row) => {
      row.revision_number += 1;
      row.updated_at = neutronTime(now());
      return collection.put(row);
    },
  };
};

export const newMac = (): string =>
  `fa:16:3e:${randomBytes(3)
    .toString('hex')
    .replace(/(..)(?=.)/g, '$1:')}`;
