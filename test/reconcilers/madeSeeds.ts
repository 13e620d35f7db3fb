/** What the cloud has of seeds that Seedbed makes. */
import type { Story } from './story.ts';

interface Thing {
  description?: string;
}

/** Kinds of things that bear the name of a made seed, sorted, each as often as it is there. */
export const tracesOfMadeSeeds = async (world: Pick<Story, 'control'>): Promise<string[]> => {
  const { openstack } = await world.control<{ openstack: Record<string, Record<string, Thing[]>> }>('GET', 'world');
  const isSeeds = (thing: Thing): boolean => JSON.stringify(thing).includes('seedbed-seed-') || /for a seed/.test(thing.description ?? '');
  return Object.values(openstack)
    .flatMap((kinds) => Object.entries(kinds).flatMap(([kind, things]) => things.filter(isSeeds).map(() => kind)))
    .sort();
};
