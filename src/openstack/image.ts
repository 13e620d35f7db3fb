/** Glance: the images that the project may start from. */
import { z } from 'zod';
import { type CloudImage, findByNameOrId } from '../domain/cloud.ts';
import { orUndefined } from './errors.ts';
import { part, type Service } from './service.ts';

export interface Image {
  listImages(filter?: { name?: string }): Promise<CloudImage[]>;
  getImage(id: string): Promise<CloudImage>;
  /** By id, else by name; undefined when there is none or when several active images carry the name. */
  findImage(nameOrId: string): Promise<CloudImage | undefined>;
}

/** Glance's default page is 25 images; this is its usual largest one. */
const PAGE = 1_000;

const UUID = /^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i;

export const createImage = (service: Service): Image => {
  const listImages: Image['listImages'] = (filter = {}) =>
    service.list(imageSchema, '/images', 'images', { limit: PAGE, name: filter.name === undefined ? undefined : exactly(filter.name) });
  const getImage = (id: string): Promise<CloudImage> => service.call(imageSchema, 'GET', `/images/${part(id)}`);
  return {
    listImages,
    getImage,
    findImage: async (nameOrId) => {
      const byId = UUID.test(nameOrId) ? await orUndefined(getImage(nameOrId)) : undefined;
      if (byId !== undefined) return byId;
      const active = (await listImages({ name: nameOrId })).filter((image) => image.status === 'active');
      return findByNameOrId(active, nameOrId);
    },
  };
};

/** Glance reads a filter's prefix up to ':' as an operator, so a name with a colon must be an 'in:' list of one in quotes. */
const exactly = (name: string): string => (/[:,"]/.test(name) ? `in:"${name.replace(/["\\]/g, '\\$&')}"` : name);

const KNOWN = new Set(['id', 'name', 'status', 'visibility', 'min_disk', 'min_ram', 'size', 'os_distro', 'os_version', 'kube_version']);
/** Glance's own fields that a user cannot choose by. */
const DULL = new Set([
  'file',
  'self',
  'schema',
  'checksum',
  'os_hash_algo',
  'os_hash_value',
  'direct_url',
  'owner',
  'created_at',
  'updated_at',
]);

const imageSchema = z
  .looseObject({
    id: z.string(),
    name: z.string().nullish(),
    status: z.string(),
    visibility: z.string().default('private'),
    min_disk: z.number().default(0),
    min_ram: z.number().default(0),
    size: z.number().nullish(),
    os_distro: z.string().nullish(),
    os_version: z.string().nullish(),
    kube_version: z.string().nullish(),
  })
  .transform(
    (image): CloudImage => ({
      id: image.id,
      name: image.name ?? '',
      status: image.status,
      visibility: image.visibility,
      osDistro: image.os_distro ?? null,
      osVersion: image.os_version ?? null,
      kubeVersion: image.kube_version ?? null,
      minDiskGiB: image.min_disk,
      minRamMiB: image.min_ram,
      sizeBytes: image.size ?? null,
      properties: Object.fromEntries(
        Object.entries(image).filter(
          (entry): entry is [string, string] => typeof entry[1] === 'string' && !KNOWN.has(entry[0]) && !DULL.has(entry[0]),
        ),
      ),
    }),
  );
