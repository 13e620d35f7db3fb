/** Rows of the simulated Nova. */
import type { World } from '../contract.ts';
import { type Collection, createCollection } from './collection.ts';
import { createInstanceActions, type InstanceActions } from './instanceActions.ts';
import { cinderTime } from './volumeState.ts';

export interface Flavor {
  id: string;
  name: string;
  vcpus: number;
  ram: number;
  disk: number;
  extraSpecs: Record<string, string>;
}

export interface KeyPair {
  /** `<user id>/<name>`: key pairs belong to users, not to projects. */
  id: string;
  name: string;
  userId: string;
  publicKey: string;
  fingerprint: string;
  type: string;
  createdAt: string;
}

export interface ServerGroup {
  id: string;
  name: string;
  policy: string;
  rules: Record<string, unknown>;
  members: string[];
  projectId: string;
  userId: string;
}

export interface ServerPort {
  portId: string;
  /** Nova made it and takes it away with the server; a port given by the customer stays. */
  made: boolean;
}

export interface ServerVolume {
  volumeId: string;
  device: string;
  deleteOnTermination: boolean;
}

export interface Fault {
  code: number;
  created: string;
  message: string;
  details: string;
}

/** What was asked for and is worked off while the server builds. */
export interface WantedNetwork {
  portId: string | null;
  networkId: string | null;
  fixedIp: string | null;
}

export interface Server {
  id: string;
  name: string;
  projectId: string;
  userId: string;
  status: 'BUILD' | 'ACTIVE' | 'SHUTOFF' | 'ERROR' | 'REBOOT' | 'HARD_REBOOT' | 'REBUILD' | 'DELETED';
  taskState: string | null;
  created: string;
  updated: string;
  launchedAt: string | null;
  flavorId: string;
  imageId: string | null;
  keyName: string | null;
  metadata: Record<string, string>;
  tags: string[];
  description: string | null;
  configDrive: boolean;
  zone: string;
  host: string | null;
  locked: boolean;
  wanted: WantedNetwork[];
  securityGroups: string[];
  ports: ServerPort[];
  volumes: ServerVolume[];
  fault: Fault | null;
  groupId: string | null;
  /** Servers that it must not share a host with, and those that it must. */
  apartFrom: string[];
  beside: string[];
  /** The trouble that was drawn for it (see dials), with its extra time. */
  trouble: string | null;
  slowMs: number;
}

export interface ServerDisk {
  userData: string | null;
  /** What the machine keeps over a restart. */
  state: Record<string, unknown>;
  console: string[];
}

export interface ComputeState {
  flavors: Collection<Flavor>;
  keyPairs: Collection<KeyPair>;
  serverGroups: Collection<ServerGroup>;
  servers: Collection<Server>;
  /** Lately deleted ones, which only a list with changes-since shows. */
  deletedServers: Collection<Server>;
  actions: InstanceActions;
  /** Kept apart, so that a change of state does not write the user data anew. */
  disks: { get(id: string): ServerDisk | undefined; set(id: string, disk: ServerDisk): void; delete(id: string): void };
  usage(projectId: string): { instances: number; cores: number; ram: number };
  touch(server: Server): Server;
  /** Takes the server out, and keeps its tombstone for a while. */
  bury(server: Server): void;
}

/** More than any poller can fall behind. */
const TOMBSTONES = 5000;

export const novaTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
export const novaMicroTime = cinderTime;

export const createComputeState = (world: World, now: () => number): ComputeState => {
  const flavors = createCollection<Flavor>(world.table('compute/flavors'), { name: (f) => f.name });
  const servers = createCollection<Server>(world.table('compute/servers'), {
    project_id: (s) => s.projectId,
    name: (s) => `${s.projectId}/${s.name}`,
    tags: (s) => s.tags.map((t) => `${s.projectId}/${t}`),
    host: (s) => s.host,
  });
  const deletedServers = createCollection<Server>(world.table('compute/deletedServers'), { project_id: (s) => s.projectId });
  const actions = createInstanceActions(world, now);
  const bury = (server: Server): void => {
    servers.remove(server.id);
    deletedServers.put({ ...server, status: 'DELETED', taskState: null, updated: novaTime(now()) });
    const oldest = deletedServers.all().next().value;
    if (deletedServers.size > TOMBSTONES && oldest !== undefined) {
      deletedServers.remove(oldest.id);
      actions.forget(oldest.id);
    }
  };
  const usage = (projectId: string): { instances: number; cores: number; ram: number } => {
    const sum = { instances: 0, cores: 0, ram: 0 };
    for (const server of servers.by('project_id', projectId)) {
      const flavor = flavors.get(server.flavorId);
      sum.instances += 1;
      sum.cores += flavor?.vcpus ?? 0;
      sum.ram += flavor?.ram ?? 0;
    }
    return sum;
  };
  return {
    flavors,
    keyPairs: createCollection<KeyPair>(world.table('compute/keyPairs'), { user: (k) => k.userId }),
    serverGroups: createCollection<ServerGroup>(world.table('compute/serverGroups'), { project_id: (g) => g.projectId }),
    servers,
    deletedServers,
    actions,
    bury,
    disks: world.table<ServerDisk>('compute/disks'),
    usage,
    touch: (server) => {
      server.updated = novaTime(now());
      return servers.put(server);
    },
  };
};
