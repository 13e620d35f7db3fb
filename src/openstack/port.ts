/** Neutron's ports. */
import { z } from 'zod';
import type { CommonFilter, Neutron } from './neutron.ts';

export interface CloudPort {
  id: string;
  name: string;
  description: string;
  projectId: string;
  status: string;
  networkId: string;
  mac: string;
  fixedIps: { subnetId: string; address: string }[];
  securityGroupIds: string[];
  /** False: everything may pass, and there are no security groups. */
  portSecurity: boolean;
  /** The server, router or load balancer it belongs to; '' when free. */
  deviceId: string;
  deviceOwner: string;
  tags: string[];
}

export interface PortSpec {
  name: string;
  description: string;
  networkId: string;
  /** An address in each; none: where Neutron likes. */
  subnetIds: readonly string[];
  /** null: for a network without port security, whose ports have none. */
  securityGroupIds: string[] | null;
  /** CIDRs that may pass the port besides its own address: the pods'. */
  allowedAddressPairs: string[];
  /** In Neutron's words, such as direct; without it normal. */
  vnicType?: string;
}

export interface PortFilter extends CommonFilter {
  networkId?: string;
  subnetId?: string;
  deviceId?: string;
  /** Any of them. */
  deviceOwner?: readonly string[];
}

export interface Ports {
  listPorts(filter?: PortFilter): Promise<CloudPort[]>;
  getPort(id: string): Promise<CloudPort>;
  createPort(spec: PortSpec): Promise<CloudPort>;
  updatePort(id: string, change: { securityGroupIds?: string[]; allowedAddressPairs?: string[] }): Promise<CloudPort>;
  deletePort(id: string): Promise<boolean>;
}

const PORTS = { path: 'ports', one: 'port', extension: null };

export const createPorts = (neutron: Neutron): Ports => ({
  listPorts: (filter = {}) =>
    neutron.list(portSchema, PORTS, filter, {
      network_id: filter.networkId,
      device_id: filter.deviceId,
      device_owner: filter.deviceOwner,
      fixed_ips: filter.subnetId === undefined ? undefined : `subnet_id=${filter.subnetId}`,
    }),
  getPort: (id) => neutron.get(portSchema, PORTS, id),
  createPort: (spec) =>
    neutron.create(portSchema, PORTS, {
      name: spec.name,
      description: spec.description,
      network_id: spec.networkId,
      ...(spec.subnetIds.length > 0 && { fixed_ips: spec.subnetIds.map((subnet_id) => ({ subnet_id })) }),
      ...(spec.vnicType !== undefined && { 'binding:vnic_type': spec.vnicType }),
      ...changes({
        allowedAddressPairs: spec.allowedAddressPairs,
        ...(spec.securityGroupIds && { securityGroupIds: spec.securityGroupIds }),
      }),
    }),
  updatePort: (id, change) => neutron.update(portSchema, PORTS, id, changes(change)),
  deletePort: (id) => neutron.remove(PORTS, id),
});

const changes = (change: { securityGroupIds?: string[]; allowedAddressPairs?: string[] }): object => ({
  ...(change.securityGroupIds === undefined ? {} : { security_groups: change.securityGroupIds }),
  ...(change.allowedAddressPairs === undefined
    ? {}
    : { allowed_address_pairs: change.allowedAddressPairs.map((ip_address) => ({ ip_address })) }),
});

const portSchema = z
  .object({
    id: z.string(),
    name: z.string().nullish(),
    description: z.string().nullish(),
    project_id: z.string().nullish(),
    tenant_id: z.string().nullish(),
    status: z.string(),
    network_id: z.string(),
    mac_address: z.string(),
    fixed_ips: z.array(z.object({ subnet_id: z.string(), ip_address: z.string() })).default([]),
    security_groups: z.array(z.string()).default([]),
    // Not of every cloud: it is an extension.
    port_security_enabled: z.boolean().default(true),
    device_id: z.string().nullish(),
    device_owner: z.string().nullish(),
    tags: z.array(z.string()).default([]),
  })
  .transform(
    (p): CloudPort => ({
      id: p.id,
      name: p.name ?? '',
      description: p.description ?? '',
      projectId: p.project_id ?? p.tenant_id ?? '',
      status: p.status,
      networkId: p.network_id,
      mac: p.mac_address,
      fixedIps: p.fixed_ips.map((ip) => ({ subnetId: ip.subnet_id, address: ip.ip_address })),
      securityGroupIds: p.security_groups,
      portSecurity: p.port_security_enabled,
      deviceId: p.device_id ?? '',
      deviceOwner: p.device_owner ?? '',
      tags: p.tags,
    }),
  );
