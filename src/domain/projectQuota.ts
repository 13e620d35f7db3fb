/** Seedbed's own quotas: how much a project may have of what Seedbed makes, beside what OpenStack lets it have. */
import { apiServerReplicasOf, type ControlPlaneSpec } from './controlPlane.ts';

/** Also the names in which problems tell what is short. */
export const PROJECT_RESOURCES = ['clusters', 'nodes', 'workerVcpus', 'controlPlaneReplicas'] as const;
export type ProjectResource = (typeof PROJECT_RESOURCES)[number];

/** As OpenStack writes "as many as they like". */
export const NO_LIMIT = -1;

/** The most of each that a project may have; NO_LIMIT: there is none. */
export type ProjectLimits = Readonly<Record<ProjectResource, number>>;
/** What an administrator said of one project; what is left out is as everywhere. */
export type OwnLimits = Partial<ProjectLimits>;

export const limitsOf = (usual: ProjectLimits, own: OwnLimits): ProjectLimits => ({ ...usual, ...own });

/** Both count: what is there, and what was asked for and is not there, be it not yet or while a cluster hibernates. */
export interface Share {
  used: number;
  reserved: number;
}
export type ProjectShares = Record<ProjectResource, Share>;

/** A cluster that is not gone. */
export interface ClusterShare {
  replicas: number;
  /** null: as many as `replicas`. */
  apiServerReplicas: number | null;
  hasSeed: boolean;
  isAsleep: boolean;
}

/** A node group that is not gone. */
export interface GroupShare {
  count: number;
  /** Of a worker; 0 while nobody knows. */
  vcpus: number;
  isDeleting: boolean;
  /** Live nodes, those on their way out included, and those of them that have a server. */
  nodes: number;
  servers: number;
}

/** Members of etcd or API servers, whichever are more. */
export const replicasOf = (spec: Pick<ControlPlaneSpec, 'replicas' | 'apiServerReplicas'>): number =>
  Math.max(spec.replicas, apiServerReplicasOf(spec));

/**
 * Workers that count of a group: as many as are wanted, and more while there are more. So what was taken away counts until it is gone, and
 * nobody has twice as many by asking for fewer here and more there. A roll's surge counts likewise while it lasts; it is nobody's growth, and
 * asks for no room: a roll that stood still for these limits could not end what it takes of them.
 */
const workersOf = ({ count, isDeleting, nodes }: Pick<GroupShare, 'count' | 'isDeleting' | 'nodes'>): number =>
  Math.max(isDeleting ? 0 : count, nodes);

export const sharesOf = (clusters: readonly ClusterShare[], groups: readonly GroupShare[]): ProjectShares => {
  const shares: ProjectShares = {
    clusters: { used: 0, reserved: 0 },
    nodes: { used: 0, reserved: 0 },
    workerVcpus: { used: 0, reserved: 0 },
    controlPlaneReplicas: { used: 0, reserved: 0 },
  };
  for (const cluster of clusters) {
    shares.clusters[cluster.hasSeed ? 'used' : 'reserved'] += 1;
    shares.controlPlaneReplicas[cluster.hasSeed && !cluster.isAsleep ? 'used' : 'reserved'] += replicasOf(cluster);
  }
  for (const group of groups) {
    const waiting = workersOf(group) - group.servers;
    shares.nodes.used += group.servers;
    shares.nodes.reserved += waiting;
    shares.workerVcpus.used += group.servers * group.vcpus;
    shares.workerVcpus.reserved += waiting * group.vcpus;
  }
  return shares;
};
