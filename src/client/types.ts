/** What the documents in documents.ts answer; times are ISO 8601 text. */

export interface WaitingFor {
  what: string;
  since: string;
  usuallySeconds: number | null;
  whoMustAct: string;
}

export interface Fault {
  code: string;
  message: string;
  retryable: boolean;
  whoMustAct: string;
  field: string[] | null;
  /** The first of `quotas`. */
  quota: QuotaFigures | null;
  quotas: QuotaFigures[];
}

export interface QuotaFigures {
  resource: string;
  used: number | null;
  limit: number | null;
  requested: number | null;
}

export interface OperationStep {
  name: string;
  title: string;
  state: string;
  startedAt: string | null;
  finishedAt: string | null;
  message: string;
  waitingFor: WaitingFor | null;
}

export interface OperationSummary {
  uuid: string;
  kind: string;
  targetKind: string;
  state: string;
  percent: number;
  reason: string | null;
  requestedBy: string;
  requestedAt: string;
  finishedAt: string | null;
  problem: Fault | null;
  cluster: { uuid: string; name: string } | null;
}

export interface Operation extends OperationSummary {
  id: string;
  /** OpenStack's, of the request that asked for it. */
  requestId: string | null;
  steps: OperationStep[];
}

export interface Event {
  number: number;
  at: string;
  subjectKind: string;
  subjectName: string;
  step: string | null;
  title: string | null;
  state: string;
  percent: number | null;
  message: string;
  problem: Fault | null;
  settled: boolean;
}

export interface Condition {
  name: string;
  title: string;
  status: string;
  state: string;
  reason: string;
  message: string;
  problem: Fault | null;
  waitingFor: WaitingFor | null;
}

export interface Seed {
  uuid: string;
  name: string;
  region: string | null;
  state: string;
  cordoned: boolean;
  exposure: string;
  apiServerUrl: string | null;
  /** null: it was registered. */
  made: {
    image: string;
    flavor: string;
    workerFlavor: string;
    controlPlaneMachines: number;
    workers: number;
    kubernetesVersion: string;
    networkDriver: string;
  } | null;
  storageClass: string | null;
  priorityClass: string | null;
  usedClusters: number;
  maxClusters: number | null;
  weight: number;
  drain: { since: string; requestedBy: string } | null;
  silentSince: string | null;
  createdAt: string;
  lastProbe: {
    kubernetesVersion: string;
    /** Oldest first. */
    kubeletVersions: string[];
    storageClass: string | null;
    schedulableNodes: number;
    allocatableCpuMillis: number;
    allocatableMemoryMiB: number;
    requestedCpuMillis: number | null;
    requestedMemoryMiB: number | null;
    zones: string[];
  } | null;
  conditions: Condition[];
}

/** What becomes of one control plane when its seed is drained. */
export interface DrainEntry {
  clusterName: string;
  state: string;
  to: { name: string } | null;
  reason: string;
}

export interface Template {
  uuid: string;
  name: string;
  visibility: string;
  revision: number;
  createdAt: string;
  spec: Record<string, unknown> & {
    kubernetesVersion: string;
    image: string;
    flavor: string;
    addons: Record<string, Record<string, unknown>>;
  };
}

export interface NodeGroup {
  uuid: string;
  name: string;
  isDefault: boolean;
  state: string;
  flavor: string;
  image: string;
  count: number;
  minCount: number;
  maxCount: number | null;
}

export interface Kubeconfig {
  id: string;
  uuid: string;
  kind: string;
  role: string;
  owner: string;
  userName: string;
  state: string;
  createdAt: string;
  expiresAt: string;
  revokedAt: string | null;
  revokedBy: string | null;
}

export interface Backup {
  uuid: string;
  name: string;
  state: string;
  reason: string;
  sizeBytes: number | null;
  sha256: string | null;
  revision: number | null;
  keyCount: number | null;
  kubernetesVersion: string | null;
  takenAt: string | null;
  verifiedAt: string | null;
  createdBy: string;
  createdAt: string;
  cluster: { uuid: string; name: string; lastEventNumber: number } | null;
  conditions: Condition[];
}

export interface Certificate {
  name: string;
  kind: string;
  subject: string;
  signedBy: string;
  notBefore: string;
  expiresAt: string;
  renewsAt: string | null;
}

