/** Drains of seeds: their control planes go to other seeds, by a plan that says of each where to, or why not. */
import { type ControlPlaneMove, hindranceOf, isMoving, type Movable } from './controlPlaneMove.ts';
import { choosePlacement, type PlacementWish } from './placement.ts';
import type { SeedCandidate } from './seed.ts';

export interface SeedDrain {
  since: number;
  requestedBy: string;
}

/** How many control planes are moved at once: each is away for a while, and its new seed starts it beside others. */
export const MOVES_AT_ONCE = 2;

export interface DrainCandidate extends Movable {
  id: string;
  name: string;
  move: ControlPlaneMove | null;
  wish: Omit<PlacementWish, 'seedId'>;
}

export interface DrainEntry {
  clusterId: string;
  clusterName: string;
  /** null: it cannot be moved as things are. */
  toSeedId: string | null;
  /** MOVING: it is on its way; PLANNED: it will be; STUCK: it cannot be moved. */
  state: 'MOVING' | 'PLANNED' | 'STUCK';
  /** A sentence. */
  reason: string;
}

/** What each takes is not there any more for those after it. `drain`: the one that is under way. */
export const planDrain = (
  from: SeedCandidate,
  others: readonly SeedCandidate[],
  clusters: readonly DrainCandidate[],
  drain: SeedDrain | null,
): DrainEntry[] => {
  const left = others.map((seed) => ({ ...seed }));
  return clusters.map((cluster) => {
    const { id: clusterId, name: clusterName, move } = cluster;
    const stuck = (reason: string): DrainEntry => ({ clusterId, clusterName, toSeedId: null, state: 'STUCK', reason });
    const refusal = move?.refusal == null ? '' : `: ${move.refusal}`;
    const calledOff = drain !== null && move?.back === true && move.requestedAt >= drain.since;
    if (isMoving(move))
      return move.toSeedId === from.id
        ? stuck('It goes back to this seed.')
        : { clusterId, clusterName, toSeedId: move.toSeedId, state: 'MOVING', reason: `It is being moved (${move.phase}).` };
    const hindrance = hindranceOf(cluster);
    if (hindrance !== undefined) return stuck(`It ${hindrance}.`);
    if (calledOff) return stuck(`Its move was called off${refusal || '.'} Mend that, and drain the seed again.`);
    if (from.exposure !== 'LOAD_BALANCER') return stuck('This seed shows APIs on ports of its nodes, and its address could not stay.');
    const { seedId, reasons } = choosePlacement(
      left.filter(({ exposure }) => exposure === from.exposure),
      { ...cluster.wish, seedId: null },
    );
    const seed = left.find(({ id }) => id === seedId);
    if (seed === undefined)
      return stuck(
        reasons.length === 0
          ? 'There is no other seed that shows APIs by load balancers.'
          : `No other seed takes it: ${reasons.map(({ seedName, reason }) => `${seedName}: ${reason}`).join(' ')}`,
      );
    seed.used += 1;
    if (seed.free !== null)
      seed.free = {
        cpuMillicores: seed.free.cpuMillicores - cluster.wish.demand.cpuMillicores,
        memoryMiB: seed.free.memoryMiB - cluster.wish.demand.memoryMiB,
      };
    return { clusterId, clusterName, toSeedId: seed.id, state: 'PLANNED', reason: `It goes to seed ${seed.name}.` };
  });
};
