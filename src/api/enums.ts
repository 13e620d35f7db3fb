/** The enums of the schema: each value with a sentence. */

import type { AuditLevel } from '../domain/audit.ts';
import type { AuditOutcome, TokenKind } from '../domain/auditLog.ts';
import type { BackupReason, BackupState } from '../domain/backup.ts';
import type { CertificateKind } from '../domain/certificate.ts';
import type { ClusterState } from '../domain/cluster.ts';
import type { ConditionStatus, ObjectKind, StepState } from '../domain/condition.ts';
import type { Tunnel } from '../domain/controlPlane.ts';
import type { MovePhase } from '../domain/controlPlaneMove.ts';
import type { KeepOrDelete } from '../domain/deletePolicy.ts';
import type { ErrorCode, QuotaSource, WhoMustAct } from '../domain/errors.ts';
import type { NodeTroubleKind } from '../domain/healing.ts';
import type { InventoryService, InventoryState, MadeBy } from '../domain/inventory.ts';
import type { KubeconfigKind, KubeconfigRole, KubeconfigState } from '../domain/kubeconfig.ts';
import type { SeedNetworkDriver } from '../domain/madeSeed.ts';
import type { AutoUpgradePolicy } from '../domain/maintenance.ts';
import type { NodeState } from '../domain/node.ts';
import type { NodeGroupState, ServerGroupPolicy, Taint, VnicType } from '../domain/nodeGroup.ts';
import type { OperationKind, OperationState } from '../domain/operation.ts';
import type { OrphanReason, OrphanState } from '../domain/orphan.ts';
import type { ExpectedDuration } from '../domain/plan.ts';
import type { Exposure, SeedState, SeedTurn } from '../domain/seed.ts';
import type { DrainEntry } from '../domain/seedDrain.ts';
import type { IpFamily, NetworkDriver, Visibility, VolumeDriver } from '../domain/template.ts';
import type { BlockedDrain } from '../domain/upgradeStrategy.ts';
import type { ReleaseStatus } from '../domain/version.ts';
import type { Weekday } from '../domain/weeklyWindow.ts';
import { builder } from './builder.ts';

/** An enum whose values are named in SCREAMING_SNAKE as the domain names them. */
export const enumOf = <Value extends string>(name: string, description: string, sentences: Record<Value, string>) =>
  builder.enumType(name, { description, values: valuesOf(sentences) });

const valuesOf = <Value extends string>(sentences: Record<Value, string>) => {
  const values = {} as Record<Value, { description: string }>;
  for (const value of Object.keys(sentences) as Value[]) values[value] = { description: sentences[value] };
  return values;
};

export const ClusterStateEnum = enumOf<ClusterState>('ClusterState', 'Where a cluster is in its life.', {
  PENDING: 'Written down; nothing has been made yet.',
  CREATING: 'Its parts are being made.',
  READY: 'The control plane answers and all wanted workers are Ready.',
  UPDATING: 'A change is being carried out; the cluster answers meanwhile.',
  DEGRADED: 'It was ready, and a part of it is not now.',
  UNKNOWN:
    'Its seed does not answer: nothing is done for it until it does, and what is shown of it is as it was before. It comes back by itself.',
  HIBERNATING: 'Its workers are being drained and deleted, and then its control plane is stopped.',
  HIBERNATED:
    'Nothing of it runs, and nothing is done for it; volumes, keys and addresses are kept. What is asked for waits until it wakes (wakeCluster).',
  WAKING: 'Its control plane is started again as it was, and then as many workers as each node group says are made.',
  FAILED: 'Somebody must act before it goes on; the conditions say who and how.',
  DELETING: 'Its parts are being removed.',
  DELETED: 'Nothing of it is left.',
});

