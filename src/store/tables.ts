/** The tables. Times are milliseconds since the epoch; JSON columns hold the domain's types. */
import { sql } from 'drizzle-orm';
import { blob, customType, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { BundleState, Manifest } from '../domain/addonBundle.ts';
import type { OptionsSchema } from '../domain/addonBundleOption.ts';
import type { AuditOutcome, TokenKind } from '../domain/auditLog.ts';
import type { AutoUpgrade } from '../domain/autoUpgrade.ts';
import type {
  BackupFailures,
  BackupLoss,
  BackupReason,
  BackupState,
  ClusterClone,
  ClusterRestore,
  SnapshotFacts,
} from '../domain/backup.ts';
import type { BackupPlan } from '../domain/backupSchedule.ts';
import type { CertificateKind } from '../domain/certificate.ts';
import type { CloudCredentials } from '../domain/cloudCredential.ts';
import type { ClusterState, ResolvedNames, Rotations, TrustReference } from '../domain/cluster.ts';
import type { ConditionStatus, ObjectKind, StepState, WaitingFor } from '../domain/condition.ts';
import type { ControlPlaneMove } from '../domain/controlPlaneMove.ts';
import type { DeletePolicy } from '../domain/deletePolicy.ts';
import type { DeletionStages } from '../domain/deletionStage.ts';
import type { DeprecatedApis } from '../domain/deprecatedApi.ts';
import type { Problem } from '../domain/errors.ts';
import type { EtcdMembership } from '../domain/etcd.ts';
import type { EtcdStatus } from '../domain/etcdCare.ts';
import type { EtcdDisk } from '../domain/etcdDisk.ts';
import type { EtcdQuorum } from '../domain/etcdQuorum.ts';
import type { GroupHealing, NodeTrouble, Reboot } from '../domain/healing.ts';
import type { ClusterHibernation } from '../domain/hibernation.ts';
import type { InventoryService, InventoryState, MadeBy } from '../domain/inventory.ts';
import type { KubeconfigKind, KubeconfigRole } from '../domain/kubeconfig.ts';
import type { Sweep } from '../domain/leakReport.ts';
import type { MadeSeedSpec, SeedPlace } from '../domain/madeSeed.ts';
import type { BuildFailures, NodeFault, NodeState } from '../domain/node.ts';
import { completeStoredGroup, type NodeGroupSpec, type NodeGroupState, type ResolvedGroup } from '../domain/nodeGroup.ts';
import type { OperationKind, OperationState, OperationStep } from '../domain/operation.ts';
import type { OrphanReason, OrphanState } from '../domain/orphan.ts';
import type { ClusterPause } from '../domain/pause.ts';
import type { OwnLimits } from '../domain/projectQuota.ts';
import { DEFAULT_SEED_WEIGHT, type Exposure, type PlacementReason, type SeedFacts, type SeedState, type SeedTurn } from '../domain/seed.ts';
import type { SeedDrain } from '../domain/seedDrain.ts';
import { completeStored, type SpecChange, type TemplateSpec, type Visibility } from '../domain/template.ts';
import type { Upgrade } from '../domain/upgrade.ts';
import type { UsageKind } from '../domain/usage.ts';
import type { Json } from '../lib/json.ts';
import { madeOnce } from '../lib/madeOnce.ts';

const id = () => text().primaryKey();
const time = () => integer({ mode: 'number' });
const json = <T>() => text({ mode: 'json' }).$type<T>();
/** Objects made from one template with the same overrides have the same text; about 8 KB each with what is made of it. */
const KEPT_SPECS = 1_000;
/** Settings that came after a row was written have their defaults. */
const spec = customType<{ data: TemplateSpec; driverData: string }>({
  dataType: () => 'text',
  toDriver: (value) => JSON.stringify(value),
  fromDriver: madeOnce((text) => completeStored(JSON.parse(text) as Partial<TemplateSpec>), KEPT_SPECS),
});
const groupSpec = customType<{ data: NodeGroupSpec; driverData: string }>({
  dataType: () => 'text',
  toDriver: (value) => JSON.stringify(value),
  fromDriver: madeOnce((text) => completeStoredGroup(JSON.parse(text) as Parameters<typeof completeStoredGroup>[0]), KEPT_SPECS),
});
const flag = () => integer({ mode: 'boolean' });
/** Names are unique among what is not deleted; tombstones keep theirs. */
const live = sql`deleted_at is null`;

/** What every object with a flow has: what is wanted (generation) and what has been carried out (observedGeneration). */
const object = () => ({
  generation: integer().notNull().default(1),
  observedGeneration: integer().notNull().default(0),
  deleteRequestedAt: time(),
  deletedAt: time(),
  createdAt: time().notNull(),
  updatedAt: time().notNull(),
});

export const seeds = sqliteTable(
  'seeds',
  {
    id: id(),
    name: text().notNull(),
    region: text(),
    labels: json<Record<string, string>>().notNull(),
    exposure: text().$type<Exposure>().notNull(),
    maxClusters: integer(),
    weight: integer().notNull().default(DEFAULT_SEED_WEIGHT),
    cordoned: flag().notNull().default(false),
    /** Empty until one that is being made has an address. */
    apiServerUrl: text().notNull(),
    storageClass: text(),
    priorityClass: text(),
    podCidr: text(),
    serviceCidr: text(),
    facts: json<SeedFacts>(),
    /** null: it is not drained. */
    drain: json<SeedDrain>(),
    /** What createSeed was asked; null: it was registered. */
    made: json<MadeSeedSpec>(),
    /** What was found and made in the cloud for it so far. */
    place: json<SeedPlace>(),
    /** Which Kubernetes cluster it is: the uid of its namespace kube-system; null: not known yet. */
    clusterUid: text(),
    /** Of the first look that got no answer, with none since; null: it answers. */
    silentSince: time(),
    /** When it was given up for now, and its clusters with it; null: it was not. */
    lostAt: time(),
    state: text().$type<SeedState>().notNull(),
    eventNumber: integer().notNull().default(0),
    ...object(),
  },
  (t) => [uniqueIndex('seeds_name').on(t.name).where(live)],
);

export const templates = sqliteTable(
  'templates',
  {
    id: id(),
    projectId: text().notNull(),
    name: text().notNull(),
    visibility: text().$type<Visibility>().notNull(),
    revision: integer().notNull(),
    generation: integer().notNull().default(1),
    deletedAt: time(),
    createdAt: time().notNull(),
    updatedAt: time().notNull(),
  },
  (t) => [uniqueIndex('templates_project').on(t.projectId, t.name).where(live)],
);

export const templateRevisions = sqliteTable(
  'template_revisions',
  {
    templateId: text()
      .notNull()
      .references(() => templates.id),
    revision: integer().notNull(),
    spec: spec().notNull(),
    createdBy: text().notNull(),
    createdAt: time().notNull(),
  },
  (t) => [primaryKey({ columns: [t.templateId, t.revision] })],
);

/** Seen by all projects, and of none. */
export const addonBundles = sqliteTable(
  'addon_bundles',
  {
    id: id(),
    name: text().notNull(),
    description: text().notNull(),
    revision: integer().notNull(),
    generation: integer().notNull().default(1),
    deletedAt: time(),
    createdAt: time().notNull(),
    updatedAt: time().notNull(),
  },
  (t) => [uniqueIndex('addon_bundles_name').on(t.name).where(live)],
);

export const addonBundleRevisions = sqliteTable(
  'addon_bundle_revisions',
  {
    bundleId: text()
      .notNull()
      .references(() => addonBundles.id),
    revision: integer().notNull(),
    /** As they were given. */
    manifests: text().notNull(),
    /** As they were read. */
    objects: json<Manifest[]>().notNull(),
    optionsSchema: json<OptionsSchema>().notNull(),
    createdBy: text().notNull(),
    createdAt: time().notNull(),
  },
  (t) => [primaryKey({ columns: [t.bundleId, t.revision] })],
);

export const clusters = sqliteTable(
  'clusters',
  {
    id: id(),
    projectId: text().notNull(),
    name: text().notNull(),
    shortId: text().notNull(),
    templateId: text()
      .notNull()
      .references(() => templates.id),
    templateRevision: integer().notNull(),
    /** The seed asked for by name; null: placement decides. */
    requestedSeedId: text(),
    seedId: text().references(() => seeds.id),
    spec: spec().notNull(),
    overrides: json<SpecChange>().notNull(),
    resolved: json<ResolvedNames>(),
    placement: json<PlacementReason[]>(),
    /** Its place in the seed's queue of starts; null before it has asked for one. */
    seedTurn: text().$type<SeedTurn>(),
    seedTurnAt: time(),
    trust: json<TrustReference>(),
    /** Handed in by the customer, in place of a trust. */
    credential: json<CloudCredentials>(),
    endpointHost: text(),
    endpointPort: integer(),
    /** That address was asked for as a floating IP; one that was given before is not followed by another. */
    endpointFloatingIp: flag().notNull().default(false),
    caCertificate: text(),
    /** How often each was asked for; how often it was done is known with the keys. */
    rotations: json<Rotations>(),
    /** Nodes that are older are replaced, one after the other. */
    nodesSince: time(),
    /** The Kubernetes version that all of its control plane has run last; null before it first ran. */
    runningVersion: text(),
    /** Its control plane's way to another version; null while it is at rest. */
    upgrade: json<Upgrade>(),
    /** The last one that was asked for; one that is over stays until the cluster has been looked through again. */
    pause: json<ClusterPause>(),
    /** null: it is awake. */
    hibernation: json<ClusterHibernation>(),
    /** Windows of its schedule that opened before have been slept through, or somebody has ended them; null: none has. */
    sleepsFrom: time(),
    /** The last one that was asked for. */
    move: json<ControlPlaneMove>(),
    /** null before the first look at etcd. */
    etcd: json<EtcdMembership>(),
    /** The last one that was asked for. */
    restore: json<ClusterRestore>(),
    /** When the next scheduled backup is due, and by which schedule; null without one. */
    backupPlan: json<BackupPlan>(),
    /** The last upgrade that Seedbed began by itself; null: never. */
    autoUpgrade: json<AutoUpgrade>(),
    /** What is asked of its API and will not be there for ever; null before the first look. */
    deprecatedApis: json<DeprecatedApis>(),
    clone: json<ClusterClone>(),
    /** As it was at the last look. */
    etcdStatus: json<EtcdStatus>(),
    /** How fast its disks were between the last looks; null before the first. */
    etcdDisk: json<EtcdDisk>(),
    /** null: it is not known that a majority of its etcd ever served in this seed, with the members that there are. */
    quorum: json<EtcdQuorum>(),
    /** When Seedbed last restored it by itself; null: never. */
    autoRestoredAt: time(),
    /** Of addon bundles that it has, or that are on their way out; null: never had one. */
    bundleStates: json<BundleState[]>(),
    /** Of its deletion; null: as the cluster says. */
    deletePolicy: json<DeletePolicy>(),
    /** Of its deletion: what it has had to wait for; null until then. */
    deletionStages: json<DeletionStages>(),
    /** Of its deletion: what is left in the project; null until then. */
    sweep: json<Sweep>(),
    state: text().$type<ClusterState>().notNull(),
    deletionProtection: flag().notNull().default(false),
    /** Its seed is lost for good: what is in there is left. */
    seedAbandoned: flag().notNull().default(false),
    /** When the database was put back to a copy of before: what it does not know may be there since. null: never while the cluster lived. */
    restoredAt: time(),
    createdBy: text().notNull(),
    eventNumber: integer().notNull().default(0),
    ...object(),
  },
  (t) => [
    uniqueIndex('clusters_project').on(t.projectId, t.name).where(live),
    uniqueIndex('clusters_short_id').on(t.shortId),
    index('clusters_seed').on(t.seedId, t.seedTurn),
    index('clusters_template').on(t.templateId),
    // Lists go by these: a page of a thousand takes no sorting of all of them.
    index('clusters_project_page').on(t.projectId, t.createdAt, t.id).where(live),
    index('clusters_page').on(t.createdAt, t.id).where(live),
  ],
);

export const nodeGroups = sqliteTable(
  'node_groups',
  {
    id: id(),
    clusterId: text()
      .notNull()
      .references(() => clusters.id),
    name: text().notNull(),
    isDefault: flag().notNull().default(false),
    spec: groupSpec().notNull(),
    resolved: json<ResolvedGroup>(),
    /** Nodes the customer named to go first at the next shrink. */
    nodesToRemove: json<string[]>().notNull(),
    /** null: never healed. */
    healing: json<GroupHealing>(),
    /** The version that its nodes stay at; null: they follow the control plane. */
    kubernetesVersion: text(),
    /** The generation that last gave flavor, image or key pair, which are looked up anew then. */
    namesGeneration: integer().notNull().default(1),
    /** As of which restoredAt of its cluster the servers that the copy did not know were taken over. */
    adoptedAt: time(),
    /** What its flavor gives a worker, for the project's quota; null while nobody has looked it up. */
    vcpus: integer(),
    state: text().$type<NodeGroupState>().notNull(),
    ...object(),
  },
  (t) => [uniqueIndex('node_groups_cluster').on(t.clusterId, t.name).where(live)],
);

export const nodes = sqliteTable(
  'nodes',
  {
    id: id(),
    clusterId: text()
      .notNull()
      .references(() => clusters.id),
    nodeGroupId: text()
      .notNull()
      .references(() => nodeGroups.id),
    name: text().notNull(),
    state: text().$type<NodeState>().notNull(),
    serverId: text(),
    portId: text(),
    /** One of its group's existingPorts, which nobody else has while the node lives. */
    existingPortId: text(),
    volumeId: text(),
    address: text(),
    /** Beside it, in a cluster that has both families. */
    addressV6: text('address_v6'),
    floatingIp: text(),
    zone: text(),
    /** That it was made to join with; null before its server was asked for. */
    kubernetesVersion: text(),
    /** As Glance's and Nova's ids; null until they are asked for it. */
    imageId: text(),
    flavorId: text(),
    /** Of what else of its group's settings its server was told; null on nodes from before it was kept, until the group's are changed. */
    settingsDigest: text(),
    /** As its kubelet says. */
    kubeletVersion: text(),
    fault: json<NodeFault>(),
    /** Of a node that has not joined yet. */
    buildFailures: json<BuildFailures>(),
    /** When another was asked for in its place. */
    replaceRequestedAt: time(),
    /** Since when its server runs and it has not joined. */
    joiningSince: time(),
    trouble: json<NodeTrouble>(),
    /** Its last one that was to heal it; null: it had none. */
    reboot: json<Reboot>(),
    ...object(),
  },
  (t) => [index('nodes_group').on(t.nodeGroupId), uniqueIndex('nodes_cluster').on(t.clusterId, t.name).where(live)],
);

export const operations = sqliteTable(
  'operations',
  {
    id: id(),
    kind: text().$type<OperationKind>().notNull(),
    targetKind: text().$type<ObjectKind>().notNull(),
    targetId: text().notNull(),
    /** The cluster the target belongs to; null for a seed's. */
    clusterId: text(),
    /** Null: a seed's operation, which only cloud admins see. */
    projectId: text(),
    generation: integer().notNull(),
    state: text().$type<OperationState>().notNull(),
    percent: integer().notNull().default(0),
    steps: json<OperationStep[]>().notNull(),
    problem: json<Problem>(),
    requestedBy: text().notNull(),
    /** Why, where nobody asked. */
    reason: text(),
    /** OpenStack's, of the request that asked for it; null: Seedbed itself did, or it is of before this was kept. */
    requestId: text(),
    requestedAt: time().notNull(),
    finishedAt: time(),
  },
  (t) => [
    index('operations_target').on(t.targetId, t.state),
    index('operations_cluster').on(t.clusterId, t.requestedAt),
    index('operations_past').on(t.kind, t.finishedAt).where(sql`state = 'SUCCEEDED'`),
  ],
);

export const conditions = sqliteTable(
  'conditions',
  {
    objectId: text().notNull(),
    objectKind: text().$type<ObjectKind>().notNull(),
    name: text().notNull(),
    title: text().notNull(),
    status: text().$type<ConditionStatus>().notNull(),
    state: text().$type<StepState>().notNull(),
    reason: text().notNull(),
    message: text().notNull(),
    problem: json<Problem>(),
    waitingFor: json<WaitingFor>(),
    observedGeneration: integer().notNull(),
    lastTransitionAt: time().notNull(),
    attempts: integer().notNull().default(0),
    ordinal: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.objectId, t.name] })],
);

