/** POST /servers of the simulated Nova: everything that Nova refuses before it says 202. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { DialBoard } from '../dials.ts';
import { type ComputeState, type Flavor, novaTime, type Server, type ServerVolume, type WantedNetwork } from './computeState.ts';
import { ApiError, type Call } from './http.ts';
import type { ImageState } from './image.ts';
import {
  envelope,
  type Fields,
  isUuid,
  objectList,
  optionalBoolean,
  optionalInteger,
  optionalObject,
  optionalString,
  requiredString,
  stringList,
  stringMap,
} from './input.ts';
import type { NetworkDeps } from './networkDeps.ts';
import { ownOrAdmin } from './networkResource.ts';
import type { Quotas } from './quotas.ts';
import type { ServerLife } from './serverLife.ts';
import { linksTo } from './serverView.ts';
import type { VolumeState } from './volumeState.ts';

export interface ServerDeps {
  compute: ComputeState;
  network: NetworkDeps;
  volumes: VolumeState;
  images: ImageState;
  quotas: Quotas;
  dials: DialBoard;
  life: ServerLife;
  now: () => number;
}

const MAX_USER_DATA = 65535;

const bad = (message: string): ApiError => new ApiError(400, message);

const flavorFor = (deps: ServerDeps, fields: Fields): Flavor => {
  const ref = fields.flavorRef;
  if (typeof ref !== 'string' && typeof ref !== 'number')
    throw bad("Invalid input for field/attribute server. 'flavorRef' is a required property");
  const id = String(ref).replace(/^.*\//, '');
  const flavor = deps.compute.flavors.get(id);
  if (flavor === undefined) throw bad(`Flavor ${id} could not be found.`);
  return flavor;
};

const networksFor = (deps: ServerDeps, call: Call, fields: Fields): WantedNetwork[] => {
  const asked = fields.networks;
  if (asked === undefined && call.microversion >= 37)
    throw bad("Invalid input for field/attribute server. 'networks' is a required property");
  if (asked === 'none') return [];
  if (asked === undefined || asked === 'auto') return automatic(deps, call);
  return objectList(fields, 'networks').map((wanted) => {
    const portId = optionalString(wanted, 'port') ?? null;
    const networkId = optionalString(wanted, 'uuid') ?? null;
    if (portId !== null) {
      const port = deps.network.state.ports.get(portId);
      if (port === undefined || !ownOrAdmin(call.actor, port)) throw bad(`Port id ${portId} could not be found.`);
      if (port.device_id !== '') throw new ApiError(409, `Port ${portId} is still in use.`);
      if (port.fixed_ips.length === 0) throw bad(`Port ${portId} requires a FixedIP in order to be used.`);
      return { portId, networkId: port.network_id, fixedIp: null };
    }
    const network = networkId === null ? undefined : deps.network.state.networks.get(networkId);
    if (network === undefined || !(ownOrAdmin(call.actor, network) || network.shared || network['router:external']))
      throw bad(`Network ${networkId} could not be found.`);
    if (network['router:external'] && !network.shared && !call.actor.isAdmin)
      throw new ApiError(403, `It is not allowed to create an interface on external network ${network.id}`);
    if (network.subnets.length === 0) throw bad(`Network ${network.id} requires a subnet in order to boot instances on.`);
    return { portId: null, networkId: network.id, fixedIp: optionalString(wanted, 'fixed_ip') ?? null };
  });
};

const automatic = (deps: ServerDeps, call: Call): WantedNetwork[] => {
  const own = deps.network.state.networks
    .by('project_id', call.actor.projectId)
    .filter((n) => n.subnets.length > 0 && !n['router:external']);
  if (own.length > 1) throw new ApiError(409, 'Multiple possible networks found, use a Network ID to be more specific.');
  return own.map((n) => ({ portId: null, networkId: n.id, fixedIp: null }));
};

interface Disks {
  imageId: string | null;
  /** Makes or finds the volumes, once nothing else can refuse. */
  make: (serverId: string, name: string) => ServerVolume[];
}