/** A page of a list. */
export interface Page<T> {
  nodes: T[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

export interface ClusterNode {
  uuid: string;
  name: string;
  state: string;
  address: string | null;
  addressV6: string | null;
  zone: string | null;
  kubeletVersion: string | null;
  nodeGroup: { uuid: string } | null;
  fault: { problem: Fault; consoleTail: string | null } | null;
  trouble: { kind: string; since: string; message: string } | null;
}

export interface ClusterSummary {
  uuid: string;
  name: string;
  state: string;
  version: string;
  endpoint: string | null;
  projectId: string;
  createdAt: string;
  nodeGroups: { nodes: { name: string; count: number }[] };
}

export interface ClusterChange {
  what: 'CREATED' | 'CHANGED' | 'DELETED';
  /** Changes of others were dropped, too: list again. */
  resync: boolean;
  cluster: ClusterSummary;
}

export interface Leftover {
  fate: string;
  service: string;
  kind: string;
  name: string;
  externalId: string | null;
  madeBy: string;
  reason: string;
}

export interface LeakReport {
  verifiedAt: string;
  clean: boolean;
  made: number;
  deleted: number;
  leftoversConnection: Page<Leftover>;
  unverified: { service: string; kind: string; reason: string }[];
}

interface Addon {
  name: string;
  version: string | null;
  enabled: boolean;
  state: string;
  message: string;
}

interface ClusterBundle {
  name: string;
  revision: number;
  enabled: boolean;
  state: string;
  message: string;
}

export interface AddonBundle {
  uuid: string;
  name: string;
  description: string;
  revision: number;
  createdAt: string;
  newestRevision: { optionsSchema: string; kinds: string[]; objectCount: number; manifests: string | null };
  /** The newest hundred. */
  revisions: { nodes: { revision: number; createdAt: string }[] };
}

export interface Orphan {
  uuid: string;
  projectId: string | null;
  seed: { name: string } | null;
  service: string;
  kind: string;
  externalId: string;
  name: string;
  clusterId: string | null;
  clusterName: string | null;
  reason: string;
  state: string;
  problem: Fault | null;
  foundAt: string;
  updatedAt: string;
}

export interface Etcd {
  members: {
    number: number;
    healthy: boolean;
    leader: boolean;
    version: string | null;
    dbSizeMiB: number | null;
    fsyncP99Ms: number | null;
  }[];
  alarms: string[];
  quotaMiB: number;
  diskAdvice: string | null;
}

export interface Access {
  tunnel: string;
  allowedCidrs: string[];
  audit: { level: string; stdout: boolean; webhook: { url: string } | null };
  issuers: { url: string }[];
}

export interface VersionChange {
  title: string;
  from: string | null;
  to: string | null;
}

export interface UpgradeTarget {
  version: string;
  endOfLifeAt: string;
  components: VersionChange[];
  addons: VersionChange[];
  nodeGroups: { nodeGroup: { name: string }; from: string; nodes: number }[];
  warnings: string[];
  removedApis: { group: string; version: string; resource: string; removedIn: string | null; seenAt: string }[];
  problem: Fault | null;
  controlPlaneOnlyProblem: Fault | null;
}

/** What a template's revision would change in a cluster. */
export interface PlannedObject {
  count: number;
  kind: string;
  of: string | null;
  names: string[];
  service: string | null;
  madeBy: string;
}

export interface ExpectedDuration {
  medianSeconds: number | null;
  p90Seconds: number | null;
  samples: number;
  basis: string;
  reason: string | null;
}

/** What a mutation would do with its input. */
export interface Plan {
  problems: Fault[];
  creates: PlannedObject[];
  changes: { field: string; from: string; to: string; possible: boolean }[];
  restarts: PlannedObject[];
  deletes: PlannedObject[];
  quota: { resource: string; source: string; needed: number; inUse: number | null; limit: number | null; temporary: boolean }[];
  expectedDuration: ExpectedDuration;
  warnings: string[];
}

export interface TemplateMove {
  template: { uuid: string; name: string };
  revision: { revision: number };
  changes: { field: string; from: string; to: string; possible: boolean }[];
  nodeGroups: { nodeGroup: { name: string }; settings: string[]; nodes: number }[];
  upgrade: Pick<UpgradeTarget, 'version' | 'nodeGroups' | 'warnings'> | null;
  problem: Fault | null;
}

/** Where a cluster is, and where it can go. */
export interface Upgradable {
  uuid: string;
  name: string;
  version: string;
  runningVersion: string | null;
  upgradeStatus: string | null;
  versionWarning: string | null;
  upgradeTargets: UpgradeTarget[];
}

export interface NextMaintenance {
  opensAt: string | null;
  closesAt: string | null;
  upgradeTo: string | null;
  problem: Pick<Fault, 'message'> | null;
}

export interface ClusterPause {
  until: string;
  reason: string | null;
  requestedBy: string;
}

/** Seeds are shown to cloud admins alone. */
export interface ControlPlaneMove {
  phase: string;
  back: boolean;
  /** Cloud admins and cloud readers see it. */
  refusal: string | null;
  from: { name: string } | null;
  to: { name: string } | null;
  downtimeSeconds: number | null;
}

export interface ClusterHibernation {
  until: string | null;
  requestedBy: string;
}

export interface ClusterRestore {
  backup: { name: string } | null;
  requestedAt: string;
  requestedBy: string;
  lostMinutes: number;
  lostRevisions: number | null;
}

export interface Cluster extends Omit<ClusterSummary, 'nodeGroups'> {
  unknownSince: string | null;
  runningVersion: string | null;
  upgradeStatus: string | null;
  versionWarning: string | null;
  nextBackupAt: string | null;
  nextMaintenance: NextMaintenance | null;
  nextHibernation: { from: string; until: string } | null;
  pause: ClusterPause | null;
  hibernation: ClusterHibernation | null;
  controlPlaneMove: ControlPlaneMove | null;
  lastRestore: ClusterRestore | null;
  spec: { controlPlane: Access };
  controlPlane: { replicas: number; etcd: Etcd };
  createdBy: string;
  generation: number;
  observedGeneration: number;
  deletionProtection: boolean;
  lastEventNumber: number;
  template: { uuid: string; name: string } | null;
  templateRevision: { revision: number };
  addons: Addon[];
  bundles: ClusterBundle[];
  conditions: Condition[];
  nodeGroups: { nodes: NodeGroup[] };
  nodes: Page<ClusterNode>;
  operations: { nodes: Operation[] };
}

/** `can`: by the names of mutations, and of what else is guarded. */
export interface Viewer {
  userName: string;
  userDomainName: string;
  projectId: string | null;
  projectName: string | null;
  roles: string[];
  isCloudAdmin: boolean;
  tokenExpiresAt: string;
  can: Record<string, boolean>;
}

export interface UsageFigures {
  workerVcpuHours: number;
  controlPlaneVcpuHours: number;
  volumeGiBHours: number;
  addressHours: number;
}

export interface ClusterUsage {
  clusterId: string;
  name: string;
  projectId: string;
  deletedAt: string | null;
  used: UsageFigures;
}

export interface Usage {
  used: UsageFigures;
  from: string;
  to: string;
  clusterCount: number;
  clustersConnection: Page<ClusterUsage>;
}

export interface AuditLogEntry {
  number: number;
  at: string;
  userId: string;
  userName: string;
  userDomainName: string | null;
  callerProjectId: string | null;
  roles: string[];
  tokenKind: string | null;
  credentialId: string | null;
  address: string | null;
  forwardedFor: string | null;
  userAgent: string | null;
  projectId: string | null;
  action: string;
  targetKind: string | null;
  targetId: string | null;
  /** JSON. */
  input: string | null;
  outcome: string | null;
  operationId: string | null;
  errorCode: string | null;
  requestId: string | null;
  openstackRequestId: string | null;
  hash: string | null;
}

export interface QuotaUse {
  limit: number | null;
  default: number | null;
  isDefault: boolean;
  used: number;
  reserved: number;
}

export interface ProjectQuota {
  projectId: string;
  generation: number;
  clusters: QuotaUse;
  nodes: QuotaUse;
  workerVcpus: QuotaUse;
  controlPlaneReplicas: QuotaUse;
}
