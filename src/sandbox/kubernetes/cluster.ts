/** One simulated cluster as its API server and its controllers see it: a store, address pools, and what its flags say. */

import type { Log } from '../../lib/log.ts';
import type { Latency } from '../contract.ts';
import { createServicePool, type ServicePool } from './addresses.ts';
import type { Kind } from './kinds.ts';
import type { KubeObject } from './objects.ts';
import { createSealing, type Sealing } from './sealing.ts';
import { createStore, type SharedObjects, type Store, type StoreRows } from './store.ts';

export interface User {
  name: string;
  groups: readonly string[];
  uid?: string;
}

/** The key pair that signs and checks service account tokens, in PEM. */
export interface TokenKeys {
  issuer: string;
  signingKeyPem: string;
  verifyKeyPems: readonly string[];
}

export interface Cluster {
  id: string;
  store: Store;
  sealing: Sealing;
  services: ServicePool;
  /** Such as v1.36.3; it may change when a newer API server starts on the same data. */
  version: string;
  serviceCidr: string;
  tokenKeys: TokenKeys | undefined;
  now(): number;
  latency: Latency;
  log: Log;
  isLostImage(image: string): boolean;
  /** Its etcd takes no writes. */
  isFrozen?(): boolean;
}

export interface ClusterDeps {
  id: string;
  version: string;
  serviceCidr: string;
  rows: StoreRows;
  shared: SharedObjects;
  historyLimit: number;
  /** Revisions go on above it, also where no object has one as high. */
  revisionFloor?: number;
  now: () => number;
  latency: Latency;
  isLostImage?: ((image: string) => boolean) | undefined;
  log: Log;
}

export const createCluster = (deps: ClusterDeps): Cluster => {
  const store = createStore(deps);
  const cluster: Cluster = {
    id: deps.id,
    store,
    sealing: createSealing(store),
    services: createServicePool({ store, cidr: () => cluster.serviceCidr }),
    version: deps.version,
    serviceCidr: deps.serviceCidr,
    tokenKeys: undefined,
    now: deps.now,
    latency: deps.latency,
    isLostImage: deps.isLostImage ?? (() => false),
    log: deps.log,
  };
  return cluster;
};

/** Writes a changed object, unless it was deleted or replaced by another one meanwhile. Controllers write through this. */
export const writeBack = (cluster: Cluster, kind: Kind, object: KubeObject): KubeObject | undefined => {
  const live = cluster.store.get(kind, object.metadata.namespace ?? '', object.metadata.name);
  return live && live.metadata.uid === object.metadata.uid ? cluster.store.put(kind, object) : undefined;
};
