/** Neutron's floating IPs. */
import { z } from 'zod';
import type { CommonFilter, Neutron } from './neutron.ts';

export interface FloatingIp {
  id: string;
  address: string;
  description: string;
  status: string;
  networkId: string;
  portId: string | null;
  fixedAddress: string | null;
  tags: string[];
}

export interface FloatingIps {
  /** Floating IPs have no name: find them by description, tag, port or address. */
  listFloatingIps(filter?: Omit<CommonFilter, 'name'> & { portId?: string; address?: string; networkId?: string }): Promise<FloatingIp[]>;
  getFloatingIp(id: string): Promise<FloatingIp>;
  /** `fixedAddress`: which of the port's, where it has several. */
  createFloatingIp(spec: {
    externalNetworkId: string;
    portId: string | null;
    fixedAddress: string | null;
    description: string;
  }): Promise<FloatingIp>;
  /** Moves it to the port, or frees it. */
  updateFloatingIp(id: string, change: { portId: string; fixedAddress: string | null } | { portId: null }): Promise<FloatingIp>;
  deleteFloatingIp(id: string): Promise<boolean>;
}

const FLOATING_IPS = { path: 'floatingips', one: 'floatingip', extension: 'router' };

export const createFloatingIps = (neutron: Neutron): FloatingIps => ({
  listFloatingIps: (filter = {}) =>
    neutron.list(floatingIpSchema, FLOATING_IPS, filter, {
      port_id: filter.portId,
      floating_ip_address: filter.address,
      floating_network_id: filter.networkId,
    }),
  getFloatingIp: (id) => neutron.get(floatingIpSchema, FLOATING_IPS, id),
  createFloatingIp: ({ externalNetworkId, portId, fixedAddress, description }) =>
    neutron.create(floatingIpSchema, FLOATING_IPS, {
      floating_network_id: externalNetworkId,
      port_id: portId,
      ...fixedIp(fixedAddress),
      description,
    }),
  updateFloatingIp: (id, change) =>
    neutron.update(floatingIpSchema, FLOATING_IPS, id, {
      port_id: change.portId,
      ...fixedIp(change.portId === null ? null : change.fixedAddress),
    }),
  deleteFloatingIp: (id) => neutron.remove(FLOATING_IPS, id),
});

const fixedIp = (address: string | null): object => (address === null ? {} : { fixed_ip_address: address });

const floatingIpSchema = z
  .object({
    id: z.string(),
    floating_ip_address: z.string(),
    description: z.string().nullish(),
    status: z.string(),
    floating_network_id: z.string(),
    port_id: z.string().nullish(),
    fixed_ip_address: z.string().nullish(),
    tags: z.array(z.string()).default([]),
  })
  .transform(
    (f): FloatingIp => ({
      id: f.id,
      address: f.floating_ip_address,
      description: f.description ?? '',
      status: f.status,
      networkId: f.floating_network_id,
      portId: f.port_id ?? null,
      fixedAddress: f.fixed_ip_address ?? null,
      tags: f.tags,
    }),
  );