export const events = sqliteTable(
  'events',
  {
    streamId: text().notNull(),
    number: integer().notNull(),
    at: time().notNull(),
    subjectKind: text().$type<ObjectKind>().notNull(),
    subjectId: text().notNull(),
    subjectName: text().notNull(),
    step: text(),
    title: text(),
    state: text().notNull(),
    percent: integer(),
    message: text().notNull(),
    problem: json<Problem>(),
    operationId: text(),
    /** Under which OpenStack's services were asked for it; null: nobody was asked, or a release of before it was kept wrote this. */
    requestId: text(),
    settled: flag().notNull().default(false),
  },
  (t) => [
    primaryKey({ columns: [t.streamId, t.number] }),
    index('events_at').on(t.streamId, t.at),
    index('events_subject').on(t.streamId, t.subjectId, t.number),
    index('events_operation').on(t.operationId, t.number).where(sql`operation_id is not null`),
    index('events_problem').on(t.streamId, t.number).where(sql`problem is not null`),
  ],
);

export const inventory = sqliteTable(
  'inventory',
  {
    id: id(),
    clusterId: text().notNull(),
    /** The cluster, node group or node whose flow makes and removes it. */
    ownerId: text().notNull(),
    service: text().$type<InventoryService>().notNull(),
    kind: text().notNull(),
    name: text().notNull(),
    externalId: text(),
    state: text().$type<InventoryState>().notNull(),
    madeBy: text().$type<MadeBy>().notNull(),
    /** Seed objects: hash of what we asked for, and of what the API server made of it. */
    fingerprint: text(),
    observed: text(),
    createdAt: time().notNull(),
    updatedAt: time().notNull(),
  },
  (t) => [uniqueIndex('inventory_owner').on(t.ownerId, t.service, t.kind, t.name), index('inventory_cluster').on(t.clusterId)],
);

