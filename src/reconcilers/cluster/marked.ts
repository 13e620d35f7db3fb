/** Finds what carries a cluster's marks in the customer's project, whatever the notes say of it. */
import { clusterTag } from '../../domain/cluster.ts';
import type { InventoryService, MadeBy } from '../../domain/inventory.ts';
import type { Cloud } from '../../openstack/session.ts';
import type { InventoryRow } from '../../store/inventory.ts';
import type { ClusterRow } from '../../store/reconcile.ts';
import { descriptionOf, floatingIpDescription } from '../names.ts';
import { findUnlessGone } from '../resource.ts';
import {
  CSI_CLUSTER,
  DELETABLE,
  isServiceFloatingIp,
  isServiceSecurityGroup,
  listServiceLoadBalancers,
  listSnapshotsOf,
} from './cloudLeftovers.ts';

export interface Found {
  id: string;
  name: string;
}

export interface Marked {
  service: InventoryService;
  kind: string;
  madeBy: MadeBy;
  /** Whether a thing of this kind can have been made: each is noted before it is. */
  possible(notes: readonly InventoryRow[]): boolean;
  list(cloud: Cloud, row: ClusterRow, notes: readonly InventoryRow[]): Promise<Found[]>;
  /** Asks for the removal; absent where the thing is not ours to remove any more. */
  remove?(cloud: Cloud, id: string, row: ClusterRow): Promise<unknown>;
  /** Those that stay by choice, with the reason. */
  kept?(cloud: Cloud, row: ClusterRow, found: readonly Found[]): Promise<ReadonlyMap<string, string>>;
  /** Which of those found; absent: all. */
  removable?(found: Found, notes: readonly InventoryRow[]): boolean;
  /** What keeps one from going; '' when nothing is known. */
  heldBy?(cloud: Cloud, id: string): Promise<string>;
  /** Only then is it removed. */
  doomed?(row: ClusterRow): boolean;
}

const ofKind = (kind: string) => (notes: readonly InventoryRow[]) => notes.some((note) => note.kind === kind);
const KEPT_AS_ASKED = 'It has a snapshot that was to be kept, as deleteCluster was asked.';
const KEPT_BEFORE = 'It has a snapshot, and nobody has said that both may go.';
const own = { madeBy: 'SEEDBED' } as const;

