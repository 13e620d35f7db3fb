/** The simulated Cinder: volumes, types and quotas, with and without the project in the path. */
import { createHash } from 'node:crypto';
import { type Answer, ApiError, type Call, ok, type Route } from './http.ts';
import type { ImageState } from './image.ts';
import { envelope, optionalInteger, optionalString, requiredString, stringMap } from './input.ts';
import type { QuotaName, Quotas } from './quotas.ts';
import type { Service } from './service.ts';
import type { Snapshot, Volume, VolumeState } from './volumeState.ts';

export interface VolumeDeps {
  volumes: VolumeState;
  images: ImageState;
  quotas: Quotas;
}

const MAX_MICROVERSION = 70;

const denied = (rule: string): ApiError => new ApiError(403, `Policy doesn't allow ${rule} to be performed.`);

const version = (base: string): object => ({
  id: 'v3.0',
  status: 'CURRENT',
  version: `3.${MAX_MICROVERSION}`,
  min_version: '3.0',
  updated: '2022-08-31T00:00:00Z',
  links: [{ rel: 'self', href: `${base}/v3/` }],
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.volume+json;version=3' }],
});

const links = (call: Call, id: string): object[] => [
  { rel: 'self', href: `${call.baseUrl}/v3/volumes/${id}` },
  { rel: 'bookmark', href: `${call.baseUrl}/volumes/${id}` },
];

const describe = (v: Volume, call: Call): object => ({
  id: v.id,
  status: v.status,
  size: v.size,
  availability_zone: v.availability_zone,
  created_at: v.created_at,
  updated_at: v.updated_at,
  name: v.name,
  description: v.description,
  volume_type: v.volume_type,
  snapshot_id: null,
  source_volid: null,
  metadata: v.metadata,
  links: links(call, v.id),
  user_id: v.userId,
  bootable: String(v.bootable),
  encrypted: false,
  replication_status: null,
  consistencygroup_id: null,
  multiattach: false,
  attachments: v.attachments,
  ...(v.imageId === null ? {} : { volume_image_metadata: { image_id: v.imageId } }),
  'os-vol-tenant-attr:tenant_id': v.projectId,
});

const getVolume = (deps: VolumeDeps, call: Call): Volume => {
  const id = call.params.id ?? '';
  const volume = deps.volumes.volumes.get(id);
  if (volume === undefined || !(call.actor.isAdmin || volume.projectId === call.actor.projectId))
    throw new ApiError(404, `Volume ${id} could not be found.`);
  return volume;
};

const writable = (deps: VolumeDeps, call: Call, rule: string): Volume => {
  const volume = getVolume(deps, call);
  if (!call.actor.canWrite) throw denied(rule);
  return volume;
};

const list = (deps: VolumeDeps, call: Call): Volume[] => {
  const { query, actor } = call;
  if (!actor.canRead) throw denied('volume:get_all');
  const all = actor.isAdmin && /^(1|true)$/i.test(query.get('all_tenants') ?? '');
  const rows = all ? [...deps.volumes.volumes.all()] : deps.volumes.volumes.by('project_id', actor.projectId);
  const name = query.get('name');
  const status = query.get('status');
  const found = rows.filter((v) => (name === null || v.name === name) && (status === null || v.status === status)).reverse();
  const from = query.has('marker') ? found.findIndex((v) => v.id === query.get('marker')) + 1 : 0;
  return found.slice(from, from + Number(query.get('limit') ?? 1000));
};

const create = (deps: VolumeDeps, call: Call): Volume => {
  if (!call.actor.canWrite) throw denied('volume:create');
  const fields = envelope(call.body, 'volume');
  const size = optionalInteger(fields, 'size');
  if (size === undefined) throw new ApiError(400, "Invalid input for field/attribute volume. 'size' is a required property");
  if (size < 1) throw new ApiError(400, `Invalid input for field/attribute size. Value: ${size}. ${size} is less than the minimum of 1`);
  const imageRef = optionalString(fields, 'imageRef');
  if (imageRef !== undefined && deps.images.find(call.actor, imageRef) === undefined)
    throw new ApiError(400, 'Invalid image identifier or unable to access requested image.');
  return deps.volumes.create({
    name: optionalString(fields, 'name') ?? '',
    description: optionalString(fields, 'description') ?? null,
    sizeGiB: size,
    volumeType: optionalString(fields, 'volume_type'),
    availabilityZone: optionalString(fields, 'availability_zone'),
    imageId: imageRef ?? null,
    metadata: stringMap(fields, 'metadata'),
    projectId: call.actor.projectId,
    userId: call.actor.userId,
  });
};

