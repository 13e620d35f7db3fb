/** How the simulated Nova shows a server; fields come with the microversions that brought them. */
import { createHash } from 'node:crypto';
import { type Family, familyOf } from './addresses.ts';
import type { ComputeState, Flavor, Server } from './computeState.ts';
import type { Call } from './http.ts';
import type { NetworkDeps } from './networkDeps.ts';
import type { VolumeState } from './volumeState.ts';

export interface ViewDeps {
  compute: ComputeState;
  network: NetworkDeps;
  volumes: VolumeState;
}

export const linksTo = (call: Call, kind: string, id: string): object[] => [
  { rel: 'self', href: `${call.baseUrl}/v2.1/${kind}/${id}` },
  { rel: 'bookmark', href: `${call.baseUrl}/${kind}/${id}` },
];

export const serverSummary = (server: Server, call: Call): object => ({
  id: server.id,
  name: server.name,
  links: linksTo(call, 'servers', server.id),
});

const POWER: Record<Server['status'], number> = {
  BUILD: 0,
  ACTIVE: 1,
  REBOOT: 1,
  HARD_REBOOT: 1,
  REBUILD: 1,
  SHUTOFF: 4,
  ERROR: 0,
  DELETED: 0,
};
const VM_STATE: Record<Server['status'], string> = {
  BUILD: 'building',
  ACTIVE: 'active',
  REBOOT: 'active',
  REBUILD: 'active',
  HARD_REBOOT: 'active',
  SHUTOFF: 'stopped',
  ERROR: 'error',
  DELETED: 'deleted',
};

export const vmState = (server: Server): string => VM_STATE[server.status];

interface Address {
  version: Family;
  addr: string;
  'OS-EXT-IPS:type': 'fixed' | 'floating';
  'OS-EXT-IPS-MAC:mac_addr': string;
}

/** Addresses by network name, floating ones after the fixed one they belong to. */
export const addressesOf = (deps: ViewDeps, server: Server): Record<string, Address[]> => {
  const { state } = deps.network;
  const result: Record<string, Address[]> = {};
  for (const { portId } of server.ports) {
    const port = state.ports.get(portId);
    const name = port === undefined ? undefined : state.networks.get(port.network_id)?.name;
    if (port === undefined || name === undefined) continue;
    result[name] ??= [];
    const mac = port.mac_address;
    for (const ip of port.fixed_ips)
      result[name].push({
        version: familyOf(ip.ip_address),
        addr: ip.ip_address,
        'OS-EXT-IPS:type': 'fixed',
        'OS-EXT-IPS-MAC:mac_addr': mac,
      });
    for (const ip of state.floatingIps.by('port_id', port.id)) {
      result[name].push({ version: 4, addr: ip.floating_ip_address, 'OS-EXT-IPS:type': 'floating', 'OS-EXT-IPS-MAC:mac_addr': mac });
    }
  }
  return result;
};

const flavorOf = (flavor: Flavor | undefined, call: Call, id: string): object => {
  if (call.microversion < 47) return { id, links: [{ rel: 'bookmark', href: `${call.baseUrl}/flavors/${id}` }] };
  return {
    vcpus: flavor?.vcpus ?? 0,
    ram: flavor?.ram ?? 0,
    disk: flavor?.disk ?? 0,
    ephemeral: 0,
    swap: 0,
    original_name: flavor?.name ?? id,
    extra_specs: flavor?.extraSpecs ?? {},
  };
};

const groupNames = (deps: ViewDeps, server: Server): { name: string }[] => {
  const { state } = deps.network;
  const ids = new Set(server.ports.flatMap(({ portId }) => state.ports.get(portId)?.security_groups ?? []));
  return [...ids].flatMap((id) => {
    const group = state.securityGroups.get(id);
    return group === undefined ? [] : [{ name: group.name }];
  });
};

const versioned = (deps: ViewDeps, server: Server, call: Call): object => {
  const v = call.microversion;
  return {
    ...(v >= 9 ? { locked: server.locked } : {}),
    ...(v >= 19 ? { description: server.description } : {}),
    ...(v >= 26 ? { tags: server.tags } : {}),
    ...(v >= 63 ? { trusted_image_certificates: null } : {}),
    ...(v >= 71 ? { server_groups: server.groupId === null ? [] : [server.groupId] } : {}),
    ...(v >= 73 ? { locked_reason: null } : {}),
    ...(v >= 90 ? { 'OS-EXT-SRV-ATTR:hostname': server.name.toLowerCase().replace(/[^a-z0-9-]+/g, '-') } : {}),
    'os-extended-volumes:volumes_attached': server.volumes.map((volume) =>
      v >= 3 ? { id: volume.volumeId, delete_on_termination: volume.deleteOnTermination } : { id: volume.volumeId },
    ),
    ...(call.actor.isAdmin ? forAdmins(server) : {}),
    ...(call.actor.isAdmin && v >= 3 ? { 'OS-EXT-SRV-ATTR:user_data': userDataOf(deps, server) } : {}),
  };
};

const userDataOf = (deps: ViewDeps, server: Server): string | null => {
  const data = deps.compute.disks.get(server.id)?.userData ?? null;
  return data === null ? null : Buffer.from(data).toString('base64');
};

const forAdmins = (server: Server): object => ({
  'OS-EXT-SRV-ATTR:host': server.host,
  'OS-EXT-SRV-ATTR:hypervisor_hostname': server.host,
  'OS-EXT-SRV-ATTR:instance_name': `instance-${server.id.slice(0, 8)}`,
  host_status: server.host === null ? '' : 'UP',
});

/** A fault's details are for administrators, or for faults that are not the cloud's own (code other than 500). */
const faultOf = (server: Server, call: Call): object => {
  if (server.fault === null || server.status !== 'ERROR') return {};
  const { details, ...shown } = server.fault;
  return { fault: call.actor.isAdmin || shown.code !== 500 ? { ...shown, details } : shown };
};

/** The server in full, as GET /servers/{id} and /servers/detail show it. */
export const serverDetail = (deps: ViewDeps, server: Server, call: Call): object => ({
  id: server.id,
  name: server.name,
  status: server.status,
  tenant_id: server.projectId,
  user_id: server.userId,
  metadata: server.metadata,
  hostId:
    server.host === null
      ? ''
      : createHash('sha224')
          .update(server.projectId + server.host)
          .digest('hex'),
  image:
    server.imageId === null ? '' : { id: server.imageId, links: [{ rel: 'bookmark', href: `${call.baseUrl}/images/${server.imageId}` }] },
  flavor: flavorOf(deps.compute.flavors.get(server.flavorId), call, server.flavorId),
  created: server.created,
  updated: server.updated,
  addresses: addressesOf(deps, server),
  accessIPv4: '',
  accessIPv6: '',
  links: linksTo(call, 'servers', server.id),
  'OS-DCF:diskConfig': 'MANUAL',
  ...(server.status === 'ACTIVE' || server.status === 'BUILD' ? { progress: 0 } : {}),
  'OS-EXT-AZ:availability_zone': server.host === null ? '' : server.zone,
  config_drive: server.configDrive ? 'True' : '',
  key_name: server.keyName,
  'OS-SRV-USG:launched_at': server.launchedAt,
  'OS-SRV-USG:terminated_at': null,
  ...(server.ports.length > 0 ? { security_groups: groupNames(deps, server) } : {}),
  'OS-EXT-STS:task_state': server.taskState,
  'OS-EXT-STS:vm_state': vmState(server),
  'OS-EXT-STS:power_state': POWER[server.status],
  ...versioned(deps, server, call),
  ...faultOf(server, call),
});