export const BackupStateEnum = enumOf<BackupState>('BackupState', 'Where a backup is in its life.', {
  PENDING: 'Written down; nothing has been done yet.',
  CREATING: 'The snapshot is being taken, stored or restored on trial.',
  READY: 'It is stored, and was restored on trial.',
  DEGRADED: 'It is stored, and something of it is not as it was.',
  LOST: 'It was stored, and is not in the object store as it was; the conditions say what is missing.',
  FAILED: 'Somebody must act before it goes on; the conditions say who and how.',
  DELETING: 'What is stored of it is being removed.',
  DELETED: 'Nothing of it is left.',
});

export const BackupReasonEnum = enumOf<BackupReason>('BackupReason', 'Why a backup was made.', {
  ON_DEMAND: 'Somebody asked for it.',
  BEFORE_UPGRADE: 'An upgrade of the cluster begins with it; it stays until somebody deletes it.',
  BEFORE_MOVE:
    "The cluster's control plane is moved: the one of while all serves goes when that is over, and the last one stays until somebody deletes it.",
  SCHEDULED: "The cluster's schedule asked for it; it goes when newer ones have taken its place.",
});

export const MovePhaseEnum = enumOf<MovePhase>('MovePhase', "How far a move of a cluster's control plane is.", {
  BACK_UP: 'A backup is taken while all serves.',
  FREEZE: 'The API servers stop, and the last backup is taken.',
  HAND_OVER: 'All of it stops, and the address is let go.',
  START: 'It starts where it goes to.',
  CLEAN_UP: 'It serves, and what is left where it was goes.',
  DONE: 'It is over.',
});

export const DrainEntryStateEnum = enumOf<DrainEntry['state']>(
  'DrainEntryState',
  'Whether a control plane leaves a seed that is drained.',
  {
    MOVING: 'It is on its way.',
    PLANNED: 'It will be moved.',
    STUCK: 'It cannot be moved now.',
  },
);

export const NodeGroupStateEnum = enumOf<NodeGroupState>('NodeGroupState', 'Where a node group is in its life.', {
  PENDING: 'Written down; nothing has been made yet.',
  CREATING: 'Its first nodes are being made.',
  READY: 'All wanted nodes are Ready.',
  UPDATING: 'Nodes are being added, replaced or removed.',
  DEGRADED: 'A node that was Ready is not now.',
  FAILED: 'Somebody must act before it goes on.',
  DELETING: 'Its nodes are being removed.',
  DELETED: 'Nothing of it is left.',
});

export const NodeStateEnum = enumOf<NodeState>('NodeState', 'Where a worker is in its life.', {
  PENDING: 'Wanted; nothing has been made yet.',
  CREATING: 'The cloud is making its server.',
  BOOTING: 'The server runs and boots.',
  JOINING: 'It has reached the cluster and registers, or has done so and has no floating IP yet.',
  READY: 'Kubernetes calls it Ready, and it has the floating IP that its group asks for.',
  NOT_READY: 'It was Ready, and Kubernetes says it is not now.',
  DRAINING: 'Its pods move away before it goes.',
  DELETING: 'Its server and port are being removed.',
  DELETED: 'Nothing of it is left.',
  FAILED: 'It could not be made; the fault says why.',
});

export const NodeTroubleKindEnum = enumOf<NodeTroubleKind>('NodeTroubleKind', 'What is wrong with a worker.', {
  NOT_READY: 'Kubernetes does not call it Ready.',
  SERVER_LOST: 'Its server was deleted in the cloud.',
  PORT_LOST: 'A port of its server was deleted in the cloud.',
  SERVER_ERROR: 'Its server is in ERROR in the cloud.',
  NOT_JOINED: 'Its server runs and has not become a Ready node in time.',
  NODE_PROBLEM: 'node-problem-detector reports what does not pass by itself, such as KernelDeadlock.',
});

export const SeedTurnEnum = enumOf<Exclude<SeedTurn, 'DONE'>>('SeedTurn', "A cluster's place in its seed's queue of starts.", {
  WAITING: 'Waits until others have started.',
  STARTING: 'Its control plane is being started.',
});