export const secrets = sqliteTable(
  'secrets',
  {
    ownerId: text().notNull(),
    name: text().notNull(),
    keyId: text().notNull(),
    sealed: blob({ mode: 'buffer' }).notNull(),
    createdAt: time().notNull(),
    updatedAt: time().notNull(),
  },
  (t) => [primaryKey({ columns: [t.ownerId, t.name] })],
);

/** What is shown of certificates; the certificates themselves are among the secrets. */
export const certificates = sqliteTable(
  'certificates',
  {
    clusterId: text()
      .notNull()
      .references(() => clusters.id),
    name: text().notNull(),
    kind: text().$type<CertificateKind>().notNull(),
    subject: text().notNull(),
    signedBy: text().notNull(),
    notBefore: time().notNull(),
    expiresAt: time().notNull(),
    renewsAt: time(),
    ordinal: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.clusterId, t.name] })],
);

/** Access that was given to people; the keys are theirs alone. */
export const kubeconfigs = sqliteTable(
  'kubeconfigs',
  {
    id: id(),
    clusterId: text()
      .notNull()
      .references(() => clusters.id),
    kind: text().$type<KubeconfigKind>().notNull(),
    role: text().$type<KubeconfigRole>().notNull(),
    /** In the certificate; no two are the same. */
    userName: text().notNull(),
    ownerId: text().notNull(),
    owner: text().notNull(),
    createdAt: time().notNull(),
    expiresAt: time().notNull(),
    /** When the cluster was told of it, and when it was told to forget it. */
    boundAt: time(),
    unboundAt: time(),
    revokedAt: time(),
    revokedBy: text(),
  },
  (t) => [index('kubeconfigs_cluster').on(t.clusterId, t.createdAt)],
);

