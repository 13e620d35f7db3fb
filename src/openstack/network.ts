/** Neutron: networks and subnets here; routers, ports, security groups and floating IPs in files of their own. */
import { z } from 'zod';
import type { CloudNetwork, CloudSubnet } from '../domain/cloud.ts';
import type { ResourceQuota } from '../domain/quota.ts';
import { createFloatingIps, type FloatingIps } from './floatingIp.ts';
import { type CommonFilter, createNeutron, type NetworkResource } from './neutron.ts';
import { createPorts, type Ports } from './port.ts';
import { createRouters, type Routers } from './router.ts';
import { createSecurityGroups, type SecurityGroups } from './securityGroup.ts';
import { part, type Service } from './service.ts';

export interface SubnetSpec {
  name: string;
  description: string;
  networkId: string;
  cidr: string;
  /** With 6 servers make their addresses themselves, out of what the router announces (SLAAC). */
  ipVersion: 4 | 6;
  dnsNameservers: string[];
}

export type SubnetChange = Partial<Pick<CloudSubnet, 'gatewayIp' | 'dnsNameservers' | 'enableDhcp'>>;

export interface Network extends Routers, Ports, SecurityGroups, FloatingIps {
  listNetworks(filter?: CommonFilter & { external?: boolean }): Promise<CloudNetwork[]>;
  getNetwork(id: string): Promise<CloudNetwork>;
  /** `mtu`: in bytes; without it Neutron chooses. */
  createNetwork(spec: { name: string; description: string; mtu?: number | null }): Promise<CloudNetwork>;
  updateNetwork(id: string, change: { adminStateUp: boolean }): Promise<CloudNetwork>;
  /** Throws Conflict while ports are left on it. */
  deleteNetwork(id: string): Promise<boolean>;
  listSubnets(filter?: CommonFilter & { networkId?: string }): Promise<CloudSubnet[]>;
  getSubnet(id: string): Promise<CloudSubnet>;
  /** With DHCP, and the first address as its gateway. */
  createSubnet(spec: SubnetSpec): Promise<CloudSubnet>;
  /** Throws Conflict for a gateway while a router has the one that is there. */
  updateSubnet(id: string, change: SubnetChange): Promise<CloudSubnet>;
  deleteSubnet(id: string): Promise<boolean>;
  /** Idempotent. A second call after the create, so look at the object's `tags` and add what is missing. */
  addTag(resource: NetworkResource, id: string, tag: string): Promise<void>;
  extensions(): Promise<Set<string>>;
  /** In Neutron's words: port, floatingip, security_group … */
  listQuotas(projectId: string): Promise<ResourceQuota[]>;
}

const NETWORKS = { path: 'networks', one: 'network', extension: null };
const SUBNETS = { path: 'subnets', one: 'subnet', extension: null };

export const createNetwork = (service: Service): Network => {
  const neutron = createNeutron(service);
  return {
    ...createRouters(neutron),
    ...createPorts(neutron),
    ...createSecurityGroups(neutron),
    ...createFloatingIps(neutron),
    listNetworks: (filter = {}) => neutron.list(networkSchema, NETWORKS, filter, { 'router:external': filter.external }),
    getNetwork: (id) => neutron.get(networkSchema, NETWORKS, id),
    createNetwork: ({ mtu, ...names }) => neutron.create(networkSchema, NETWORKS, mtu == null ? names : { ...names, mtu }),
    updateNetwork: (id, { adminStateUp }) => neutron.update(networkSchema, NETWORKS, id, { admin_state_up: adminStateUp }),
    deleteNetwork: (id) => neutron.remove(NETWORKS, id),
    listSubnets: (filter = {}) => neutron.list(subnetSchema, SUBNETS, filter, { network_id: filter.networkId }),
    getSubnet: (id) => neutron.get(subnetSchema, SUBNETS, id),
    createSubnet: (spec) =>
      neutron.create(subnetSchema, SUBNETS, {
        name: spec.name,
        description: spec.description,
        network_id: spec.networkId,
        cidr: spec.cidr,
        ip_version: spec.ipVersion,
        dns_nameservers: spec.dnsNameservers,
        enable_dhcp: true,
        ...(spec.ipVersion === 6 && { ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' }),
      }),
    updateSubnet: (id, { gatewayIp, dnsNameservers, enableDhcp }) =>
      neutron.update(subnetSchema, SUBNETS, id, {
        ...(gatewayIp !== undefined && { gateway_ip: gatewayIp }),
        ...(dnsNameservers !== undefined && { dns_nameservers: dnsNameservers }),
        ...(enableDhcp !== undefined && { enable_dhcp: enableDhcp }),
      }),
    deleteSubnet: (id) => neutron.remove(SUBNETS, id),
    addTag: neutron.addTag,
    extensions: neutron.extensions,
    listQuotas: async (projectId) => {
      const { quota } = await service.call(quotaDetails, 'GET', `/quotas/${part(projectId)}/details.json`);
      return Object.entries(quota).map(([resource, { limit, used, reserved }]) => ({
        resource,
        used: used + reserved,
        limit: limit < 0 ? null : limit,
      }));
    },
  };
};

const quotaDetails = z.object({
  quota: z.record(z.string(), z.object({ limit: z.number(), used: z.number(), reserved: z.number().default(0) })),
});

const networkSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullish(),
    project_id: z.string().nullish(),
    tenant_id: z.string().nullish(),
    status: z.string(),
    admin_state_up: z.boolean().default(true),
    'router:external': z.boolean().default(false),
    shared: z.boolean().default(false),
    mtu: z.number().nullish(),
    // Absent where Neutron cannot switch it off.
    port_security_enabled: z.boolean().default(true),
    subnets: z.array(z.string()).default([]),
    tags: z.array(z.string()).default([]),
  })
  .transform(
    (n): CloudNetwork => ({
      id: n.id,
      name: n.name,
      description: n.description ?? '',
      projectId: n.project_id ?? n.tenant_id ?? '',
      status: n.status,
      adminStateUp: n.admin_state_up,
      external: n['router:external'],
      shared: n.shared,
      mtu: n.mtu ?? null,
      portSecurity: n.port_security_enabled,
      subnetIds: n.subnets,
      tags: n.tags,
    }),
  );

const subnetSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullish(),
    network_id: z.string(),
    cidr: z.string(),
    ip_version: z.union([z.literal(4), z.literal(6)]),
    gateway_ip: z.string().nullish(),
    dns_nameservers: z.array(z.string()).default([]),
    enable_dhcp: z.boolean().default(true),
    allocation_pools: z.array(z.object({ start: z.string(), end: z.string() })).default([]),
    ipv6_address_mode: z.string().nullish(),
    tags: z.array(z.string()).default([]),
  })
  .transform(
    (s): CloudSubnet => ({
      id: s.id,
      name: s.name,
      description: s.description ?? '',
      networkId: s.network_id,
      cidr: s.cidr,
      ipVersion: s.ip_version,
      gatewayIp: s.gateway_ip ?? null,
      dnsNameservers: s.dns_nameservers,
      enableDhcp: s.enable_dhcp,
      allocationPools: s.allocation_pools,
      ipv6AddressMode: s.ipv6_address_mode ?? null,
      tags: s.tags,
    }),
  );