/** In an order in which they let go of each other. */
export const MARKED: readonly Marked[] = [
  {
    ...own,
    service: 'COMPUTE',
    kind: 'server',
    possible: ofKind('server'),
    list: (cloud, { id }) => cloud.compute.listServers({ metadata: { 'seedbed-cluster': id } }),
    remove: (cloud, id) => cloud.compute.deleteServer(id),
  },
  {
    ...own,
    service: 'NETWORK',
    kind: 'floating-ip',
    possible: ofKind('floating-ip'),
    list: async (cloud, { id }, notes) => {
      const described = new Set(notes.filter(({ kind }) => kind === 'floating-ip').map((n) => floatingIpDescription(n.name, n.ownerId)));
      const all = await cloud.network.listFloatingIps();
      return all
        .filter(({ description, tags }) => described.has(description) || tags.includes(clusterTag(id)))
        .map((ip) => ({ id: ip.id, name: ip.address }));
    },
    remove: (cloud, id) => cloud.network.deleteFloatingIp(id),
  },
  {
    ...own,
    service: 'NETWORK',
    kind: 'router',
    possible: ofKind('router'),
    list: ({ network }, row) => network.listRouters({ description: descriptionOf(row) }),
    remove: async ({ network }, id) => {
      for (const { fixedIps } of await network.listPorts({ deviceId: id }))
        for (const { subnetId } of fixedIps) await network.removeRouterInterface(id, subnetId);
      return network.deleteRouter(id);
    },
  },
  {
    ...own,
    service: 'NETWORK',
    kind: 'port',
    possible: ofKind('port'),
    list: ({ network }, row) => network.listPorts({ description: descriptionOf(row) }),
    remove: ({ network }, id) => network.deletePort(id),
  },
  {
    ...own,
    service: 'NETWORK',
    kind: 'security-group',
    possible: ofKind('security-group'),
    list: ({ network }, row) => network.listSecurityGroups({ description: descriptionOf(row) }),
    remove: ({ network }, id) => network.deleteSecurityGroup(id),
  },
  {
    ...own,
    service: 'NETWORK',
    kind: 'network',
    possible: ofKind('network'),
    list: ({ network }, row) => network.listNetworks({ description: descriptionOf(row) }),
    remove: ({ network }, id) => network.deleteNetwork(id),
    heldBy: async ({ network }, networkId) => {
      const ports = (await network.listPorts({ networkId })).filter(({ deviceOwner }) => deviceOwner !== 'network:dhcp');
      const told = ports.map(({ id, deviceOwner, deviceId }) => `${id} (${[deviceOwner, deviceId].join(' ').trim() || 'free'})`);
      return told.length === 0 ? '' : `Ports in it: ${told.join(', ')}.`;
    },
  },
  {
    ...own,
    service: 'COMPUTE',
    kind: 'server-group',
    possible: ofKind('server-group'),
    // A name may begin like another cluster's, so it is one that was noted.
    list: async ({ compute }, _row, notes) => {
      const noted = new Set(notes.filter(({ kind }) => kind === 'server-group').map(({ name }) => name));
      return (await compute.listServerGroups()).filter(({ name }) => noted.has(name));
    },
    remove: ({ compute }, id) => compute.deleteServerGroup(id),
  },
  {
    ...own,
    service: 'VOLUME',
    kind: 'volume',
    possible: ofKind('volume'),
    // What Cinder restores from a backup has the marks of the volume that was saved: one that is not noted may be somebody's copy, and is only told.
    list: ({ volume }, { id }) => volume.listVolumes({ metadata: { 'seedbed-cluster': id } }),
    removable: ({ id }, notes) => notes.some((n) => n.kind === 'volume' && n.madeBy === 'SEEDBED' && n.externalId === id),
    kept: async (cloud, { deletePolicy }, found) => {
      if (deletePolicy?.snapshots === 'DELETE') return new Map();
      const reason = deletePolicy?.snapshots === 'KEEP' ? KEPT_AS_ASKED : KEPT_BEFORE;
      return new Map((await listSnapshotsOf(cloud, found)).map(({ volumeId }) => [volumeId, reason]));
    },
    remove: async (cloud, id, { deletePolicy }) => {
      const snapshots = deletePolicy?.snapshots === 'DELETE' ? await listSnapshotsOf(cloud, [{ id }]) : [];
      for (const snapshot of snapshots) if (DELETABLE.has(snapshot.status)) await cloud.volume.deleteSnapshot(snapshot.id);
      return cloud.volume.deleteVolume(id);
    },
    heldBy: async ({ volume }, id) => {
      // Since it was listed it may have gone.
      const { serverIds = [] } = (await findUnlessGone(volume.getVolume(id))) ?? {};
      return serverIds.length === 0 ? '' : `It is attached to server ${serverIds.join(', ')}.`;
    },
  },
  {
    service: 'VOLUME',
    kind: 'volume',
    madeBy: 'CSI',
    possible: ofKind('CinderCsi'),
    list: async (cloud, { shortId }) =>
      (await cloud.offers('volume')) ? cloud.volume.listVolumes({ metadata: { [CSI_CLUSTER]: shortId } }) : [],
  },
  {
    service: 'NETWORK',
    kind: 'floating-ip',
    madeBy: 'CLOUD_CONTROLLER',
    possible: ofKind('CloudController'),
    list: async (cloud, row) =>
      (await cloud.network.listFloatingIps()).filter((ip) => isServiceFloatingIp(ip, row)).map((ip) => ({ id: ip.id, name: ip.address })),
    doomed: ({ deletePolicy }) => deletePolicy?.floatingIps === 'DELETE',
    remove: (cloud, id) => cloud.network.deleteFloatingIp(id),
  },
  {
    service: 'LOAD_BALANCER',
    kind: 'load-balancer',
    madeBy: 'CLOUD_CONTROLLER',
    possible: ofKind('CloudController'),
    list: listServiceLoadBalancers,
  },
  {
    service: 'NETWORK',
    kind: 'security-group',
    madeBy: 'CLOUD_CONTROLLER',
    possible: ofKind('CloudController'),
    list: async ({ network }, row) => (await network.listSecurityGroups()).filter((group) => isServiceSecurityGroup(group, row)),
    doomed: ({ deletePolicy }) => deletePolicy?.loadBalancers !== 'KEEP',
    remove: ({ network }, id) => network.deleteSecurityGroup(id),
  },
];