export const TunnelEnum = enumOf<Tunnel>('Tunnel', "How a cluster's API servers reach its nodes and pods.", {
  KONNECTIVITY: 'Through connections that agents in the cluster open to the control plane.',
  NONE: 'Directly: the seed must have a route to the nodes and to the pods.',
});

export const SeedStateEnum = enumOf<SeedState>('SeedState', 'Whether a seed can hold control planes.', {
  PENDING: 'Being made, or not looked at yet.',
  READY: 'All checks passed.',
  NOT_READY: 'A check fails; the conditions say which, and the remedy.',
  UNREGISTERING: 'Being taken out, and its machines deleted if Seedbed made it.',
  DELETED: 'Taken out.',
});

export const ExposureEnum = enumOf<Exposure>('Exposure', 'How a seed makes API servers reachable.', {
  LOAD_BALANCER: 'A Service of type LoadBalancer for each cluster.',
  NODE_PORT: "A node port on the seed's own nodes: for trials without a load balancer.",
});

export const VisibilityEnum = enumOf<Visibility>('Visibility', 'Who sees a template.', {
  PUBLIC: 'Every project.',
  PRIVATE: 'The project that owns it.',
  HIDDEN: 'Listed for cloud admins and cloud readers only; the owning project can still use it.',
});

export const NetworkDriverEnum = enumOf<NetworkDriver>('NetworkDriver', 'The pod network.', {
  FLANNEL: 'Flannel: a simple overlay, without NetworkPolicies.',
  CALICO: 'Calico: an overlay that also keeps NetworkPolicies.',
  CILIUM: 'Cilium: an overlay in the kernel that also keeps NetworkPolicies.',
  NONE: 'None: bring your own.',
});

export const SeedNetworkDriverEnum = enumOf<SeedNetworkDriver>('SeedNetworkDriver', 'The pod network of a seed that Seedbed makes.', {
  FLANNEL: 'Flannel: a simple overlay, without NetworkPolicies.',
  CALICO: 'Calico: an overlay that also keeps NetworkPolicies, those of the control planes in it among them.',
});

export const IpFamilyEnum = enumOf<IpFamily>('IpFamily', 'A family of addresses.', {
  IPV4: 'IPv4, which every cluster has.',
  IPV6: 'IPv6, beside IPv4.',
});

export const VolumeDriverEnum = enumOf<VolumeDriver>('VolumeDriver', 'Where persistent volumes come from.', {
  CINDER: 'OpenStack block storage.',
  NONE: 'None: bring your own.',
});

export const OperationKindEnum = enumOf<OperationKind>('OperationKind', 'What was asked for.', {
  CREATE_SEED: 'createSeed.',
  SCALE_SEED: 'scaleSeed.',
  UPGRADE_SEED: 'upgradeSeed.',
  DELETE_SEED: 'deleteSeed.',
  REGISTER_SEED: 'registerSeed.',
  UPDATE_SEED: 'updateSeed.',
  CORDON_SEED: 'cordonSeed.',
  UNCORDON_SEED: 'uncordonSeed.',
  DRAIN_SEED: 'drainSeed.',
  UNREGISTER_SEED: 'unregisterSeed.',
  CREATE_CLUSTER: 'createCluster.',
  UPDATE_CLUSTER: 'updateCluster.',
  UPGRADE_CLUSTER: 'upgradeCluster, or maintenance.autoUpgrade of the cluster: the reason says so then.',
  MOVE_CLUSTER_TO_TEMPLATE: 'moveClusterToTemplate.',
  PAUSE_CLUSTER: 'pauseCluster.',
  RESUME_CLUSTER: 'resumeCluster.',
  HIBERNATE_CLUSTER: 'hibernateCluster.',
  WAKE_CLUSTER: "wakeCluster, or the end of the cluster's hibernation.",
  MOVE_CONTROL_PLANE: 'moveControlPlane.',
  DELETE_CLUSTER: 'deleteCluster.',
  ROTATE_ENCRYPTION_KEY: 'rotateEncryptionKey.',
  ROTATE_CERTIFICATES: 'rotateCertificates.',
  ROTATE_CLOUD_CREDENTIAL: 'rotateCloudCredential.',
  CREATE_NODE_GROUP: 'createNodeGroup.',
  UPDATE_NODE_GROUP: 'updateNodeGroup.',
  RESIZE_NODE_GROUP: 'resizeNodeGroup.',
  DELETE_NODE_GROUP: 'deleteNodeGroup.',
  REPLACE_NODE: 'replaceNode.',
  HEAL_NODE: 'Seedbed replaces a broken worker, or reboots it first; the reason says what is wrong with it.',
  CREATE_BACKUP: 'createBackup, or the schedule of the cluster.',
  DELETE_BACKUP: 'deleteBackup.',
  RESTORE_CLUSTER: 'restoreCluster.',
  FIND_ORPHANS: 'findOrphans.',
  REMOVE_ORPHANS: 'removeOrphans.',
});

