/** Nova's servers: find, make, watch, delete, and read what they print. */
import { z } from 'zod';
import { UserError } from '../domain/errors.ts';
import { part, type Service } from './service.ts';

export interface ServerAddress {
  network: string;
  address: string;
  version: 4 | 6;
  type: 'fixed' | 'floating';
  mac: string | null;
}

export interface Server {
  id: string;
  name: string;
  description: string;
  /** Nova's word: BUILD, ACTIVE, ERROR, SHUTOFF, DELETED … */
  status: string;
  taskState: string | null;
  availabilityZone: string | null;
  addresses: ServerAddress[];
  metadata: Record<string, string>;
  tags: string[];
  flavorName: string | null;
  /** Null for a server that starts from a volume. */
  imageId: string | null;
  keypair: string | null;
  volumeIds: string[];
  createdAt: number;
  /** Nova's own words on what went wrong; only in ERROR. */
  fault: { code: number; message: string; at: number | null } | null;
}

export type BootSource =
  | { kind: 'image'; imageId: string }
  /** A root volume that Nova makes from the image and deletes with the server. `type` needs Nova 2.67. */
  | { kind: 'newVolume'; imageId: string; sizeGiB: number; type: string | null }
  | { kind: 'volume'; volumeId: string };

export interface ServerSpec {
  name: string;
  description: string;
  flavorId: string;
  boot: BootSource;
  portIds: string[];
  keypair: string | null;
  /** As it is; encoded here. Nova takes at most 65 535 bytes of base64. */
  userData: string | null;
  configDrive: boolean;
  serverGroupId: string | null;
  /** Beside the server group. */
  schedulerHints: Record<string, string>;
  availabilityZone: string | null;
  metadata: Record<string, string>;
  tags: string[];
}

/** All of `tags` must be there; `name` is the whole name. */
export interface ServerFilter {
  name?: string;
  tags?: string[];
  metadata?: Record<string, string>;
  /** Only those that changed since, in milliseconds since the epoch; servers that were deleted since are among them, as DELETED. */
  changesSince?: number;
}

export interface Servers {
  /** The project's servers, oldest first. One call, more only when there are more than Nova's page. */
  listServers(filter?: ServerFilter): Promise<Server[]>;
  /** The oldest with exactly this name. */
  findServer(name: string): Promise<Server | undefined>;
  getServer(id: string): Promise<Server>;
  /** The new server's id: Nova answers with little more. */
  createServer(spec: ServerSpec): Promise<string>;
  /** True when Nova took the delete (the server may live on for a while), false when it was gone. */
  deleteServer(id: string): Promise<boolean>;
  /** Off and on again, whatever the guest does. Throws Conflict in a state in which Nova does not, NotFound when it is gone. */
  rebootServer(id: string): Promise<void>;
  /**
   * The id of the request behind a failure, by which operators find it in their logs: of the last action that failed, else of the last one. `at`: when it
   * failed, if Nova says so; an action of long before is not what failed then.
   */
  failedRequest(id: string, at: number | null): Promise<string | null>;
  /** The last lines of the console. Throws Conflict while the server is not far enough. */
  consoleOutput(id: string, lines: number): Promise<string>;
}

export const createServers = ({ service, minor }: { service: Service; minor: () => Promise<number> }): Servers => {
  const listServers = async (filter: ServerFilter = {}): Promise<Server[]> => {
    const version = await minor();
    const query = {
      sort_key: 'created_at',
      sort_dir: 'asc',
      // Nova's name filter is a regular expression, on some databases blind to case: it narrows, the comparison below decides.
      ...(filter.name === undefined ? {} : { name: `^${filter.name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$` }),
      ...(filter.tags === undefined || filter.tags.length === 0 || version < 26 ? {} : { tags: filter.tags.join(',') }),
      ...(filter.changesSince === undefined ? {} : { 'changes-since': new Date(filter.changesSince).toISOString() }),
    };
    const servers = await service.list(serverSchema, '/servers/detail', 'servers', query);
    return servers.filter((server) => matches(server, filter, version));
  };

  return {
    listServers,
    findServer: async (name) => (await listServers({ name }))[0],
    getServer: async (id) => (await service.call(oneServer, 'GET', `/servers/${part(id)}`)).server,
    createServer: async (spec) => (await service.call(createdServer, 'POST', '/servers', { body: bodyOf(spec, await minor()) })).server.id,
    deleteServer: (id) => service.remove(`/servers/${part(id)}`),
    rebootServer: (id) => service.send('POST', `/servers/${part(id)}/action`, { body: { reboot: { type: 'HARD' } } }),
    failedRequest: async (id, at) => {
      const { instanceActions } = await service.call(actionsSchema, 'GET', `/servers/${part(id)}/os-instance-actions`);
      const near = instanceActions.filter(({ start_time }) => at === null || timeOf(start_time) >= at - LONGEST_ACTION_MS);
      return (near.find(({ message }) => message != null) ?? near[0])?.request_id ?? null;
    },
    consoleOutput: async (id, lines) => {
      const body = { 'os-getConsoleOutput': { length: lines } };
      return (
        (await service.call(z.object({ output: z.string().nullable() }), 'POST', `/servers/${part(id)}/action`, { body })).output ?? ''
      );
    },
  };
};

