/** The customer's project, for parts of a cluster. */
import { hasRight } from '../domain/cloudCredential.ts';
import { NotYet } from '../engine/flow.ts';
import type { Cloud } from '../openstack/session.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import { gaveUp } from './cluster/deletionStage.ts';
import type { World } from './world.ts';

/** Whether there is a right to act in it yet. */
export const isLent = (cluster: ClusterRow): boolean => hasRight(cluster);

/** Throws NotYet while the cluster's own pass looks whether its trust or credential still holds: what failed by a dead one would look final. */
export const lentCloud = (world: World, cluster: ClusterRow): Cloud => {
  const { trust, credential, deleteRequestedAt } = cluster;
  const another = trust?.heir !== undefined || (deleteRequestedAt !== null && credential?.next != null && hasRight(cluster));
  // Once nobody is waited for any more, it is tried by what there is.
  if (another && gaveUp(cluster, 'NODES') === undefined) throw new NotYet('the right to act in the project to be looked at', 1_000);
  return world.clouds.forCluster(cluster);
};