export const CloudCredentialKindEnum = enumOf<'TRUST' | 'APPLICATION_CREDENTIAL' | 'CLUSTER_USER'>(
  'CloudCredentialKind',
  'What Seedbed acts by in a project.',
  {
    TRUST: 'A Keystone trust of whoever asked.',
    APPLICATION_CREDENTIAL: 'An application credential that was handed in.',
    CLUSTER_USER: 'An application credential of a Keystone user that Seedbed made for this cluster alone, where the operator has it so.',
  },
);

export const OperationStateEnum = enumOf<OperationState>('OperationState', 'How far an operation is.', {
  PENDING: 'Acknowledged; no step has begun.',
  RUNNING: 'Steps are being carried out.',
  SUCCEEDED: 'All is as asked.',
  FAILED: 'Somebody must act; it goes on by itself once that is done, or at once by retryOperation.',
  CANCELLED: 'Called off.',
  SUPERSEDED: 'A later operation took its place.',
});

export const StepStateEnum = enumOf<StepState>('StepState', 'How far one step is.', {
  PENDING: 'Not looked at yet, or blocked by another step.',
  RUNNING: 'Being looked at.',
  WAITING: 'Waiting for something outside Seedbed.',
  DONE: 'As wanted.',
  FAILED: 'Failed; it is tried again.',
  REMOVED: 'Not wanted, and not there.',
});

export const ConditionStatusEnum = enumOf<ConditionStatus>('ConditionStatus', "Kubernetes' three answers.", {
  TRUE: 'It is so.',
  FALSE: 'It is not so.',
  UNKNOWN: 'Not known yet.',
});

export const ObjectKindEnum = enumOf<ObjectKind>('ObjectKind', 'Kinds of objects that have a flow of steps.', {
  SEED: 'A seed.',
  CLUSTER: 'A cluster.',
  NODE_GROUP: 'A node group.',
  NODE: 'A worker.',
  ORPHANS: 'A search for orphans, or a removal: the operation itself.',
  BACKUP: "A backup of a cluster's etcd.",
});

export const WhoMustActEnum = enumOf<WhoMustAct>('WhoMustAct', 'Whose move it is.', {
  CUSTOMER: 'A member of the project.',
  CLOUD_ADMIN: 'The operator of the cloud.',
  NOBODY: 'Nobody: it passes, or is tried again.',
});

export const QuotaSourceEnum = enumOf<QuotaSource>('QuotaSource', 'Who keeps a quota.', {
  OPENSTACK: 'OpenStack, for the project: its administrator can raise it there.',
  SEEDBED: 'Seedbed, of what it makes for the project: its administrators can raise it by setQuota.',
});

