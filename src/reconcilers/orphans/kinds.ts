/**
 * Kinds of things that carry Seedbed's own marks, with or without a cluster to ask. What a cluster's controllers made (volumes of claims, load balancers
 * of Services) is not among them: that bears only a name, which others' clusters give as well, and may be what a customer chose to keep.
 */
import type { InventoryService } from '../../domain/inventory.ts';
import type { OrphanMark } from '../../domain/orphan.ts';
import type { Cloud } from '../../openstack/session.ts';

export interface Marked {
  id: string;
  name: string;
  mark: OrphanMark;
}

export interface OrphanKind {
  service: InventoryService;
  kind: string;
  /** All of the project's with a mark, whoever's. */
  list(cloud: Cloud, projectId: string): Promise<Marked[]>;
  /** Asks for the removal. */
  remove(cloud: Cloud, id: string): Promise<unknown>;
}

const NO_MARK: OrphanMark = { clusterId: null, clusterName: null, nodeId: null, name: null };
const CLUSTER_TAG = 'seedbed-cluster-';
const METADATA = 'seedbed-cluster';

/** As names.ts writes them. */
const OF_CLUSTER = /^Made by Seedbed for cluster (.+) \(([^()]+)\)$/;
const OF_NODE = /^Made by Seedbed for node (.+) \(([^()]+)\)$/;

const described = <T extends { id: string; name: string; description: string }>(things: readonly T[]): Marked[] =>
  things.flatMap(({ id, name, description }) => {
    const [, clusterName, clusterId] = OF_CLUSTER.exec(description) ?? [];
    return clusterName === undefined || clusterId === undefined ? [] : [{ id, name, mark: { ...NO_MARK, clusterId, clusterName } }];
  });

const labelled = <T extends { id: string; name: string; metadata: Record<string, string> }>(things: readonly T[]): Marked[] =>
  things.flatMap(({ id, name, metadata }) => {
    const clusterId = metadata[METADATA];
    return clusterId === undefined ? [] : [{ id, name, mark: { ...NO_MARK, clusterId } }];
  });

/** In an order in which they let go of each other. */
export const ORPHAN_KINDS: readonly OrphanKind[] = [
  {
    service: 'COMPUTE',
    kind: 'server',
    list: async ({ compute }) => labelled(await compute.listServers()),
    remove: ({ compute }, id) => compute.deleteServer(id),
  },
  {
    service: 'NETWORK',
    kind: 'floating-ip',
    list: async ({ network }, projectId) =>
      (await network.listFloatingIps({ projectId })).flatMap(({ id, address, description, tags }) => {
        const clusterId = tags.find((tag) => tag.startsWith(CLUSTER_TAG))?.slice(CLUSTER_TAG.length) ?? null;
        const nodeId = OF_NODE.exec(description)?.[2] ?? null;
        return clusterId === null && nodeId === null ? [] : [{ id, name: address, mark: { ...NO_MARK, clusterId, nodeId } }];
      }),
    remove: ({ network }, id) => network.deleteFloatingIp(id),
  },
  {
    service: 'NETWORK',
    kind: 'router',
    list: async ({ network }, projectId) => described(await network.listRouters({ projectId })),
    remove: async ({ network }, id) => {
      for (const { fixedIps } of await network.listPorts({ deviceId: id }))
        for (const { subnetId } of fixedIps) await network.removeRouterInterface(id, subnetId);
      return network.deleteRouter(id);
    },
  },
  {
    service: 'NETWORK',
    kind: 'port',
    list: async ({ network }, projectId) => described(await network.listPorts({ projectId })),
    remove: ({ network }, id) => network.deletePort(id),
  },
  {
    service: 'NETWORK',
    kind: 'security-group',
    list: async ({ network }, projectId) => described(await network.listSecurityGroups({ projectId })),
    remove: ({ network }, id) => network.deleteSecurityGroup(id),
  },
  {
    // With its subnets.
    service: 'NETWORK',
    kind: 'network',
    list: async ({ network }, projectId) => described(await network.listNetworks({ projectId })),
    remove: ({ network }, id) => network.deleteNetwork(id),
  },
  {
    service: 'COMPUTE',
    kind: 'server-group',
    list: async ({ compute }) =>
      (await compute.listServerGroups())
        .filter(({ name }) => name.startsWith('seedbed-'))
        .map(({ id, name }) => ({ id, name, mark: { ...NO_MARK, name } })),
    remove: ({ compute }, id) => compute.deleteServerGroup(id),
  },
  {
    service: 'VOLUME',
    kind: 'volume',
    list: async (cloud) => ((await cloud.offers('volume')) ? labelled(await cloud.volume.listVolumes()) : []),
    remove: ({ volume }, id) => volume.deleteVolume(id),
  },
];
