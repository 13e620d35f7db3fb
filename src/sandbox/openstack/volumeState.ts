/** Volumes of the simulated Cinder, and what Nova does with them. */
import { randomUUID } from 'node:crypto';
import type { Latency, World } from '../contract.ts';
import type { DialBoard } from '../dials.ts';
import { type Collection, createCollection } from './collection.ts';
import { ApiError } from './http.ts';
import type { Quotas } from './quotas.ts';

export interface Attachment {
  id: string;
  attachment_id: string;
  server_id: string;
  volume_id: string;
  device: string;
  attached_at: string;
}

export interface Volume {
  id: string;
  name: string;
  description: string | null;
  status: 'creating' | 'available' | 'in-use' | 'deleting' | 'error';
  size: number;
  volume_type: string;
  availability_zone: string;
  created_at: string;
  updated_at: string | null;
  bootable: boolean;
  imageId: string | null;
  metadata: Record<string, string>;
  attachments: Attachment[];
  projectId: string;
  userId: string;
}

export interface Snapshot {
  id: string;
  name: string;
  volume_id: string;
  status: 'creating' | 'available' | 'deleting';
  size: number;
  created_at: string;
  projectId: string;
}

export interface NewVolume {
  name: string;
  description: string | null;
  sizeGiB: number;
  volumeType: string | undefined;
  availabilityZone: string | undefined;
  imageId: string | null;
  metadata: Record<string, string>;
  projectId: string;
  userId: string;
}

export interface VolumeState {
  volumes: Collection<Volume>;
  snapshots: Collection<Snapshot>;
  /** Those that there are now. */
  types(): readonly string[];
  addType(name: string): void;
  removeType(name: string): void;
  /** Makes a volume that becomes available by itself; 413 over quota, as Cinder has it. */
  create(wanted: NewVolume): Volume;
  attach(volume: Volume, serverId: string, device: string): Attachment;
  detach(volume: Volume, serverId: string): void;
  /** Deletes after a moment. */
  remove(volume: Volume): void;
  /** Becomes available by itself. */
  takeSnapshot(volume: Volume, name: string): Snapshot;
  /** Deletes after a moment. */
  removeSnapshot(snapshot: Snapshot): void;
  touch(volume: Volume): Volume;
}

export const cinderTime = (ms: number): string => new Date(ms).toISOString().replace(/Z$/, '000');