export const InventoryServiceEnum = enumOf<InventoryService>('ResourceService', 'Where a thing was made.', {
  IDENTITY: 'Keystone.',
  COMPUTE: 'Nova.',
  NETWORK: 'Neutron.',
  VOLUME: 'Cinder.',
  IMAGE: 'Glance.',
  LOAD_BALANCER: 'Octavia.',
  SEED: 'The seed cluster.',
  CLUSTER: 'The cluster itself.',
});

export const InventoryStateEnum = enumOf<InventoryState>('ResourceState', 'Whether a thing is there.', {
  CREATING: 'Noted before it is made.',
  PRESENT: 'There.',
  DELETING: 'Being removed.',
  GONE: 'Removed.',
});

export const OrphanReasonEnum = enumOf<OrphanReason>('OrphanReason', 'Why a thing belongs to no living cluster.', {
  CLUSTER_DELETED: 'The cluster in its marks was deleted here.',
  NODE_UNKNOWN:
    'Its cluster lives, and nothing here knows the worker in its marks: it was made after the copy that the database was put back to. Servers of node groups that are known are taken over by themselves.',
  CLUSTER_UNKNOWN: 'Nothing here knows the cluster in its marks; another installation of Seedbed may have made it, and need it still.',
});

export const OrphanStateEnum = enumOf<OrphanState>('OrphanState', 'What became of an orphan.', {
  FOUND: 'It was there at the last look.',
  REMOVING: 'It is being removed.',
  REMOVED: 'removeOrphans has removed it.',
  GONE: 'It went without removeOrphans, has lost its marks, or belongs to a living cluster.',
  FAILED: 'It could not be removed; the problem says why.',
});

export const TokenKindEnum = enumOf<TokenKind>('TokenKind', 'How the token of a caller came to be.', {
  PASSWORD: 'By a password.',
  APPLICATION_CREDENTIAL: 'By an application credential.',
  TRUST: 'By a trust.',
  FEDERATED: 'By an identity provider elsewhere.',
  OTHER: 'In another way.',
});

export const AuditOutcomeEnum = enumOf<AuditOutcome>('AuditOutcome', 'What came of a mutation.', {
  ACCEPTED: 'It was written down and is carried out; it has an operation where that takes time.',
  REPLAYED: 'It had been called before with the same idempotency key, and was answered as then; nothing was done again.',
  REFUSED: 'Nothing was done; the error code says why.',
});

export const MadeByEnum = enumOf<MadeBy>('MadeBy', 'Who made a thing.', {
  SEEDBED: 'Seedbed.',
  CLOUD_CONTROLLER: "The cluster's cloud controller, for a Service.",
  CSI: "The cluster's volume driver, for a claim.",
  USER: 'The customer.',
});

export const KeepOrDeleteEnum = enumOf<KeepOrDelete>('KeepOrDelete', 'What becomes of a thing when its cluster is deleted.', {
  KEEP: 'It stays in the project.',
  DELETE: 'It goes with the cluster.',
});

export const ReleaseStatusEnum = enumOf<ReleaseStatus>('ReleaseStatus', 'Whether a Kubernetes version can be asked for.', {
  SUPPORTED: 'Offered.',
  DEPRECATED: 'Offered for a while; choose a newer one.',
  EXPIRED: 'No longer offered for new clusters.',
});

export const WeekdayEnum = enumOf<Weekday>('Weekday', 'A day of the week.', {
  MONDAY: 'Monday.',
  TUESDAY: 'Tuesday.',
  WEDNESDAY: 'Wednesday.',
  THURSDAY: 'Thursday.',
  FRIDAY: 'Friday.',
  SATURDAY: 'Saturday.',
  SUNDAY: 'Sunday.',
});

export const AutoUpgradePolicyEnum = enumOf<AutoUpgradePolicy>('AutoUpgradePolicy', 'Which upgrades Seedbed begins by itself.', {
  NONE: 'None.',
  PATCH: 'To the newest patch release of the minor one that the cluster runs, with the backup before it where backup.enabled is set.',
});

