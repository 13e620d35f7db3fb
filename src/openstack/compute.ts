/** Nova: what a project may choose from, server groups, and servers (their calls are in server.ts). */
import { z } from 'zod';
import type { CloudAvailabilityZone, CloudFlavor, CloudKeypair } from '../domain/cloud.ts';
import { UserError } from '../domain/errors.ts';
import type { ResourceQuota } from '../domain/quota.ts';
import type { Microversions, Place } from './microversion.ts';
import { createServers, type Servers } from './server.ts';
import { type HeadersOf, part, type Service } from './service.ts';

export interface ServerGroup {
  id: string;
  name: string;
  policy: string;
  memberIds: string[];
}

export type ServerGroupPolicy = 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';

export interface Compute extends Servers {
  listFlavors(): Promise<CloudFlavor[]>;
  /** Those of the credential's own user. */
  listKeypairs(): Promise<CloudKeypair[]>;
  listAvailabilityZones(): Promise<CloudAvailabilityZone[]>;
  /** Of the credential's own project: instances, cores, ram (MiB), server_groups. */
  listQuotas(): Promise<ResourceQuota[]>;
  listServerGroups(): Promise<ServerGroup[]>;
  findServerGroup(name: string): Promise<ServerGroup | undefined>;
  createServerGroup(spec: { name: string; policy: ServerGroupPolicy }): Promise<ServerGroup>;
  deleteServerGroup(id: string): Promise<boolean>;
}

/** Beyond 2.90 nothing is needed; what each feature needs stands where it is used. */
const WANTED_MINOR = 90;

export interface ComputeDeps {
  open: (headersOf: HeadersOf) => Service;
  microversions: Microversions;
}

export const createCompute = ({ open, microversions }: ComputeDeps): Compute => {
  const newest = (at: Place): Promise<number> => microversions.newest('compute', at, WANTED_MINOR);
  const service = open(async (at) => ({ 'openstack-api-version': `compute 2.${await newest(at)}` }));
  const minor = async (): Promise<number> => newest(await service.place());

  const listServerGroups = () => service.list(serverGroupSchema, '/os-server-groups', 'server_groups');
  return {
    ...createServers({ service, minor }),
    listFlavors: () => service.list(flavorSchema, '/flavors/detail', 'flavors'),
    listKeypairs: () => service.list(keypairSchema, '/os-keypairs', 'keypairs'),
    listAvailabilityZones: () => service.list(zoneSchema, '/os-availability-zone', 'availabilityZoneInfo'),
    listQuotas: async () => (await service.call(limitsSchema, 'GET', '/limits')).limits.absolute,
    listServerGroups,
    findServerGroup: async (name) => (await listServerGroups()).find((group) => group.name === name),
    createServerGroup: async ({ name, policy }) => {
      const version = await minor();
      if (policy.startsWith('soft-') && version < 15) {
        const message = `This cloud's Nova (2.${version}) is too old for server groups with the policy ${policy}; it needs 2.15. Give the node group a serverGroupPolicy without SOFT, or NONE.`;
        throw new UserError('CLOUD_REFUSED', message, { whoMustAct: 'CLOUD_ADMIN' });
      }
      // Since 2.64 a group has one policy; before, a list.
      const server_group = version >= 64 ? { name, policy } : { name, policies: [policy] };
      return (await service.call(oneServerGroup, 'POST', '/os-server-groups', { body: { server_group } })).server_group;
    },
    deleteServerGroup: (id) => service.remove(`/os-server-groups/${part(id)}`),
  };
};

const flavorSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    vcpus: z.number(),
    ram: z.number(),
    disk: z.number(),
    'os-flavor-access:is_public': z.boolean().default(true),
  })
  .transform(
    (f): CloudFlavor => ({
      id: f.id,
      name: f.name,
      vcpus: f.vcpus,
      ramMiB: f.ram,
      diskGiB: f.disk,
      isPublic: f['os-flavor-access:is_public'],
    }),
  );

const keypairSchema = z
  .object({
    keypair: z.object({ name: z.string(), type: z.string().default('ssh'), fingerprint: z.string(), public_key: z.string().nullish() }),
  })
  .transform(
    ({ keypair: k }): CloudKeypair => ({ name: k.name, type: k.type, fingerprint: k.fingerprint, publicKey: k.public_key ?? null }),
  );

const zoneSchema = z
  .object({ zoneName: z.string(), zoneState: z.object({ available: z.boolean() }) })
  .transform((zone): CloudAvailabilityZone => ({ name: zone.zoneName, available: zone.zoneState.available }));

const quotaOf = (resource: string, limit: number, used: number): ResourceQuota => ({ resource, used, limit: limit < 0 ? null : limit });

const limitsSchema = z.object({
  limits: z.object({
    absolute: z
      .object({
        maxTotalInstances: z.number(),
        totalInstancesUsed: z.number(),
        maxTotalCores: z.number(),
        totalCoresUsed: z.number(),
        maxTotalRAMSize: z.number(),
        totalRAMUsed: z.number(),
        maxServerGroups: z.number().default(-1),
        totalServerGroupsUsed: z.number().default(0),
        maxServerGroupMembers: z.number().default(-1),
      })
      .transform((l): ResourceQuota[] => [
        quotaOf('instances', l.maxTotalInstances, l.totalInstancesUsed),
        quotaOf('cores', l.maxTotalCores, l.totalCoresUsed),
        quotaOf('ram', l.maxTotalRAMSize, l.totalRAMUsed),
        quotaOf('server_groups', l.maxServerGroups, l.totalServerGroupsUsed),
        // Of each group by itself.
        quotaOf('server_group_members', l.maxServerGroupMembers, 0),
      ]),
  }),
});

const serverGroupSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    policy: z.string().optional(),
    policies: z.array(z.string()).optional(),
    members: z.array(z.string()).default([]),
  })
  .transform((g): ServerGroup => ({ id: g.id, name: g.name, policy: g.policy ?? g.policies?.[0] ?? '', memberIds: g.members }));
const oneServerGroup = z.object({ server_group: serverGroupSchema });