const remove = (deps: VolumeDeps, call: Call): Answer => {
  const volume = writable(deps, call, 'volume:delete');
  const hasSnapshots = deps.volumes.snapshots.countBy('volume_id', volume.id) > 0;
  if ((volume.status !== 'available' && volume.status !== 'error') || hasSnapshots) {
    throw new ApiError(
      400,
      'Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from snapshots after volume transfer.',
    );
  }
  deps.volumes.remove(volume);
  return { status: 202 };
};

const update = (deps: VolumeDeps, call: Call): Volume => {
  const volume = writable(deps, call, 'volume:update');
  const fields = envelope(call.body, 'volume');
  volume.name = optionalString(fields, 'name') ?? volume.name;
  if ('description' in fields) volume.description = optionalString(fields, 'description') ?? null;
  if ('metadata' in fields) volume.metadata = stringMap(fields, 'metadata');
  return deps.volumes.touch(volume);
};

const describeSnapshot = (s: Snapshot): object => ({
  id: s.id,
  name: s.name,
  description: null,
  volume_id: s.volume_id,
  status: s.status,
  size: s.size,
  created_at: s.created_at,
  updated_at: null,
  metadata: {},
});

const listSnapshots = (deps: VolumeDeps, { actor, query }: Call): Snapshot[] => {
  if (!actor.canRead) throw denied('volume:get_all_snapshots');
  const of = query.get('volume_id');
  return deps.volumes.snapshots.by('project_id', actor.projectId).filter((s) => of === null || s.volume_id === of);
};

const takeSnapshot = (deps: VolumeDeps, call: Call): Snapshot => {
  if (!call.actor.canWrite) throw denied('volume:create_snapshot');
  const fields = envelope(call.body, 'snapshot');
  const id = optionalString(fields, 'volume_id') ?? '';
  return deps.volumes.takeSnapshot(getVolume(deps, { ...call, params: { id } }), optionalString(fields, 'name') ?? '');
};

const removeSnapshot = (deps: VolumeDeps, { actor, params }: Call): Answer => {
  const snapshot = deps.volumes.snapshots.get(params.id ?? '');
  if (snapshot === undefined || snapshot.projectId !== actor.projectId)
    throw new ApiError(404, `Snapshot ${params.id} could not be found.`);
  if (!actor.canWrite) throw denied('volume:delete_snapshot');
  if (snapshot.status === 'creating') throw new ApiError(400, 'Invalid snapshot: Volume Snapshot status must be available or error.');
  if (snapshot.status === 'available') deps.volumes.removeSnapshot(snapshot);
  return { status: 202 };
};

const QUOTAS: QuotaName[] = ['volumes', 'gigabytes', 'snapshots'];

const quotaSet = (deps: VolumeDeps, call: Call): object => {
  const id = call.params.target ?? '';
  if (id !== call.actor.projectId && !call.actor.isAdmin) throw denied('volume_extension:quotas:show');
  const own = deps.volumes.volumes.by('project_id', id);
  const used: Partial<Record<QuotaName, number>> = {
    volumes: own.length,
    gigabytes: own.reduce((sum, v) => sum + v.size, 0),
    snapshots: deps.volumes.snapshots.countBy('project_id', id),
  };
  const withUse = /^true$/i.test(call.query.get('usage') ?? '');
  const value = (name: QuotaName): unknown =>
    withUse ? { limit: deps.quotas.limit(id, name), in_use: used[name] ?? 0, reserved: 0 } : deps.quotas.limit(id, name);
  return { id, ...Object.fromEntries(QUOTAS.map((name) => [name, value(name)])) };
};

const limits = (deps: VolumeDeps, call: Call): object => {
  const id = call.actor.projectId;
  const own = deps.volumes.volumes.by('project_id', id);
  return {
    maxTotalVolumes: deps.quotas.limit(id, 'volumes'),
    maxTotalVolumeGigabytes: deps.quotas.limit(id, 'gigabytes'),
    maxTotalSnapshots: deps.quotas.limit(id, 'snapshots'),
    totalVolumesUsed: own.length,
    totalGigabytesUsed: own.reduce((sum, v) => sum + v.size, 0),
    totalSnapshotsUsed: deps.volumes.snapshots.countBy('project_id', id),
  };
};

interface VolumeType {
  id: string;
  name: string;
}

/** One that is made anew has its old id, which nobody asks for. */
const typeOf = (name: string): VolumeType => ({
  id: createHash('sha256')
    .update(name)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5'),
  name,
  ...{ is_public: true, description: name === '__DEFAULT__' ? 'Default Volume Type' : null, extra_specs: {} },
  ...{ 'os-volume-type-access:is_public': true },
});

