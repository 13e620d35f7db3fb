/** The control plane as a template or a cluster asks for it. */
import { type AuditSpec, DEFAULT_AUDIT } from './audit.ts';
import type { IssuerSpec } from './issuer.ts';
import { DEFAULT_KEYSTONE_ROLES, type KeystoneRole } from './keystoneRole.ts';

export interface EtcdSpec {
  volumeSizeGiB: number;
  /** The seed's StorageClass; null: the one that the seed is registered with. */
  volumeType: string | null;
  /** null: half the volume, and at most the 8 GiB that etcd recommends. */
  quotaGiB: number | null;
  /** Changes between two snapshots of a member's log. */
  snapshotCount: number;
  heartbeatMs: number;
  electionMs: number;
  /** A duration such as "1h" after which etcd itself drops old revisions; null: the API server alone does, every five minutes. */
  autoCompaction: string | null;
  /** When its files are made smaller, in cron's words and UTC; null: only when they are full. */
  defragSchedule: string | null;
}

/** What a container asks of its node; it may use more while there is more. */
export interface ComponentResources {
  cpuMillicores: number;
  memoryMiB: number;
}

export interface ControlPlaneResources {
  etcd: ComponentResources;
  apiServer: ComponentResources;
  controllerManager: ComponentResources;
  scheduler: ComponentResources;
}

/** How API servers reach nodes and pods: through konnectivity, or by the seed's own routes. */
export type Tunnel = 'KONNECTIVITY' | 'NONE';

export interface ControlPlaneSpec {
  /** Members of etcd: 1 or 3. */
  replicas: number;
  /** null: as many as `replicas`. */
  apiServerReplicas: number | null;
  etcd: EtcdSpec;
  resources: ControlPlaneResources;
  tunnel: Tunnel;
  /** From where the API may be called, as IPv4 ranges; none: from everywhere. */
  allowedCidrs: string[];
  audit: AuditSpec;
  /** Whose tokens the API server takes, beside its own. */
  issuers: IssuerSpec[];
  /** What roles in the project allow, with `keystoneAuthEnabled`. */
  keystoneRoles: KeystoneRole[];
}

/**
 * What a template says when nobody says otherwise. Requests are shares, not needs: an idle API server uses about 25 millicores, and
 * ten control planes with two each are to fit beside a seed's own on two cores. Memory is what an empty cluster uses.
 */
export const DEFAULT_CONTROL_PLANE: ControlPlaneSpec = {
  replicas: 1,
  apiServerReplicas: null,
  etcd: {
    volumeSizeGiB: 5,
    volumeType: null,
    quotaGiB: null,
    snapshotCount: 10_000,
    heartbeatMs: 100,
    electionMs: 1_000,
    autoCompaction: null,
    defragSchedule: '0 3 * * *',
  },
  resources: {
    etcd: { cpuMillicores: 15, memoryMiB: 100 },
    apiServer: { cpuMillicores: 25, memoryMiB: 256 },
    controllerManager: { cpuMillicores: 10, memoryMiB: 80 },
    scheduler: { cpuMillicores: 5, memoryMiB: 48 },
  },
  tunnel: 'KONNECTIVITY',
  allowedCidrs: [],
  audit: DEFAULT_AUDIT,
  issuers: [],
  keystoneRoles: DEFAULT_KEYSTONE_ROLES,
};

export const apiServerReplicasOf = ({ replicas, apiServerReplicas }: Pick<ControlPlaneSpec, 'replicas' | 'apiServerReplicas'>): number =>
  apiServerReplicas ?? replicas;

const GIB = 1024 ** 3;

/** Without a wish half the volume, as defragmentation and snapshots write a second copy, and at most the 8 GiB that etcd recommends. */
export const quotaBytesOf = ({ quotaGiB, volumeSizeGiB }: Pick<EtcdSpec, 'quotaGiB' | 'volumeSizeGiB'>): number =>
  Math.floor((quotaGiB ?? Math.min(8, volumeSizeGiB / 2)) * GIB);

/** What the pods of such a control plane ask of the nodes of a seed, at the least: addons of the cluster's own ask for little beside it. */
export const seedDemandOf = (spec: Pick<ControlPlaneSpec, 'replicas' | 'apiServerReplicas' | 'resources'>): ComponentResources => {
  const { etcd, apiServer, controllerManager, scheduler } = spec.resources;
  const managers = spec.replicas > 1 ? 2 : 1;
  const sum = (of: (resources: ComponentResources) => number) =>
    spec.replicas * of(etcd) + apiServerReplicasOf(spec) * of(apiServer) + managers * (of(controllerManager) + of(scheduler));
  return { cpuMillicores: sum((r) => r.cpuMillicores), memoryMiB: sum((r) => r.memoryMiB) };
};
