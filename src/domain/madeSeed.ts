/** Seeds that Seedbed makes of machines in its own project: what was asked for, and what was made of it. */

import type { Problem } from './errors.ts';

/** What createSeed was asked, completed. */
export interface MadeSeedSpec {
  image: string;
  /** Of the machine that runs the API server and etcd; it takes pods as well. */
  flavor: string;
  workerFlavor: string;
  /** Beside the first machine. */
  workers: number;
  keypair: string | null;
  availabilityZone: string | null;
  externalNetwork: string;
  /** Of the machines; pods and Services have podCidr and serviceCidr of the seed. */
  nodeCidr: string;
  dnsNameservers: string[];
  /** That it is to run. */
  kubernetesVersion: string;
  /** What it was to run before it was last asked to be upgraded; absent: it never was, and its machines have what their image gave them. */
  upgradedFrom?: string;
  /** Of its pods; absent from the specs of older seeds, which have flannel. */
  networkDriver?: SeedNetworkDriver;
}

export type SeedNetworkDriver = 'FLANNEL' | 'CALICO';

export const SEED_NETWORK_DRIVERS: readonly SeedNetworkDriver[] = ['FLANNEL', 'CALICO'];

export const networkDriverOf = ({ networkDriver }: MadeSeedSpec): SeedNetworkDriver => networkDriver ?? 'FLANNEL';

export interface SeedPlace {
  imageId: string;
  flavorId: string;
  workerFlavorId: string;
  externalNetworkId: string;
  networkId?: string;
  subnetId?: string;
  /** The floating IP at which its API, and those of the clusters on it, are dialled. */
  address?: string;
  /** As which its pods reach the outside from machines that have no floating IP. */
  gatewayAddresses?: string[];
  /** When the client certificate of Seedbed's own kubeconfig ends, in milliseconds since the epoch. */
  accessUntil?: number;
  /** When its API answered for the first time; absent until then. */
  answeredAt?: number;
  /** Absent: the machine whose turn it is has not failed. */
  upgradeTrouble?: UpgradeTrouble;
}

/** What a machine met that could not be upgraded. */
export interface UpgradeTrouble {
  machine: string;
  /** The version that it was to have. */
  goal: string;
  problem: Problem;
  /** In a row. */
  failures: number;
  /** When it is tried again, in milliseconds since the epoch. */
  notBefore: number;
}

/** The seed's own keys, in PEM; sealed. */
export interface SeedAuthorities {
  ca: { cert: string; key: string };
  frontProxyCa: { cert: string; key: string };
  etcdCa: { cert: string; key: string };
  serviceAccount: { key: string; publicKey: string };
}

export const MAX_SEED_WORKERS = 50;

export const DEFAULT_SEED_RANGES = { nodeCidr: '10.220.0.0/24', podCidr: '10.221.0.0/16', serviceCidr: '10.222.0.0/16' };

export const SEED_API_PORT = 6443;

export interface SeedMachine {
  name: string;
  /** 0: the one that runs the API server. */
  index: number;
}

/** It runs the API server and etcd. */
export const isControlPlane = ({ index }: SeedMachine): boolean => index === 0;

/** `prefix` is of the seed's id, for its name may change and theirs may not. */
export const machinesOf = (prefix: string, { workers }: Pick<MadeSeedSpec, 'workers'>): [SeedMachine, ...SeedMachine[]] => [
  { name: `${prefix}-0`, index: 0 },
  ...Array.from({ length: workers }, (_, i) => ({ name: `${prefix}-${i + 1}`, index: i + 1 })),
];
