/** Neutron's routers and their interfaces. */
import { z } from 'zod';
import { NotFound, UserError } from '../domain/errors.ts';
import type { CommonFilter, Neutron } from './neutron.ts';
import { createPorts } from './port.ts';
import { part } from './service.ts';

export interface CloudRouter {
  id: string;
  name: string;
  description: string;
  status: string;
  /** False: somebody has shut it down. */
  adminStateUp: boolean;
  externalNetworkId: string | null;
  externalAddresses: string[];
  tags: string[];
}

export interface Routers {
  listRouters(filter?: CommonFilter): Promise<CloudRouter[]>;
  getRouter(id: string): Promise<CloudRouter>;
  createRouter(spec: { name: string; description: string; externalNetworkId: string | null }): Promise<CloudRouter>;
  updateRouter(id: string, change: { adminStateUp?: boolean; externalNetworkId?: string }): Promise<CloudRouter>;
  /** Gives the interface's port; the one that is there already, when there is one. */
  addRouterInterface(routerId: string, subnetId: string): Promise<{ portId: string }>;
  /** False when the interface or the router was gone. Throws Conflict while a floating IP needs it. */
  removeRouterInterface(routerId: string, subnetId: string): Promise<boolean>;
  /** Throws Conflict while interfaces are left. */
  deleteRouter(id: string): Promise<boolean>;
}

const ROUTERS = { path: 'routers', one: 'router', extension: 'router' };

export const createRouters = (neutron: Neutron): Routers => ({
  listRouters: (filter = {}) => neutron.list(routerSchema, ROUTERS, filter),
  getRouter: (id) => neutron.get(routerSchema, ROUTERS, id),
  createRouter: ({ name, description, externalNetworkId }) => {
    const gateway = externalNetworkId === null ? {} : { external_gateway_info: { network_id: externalNetworkId } };
    return neutron.create(routerSchema, ROUTERS, { name, description, ...gateway });
  },
  updateRouter: (id, { adminStateUp, externalNetworkId }) =>
    neutron.update(routerSchema, ROUTERS, id, {
      ...(adminStateUp !== undefined && { admin_state_up: adminStateUp }),
      ...(externalNetworkId !== undefined && { external_gateway_info: { network_id: externalNetworkId } }),
    }),
  addRouterInterface: async (routerId, subnetId) => {
    const path = `/routers/${part(routerId)}/add_router_interface`;
    try {
      const answer = await neutron.service.call(z.object({ port_id: z.string() }), 'PUT', path, { body: { subnet_id: subnetId } });
      return { portId: answer.port_id };
    } catch (error) {
      // Neutron repeats a request of its own accord when its database is busy, and then refuses it with a 400 for what its first try made.
      const there = error instanceof UserError ? await interfacePort(neutron, routerId, subnetId) : undefined;
      if (there === undefined) throw error;
      return { portId: there };
    }
  },
  removeRouterInterface: async (routerId, subnetId) => {
    try {
      const path = `/routers/${part(routerId)}/remove_router_interface`;
      await neutron.service.send('PUT', path, { body: { subnet_id: subnetId } });
      return true;
    } catch (error) {
      if (error instanceof NotFound) return false;
      throw error;
    }
  },
  deleteRouter: (id) => neutron.remove(ROUTERS, id),
});

const interfacePort = async (neutron: Neutron, routerId: string, subnetId: string): Promise<string | undefined> =>
  (await createPorts(neutron).listPorts({ deviceId: routerId, subnetId }))[0]?.id;

const gatewaySchema = z.object({
  network_id: z.string(),
  external_fixed_ips: z.array(z.object({ ip_address: z.string().optional() })).default([]),
});

const routerSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullish(),
    status: z.string(),
    admin_state_up: z.boolean().default(true),
    external_gateway_info: gatewaySchema.nullish(),
    tags: z.array(z.string()).default([]),
  })
  .transform(
    (r): CloudRouter => ({
      id: r.id,
      name: r.name,
      description: r.description ?? '',
      status: r.status,
      adminStateUp: r.admin_state_up,
      externalNetworkId: r.external_gateway_info?.network_id ?? null,
      externalAddresses: (r.external_gateway_info?.external_fixed_ips ?? []).flatMap((ip) => ip.ip_address ?? []),
      tags: r.tags,
    }),
  );
