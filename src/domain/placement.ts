/** Placement: which seed takes a cluster, and why each of the others does not. */
import { cidrsOverlap, parseCidr } from './cidr.ts';
import type { ComponentResources } from './controlPlane.ts';
import type { PlacementReason, SeedCandidate } from './seed.ts';

export interface PlacementWish {
  /** Only this one, when the customer or an administrator named it. */
  seedId: string | null;
  /** Null: any region. */
  region: string | null;
  /** The seed must carry all of these labels with these values. */
  selector: Readonly<Record<string, string>>;
  /** The cluster's own ranges, which must share no address with the seed's. */
  cidrs: readonly string[];
  /** The API is to be kept to some ranges, which takes a load balancer. */
  kept: boolean;
  /** The API is to have a floating IP, which takes a load balancer, too. */
  floatingIp: boolean;
  /** What its control plane's pods ask for. */
  demand: ComponentResources;
}

export interface Placement {
  seedId: string | null;
  /** One for each candidate, in the order of their names. */
  reasons: PlacementReason[];
}

/** The fitting seed that is loaded least for its weight with this cluster; equals go by name, so the answer never hangs on the order of rows. */
export const choosePlacement = (candidates: readonly SeedCandidate[], wish: PlacementWish): Placement => {
  const judged = [...candidates]
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1))
    .map((seed) => ({ seed, fault: faultOf(seed, wish) }));
  const fitting = judged.filter(({ fault }) => fault === null).map(({ seed }) => seed);
  const chosen = fitting.reduce<SeedCandidate | undefined>(
    (best, seed) => (best !== undefined && compareLoads(best, seed) <= 0 ? best : seed),
    undefined,
  );
  const weighed = fitting.some(({ weight }) => weight !== chosen?.weight);
  return {
    seedId: chosen?.id ?? null,
    reasons: judged.map(({ seed, fault }) => ({
      seedId: seed.id,
      seedName: seed.name,
      fits: fault === null,
      reason:
        fault ??
        (seed === chosen
          ? chosenFor(seed, weighed)
          : `Fits, with ${seed.used} clusters${weighed ? ` and a weight of ${seed.weight}` : ''}.`),
    })),
  };
};

/** Counted with the cluster that is being placed: of empty seeds the heaviest comes first. Below nought: `a` is loaded less. */
const compareLoads = (a: SeedCandidate, b: SeedCandidate): number =>
  a.weight === b.weight
    ? a.used - b.used
    : // Multiplied crosswise, a weight of nought is a load without end.
      (a.used + 1) * b.weight - (b.used + 1) * a.weight;

const chosenFor = ({ used, weight }: SeedCandidate, weighed: boolean): string => {
  if (!weighed) return `Chosen: it has the fewest clusters (${used}).`;
  return `Chosen: it has the fewest clusters for its weight (${used}, with a weight of ${weight}).`;
};

const faultOf = (seed: SeedCandidate, wish: PlacementWish): string | null => {
  if (wish.seedId !== null && seed.id !== wish.seedId) return 'Another seed was asked for by name.';
  if (seed.state !== 'READY') return `It is not ready (${seed.state}).`;
  if (seed.cordoned) return 'It is cordoned.';
  if (seed.maxClusters !== null && seed.used >= seed.maxClusters) return `It is full: ${seed.used} of ${seed.maxClusters} clusters.`;
  const short = shortOf(seed, wish.demand);
  if (short !== null) return short;
  if (wish.region !== null && seed.region !== wish.region) return `It is in region ${seed.region ?? '(none)'}, not ${wish.region}.`;
  const missing = Object.entries(wish.selector).find(([key, value]) => !Object.hasOwn(seed.labels, key) || seed.labels[key] !== value);
  if (missing !== undefined) return `It does not carry the label ${missing[0]}=${missing[1]}.`;
  if (wish.kept && seed.exposure === 'NODE_PORT') return 'It shows APIs on ports of its nodes, which allowedCidrs cannot be had on.';
  if (wish.floatingIp && seed.exposure === 'NODE_PORT') return 'It shows APIs on ports of its nodes, which get no floating IP.';
  const overlap = overlapOf(seed, wish.cidrs);
  return overlap === null ? null : `The range ${overlap.wanted} overlaps its own ${overlap.taken}.`;
};

/** Pods that nobody has room for would wait for ever, and with them their cluster. */
const shortOf = ({ free }: SeedCandidate, { cpuMillicores, memoryMiB }: ComponentResources): string | null => {
  if (free === null) return null;
  if (free.cpuMillicores < cpuMillicores)
    return `It has no room: its pods leave ${Math.max(0, free.cpuMillicores)} millicores, and the control plane asks for ${cpuMillicores}.`;
  if (free.memoryMiB < memoryMiB)
    return `It has no room: its pods leave ${Math.max(0, free.memoryMiB)} MiB of memory, and the control plane asks for ${memoryMiB}.`;
  return null;
};

/** The first of the ranges that shares addresses with one of the seed's; null when all are free. */
export const overlapOf = (seed: Pick<SeedCandidate, 'cidrs'>, cidrs: readonly string[]): { wanted: string; taken: string } | null => {
  for (const wanted of cidrs) {
    // A seed of two families has IPv6 ranges too, which no cluster can overlap yet.
    const taken = seed.cidrs.find((cidr) => !cidr.includes(':') && cidrsOverlap(parseCidr(cidr, []), parseCidr(wanted, [])));
    if (taken !== undefined) return { wanted, taken };
  }
  return null;
};