/** Snapshots of clusters' etcd in the object store; some outlive their clusters. */
export const backups = sqliteTable(
  'backups',
  {
    id: id(),
    clusterId: text()
      .notNull()
      .references(() => clusters.id),
    projectId: text().notNull(),
    name: text().notNull(),
    reason: text().$type<BackupReason>().notNull(),
    state: text().$type<BackupState>().notNull(),
    /** null until it is stored. */
    snapshot: json<SnapshotFacts>(),
    /** When it was last restored on trial. */
    verifiedAt: time(),
    /** null while what it is at has not failed. */
    failures: json<BackupFailures>(),
    /** When it was last looked for in the object store; null: not since it was restored on trial. */
    checkedAt: time(),
    /** null while it is there. */
    loss: json<BackupLoss>(),
    createdBy: text().notNull(),
    ...object(),
  },
  (t) => [index('backups_cluster').on(t.clusterId, t.createdAt), index('backups_project').on(t.projectId, t.createdAt)],
);

/** What searches have found in projects. */
export const orphans = sqliteTable(
  'orphans',
  {
    id: id(),
    /** null: it is in none, and does not say for which it was made. */
    projectId: text(),
    /** The seed it is in, if it is in one. */
    seedId: text(),
    service: text().$type<InventoryService>().notNull(),
    kind: text().notNull(),
    externalId: text().notNull(),
    name: text().notNull(),
    /** As its marks say. */
    clusterId: text(),
    clusterName: text(),
    reason: text().$type<OrphanReason>().notNull(),
    state: text().$type<OrphanState>().notNull(),
    problem: json<Problem>(),
    /** The one that removes it, or has. */
    operationId: text(),
    /** When the cloud was asked to delete it. */
    askedAt: time(),
    foundAt: time().notNull(),
    updatedAt: time().notNull(),
  },
  (t) => [uniqueIndex('orphans_thing').on(t.service, t.kind, t.externalId, t.projectId), index('orphans_operation').on(t.operationId)],
);