/** Routes under a prefix: Cinder takes `/v3/volumes` and `/v3/{project}/volumes` alike. */
const routesUnder = (deps: VolumeDeps, base: string): Route[] => {
  const one = `${base}/volumes/{id}`;
  const types = () => deps.volumes.types().map(typeOf);
  const findType = (call: Call): VolumeType => {
    const found = types().find((t) => t.id === call.params.id);
    if (found === undefined) throw new ApiError(404, `Volume type ${call.params.id} could not be found.`);
    return found;
  };
  return [
    {
      method: 'GET',
      template: `${base}/volumes`,
      handle: (call) => ok({ volumes: list(deps, call).map((v) => ({ id: v.id, name: v.name, links: links(call, v.id) })) }),
    },
    {
      method: 'GET',
      template: `${base}/volumes/detail`,
      handle: (call) => ok({ volumes: list(deps, call).map((v) => describe(v, call)) }),
    },
    {
      method: 'POST',
      template: `${base}/volumes`,
      handle: (call) => ({ status: 202, body: { volume: describe(create(deps, call), call) } }),
    },
    { method: 'GET', template: one, handle: (call) => ok({ volume: describe(getVolume(deps, call), call) }) },
    { method: 'PUT', template: one, handle: (call) => ok({ volume: describe(update(deps, call), call) }) },
    { method: 'DELETE', template: one, handle: (call) => remove(deps, call) },
    { method: 'GET', template: `${base}/types`, handle: () => ok({ volume_types: types() }) },
    { method: 'GET', template: `${base}/types/default`, handle: () => ok({ volume_type: types()[0] }) },
    { method: 'GET', template: `${base}/types/{id}`, handle: (call) => ok({ volume_type: findType(call) }) },
    {
      method: 'POST',
      template: `${base}/types`,
      handle: (call) => {
        if (!call.actor.isAdmin) throw denied('volume_extension:type_create');
        const name = requiredString(envelope(call.body, 'volume_type'), 'name');
        if (deps.volumes.types().includes(name)) throw new ApiError(409, `Volume Type ${name} already exists.`);
        deps.volumes.addType(name);
        return ok({ volume_type: typeOf(name) });
      },
    },
    {
      method: 'DELETE',
      template: `${base}/types/{id}`,
      handle: (call) => {
        if (!call.actor.isAdmin) throw denied('volume_extension:type_delete');
        deps.volumes.removeType(findType(call).name);
        return { status: 202 };
      },
    },
    { method: 'GET', template: `${base}/os-quota-sets/{target}`, handle: (call) => ok({ quota_set: quotaSet(deps, call) }) },
    { method: 'GET', template: `${base}/limits`, handle: (call) => ok({ limits: { rate: [], absolute: limits(deps, call) } }) },
    {
      method: 'GET',
      template: `${base}/os-availability-zone`,
      handle: () => ok({ availabilityZoneInfo: [{ zoneName: 'nova', zoneState: { available: true } }] }),
    },
    {
      method: 'GET',
      template: `${base}/snapshots/detail`,
      handle: (call) => ok({ snapshots: listSnapshots(deps, call).map(describeSnapshot) }),
    },
    {
      method: 'GET',
      template: `${base}/snapshots`,
      handle: (call) => ok({ snapshots: listSnapshots(deps, call).map(describeSnapshot) }),
    },
    {
      method: 'POST',
      template: `${base}/snapshots`,
      handle: (call) => ({ status: 202, body: { snapshot: describeSnapshot(takeSnapshot(deps, call)) } }),
    },
    { method: 'DELETE', template: `${base}/snapshots/{id}`, handle: (call) => removeSnapshot(deps, call) },
  ];
};

const WORDS: Record<number, string> = {
  400: 'badRequest',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  406: 'computeFault',
  409: 'conflictingRequest',
  413: 'overLimit',
};

export const volumeService = (deps: VolumeDeps): Service => ({
  name: 'volume',
  prefix: '/volume',
  microversions: { name: 'volume', major: 3, max: MAX_MICROVERSION },
  routes: [
    { method: 'GET', template: '/', open: true, handle: (call) => ({ status: 300, body: { versions: [version(call.baseUrl)] } }) },
    { method: 'GET', template: '/v3', open: true, handle: (call) => ok({ versions: [version(call.baseUrl)] }) },
    ...routesUnder(deps, '/v3'),
    ...routesUnder(deps, '/v3/{project}'),
  ],
  errorBody: (error) => {
    const retry = error.status === 413 ? { retryAfter: '0' } : {};
    return { body: { [WORDS[error.status] ?? 'computeFault']: { code: error.status, message: error.message, ...retry } } };
  },
});
