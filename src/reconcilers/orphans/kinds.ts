/**
 * Kinds of things that carry Seedbed's own marks, with or without a cluster to ask. What a cluster's controllers made (volumes of claims, load balancers
 * of Services) is not among them: that bears only a name, which others' clusters give as well, and may be what a customer chose to keep.
 */
import { CLUSTER_LABEL, CLUSTER_NAME_ANNOTATION, MANAGED_LABEL, PROJECT_LABEL } from '../../controlPlane/object.ts';
import type { InventoryService } from '../../domain/inventory.ts';
import type { OrphanMark } from '../../domain/orphan.ts';
import type { Cloud } from '../../openstack/session.ts';
import type { Users } from '../../openstack/users.ts';
import type { Kubernetes } from '../../seeds/connection.ts';
import type { KubernetesObject } from '../../seeds/kinds.ts';

export interface Marked {
  id: string;
  name: string;
  mark: OrphanMark;
  /** Of what is not in a project, and was made for one. */
  projectId?: string | null;
}

/** `Place`: what opens the project, seed or domain that it is in. */
export interface OrphanKind<Place> {
  service: InventoryService;
  kind: string;
  /** All there with a mark, whoever's. */
  list(place: Place): Promise<Marked[]>;
  /** Asks for the removal. */
  remove(place: Place, thing: Marked): Promise<unknown>;
}

export interface Project {
  cloud: Cloud;
  projectId: string;
}

const NO_MARK: OrphanMark = { clusterId: null, clusterName: null, nodeId: null, name: null };
const CLUSTER_TAG = 'seedbed-cluster-';
const METADATA = 'seedbed-cluster';
const PREFIX = 'seedbed-';

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
    return clusterId === undefined ? [] : [{ id, name, mark: { ...NO_MARK, clusterId, nodeId: metadata['seedbed-node'] ?? null } }];
  });

/** In an order in which they let go of each other. */
export const IN_PROJECT: readonly OrphanKind<Project>[] = [
  {
    service: 'COMPUTE',
    kind: 'server',
    list: async ({ cloud }) => labelled(await cloud.compute.listServers()),
    remove: ({ cloud }, { id }) => cloud.compute.deleteServer(id),
  },
  {
    service: 'NETWORK',
    kind: 'floating-ip',
    list: async ({ cloud: { network }, projectId }) =>
      (await network.listFloatingIps({ projectId })).flatMap(({ id, address, description, tags }) => {
        const clusterId = tags.find((tag) => tag.startsWith(CLUSTER_TAG))?.slice(CLUSTER_TAG.length) ?? null;
        const nodeId = OF_NODE.exec(description)?.[2] ?? null;
        return clusterId === null && nodeId === null ? [] : [{ id, name: address, mark: { ...NO_MARK, clusterId, nodeId } }];
      }),
    remove: ({ cloud }, { id }) => cloud.network.deleteFloatingIp(id),
  },
  {
    service: 'NETWORK',
    kind: 'router',
    list: async ({ cloud, projectId }) => described(await cloud.network.listRouters({ projectId })),
    remove: async ({ cloud: { network } }, { id }) => {
      for (const { fixedIps } of await network.listPorts({ deviceId: id }))
        for (const { subnetId } of fixedIps) await network.removeRouterInterface(id, subnetId);
      return network.deleteRouter(id);
    },
  },
  {
    service: 'NETWORK',
    kind: 'port',
    list: async ({ cloud, projectId }) => described(await cloud.network.listPorts({ projectId })),
    remove: ({ cloud }, { id }) => cloud.network.deletePort(id),
  },
  {
    service: 'NETWORK',
    kind: 'security-group',
    list: async ({ cloud, projectId }) => described(await cloud.network.listSecurityGroups({ projectId })),
    remove: ({ cloud }, { id }) => cloud.network.deleteSecurityGroup(id),
  },
  {
    // With its subnets.
    service: 'NETWORK',
    kind: 'network',
    list: async ({ cloud, projectId }) => described(await cloud.network.listNetworks({ projectId })),
    remove: ({ cloud }, { id }) => cloud.network.deleteNetwork(id),
  },
  {
    service: 'COMPUTE',
    kind: 'server-group',
    list: async ({ cloud }) =>
      (await cloud.compute.listServerGroups())
        .filter(({ name }) => name.startsWith(PREFIX))
        .map(({ id, name }) => ({ id, name, mark: { ...NO_MARK, name } })),
    remove: ({ cloud }, { id }) => cloud.compute.deleteServerGroup(id),
  },
  {
    service: 'VOLUME',
    kind: 'volume',
    list: async ({ cloud }) => ((await cloud.offers('volume')) ? labelled(await cloud.volume.listVolumes()) : []),
    remove: ({ cloud }, { id }) => cloud.volume.deleteVolume(id),
  },
];

/** A cluster's namespace, with its control plane. */
export const IN_SEED: readonly OrphanKind<Kubernetes>[] = [
  {
    service: 'SEED',
    kind: 'namespace',
    list: async (kube) =>
      (await kube.list({ ...NAMESPACES, labelSelector: `${MANAGED_LABEL},${CLUSTER_LABEL}` })).items.map(markedNamespace),
    // By the uid: another one of that name is another cluster's.
    remove: (kube, { id, name }) => kube.remove({ ...NAMESPACES, name }, { uid: id }),
  },
];

const NAMESPACES = { apiVersion: 'v1', kind: 'Namespace' };

const markedNamespace = ({ metadata }: KubernetesObject): Marked => ({
  id: metadata.uid ?? metadata.name,
  name: metadata.name,
  mark: {
    ...NO_MARK,
    clusterId: metadata.labels?.[CLUSTER_LABEL] ?? null,
    clusterName: metadata.annotations?.[CLUSTER_NAME_ANNOTATION] ?? null,
  },
  projectId: metadata.labels?.[PROJECT_LABEL] ?? null,
});

/** Clusters' own users in Keystone: a name of ours alone makes none, for an administrator may have one like it. */
export const IN_DOMAIN: readonly OrphanKind<Users>[] = [
  {
    service: 'IDENTITY',
    kind: 'user',
    list: async (users) => described((await users.listUsers(PREFIX)).map((user) => ({ ...user, description: user.description ?? '' }))),
    remove: (users, { id }) => users.deleteUser(id),
  },
];