/** What was there from when until when, and how much of it. Kept when the thing is gone, and its cluster. */
export const usage = sqliteTable(
  'usage',
  {
    id: id(),
    projectId: text().notNull(),
    clusterId: text()
      .notNull()
      .references(() => clusters.id),
    /** The cluster, or the inventory's note of a thing. */
    subjectId: text().notNull(),
    kind: text().$type<UsageKind>().notNull(),
    /** In the unit of the kind (domain/usage.ts). */
    amount: integer().notNull(),
    startedAt: time().notNull(),
    /** null: it is there. */
    endedAt: time(),
  },
  (t) => [
    uniqueIndex('usage_open').on(t.subjectId, t.kind).where(sql`ended_at is null`),
    index('usage_subject').on(t.subjectId),
    index('usage_cluster').on(t.clusterId, t.startedAt),
    index('usage_project').on(t.projectId, t.startedAt),
  ],
);

export const workItems = sqliteTable(
  'work_items',
  {
    kind: text().$type<ObjectKind>().notNull(),
    id: text().notNull(),
    dueAt: time().notNull(),
    leaseOwner: text(),
    leaseUntil: time(),
    /** Raised at each claim: a worker whose number is not the row's has lost its lease. */
    fence: integer().notNull().default(0),
    /** Raised at each enqueue: a change during a pass makes the item due again at once. */
    wake: integer().notNull().default(0),
    attempts: integer().notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.kind, t.id] }), index('work_items_due').on(t.dueAt)],
);

