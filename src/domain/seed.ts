/** Seeds: the clusters that hold customers' control planes. */
import type { ComponentResources } from './controlPlane.ts';

export type SeedState = 'PENDING' | 'READY' | 'NOT_READY' | 'UNREGISTERING' | 'DELETED';
export type Exposure = 'LOAD_BALANCER' | 'NODE_PORT';

/** Of the clusters that fit on several seeds, each seed gets a share as large as its weight; 0: only what fits on no other. */
export const MAX_SEED_WEIGHT = 1_000;
export const DEFAULT_SEED_WEIGHT = 100;

/** What the last probe found out; figures are sums over the seed's schedulable nodes. */
export interface SeedFacts {
  /** Of its API server. */
  kubernetesVersion: string;
  /** Of all its nodes, each once, oldest first; absent where it was not noted yet. */
  kubeletVersions?: string[];
  storageClass: string | null;
  allocatableCpuMillis: number;
  allocatableMemoryMiB: number;
  schedulableNodes: number;
  /** What the pods on these nodes, and those that wait for a node, ask for; absent where it was not counted yet. */
  requestedCpuMillis?: number;
  requestedMemoryMiB?: number;
  /** In which its schedulable nodes are. */
  zones?: string[];
  /** Addresses of the seed's nodes: what its pods' traffic comes from, and what a node port is dialled at. */
  nodeAddresses: string[];
  podCidrs: string[];
  /** The generation of the seed for which a Service was seen to get its address. */
  exposureProvenFor: number | null;
  /** The one that was named for control planes, while it is there. */
  priorityClass?: string | null;
  /** The last look missed it. */
  priorityMissed?: boolean;
  probedAt: number;
}

/** Restarts of an API server are shorter, and their seeds' clusters stay what they were. */
const LOST_AFTER_MS = 10_000;

/** kubeadm gives the parts of a control plane that it upgrades five minutes each to come back; they take one in all. */
const LOST_WHILE_UPGRADED_MS = 300_000;

/** Of several machines another answers by then: the address is led to each of them in turn (see `chooseHolder`). */
const LOST_OF_SEVERAL_MS = 90_000;

/** Silent for so long that nothing is done any more for clusters that nobody can see. `several`: machines that run its API, which Seedbed has made. */
export const isLost = (silentSince: number, now: number, { upgraded, several }: Record<'upgraded' | 'several', boolean>): boolean =>
  now - silentSince >= (upgraded ? LOST_WHILE_UPGRADED_MS : several ? LOST_OF_SEVERAL_MS : LOST_AFTER_MS);

/** A cluster's place in its seed's queue of starts. */
export type SeedTurn = 'WAITING' | 'STARTING' | 'DONE';

/** The first seconds of a control plane are its dearest: half a core is what two of them at a time keep busy. */
const CPU_MILLIS_A_START = 500;
const LEAST_STARTS = 4;

/** How many control planes a seed starts at once, so that none is killed by its probes for the slowness of all. */
export const startsAtOnce = (facts: SeedFacts | null): number =>
  Math.max(LEAST_STARTS, Math.floor((facts?.allocatableCpuMillis ?? 0) / CPU_MILLIS_A_START));

export interface PlacementReason {
  seedId: string;
  seedName: string;
  fits: boolean;
  reason: string;
}

export interface SeedCandidate {
  id: string;
  name: string;
  region: string | null;
  labels: Record<string, string>;
  cordoned: boolean;
  state: SeedState;
  maxClusters: number | null;
  weight: number;
  used: number;
  exposure: Exposure;
  cidrs: string[];
  /** What no pod has asked for, nor will for clusters that are being placed; null while it is not known. */
  free: ComponentResources | null;
}

/** Of a seed with these facts, when the control planes that are not counted in them ask for `more`. */
export const freeOf = (facts: SeedFacts | null, more: ComponentResources): ComponentResources | null => {
  if (facts?.requestedCpuMillis === undefined || facts.requestedMemoryMiB === undefined) return null;
  return {
    cpuMillicores: facts.allocatableCpuMillis - facts.requestedCpuMillis - more.cpuMillicores,
    memoryMiB: facts.allocatableMemoryMiB - facts.requestedMemoryMiB - more.memoryMiB,
  };
};
