/** Orphans: things in a project that carry Seedbed's marks and belong to no living cluster. */

export type OrphanReason = 'CLUSTER_DELETED' | 'CLUSTER_UNKNOWN';

/** GONE: by itself or by another hand, or it is no orphan any more. */
export type OrphanState = 'FOUND' | 'REMOVING' | 'REMOVED' | 'GONE' | 'FAILED';

/** What a thing's marks say of the cluster it was made for; what they do not say is null. */
export interface OrphanMark {
  clusterId: string | null;
  clusterName: string | null;
  /** Of a floating IP that was never tagged. */
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

/** Null: it belongs to a living cluster. `nodeCluster`: the id of the cluster of the node in the mark, as far as it is known. */
export const judge = (mark: OrphanMark, known: readonly KnownCluster[], nodeCluster: string | null): Orphaned | null => {
  const id = mark.clusterId ?? nodeCluster;
  const owners = known.filter((cluster) => cluster.id === id || mark.name?.startsWith(nameOf(cluster)) === true);
  // A name may begin like two clusters': one that lives is enough to leave it alone.
  if (owners.some(({ deletedAt }) => deletedAt === null)) return null;
  const [owner] = owners;
  if (owner === undefined) return { clusterId: id, clusterName: mark.clusterName, reason: 'CLUSTER_UNKNOWN' };
  return { clusterId: owner.id, clusterName: owner.name, reason: 'CLUSTER_DELETED' };
};
