/** While a seed does not answer, nothing is done for its clusters: nobody knows what would be right. A cluster that is to go goes on, under its own deadlines. */
import { type ClusterRow, loadSeed } from '../store/reconcile.ts';
import { type Held, sleepsWith } from './holds.ts';
import type { World } from './world.ts';

/** Since when the seed of this cluster has been silent, in milliseconds since the epoch, while its parts are left as they are; null: they are not. */
const silenceOf = async (world: World, { seedId, deleteRequestedAt }: ClusterRow): Promise<number | null> => {
  if (seedId === null || deleteRequestedAt !== null) return null;
  const seed = await loadSeed(world.store.db, seedId);
  return seed?.lostAt == null ? null : (seed.silentSince ?? seed.lostAt);
};

/** Whether parts of this cluster are left as they are. */
export const isOutOfSight = async (world: World, cluster: ClusterRow): Promise<boolean> => (await silenceOf(world, cluster)) !== null;

/** For a part of such a cluster: nothing runs, and what is asked for says what it waits for. Undefined: its seed answers. */
export const restsWith = async <Scope>(world: World, cluster: ClusterRow): Promise<Held<Scope> | undefined> => {
  const silentSince = await silenceOf(world, cluster);
  if (silentSince === null) return undefined;
  const hibernation = sleepsWith<Scope>(cluster)?.hibernation ?? null;
  return { flow: null, stateOf: () => '', hibernation, silentSince, ends: [], alone: false, tells: false };
};