const disksFor = (deps: ServerDeps, call: Call, fields: Fields, flavor: Flavor): Disks => {
  const devices = objectList(fields, 'block_device_mapping_v2');
  const root = devices.find((d) => optionalInteger(d, 'boot_index') === 0);
  const imageRef = optionalString(fields, 'imageRef') || optionalString(root ?? {}, 'uuid');
  const fromVolume = root !== undefined && root.source_type === 'volume';
  const image = imageRef === undefined || fromVolume ? undefined : deps.images.find(call.actor, imageRef);
  if (!fromVolume) {
    if (imageRef === undefined) throw bad('Invalid imageRef provided.');
    if (image === undefined) throw bad('Can not find requested image');
    if (image.min_ram > flavor.ram) throw bad("Flavor's memory is too small for requested image.");
  }
  const volumes = devices.filter((d) => d.destination_type === 'volume');
  for (const d of volumes) {
    if (d.source_type !== 'volume' && optionalInteger(d, 'volume_size') === undefined)
      throw bad('Block Device Mapping is Invalid: size is missing.');
    if (d.source_type === 'volume' && ownVolume(deps, call, d) === undefined)
      throw bad(`Block Device Mapping is Invalid: failed to get volume ${String(d.uuid)}.`);
  }
  const bootsFromVolume = root !== undefined && root.destination_type === 'volume';
  const make = (serverId: string, name: string): ServerVolume[] => volumes.map((d, i) => makeVolume(deps, call, d, serverId, name, i));
  return { imageId: bootsFromVolume ? null : (image?.id ?? null), make };
};

const ownVolume = (deps: ServerDeps, call: Call, device: Fields): ReturnType<VolumeState['volumes']['get']> => {
  const volume = deps.volumes.volumes.get(optionalString(device, 'uuid') ?? '');
  return volume !== undefined && volume.projectId === call.actor.projectId && volume.status === 'available' ? volume : undefined;
};

const makeVolume = (deps: ServerDeps, call: Call, device: Fields, serverId: string, name: string, index: number): ServerVolume => {
  const volume =
    ownVolume(deps, call, device) ??
    deps.volumes.create({
      name: '',
      description: null,
      sizeGiB: optionalInteger(device, 'volume_size') ?? 1,
      volumeType: optionalString(device, 'volume_type'),
      availabilityZone: undefined,
      imageId: device.source_type === 'image' ? (optionalString(device, 'uuid') ?? null) : null,
      metadata: { server: name },
      projectId: call.actor.projectId,
      userId: call.actor.userId,
    });
  const path = `/dev/vd${String.fromCharCode(97 + index)}`;
  deps.volumes.attach(volume, serverId, path);
  return { volumeId: volume.id, device: path, deleteOnTermination: optionalBoolean(device, 'delete_on_termination') ?? false };
};

const requireQuota = (deps: ServerDeps, projectId: string, flavor: Flavor, count: number): void => {
  const used = deps.compute.usage(projectId);
  const asked = { cores: flavor.vcpus * count, instances: count, ram: flavor.ram * count };
  const over = (['cores', 'instances', 'ram'] as const).filter((name) => !deps.quotas.fits(projectId, name, used[name], asked[name]));
  if (over.length === 0) return;
  const figures = (of: (name: (typeof over)[number]) => number): string => over.map(of).join(', ');
  const names = over.join(', ');
  throw new ApiError(
    403,
    `Quota exceeded for ${names}: Requested ${figures((n) => asked[n])}, but already used ${figures((n) => used[n])} of ${figures((n) => deps.quotas.limit(projectId, n))} ${names}`,
  );
};

const hintsOf = (call: Call): Fields =>
  optionalObject(call.body, 'os:scheduler_hints') ?? optionalObject(call.body, 'OS-SCH-HNT:scheduler_hints') ?? {};

/** One server or several. */
const serversHint = (hints: Fields, name: string): string[] => {
  const value = hints[name] ?? [];
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  if (!ids.every((id): id is string => typeof id === 'string' && isUuid(id)))
    throw bad(`Invalid input for field/attribute ${name}. Value: ${JSON.stringify(value)}. It is not valid under any of the given schemas`);
  return ids;
};

const metadataOf = (deps: ServerDeps, call: Call, fields: Fields): Record<string, string> => {
  const metadata = stringMap(fields, 'metadata');
  for (const [key, value] of Object.entries(metadata))
    if (!/^[a-zA-Z0-9-_:. ]{1,255}$/.test(key) || value.length > 255)
      throw bad(`Invalid input for field/attribute metadata. Value: ${JSON.stringify(metadata)}. '${key}' is not taken`);
  if (!deps.quotas.fits(call.actor.projectId, 'metadata_items', 0, Object.keys(metadata).length))
    throw new ApiError(403, 'Maximum number of metadata items exceeds 128');
  return metadata;
};

const groupFor = (deps: ServerDeps, call: Call, hints: Fields): string | null => {
  const id = optionalString(hints, 'group');
  if (id === undefined) return null;
  const group = deps.compute.serverGroups.get(id);
  if (group === undefined || group.projectId !== call.actor.projectId) throw bad(`Instance group ${id} could not be found.`);
  if (!deps.quotas.fits(group.projectId, 'server_group_members', group.members.length, 1))
    throw new ApiError(403, 'Quota exceeded, too many servers in group');
  return id;
};

