/** Octavia: find and remove the load balancers that a cluster's cloud controller left in the project, and how many it may have. */
import { z } from 'zod';
import type { ResourceQuota } from '../domain/quota.ts';
import { part, type Service } from './service.ts';

export interface CloudLoadBalancer {
  id: string;
  name: string;
  description: string;
  /** ACTIVE, PENDING_UPDATE, PENDING_DELETE, ERROR … A pending one refuses every change with 409. */
  provisioningStatus: string;
  vipAddress: string | null;
  vipPortId: string | null;
  vipSubnetId: string | null;
  tags: string[];
}

export interface LoadBalancer {
  /** Exact values; every one given must match. A cloud without Octavia throws UserError: ask `cloud.offers` first. */
  listLoadBalancers(filter?: { name?: string; description?: string; tag?: string; vipSubnetId?: string }): Promise<CloudLoadBalancer[]>;
  getLoadBalancer(id: string): Promise<CloudLoadBalancer>;
  /** With its listeners, pools, members and monitors. True when Octavia took it, false when it was gone. */
  deleteLoadBalancer(id: string): Promise<boolean>;
  /** How many of them the project may have, and has: Octavia tells no use. */
  listQuotas(projectId: string): Promise<ResourceQuota[]>;
}

export const createLoadBalancer = (service: Service): LoadBalancer => ({
  listLoadBalancers: (filter = {}) =>
    service.list(loadBalancerSchema, '/lbaas/loadbalancers', 'loadbalancers', {
      name: filter.name,
      description: filter.description,
      tags: filter.tag,
      vip_subnet_id: filter.vipSubnetId,
    }),
  getLoadBalancer: async (id) => (await service.call(oneLoadBalancer, 'GET', `/lbaas/loadbalancers/${part(id)}`)).loadbalancer,
  deleteLoadBalancer: (id) => service.remove(`/lbaas/loadbalancers/${part(id)}`, { cascade: true }),
  listQuotas: async (projectId) => {
    const [{ quota }, there] = await Promise.all([
      service.call(oneQuota, 'GET', `/lbaas/quotas/${part(projectId)}`),
      service.list(z.object({ id: z.string() }), '/lbaas/loadbalancers', 'loadbalancers', { project_id: projectId, fields: 'id' }),
    ]);
    // Before Rocky it was spelled otherwise.
    const limit = quota.loadbalancer ?? quota.load_balancer ?? null;
    return [{ resource: 'loadbalancer', used: there.length, limit: limit === null || limit < 0 ? null : limit }];
  },
});

const oneQuota = z.object({ quota: z.object({ loadbalancer: z.number().nullish(), load_balancer: z.number().nullish() }) });

const loadBalancerSchema = z
  .object({
    id: z.string(),
    name: z.string().nullish(),
    description: z.string().nullish(),
    provisioning_status: z.string(),
    vip_address: z.string().nullish(),
    vip_port_id: z.string().nullish(),
    vip_subnet_id: z.string().nullish(),
    tags: z.array(z.string()).default([]),
  })
  .transform(
    (lb): CloudLoadBalancer => ({
      id: lb.id,
      name: lb.name ?? '',
      description: lb.description ?? '',
      provisioningStatus: lb.provisioning_status,
      vipAddress: lb.vip_address ?? null,
      vipPortId: lb.vip_port_id ?? null,
      vipSubnetId: lb.vip_subnet_id ?? null,
      tags: lb.tags,
    }),
  );
const oneLoadBalancer = z.object({ loadbalancer: loadBalancerSchema });
