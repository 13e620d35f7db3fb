/** What the seed can hold, noted at each look. */

import type { SeedFacts } from '../../../domain/seed.ts';
import { sortVersions } from '../../../domain/seedUpgrade.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { stableJson } from '../../../lib/json.ts';
import { type PodRequests, sumPodRequests } from '../../../seeds/podRequests.ts';
import type { SeedProbe } from '../../../seeds/probe.ts';
import { mendSeed, type SeedScope } from '../scope.ts';
import { reachable } from './reachable.ts';

export const capacity: Step<SeedScope> = {
  name: 'CapacityKnown',
  title: 'Count what the seed can hold',
  usuallyMs: 10_000,
  needs: [reachable],
  ensure: async (scope) => {
    const probe = await scope.probe();
    if (probe.schedulableNodes === 0 && scope.row.made !== null) return waiting('a machine of the seed to be Ready', 2_000);
    if (probe.schedulableNodes === 0) throw mendSeed('No node of the seed is ready and schedulable.');
    const usable = new Set(probe.nodes.filter(({ schedulable }) => schedulable).map(({ name }) => name));
    const requests = await sumPodRequests((await scope.seed()).kube, usable);
    const counted = { ...factsOf(probe, requests, scope.clock.now()), ...outsideOf(scope) };
    const before = scope.row.facts;
    // The time of a probe alone is not worth a write.
    if (before === null || stableJson({ ...before, ...counted, probedAt: 0 }) !== stableJson({ ...before, probedAt: 0 }))
      await scope.noteFacts(counted);
    return done(
      `${probe.schedulableNodes} nodes, ${Math.floor(probe.allocatableCpuMillis / 1000)} CPU, ${Math.floor(probe.allocatableMemoryMiB / 1024)} GiB`,
    );
  },
};

/** A made seed's machines are behind a router: customers' nodes dial its floating IP, and see its pods come from there or from the router. */
const outsideOf = ({ row }: SeedScope): Partial<SeedFacts> =>
  row.place?.address === undefined ? {} : { nodeAddresses: [row.place.address, ...(row.place.gatewayAddresses ?? [])] };

/** The rest is for other steps to find out. */
type Counted = Omit<SeedFacts, 'exposureProvenFor' | 'priorityClass' | 'priorityMissed'>;

const factsOf = (probe: SeedProbe, requests: PodRequests, probedAt: number): Counted => ({
  kubernetesVersion: probe.version,
  kubeletVersions: sortVersions(probe.nodes.map(({ kubeletVersion }) => kubeletVersion)),
  storageClass: probe.defaultStorageClass?.name ?? null,
  allocatableCpuMillis: probe.allocatableCpuMillis,
  allocatableMemoryMiB: probe.allocatableMemoryMiB,
  schedulableNodes: probe.schedulableNodes,
  requestedCpuMillis: requests.cpuMillis,
  requestedMemoryMiB: requests.memoryMiB,
  zones: zonesOf(probe),
  nodeAddresses: probe.nodes.flatMap((node) => node.internalAddresses),
  podCidrs: probe.nodes.flatMap((node) => node.podCidrs),
  probedAt,
});

const zonesOf = ({ nodes }: SeedProbe): string[] =>
  [...new Set(nodes.flatMap(({ schedulable, zone }) => (schedulable && zone !== null ? zone : [])))].sort();