const userDataOf = (fields: Fields): string | null => {
  const text = optionalString(fields, 'user_data');
  if (text === undefined) return null;
  if (text.length > MAX_USER_DATA) throw bad(`Invalid input for field/attribute user_data. Value: ${text.slice(0, 10)}... is too long`);
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) throw bad("Invalid input for field/attribute user_data. Value: is not a 'base64'");
  return Buffer.from(text, 'base64').toString('utf8');
};

const tagsOf = (call: Call, fields: Fields): string[] => {
  const tags = stringList(fields, 'tags') ?? [];
  if (tags.length > 0 && call.microversion < 52)
    throw bad("Invalid input for field/attribute server. Additional properties are not allowed ('tags' was unexpected)");
  if (tags.length > 50 || tags.some((t) => t.length === 0 || t.length > 60 || /[,/]/.test(t)))
    throw bad('Invalid input for field/attribute tags.');
  return [...new Set(tags)];
};

const requireKey = (deps: ServerDeps, call: Call, name: string | undefined): string | null => {
  if (name === undefined) return null;
  if (deps.compute.keyPairs.get(`${call.actor.userId}/${name}`) === undefined) throw bad('Invalid key_name provided.');
  return name;
};

/** Creates the server (or several) and answers as Nova does. */
export const createServer = (deps: ServerDeps, call: Call): object => {
  if (!call.actor.canWrite) throw new ApiError(403, "Policy doesn't allow os_compute_api:servers:create to be performed.");
  const fields = envelope(call.body, 'server');
  const name = requiredString(fields, 'name');
  const flavor = flavorFor(deps, fields);
  const disks = disksFor(deps, call, fields, flavor);
  const keyName = requireKey(deps, call, optionalString(fields, 'key_name'));
  const wanted = networksFor(deps, call, fields);
  const { zones } = deps.dials.data;
  const zone = optionalString(fields, 'availability_zone') ?? zones[0] ?? 'nova';
  if (!zones.includes(zone)) throw bad('The requested availability zone is not available');
  const hints = hintsOf(call);
  const groupId = groupFor(deps, call, hints);
  const placed = { groupId, apartFrom: serversHint(hints, 'different_host'), beside: serversHint(hints, 'same_host') };
  const userData = userDataOf(fields);
  const tags = tagsOf(call, fields);
  const metadata = metadataOf(deps, call, fields);
  const count = optionalInteger(fields, 'max_count') ?? optionalInteger(fields, 'min_count') ?? 1;
  requireQuota(deps, call.actor.projectId, flavor, count);
  const common = { wanted, zone, ...placed, tags, metadata, keyName, flavorId: flavor.id, imageId: disks.imageId };
  const ids = Array.from({ length: count }, (_, i) =>
    store(deps, call, fields, { ...common, name: count === 1 ? name : `${name}-${i + 1}` }, userData, disks),
  );
  const id = ids[0] ?? '';
  return {
    server: {
      id,
      links: linksTo(call, 'servers', id),
      'OS-DCF:diskConfig': 'MANUAL',
      security_groups: [{ name: 'default' }],
      adminPass: randomBytes(9).toString('base64url'),
    },
  };
};

type Given = Pick<
  Server,
  'wanted' | 'zone' | 'groupId' | 'apartFrom' | 'beside' | 'tags' | 'metadata' | 'keyName' | 'flavorId' | 'imageId' | 'name'
>;

const store = (deps: ServerDeps, call: Call, fields: Fields, given: Given, userData: string | null, disks: Disks): string => {
  const id = randomUUID();
  const at = novaTime(deps.now());
  const fault = deps.dials.troubleFor(given);
  const volumes = disks.make(id, given.name);
  const server: Server = {
    ...given,
    id,
    projectId: call.actor.projectId,
    userId: call.actor.userId,
    status: 'BUILD',
    taskState: 'scheduling',
    created: at,
    updated: at,
    launchedAt: null,
    description: optionalString(fields, 'description') ?? (call.microversion < 19 ? given.name : null),
    configDrive: optionalBoolean(fields, 'config_drive') ?? false,
    host: null,
    locked: false,
    securityGroups: objectList(fields, 'security_groups').flatMap((g) => optionalString(g, 'name') ?? []),
    ports: [],
    volumes,
    fault: null,
    trouble: fault?.trouble ?? null,
    slowMs: fault?.slowMs ?? 0,
  };
  deps.compute.servers.put(server);
  deps.compute.disks.set(id, { userData, state: {}, console: [] });
  const group = given.groupId === null ? undefined : deps.compute.serverGroups.get(given.groupId);
  if (group !== undefined) {
    group.members.push(id);
    deps.compute.serverGroups.put(group);
  }
  deps.compute.actions.begin(id, 'create', call);
  deps.life.build(server);
  return id;
};
