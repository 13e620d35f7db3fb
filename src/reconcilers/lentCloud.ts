/** The customer's project, for parts of a cluster. */
import { NotYet } from '../engine/flow.ts';
import type { Cloud } from '../openstack/session.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import type { World } from './world.ts';

/** Throws NotYet while the cluster's own pass looks whether its trust still holds: what failed by a dead trust would look final. */
export const lentCloud = (world: World, cluster: ClusterRow): Cloud => {
  if (cluster.trust?.heir !== undefined) throw new NotYet('the right to act in the project to be looked at', 1_000);
  return world.clouds.forCluster(cluster);
};