export const CertificateKindEnum = enumOf<CertificateKind>('CertificateKind', 'What a certificate is for.', {
  AUTHORITY: 'It signs others.',
  SERVER: 'A server shows it.',
  CLIENT: 'A client shows it.',
  PEER: 'It is shown both ways.',
});

export const AuditLevelEnum = enumOf<AuditLevel>('AuditLevel', 'What an API server writes down of requests.', {
  NONE: 'Nothing.',
  METADATA: 'Who did what and when, and how it ended; not what components do every few seconds of their own accord.',
  REQUEST: 'Also what was sent to change something, but for secrets, configuration and tokens.',
});

export const KubeconfigRoleEnum = enumOf<KubeconfigRole>('KubeconfigRole', 'What access to a cluster allows.', {
  ADMIN: 'Everything; to be issued it needs the role member.',
  EDITOR: 'Change workloads in all namespaces; to be issued it needs the role member.',
  VIEWER: 'Read, without secrets; to be issued it needs the role reader.',
});

export const KubeconfigKindEnum = enumOf<KubeconfigKind>('KubeconfigKind', 'How access was given.', {
  KUBECONFIG: 'As a kubeconfig, by issueKubeconfig.',
  CERTIFICATE: "As a certificate over the caller's own key, by signCertificate.",
});

export const KubeconfigStateEnum = enumOf<KubeconfigState>('KubeconfigState', 'Whether an access counts.', {
  PENDING: 'Issued; the cluster is being told of it, which usually takes a second.',
  ACTIVE: 'It counts.',
  REVOKING: 'Taken back; the cluster is being told.',
  REVOKED: 'Taken back, and worth nothing any more.',
  EXPIRED: 'Over.',
});

export const ErrorCodeEnum = enumOf<ErrorCode>('ErrorCode', 'What went wrong, for programs.', {
  INVALID_INPUT: 'A field is wrong; `field` says which.',
  UNSUPPORTED_VERSION: 'This Kubernetes version is not offered; the message lists those that are.',
  OVERLAPPING_CIDR: 'Address ranges overlap.',
  UNKNOWN_LABEL: 'A label that neither Magnum nor Seedbed knows.',
  KUBECONFIG_REFUSED: 'The kubeconfig has a field that runs, reads or redirects.',
  NOT_FOUND: 'Not there, or not yours to see.',
  CONFLICT: "The object's state does not allow this.",
  NAME_TAKEN: 'Another object has this name.',
  GENERATION_MISMATCH: 'The object has changed since you read it.',
  IDEMPOTENCY_MISMATCH: 'The idempotency key was used with another input.',
  IN_USE: 'Others depend on it.',
  DELETION_PROTECTED: 'Deletion protection is on.',
  UNAUTHENTICATED: 'No valid token.',
  RATE_LIMITED: 'Too many requests from one address or of one project, or too many mutations; nothing was done.',
  TOO_MANY_CONNECTIONS: 'The user has as many live connections in the project as one may have; nothing was done.',
  FORBIDDEN: 'A role is missing.',
  QUOTA_EXCEEDED: 'A quota of the project is used up.',
  CLOUD_REFUSED: 'OpenStack, or the object store for backups, refused the request.',
  CLOUD_UNAVAILABLE: 'OpenStack, or the object store for backups, does not answer.',
  CLOUD_CREDENTIAL: "Seedbed's right to act in the project is gone.",
  IMAGE_GONE: 'The image has gone from the cloud since it was chosen.',
  FLAVOR_GONE: 'The flavor has gone from the cloud since it was chosen.',
  KEYPAIR_GONE: 'The key pair has gone from the cloud since it was chosen.',
  PORT_GONE: "A port of the group's existingPorts has gone from the cloud since it was chosen.",
  VOLUME_TYPE_GONE: "The root volumes' type has gone from the cloud since it was chosen.",
  ADDRESSES_EXHAUSTED: 'A network has no address left.',
  NO_VALID_HOST: 'No host of the cloud has room for a server of this flavor, or is one that its group allows.',
  SERVER_BUILD_FAILED: 'A server could not be built; the message has the words of Nova.',
  VOLUME_BUILD_FAILED: 'A root volume could not be made.',
  SERVER_FAULT: 'A server could not be deleted, or runs and does not join its cluster.',
  SEED_UNAVAILABLE: 'The seed does not answer.',
  SEED_REFUSED: 'The seed refused the request.',
  CLUSTER_UNAVAILABLE: 'The cluster cannot be reached.',
  QUORUM_LOST: "A majority of etcd's members has lost its data, or does not come back: what is left is a restore.",
  INTERNAL: 'A fault in Seedbed; the log says more under the request id.',
});

