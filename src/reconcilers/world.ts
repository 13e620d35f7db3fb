/** What every pass may use: the store, and the open ends to clouds, seeds and customers' clusters. */

import type { PackageRepository } from '../controlPlane/packages.ts';
import type { ProjectLimits } from '../domain/projectQuota.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { ObjectStore } from '../objectStore/objectStore.ts';
import type { Cloud, CloudSettings } from '../openstack/session.ts';
import type { KeyPair } from '../pki/authority.ts';
import type { Store } from '../store/open.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import type { Secrets } from '../store/secrets.ts';
import type { NetworkSights } from './networkSights.ts';
import type { SeedRegistry } from './seedRegistry.ts';
import type { ServerPolls } from './serverPolls.ts';
import type { TenantRegistry } from './tenantRegistry.ts';
import type { TrustSights } from './trustSights.ts';

export interface CloudRegistry {
  /** The same clouds, which tell the services that they are called for the request of this OpenStack request id. */
  as(requestId: string): CloudRegistry;
  /** The customer's project through the cluster's credential or trust. Throws UserError CLOUD_CREDENTIAL when there is neither yet. */
  forCluster(row: Pick<ClusterRow, 'id' | 'trust' | 'credential'>): Cloud;
  forTrust(trustId: string): Cloud;
  /** With a caller's own token: to make the trust, and for nothing else. */
  forToken(token: string): Cloud;
  /** As the service user, who is the trustee of all trusts. */
  asTrustee(): Cloud;
  /** As a controller of the cluster's does it: to see whether its credential holds. */
  forCredential(credential: { id: string; secret: string; ofCluster?: true }): Cloud;
  /** As a cluster's own user, by its password and with a login of its own: to make or end its application credentials. */
  forUser(user: { userId: string; password: string; projectId: string }): Cloud;
  /** As the administrator of the domain in which clusters' own users are; null: the operator has named none. */
  userDomain(): Cloud | null;
  /** The service user's id. */
  trusteeUserId(): Promise<string>;
}

export interface WorldSettings {
  /** 1: settled objects are looked at again every ten minutes or so; tests look sooner. */
  driftFactor: number;
  /** See `ResourceScope.cutOffMs`. */
  cutOffMs: number;
  /** How long the pods of a node that goes have to go before it. 0: they are not asked. */
  drainMs: number;
  /** A prefix in place of the registries of all images; null: upstream names. */
  imageRegistry: string | null;
  imageDigests: ReadonlyMap<string, string>;
  /** Of Kubernetes, for workers whose image lacks them; null: images have all. */
  packages: PackageRepository | null;
  /** Where the cloud is, for controllers that run in a seed. */
  cloud: Pick<CloudSettings, 'authUrl' | 'region' | 'caPem' | 'interface'>;
  /** Private ranges that API servers may call for customers. */
  egressCidrs: readonly string[];
  /** A handed-in credential must have one of them; a cluster's own user is given all. */
  trustRoles: readonly string[];
  /** From where Seedbed calls clusters' APIs; none: not known. */
  sourceCidrs: readonly string[];
  /** What a project may have for which nobody set anything else. */
  projectLimits: ProjectLimits;
}

/** How autoscalers in seeds reach Seedbed, and who signs their certificates. */
export interface AutoscalerEnd {
  host: string;
  port: number;
  authority: KeyPair;
}

export interface World {
  store: Store;
  secrets: Secrets;
  clock: Clock;
  /** 0 ≤ x < 1. */
  random: () => number;
  log: Log;
  settings: WorldSettings;
  clouds: CloudRegistry;
  seeds: SeedRegistry;
  tenants: TenantRegistry;
  servers: ServerPolls;
  networks: NetworkSights;
  trusts: TrustSights;
  /** null: the operator has set none up. */
  autoscaler: AutoscalerEnd | null;
  /** For backups; null: the operator has set none up. */
  objects: ObjectStore | null;
}

/** For work that was asked for by this request; null: by none. */
export const worldOf = (world: World, requestId: string | null): World =>
  requestId === null ? world : { ...world, clouds: world.clouds.as(requestId) };
