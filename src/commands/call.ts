/** What every command gets and gives: the call, the things it works with, and the rows it answers. */
import type { Actor } from '../domain/actor.ts';
import type { Manifest } from '../domain/addonBundle.ts';
import type { Trail } from '../domain/auditLog.ts';
import type { ProjectCatalogue } from '../domain/cloud.ts';
import type { Taint } from '../domain/nodeGroup.ts';
import type { Workload } from '../domain/plan.ts';
import type { ProjectLimits } from '../domain/projectQuota.ts';
import type { ResourceQuota } from '../domain/quota.ts';
import type { Clock } from '../lib/clock.ts';
import type { AddonBundleRevisionRow, AddonBundleRow } from '../store/addonBundles.ts';
import type { BackupRow } from '../store/backups.ts';
import type { KubeconfigRow } from '../store/kubeconfigs.ts';
import type { Store } from '../store/open.ts';
import type { OperationRow } from '../store/progress.ts';
import type { ClusterRow, NodeGroupRow, SeedRow } from '../store/reconcile.ts';
import type { Secrets } from '../store/secrets.ts';
import type { TemplateRevisionRow, TemplateRow } from '../store/templates.ts';

export interface Call {
  actor: Actor;
  requestId: string;
  /** Under which OpenStack's services are asked for what comes of it. */
  openstackRequestId: string;
  /** The caller's Keystone token; kept, sealed, only until the cluster's trust is made with it. */
  token: string;
  /** 1–128 visible ASCII characters: the same key with the same input gives the same answer for at least 24 hours. */
  idempotencyKey?: string | null;
  /** Refuses the change when the target is of another generation. */
  expectedGeneration?: number | null;
  /** For the audit log; absent where no request is behind it. */
  trail?: Trail;
}

/** What a kubeconfig is made from. `pkiJson`: the cluster's sealed key material, opened; `ttlMs`: how long the certificate lives. */
export interface KubeconfigOrder {
  pkiJson: string;
  endpoint: { host: string; port: number };
  clusterName: string;
  userName: string;
  ttlMs: number;
  now: number;
}

export interface CertificateOrder {
  pkiJson: string;
  csr: string;
  userName: string;
  /** Names that the request may bear. */
  ownNames: string[];
  ttlMs: number;
  now: number;
}

export interface SignedCertificate {
  certificate: string;
  caCertificate: string;
  expiresAt: number;
}

export interface IssuedKubeconfig {
  kubeconfig: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

export interface CommandSettings {
  /** Roles that Seedbed needs in a customer's project; those that the caller has are delegated. */
  trustRoles: string[];
  /** Each cluster gets a Keystone user of its own, if nothing was handed in. */
  clustersHaveUsers: boolean;
  /** Seedbed knows from where it calls, so that it does not shut itself out of an API that is kept to some addresses. */
  knowsItsAddresses: boolean;
  /** Private ranges that API servers are let into. */
  egressCidrs: readonly string[];
  /** The operator has set up an object store for backups. */
  backupsAreKept: boolean;
  /** What a project may have for which nobody set anything else. */
  projectLimits: ProjectLimits;
}

/** What is read of a cluster to say what runs of it. */
type HostedSettings = Pick<
  ClusterRow,
  'id' | 'name' | 'projectId' | 'shortId' | 'spec' | 'resolved' | 'etcd' | 'move' | 'endpointHost' | 'endpointPort' | 'endpointFloatingIp'
>;

export interface CommandDeps {
  store: Store;
  secrets: Secrets;
  clock: Clock;
  newId(): string;
  randomToken(length: number): string;
  /** Throws UserError KUBECONFIG_REFUSED. */
  parseKubeconfig(text: string): { server: string };
  /** Throws UserError INVALID_INPUT. */
  parseManifests(text: string): Manifest[];
  /** Whether an object of this identity is one that Seedbed itself makes in clusters. */
  isBuiltIn(identity: string): boolean;
  /** Throws UserError INVALID_INPUT unless cloud-init can take this, and Nova all that a server is told with it. */
  checkUserData(group: { cloudInit: string | null; labels: Record<string, string>; taints: Taint[] }): void;
  /** What is known of the caller's cloud without asking it; null when nothing is. */
  peekCatalogue(projectId: string, userId: string): ProjectCatalogue | null;
  /** What is known of the project's quotas without asking; null when nothing is that is at most a minute old. */
  peekQuotas(projectId: string): ResourceQuota[] | null;
  buildKubeconfig(order: KubeconfigOrder): Promise<IssuedKubeconfig>;
  /** Throws UserError INVALID_INPUT for a request that must not be signed. */
  signCertificate(order: CertificateOrder): Promise<SignedCertificate>;
  /** What runs of a cluster with such settings, in a seed and in itself; null: whatever seed it comes to. */
  workloadsOf(cluster: HostedSettings, seed: Pick<SeedRow, 'exposure' | 'storageClass' | 'facts'> | null): Workload[];
  settings: CommandSettings;
}

/** `replayed`: the answer of an earlier call with the same idempotency key. */
export interface Answer {
  replayed: boolean;
}
export interface ClusterAnswer extends Answer {
  cluster: ClusterRow;
  operation: OperationRow;
}
export interface BackupAnswer extends ClusterAnswer {
  backup: BackupRow;
}
export interface NodeGroupAnswer extends Answer {
  nodeGroup: NodeGroupRow;
  cluster: ClusterRow;
  operation: OperationRow;
}
export interface SeedAnswer extends Answer {
  seed: SeedRow;
  operation: OperationRow;
}
/** Takes effect at once, too. */
export interface QuotaAnswer extends Answer {
  projectId: string;
}
/** Templates take effect at once, so there is no operation to follow. */
export interface TemplateAnswer extends Answer {
  template: TemplateRow;
  revision: TemplateRevisionRow;
}
export interface AddonBundleAnswer extends Answer {
  bundle: AddonBundleRow;
  revision: AddonBundleRevisionRow;
}
export interface KubeconfigAnswer extends Answer, IssuedKubeconfig {
  record: KubeconfigRow;
  cluster: ClusterRow;
}
export interface CertificateAnswer extends Answer, SignedCertificate {
  record: KubeconfigRow;
  cluster: ClusterRow;
}
export interface RevokedKubeconfigAnswer extends Answer {
  record: KubeconfigRow;
  cluster: ClusterRow;
}
export interface OperationAnswer extends Answer {
  operation: OperationRow;
}

/** A command as the API calls it; `input` is parsed inside, so that its rules hold for every caller. */
export type Command<Result extends Answer> = (call: Call, input: unknown) => Promise<Result>;
