/** While a seed does not answer, nothing is done for its clusters: nobody knows what would be right. A cluster that is to go goes on, under its own deadlines. */
import { type ClusterRow, loadSeed } from '../store/reconcile.ts';
import type { World } from './world.ts';

/** Whether parts of this cluster are left as they are. */
export const isOutOfSight = async (world: World, { seedId, deleteRequestedAt }: ClusterRow): Promise<boolean> => {
  if (seedId === null || deleteRequestedAt !== null) return false;
  return ((await loadSeed(world.store.db, seedId))?.lostAt ?? null) !== null;
};
