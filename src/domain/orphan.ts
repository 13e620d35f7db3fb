/** Orphans: things in a project that carry Seedbed's marks and belong to no living cluster. */

export type OrphanReason = 'CLUSTER_DELETED' | 'CLUSTER_UNKNOWN' | 'NODE_UNKNOWN';

/** GONE: by itself or by another hand, or it is no orphan any more. */
export type OrphanState = 'FOUND' | 'REMOVING' | 'REMOVED' | 'GONE' | 'FAILED';

/** What a thing's marks say of the cluster it was made for; what they do not say is null. */
export interface OrphanMark {
  clusterId: string | null;
  clusterName: string | null;
  /** Of servers and floating IPs. */
  nodeId: string | null;
  /** Of what bears a mark in its name alone. */
  name: string | null;
}

export interface KnownCluster {
  id: string;
  name: string;
  shortId: string;
  deletedAt: number | null;
}

export interface Orphaned {
  clusterId: string | null;
  clusterName: string | null;
  reason: OrphanReason;
}

/** Begins the names of what a cluster has. */
const nameOf = ({ shortId }: KnownCluster): string => `seedbed-${shortId}-`;

/** A worker of a living cluster's is written down before anything is made for it, and never forgotten: one that is not known was made by a database that is no more. */
const isLost = (mark: OrphanMark, nodeCluster: string | null): boolean =>
  mark.clusterId !== null && mark.nodeId !== null && nodeCluster === null;

/** Null: it belongs to a living cluster. `nodeCluster`: the id of the cluster of the node in the mark, as far as it is known. */
export const judge = (mark: OrphanMark, known: readonly KnownCluster[], nodeCluster: string | null): Orphaned | null => {
  const id = mark.clusterId ?? nodeCluster;
  const owners = known.filter((cluster) => cluster.id === id || mark.name?.startsWith(nameOf(cluster)) === true);
  // A name may begin like two clusters': one that lives is enough to leave it alone.
  const living = owners.find(({ deletedAt }) => deletedAt === null);
  if (living !== undefined)
    return isLost(mark, nodeCluster) ? { clusterId: living.id, clusterName: living.name, reason: 'NODE_UNKNOWN' } : null;
  const [owner] = owners;
  if (owner === undefined) return { clusterId: id, clusterName: mark.clusterName, reason: 'CLUSTER_UNKNOWN' };
  return { clusterId: owner.id, clusterName: owner.name, reason: 'CLUSTER_DELETED' };
};