export const TaintEffectEnum = builder.enumType('TaintEffect', {
  description: 'What a taint does to pods that do not tolerate it.',
  values: {
    NO_SCHEDULE: { value: 'NoSchedule' satisfies Taint['effect'], description: 'New pods stay away.' },
    PREFER_NO_SCHEDULE: { value: 'PreferNoSchedule' satisfies Taint['effect'], description: 'New pods stay away if they can.' },
    NO_EXECUTE: { value: 'NoExecute' satisfies Taint['effect'], description: 'Running pods leave, too.' },
  } as const,
});

export const VnicTypeEnum = enumOf<VnicType>(
  'VnicType',
  'How a port is plugged into a server; which of them a cloud has, its administrator knows.',
  {
    NORMAL: 'A virtual one, as most are.',
    DIRECT: 'A virtual function of a network card (SR-IOV).',
    DIRECT_PHYSICAL: 'A whole network card.',
    MACVTAP: 'A virtual function behind macvtap.',
    VIRTIO_FORWARDER: 'A virtual function behind virtio.',
  },
);

export const BlockedDrainEnum = enumOf<BlockedDrain>('BlockedDrain', 'What becomes of a worker whose pods have not gone in time.', {
  WAIT: 'It stays until they have gone, and the condition Drained names the PodDisruptionBudget that keeps them.',
  FORCE: 'It goes all the same, and an event names the PodDisruptionBudgets that kept its pods.',
});

export const ServerGroupPolicyEnum = builder.enumType('ServerGroupPolicy', {
  description: "How the cloud places a group's servers among its hosts.",
  values: {
    SOFT_ANTI_AFFINITY: { description: 'On different hosts as far as there are enough.' },
    ANTI_AFFINITY: { description: 'On different hosts always: a server for which there is none left is not started.' },
    SOFT_AFFINITY: { description: 'On one host as far as it has room.' },
    AFFINITY: { description: 'On one host always: a server for which it has no room is not started.' },
    NONE: { description: 'Wherever the cloud likes; there is no server group.' },
  } as const satisfies Record<ServerGroupPolicy, object>,
});

/** Of the time by which a list is ordered. */
export type ListOrder = 'OLDEST_FIRST' | 'NEWEST_FIRST';

export const ListOrderEnum = enumOf<ListOrder>('ListOrder', 'Which way a list goes.', {
  OLDEST_FIRST: 'From the one that was asked for first.',
  NEWEST_FIRST: 'From the one that was asked for last.',
});

/** Of the names by which a list is ordered. */
export type NameOrder = 'A_TO_Z' | 'Z_TO_A';

export const NameOrderEnum = enumOf<NameOrder>('NameOrder', 'Which way a list goes that is in the order of names.', {
  A_TO_Z: 'From the first name on.',
  Z_TO_A: 'From the last name on.',
});

export const DurationBasisEnum = enumOf<ExpectedDuration['basis']>('DurationBasis', 'Whose operations a duration is read from.', {
  PROJECT: "The project's own.",
  INSTALLATION: 'Those of all projects, for the project has few.',
  NONE: 'There are too few.',
});
