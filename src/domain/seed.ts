/** Seeds: the clusters that hold customers' control planes. */

export type SeedState = 'PENDING' | 'READY' | 'NOT_READY' | 'UNREGISTERING' | 'DELETED';
export type Exposure = 'LOAD_BALANCER' | 'NODE_PORT';

/** What the last probe found out; figures are sums over the seed's schedulable nodes. */
export interface SeedFacts {
  kubernetesVersion: string;
  storageClass: string | null;
  allocatableCpuMillis: number;
  allocatableMemoryMiB: number;
  schedulableNodes: number;
  /** Addresses of the seed's nodes: what its pods' traffic comes from, and what a node port is dialled at. */
  nodeAddresses: string[];
  podCidrs: string[];
  /** The generation of the seed for which a Service was seen to get its address. */
  exposureProvenFor: number | null;
  probedAt: number;
}

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
  used: number;
  cidrs: string[];
}