/** Tags are compared only when Nova shows them (2.26). */
const matches = (server: Server, filter: ServerFilter, version: number): boolean =>
  (filter.name === undefined || server.name === filter.name) &&
  (version < 26 || (filter.tags ?? []).every((tag) => server.tags.includes(tag))) &&
  Object.entries(filter.metadata ?? {}).every(([key, value]) => server.metadata[key] === value);

const bodyOf = (spec: ServerSpec, version: number): object => ({
  server: {
    name: spec.name,
    flavorRef: spec.flavorId,
    networks: spec.portIds.map((port) => ({ port })),
    metadata: spec.metadata,
    config_drive: spec.configDrive,
    ...bootOf(spec.boot, version),
    ...(version >= 19 ? { description: spec.description } : {}),
    ...(version >= 52 ? { tags: spec.tags } : {}),
    ...(spec.keypair === null ? {} : { key_name: spec.keypair }),
    ...(spec.userData === null ? {} : { user_data: Buffer.from(spec.userData, 'utf8').toString('base64') }),
    ...(spec.availabilityZone === null ? {} : { availability_zone: spec.availabilityZone }),
  },
  ...hintsOf(spec),
});

const hintsOf = ({ schedulerHints, serverGroupId }: ServerSpec): object => {
  const hints = { ...schedulerHints, ...(serverGroupId !== null && { group: serverGroupId }) };
  return Object.keys(hints).length === 0 ? {} : { 'os:scheduler_hints': hints };
};

const bootOf = (boot: BootSource, version: number): object => {
  if (boot.kind === 'image') return { imageRef: boot.imageId };
  if (boot.kind === 'volume') {
    const disk = { boot_index: 0, source_type: 'volume', destination_type: 'volume', uuid: boot.volumeId, delete_on_termination: false };
    return { block_device_mapping_v2: [disk] };
  }
  if (boot.type !== null && version < 67) {
    const message = `This cloud's Nova (2.${version}) cannot choose a root volume's type; it needs 2.67. Leave the type out, or use the default one.`;
    throw new UserError('CLOUD_REFUSED', message);
  }
  const disk = {
    boot_index: 0,
    source_type: 'image',
    destination_type: 'volume',
    uuid: boot.imageId,
    volume_size: boot.sizeGiB,
    delete_on_termination: true,
    ...(boot.type === null ? {} : { volume_type: boot.type }),
  };
  return { block_device_mapping_v2: [disk] };
};

const addressSchema = z.object({
  addr: z.string(),
  version: z.union([z.literal(4), z.literal(6)]),
  'OS-EXT-IPS:type': z.enum(['fixed', 'floating']).default('fixed'),
  'OS-EXT-IPS-MAC:mac_addr': z.string().optional(),
});

const serverSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullish(),
    status: z.string(),
    'OS-EXT-STS:task_state': z.string().nullish(),
    'OS-EXT-AZ:availability_zone': z.string().nullish(),
    addresses: z.record(z.string(), z.array(addressSchema)).default({}),
    metadata: z.record(z.string(), z.string()).default({}),
    tags: z.array(z.string()).default([]),
    flavor: z.object({ original_name: z.string().optional() }).nullish(),
    // Nova writes '' for a server that starts from a volume.
    image: z.union([z.object({ id: z.string() }), z.literal('')]).nullish(),
    key_name: z.string().nullish(),
    'os-extended-volumes:volumes_attached': z.array(z.object({ id: z.string() })).default([]),
    created: z.string(),
    fault: z.object({ code: z.number(), message: z.string(), created: z.string().nullish() }).nullish(),
  })
  .transform(
    (s): Server => ({
      id: s.id,
      name: s.name,
      description: s.description ?? '',
      status: s.status,
      taskState: s['OS-EXT-STS:task_state'] ?? null,
      availabilityZone: s['OS-EXT-AZ:availability_zone'] || null,
      addresses: Object.entries(s.addresses).flatMap(([network, all]) =>
        all.map((a) => ({
          network,
          address: a.addr,
          version: a.version,
          type: a['OS-EXT-IPS:type'],
          mac: a['OS-EXT-IPS-MAC:mac_addr'] ?? null,
        })),
      ),
      metadata: s.metadata,
      tags: s.tags,
      flavorName: s.flavor?.original_name ?? null,
      imageId: typeof s.image === 'object' ? (s.image?.id ?? null) : null,
      keypair: s.key_name ?? null,
      volumeIds: s['os-extended-volumes:volumes_attached'].map((volume) => volume.id),
      createdAt: Date.parse(s.created),
      fault: s.fault ? { code: s.fault.code, message: s.fault.message, at: s.fault.created ? timeOf(s.fault.created) : null } : null,
    }),
  );
const oneServer = z.object({ server: serverSchema });
/** Newest first; a message, which is "Error", has what failed. */
const actionsSchema = z.object({
  instanceActions: z.array(z.object({ request_id: z.string().nullish(), message: z.string().nullish(), start_time: z.string() })),
});
/** Volumes that are copied from images, and images that hosts fetch first, take their time. */
const LONGEST_ACTION_MS = 2 * 3_600_000;
/** Nova's times are UTC, of actions without saying so. */
const timeOf = (text: string): number => Date.parse(text.replace(/Z?$/, 'Z'));
const createdServer = z.object({ server: z.object({ id: z.string() }) });