export const idempotencyKeys = sqliteTable(
  'idempotency_keys',
  {
    /** The project (or, for a token without one, the user) whose key it is. */
    scope: text().notNull(),
    key: text().notNull(),
    mutation: text().notNull(),
    inputHash: text().notNull(),
    result: json<Json>().notNull(),
    createdAt: time().notNull(),
  },
  (t) => [primaryKey({ columns: [t.scope, t.key] }), index('idempotency_keys_age').on(t.createdAt)],
);

/** What administrators allow one project, where it is not as everywhere. */
export const projectQuotas = sqliteTable('project_quotas', {
  projectId: id(),
  limits: json<OwnLimits>().notNull(),
  generation: integer().notNull(),
  updatedBy: text().notNull(),
  updatedAt: time().notNull(),
});

/**
 * Rows are only added: triggers of the migrations refuse any change, and any removal that no anchor allows. Those of before the chain have no hash, and
 * know less. `roles` and `input` are JSON as it is hashed.
 */
export const audit = sqliteTable(
  'audit',
  {
    number: integer().primaryKey({ autoIncrement: true }),
    at: time().notNull(),
    userId: text().notNull(),
    userName: text().notNull(),
    userDomainName: text(),
    /** Of the caller's token. */
    callerProjectId: text(),
    roles: text(),
    tokenKind: text().$type<TokenKind>(),
    /** The application credential's or the trust's that the token is by. */
    credentialId: text(),
    address: text(),
    forwardedFor: text(),
    userAgent: text(),
    /** Whose it is: the target's project, or that of the token where nothing was found. */
    projectId: text(),
    action: text().notNull(),
    targetKind: text(),
    targetId: text(),
    /** Without whatever may be secret. */
    input: text(),
    /** Hash of the whole input: proves what was asked. */
    inputHash: text(),
    outcome: text().$type<AuditOutcome>(),
    operationId: text(),
    errorCode: text(),
    requestId: text(),
    openstackRequestId: text(),
    hash: text(),
  },
  (t) => [
    index('audit_at').on(t.at),
    index('audit_project').on(t.projectId, t.number),
    index('audit_user').on(t.userId, t.number),
    index('audit_action').on(t.action, t.number),
    index('audit_error').on(t.errorCode, t.number).where(sql`error_code is not null`),
    index('audit_target').on(t.targetId, t.number).where(sql`target_id is not null`),
    index('audit_operation').on(t.operationId).where(sql`operation_id is not null`),
    index('audit_request').on(t.requestId).where(sql`request_id is not null`),
    index('audit_openstack_request').on(t.openstackRequestId).where(sql`openstack_request_id is not null`),
  ],
);

/** The last rows that were forgotten for their age: from their hashes on, what is left can be checked. */
export const auditAnchors = sqliteTable('audit_anchors', {
  number: integer().primaryKey(),
  hash: text(),
  purgedAt: time().notNull(),
});
