/** Seeds that Seedbed makes of machines in its own project: what was asked for, and what was made of it. */

import type { Problem } from './errors.ts';

/** What createSeed was asked, completed. */
export interface MadeSeedSpec {
  image: string;
  /** Of the machines that run the API server and etcd; they take pods as well. */
  flavor: string;
  workerFlavor: string;
  /** Beside the machines of the control plane. */
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
  /** Absent from the specs of older seeds, which have one. */
  controlPlaneMachines?: ControlPlaneMachines;
}

/** How many machines run etcd and the API server; what it was made with it keeps. */
export type ControlPlaneMachines = 1 | 3;

export const controlPlaneMachinesOf = ({ controlPlaneMachines }: Pick<MadeSeedSpec, 'controlPlaneMachines'>): ControlPlaneMachines =>
  controlPlaneMachines ?? 1;

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
  /** Of the control plane's machine that the address leads to; absent: 0. */
  addressAt?: number;
  /** When the address was led to another machine last, in milliseconds since the epoch. */
  addressMovedAt?: number;
  /** Absent: it was never led on for silence. */
  addressRound?: AddressRound;
  /** Of the control plane's machines that have joined, and so are members of etcd. */
  joined?: number[];
}

/** Moves of the address that one silence has led to. */
export interface AddressRound {
  /** When that silence began, in milliseconds since the epoch. */
  since: number;
  moves: number;
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
  /** 0: the one that begins the cluster. */
  index: number;
  /** It runs etcd and the API server. */
  controlPlane: boolean;
}

/** Those of the control plane come first. `prefix` is of the seed's id, for its name may change and theirs may not. */
export const machinesOf = (
  prefix: string,
  made: Pick<MadeSeedSpec, 'workers' | 'controlPlaneMachines'>,
): [SeedMachine, ...SeedMachine[]] => {
  const first = controlPlaneMachinesOf(made);
  const machine = (index: number): SeedMachine => ({ name: `${prefix}-${index}`, index, controlPlane: index < first });
  return [machine(0), ...Array.from({ length: first - 1 + made.workers }, (_, i) => machine(i + 1))];
};