export const createVolumeState = (deps: {
  world: World;
  quotas: Quotas;
  dials: DialBoard;
  latency: Latency;
  now: () => number;
}): VolumeState => {
  const volumes = createCollection<Volume>(deps.world.table('volume/volumes'), { project_id: (v) => v.projectId, name: (v) => v.name });
  const snapshots = createCollection<Snapshot>(deps.world.table('volume/snapshots'), {
    project_id: (s) => s.projectId,
    volume_id: (s) => s.volume_id,
  });
  const types = deps.world.section<{ names: string[] }>('volume/types', { names: ['__DEFAULT__', 'ssd'] });
  const setTypes = (names: string[]): void => {
    types.data.names = names;
    types.changed();
  };
  const later = (usualMs: number, act: () => void): void => {
    setTimeout(act, deps.latency(usualMs)).unref();
  };
  const touch = (volume: Volume): Volume => {
    volume.updated_at = cinderTime(deps.now());
    return volumes.put(volume);
  };
  const finishCreating = (volume: Volume, fails = false): void =>
    later(250, () => {
      if (volume.status !== 'creating') return;
      volume.status = fails ? 'error' : volume.attachments.length > 0 ? 'in-use' : 'available';
      touch(volume);
    });
  const finishDeleting = (volume: Volume): void => later(200, () => volumes.remove(volume.id));
  for (const volume of volumes.all()) {
    if (volume.status === 'creating') finishCreating(volume);
    if (volume.status === 'deleting') finishDeleting(volume);
  }

  const finishSnapshot = (snapshot: Snapshot): void =>
    later(200, () => {
      if (snapshot.status === 'creating') snapshots.put(Object.assign(snapshot, { status: 'available' }));
    });
  const finishRemoving = (snapshot: Snapshot): void => later(200, () => snapshots.remove(snapshot.id));
  for (const snapshot of snapshots.all()) {
    if (snapshot.status === 'creating') finishSnapshot(snapshot);
    if (snapshot.status === 'deleting') finishRemoving(snapshot);
  }

  const requireQuota = (wanted: NewVolume): void => {
    const own = volumes.by('project_id', wanted.projectId);
    const used = own.reduce((sum, v) => sum + v.size, 0);
    const { quotas } = deps;
    if (!quotas.fits(wanted.projectId, 'volumes', own.length, 1)) {
      throw new ApiError(
        413,
        `VolumeLimitExceeded: Maximum number of volumes allowed (${quotas.limit(wanted.projectId, 'volumes')}) exceeded for quota 'volumes'.`,
        'overLimit',
      );
    }
    if (!quotas.fits(wanted.projectId, 'gigabytes', used, wanted.sizeGiB)) {
      const figures = `Requested ${wanted.sizeGiB}G, quota is ${quotas.limit(wanted.projectId, 'gigabytes')}G and ${used}G has been consumed.`;
      throw new ApiError(
        413,
        `VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. ${figures}`,
        'overLimit',
      );
    }
  };
  const create = (wanted: NewVolume): Volume => {
    requireQuota(wanted);
    const type = wanted.volumeType ?? '__DEFAULT__';
    if (!types.data.names.includes(type)) throw new ApiError(404, `Volume type with name ${type} could not be found.`, 'itemNotFound');
    const volume = volumes.put({
      id: randomUUID(),
      name: wanted.name,
      description: wanted.description,
      status: 'creating',
      size: wanted.sizeGiB,
      volume_type: type,
      availability_zone: wanted.availabilityZone ?? 'nova',
      created_at: cinderTime(deps.now()),
      updated_at: null,
      bootable: wanted.imageId !== null,
      imageId: wanted.imageId,
      metadata: wanted.metadata,
      attachments: [],
      projectId: wanted.projectId,
      userId: wanted.userId,
    });
    finishCreating(volume, deps.dials.volumeFails(wanted.name));
    return volume;
  };
  return {
    volumes,
    snapshots,
    types: () => types.data.names,
    addType: (name) => setTypes([...types.data.names, name]),
    removeType: (name) => setTypes(types.data.names.filter((known) => known !== name)),
    create,
    attach: (volume, serverId, device) => {
      const attachment = {
        id: volume.id,
        attachment_id: randomUUID(),
        server_id: serverId,
        volume_id: volume.id,
        device,
        attached_at: cinderTime(deps.now()),
      };
      volume.attachments.push(attachment);
      if (volume.status === 'available') volume.status = 'in-use';
      touch(volume);
      return attachment;
    },
    detach: (volume, serverId) => {
      volume.attachments = volume.attachments.filter((a) => a.server_id !== serverId);
      if (volume.attachments.length === 0 && volume.status === 'in-use') volume.status = 'available';
      touch(volume);
    },
    remove: (volume) => {
      volume.status = 'deleting';
      touch(volume);
      finishDeleting(volume);
    },
    takeSnapshot: (volume, name) => {
      const snapshot = snapshots.put({
        id: randomUUID(),
        name,
        volume_id: volume.id,
        status: 'creating',
        size: volume.size,
        created_at: cinderTime(deps.now()),
        projectId: volume.projectId,
      });
      finishSnapshot(snapshot);
      return snapshot;
    },
    removeSnapshot: (snapshot) => {
      snapshots.put(Object.assign(snapshot, { status: 'deleting' }));
      finishRemoving(snapshot);
    },
    touch,
  };
};
