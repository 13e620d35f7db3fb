/** Cinder: volumes and their types. */
import { z } from 'zod';
import type { CloudVolumeType } from '../domain/cloud.ts';
import type { ResourceQuota } from '../domain/quota.ts';
import type { Microversions } from './microversion.ts';
import { type HeadersOf, part, type Service } from './service.ts';

export interface CloudVolume {
  id: string;
  name: string;
  description: string;
  sizeGiB: number;
  /** Cinder's word: creating, available, in-use, deleting, error … */
  status: string;
  type: string | null;
  availabilityZone: string | null;
  metadata: Record<string, string>;
  serverIds: string[];
}

export interface CloudSnapshot {
  id: string;
  volumeId: string;
  /** Cinder's word: creating, available, deleting, error … */
  status: string;
}

export interface VolumeSpec {
  name: string;
  description: string;
  sizeGiB: number;
  imageId: string | null;
  type: string | null;
  availabilityZone: string | null;
  metadata: Record<string, string>;
}

export interface Volume {
  listVolumes(filter?: { name?: string; metadata?: Record<string, string> }): Promise<CloudVolume[]>;
  /** The oldest with exactly this name. */
  findVolume(name: string): Promise<CloudVolume | undefined>;
  getVolume(id: string): Promise<CloudVolume>;
  createVolume(spec: VolumeSpec): Promise<CloudVolume>;
  /** True when Cinder took the delete, false when it was gone. Throws while a server has it. */
  deleteVolume(id: string): Promise<boolean>;
  /** All of the project. */
  listSnapshots(): Promise<CloudSnapshot[]>;
  /** True when Cinder took the delete, false when it was gone. */
  deleteSnapshot(id: string): Promise<boolean>;
  listVolumeTypes(): Promise<CloudVolumeType[]>;
  /** volumes, gigabytes and the like, and those of single types, such as gigabytes_ssd. */
  listQuotas(projectId: string): Promise<ResourceQuota[]>;
}

/** 3.59 is Ussuri's; nothing later is needed. */
const WANTED_MINOR = 59;

export interface VolumeDeps {
  open: (headersOf: HeadersOf) => Service;
  microversions: Microversions;
}

export const createVolume = ({ open, microversions }: VolumeDeps): Volume => {
  const service = open(async (at) => ({
    'openstack-api-version': `volume 3.${await microversions.newest('volume', at, WANTED_MINOR)}`,
  }));

  const listVolumes: Volume['listVolumes'] = async (filter = {}) => {
    const query = { sort: 'created_at:asc', name: filter.name, metadata: filter.metadata && JSON.stringify(filter.metadata) };
    const volumes = await service.list(volumeSchema, '/volumes/detail', 'volumes', query);
    const wanted = Object.entries(filter.metadata ?? {});
    return volumes.filter(
      (volume) =>
        (filter.name === undefined || volume.name === filter.name) && wanted.every(([key, value]) => volume.metadata[key] === value),
    );
  };

  return {
    listVolumes,
    findVolume: async (name) => (await listVolumes({ name }))[0],
    getVolume: async (id) => (await service.call(oneVolume, 'GET', `/volumes/${part(id)}`)).volume,
    createVolume: async (spec) => {
      const volume = {
        name: spec.name,
        description: spec.description,
        size: spec.sizeGiB,
        metadata: spec.metadata,
        ...(spec.imageId === null ? {} : { imageRef: spec.imageId }),
        ...(spec.type === null ? {} : { volume_type: spec.type }),
        ...(spec.availabilityZone === null ? {} : { availability_zone: spec.availabilityZone }),
      };
      return (await service.call(oneVolume, 'POST', '/volumes', { body: { volume } })).volume;
    },
    deleteVolume: (id) => service.remove(`/volumes/${part(id)}`),
    listSnapshots: () => service.list(snapshotSchema, '/snapshots/detail', 'snapshots', {}),
    deleteSnapshot: (id) => service.remove(`/snapshots/${part(id)}`),
    listVolumeTypes: () => service.list(typeSchema, '/types', 'volume_types'),
    listQuotas: async (projectId) => {
      const answer = await service.call(oneQuotaSet, 'GET', `/os-quota-sets/${part(projectId)}`, { query: { usage: true } });
      return Object.entries(answer.quota_set).flatMap(([resource, quota]) =>
        typeof quota === 'string' ? [] : [{ resource, used: quota.in_use + quota.reserved, limit: quota.limit < 0 ? null : quota.limit }],
      );
    },
  };
};

const volumeSchema = z
  .object({
    id: z.string(),
    name: z.string().nullish(),
    description: z.string().nullish(),
    size: z.number(),
    status: z.string(),
    volume_type: z.string().nullish(),
    availability_zone: z.string().nullish(),
    metadata: z.record(z.string(), z.string()).default({}),
    attachments: z.array(z.object({ server_id: z.string().nullish() })).default([]),
  })
  .transform(
    (v): CloudVolume => ({
      id: v.id,
      name: v.name ?? '',
      description: v.description ?? '',
      sizeGiB: v.size,
      status: v.status,
      type: v.volume_type ?? null,
      availabilityZone: v.availability_zone ?? null,
      metadata: v.metadata,
      serverIds: v.attachments.flatMap((attachment) => (attachment.server_id ? [attachment.server_id] : [])),
    }),
  );
const snapshotSchema = z
  .object({ id: z.string(), volume_id: z.string(), status: z.string() })
  .transform((s): CloudSnapshot => ({ id: s.id, volumeId: s.volume_id, status: s.status }));
const oneVolume = z.object({ volume: volumeSchema });

const typeSchema = z
  .object({ id: z.string(), name: z.string(), description: z.string().nullish(), is_public: z.boolean().default(true) })
  .transform((t): CloudVolumeType => ({ id: t.id, name: t.name, description: t.description ?? '', isPublic: t.is_public }));
/** Beside the quotas the set names its project. */
const oneQuotaSet = z.object({
  quota_set: z.record(
    z.string(),
    z.union([z.string(), z.object({ limit: z.number(), in_use: z.number(), reserved: z.number().default(0) })]),
  ),
});
