/** createCluster, updateCluster, deleteCluster and retryOperation. */
import type { ClusterAnswer, OperationAnswer } from '../commands/call.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { KeepOrDeleteEnum } from './enums.ts';
import { plainId } from './ids.ts';
import { LabelInput } from './label.ts';
import { callFields, defineMutation, REPLAYED, targetFields } from './mutation.ts';
import { groupToCommand, NodeGroupFieldsInput } from './nodeGroupInput.ts';
import { OperationRef } from './operation.ts';
import { MAGNUM_LABELS, settingsToCommand, specInputFields, withMaps } from './specInput.ts';

const clusterPayload = (name: string, description: string) =>
  builder.objectRef<ClusterAnswer>(name).implement({
    description,
    fields: (t) => ({
      cluster: t.field({ type: ClusterRef, description: 'The cluster.', resolve: (answer) => answer.cluster }),
      operation: t.field({ type: OperationRef, description: 'What carries it out.', resolve: (answer) => answer.operation }),
      replayed: t.exposeBoolean('replayed', { description: REPLAYED }),
    }),
  });

const OverridesInput = builder.inputType('ClusterOverridesInput', {
  description: 'Settings in which the cluster is to differ from its template.',
  fields: (t) => specInputFields(t),
});

const CloudCredentialInput = builder.inputType('CloudCredentialInput', {
  description:
    "A Keystone application credential of the cluster's project: restricted, with the role member, without admin, and good for a week at the least. Keystone ends it with its user, and when the user loses a role in the project. Its secret is kept sealed and never shown; whether it is good is looked at by the cluster's first step, and told by the condition CloudCredentialReady.",
  fields: (t) => ({
    applicationCredentialId: t.string({ required: true, description: 'Its id, not its name.' }),
    applicationCredentialSecret: t.string({ required: true, description: 'Its secret.' }),
  }),
});

export const CreateClusterInput = builder.inputType('CreateClusterInput', {
  description: 'What createCluster is asked.',
  fields: (t) => ({
    ...callFields(t),
    name: t.string({ required: true, description: 'DNS label of at most 40 characters, unique in the project.' }),
    clusterTemplate: t.string({ required: true, description: 'Id or name of a template of the project or a public one.' }),
    seed: t.string({ description: 'Id or name of the seed, for cloud admins; without it placement chooses.' }),
    overrides: t.field({ type: OverridesInput, description: 'Where it is to differ from its template.' }),
    labels: t.field({ type: [LabelInput], description: MAGNUM_LABELS }),
    masterCount: t.int({ description: "Magnum's word for overrides.controlPlane.replicas: 1 or 3." }),
    nodeCount: t.int({ description: 'Workers of the default group, from 0 to 1000; not together with nodeGroups.' }),
    nodeGroups: t.field({ type: [NodeGroupFieldsInput], description: 'Node groups, at most 20; the first is the default one.' }),
    deletionProtection: t.boolean({ description: 'Refuse deleteCluster until it is told to disable this.' }),
    credential: t.field({
      type: CloudCredentialInput,
      description:
        'What Seedbed is to act by in the project, whoever asks. Without it, the cluster gets a Keystone user of its own where the operator has it so, and elsewhere a trust of yours is made.',
    }),
  }),
});

export const createToCommand = (input: typeof CreateClusterInput.$inferInput): object => ({
  ...withMaps(input, 'labels'),
  clusterTemplate: plainId('ClusterTemplate', input.clusterTemplate),
  ...(input.seed != null && { seed: plainId('Seed', input.seed) }),
  ...(input.overrides != null && { overrides: settingsToCommand(input.overrides) }),
  ...(input.nodeGroups != null && { nodeGroups: input.nodeGroups.map(groupToCommand) }),
});

defineMutation({
  name: 'createCluster',
  description: "Makes a cluster in the token's project; needs the role member. Watch it with clusterProgress.",
  input: CreateClusterInput,
  payload: clusterPayload('CreateClusterPayload', 'The cluster that is being made.'),
  toCommand: createToCommand,
  command: (commands) => commands.createCluster,
});

const CloneClusterInput = builder.inputType('CloneClusterInput', {
  description: 'What cloneCluster is asked.',
  fields: (t) => ({
    ...callFields(t),
    backupId: t.id({ required: true, description: "The backup, by its global or plain id; one of the token's project that is READY." }),
    name: t.string({ required: true, description: 'Of the new cluster: DNS label of at most 40 characters, unique in the project.' }),
    seed: t.string({ description: 'Id or name of the seed, for cloud admins; without it placement chooses.' }),
    nodeCount: t.int({ description: 'Workers of one default group, from 0 to 1000; not together with nodeGroups.' }),
    nodeGroups: t.field({
      type: [NodeGroupFieldsInput],
      description: 'Node groups, at most 20; the first is the default one. Without them and nodeCount, those that the first cluster has.',
    }),
    deletionProtection: t.boolean({ description: 'Refuse deleteCluster until it is told to disable this.' }),
    credential: t.field({ type: CloudCredentialInput, description: 'What Seedbed is to act by in the project, as in createCluster.' }),
  }),
});

defineMutation({
  name: 'cloneCluster',
  description:
    "Makes another cluster that begins as a backup has it, with the settings of the first, the version that the backup is of, and keys, address and workers of its own. Before any controller runs, it loses what is the first cluster's: Nodes, volumes for a single node and those of Cinder (their claims are Lost), load balancers of Services (it gets its own), and tokens; volumes for many nodes and snapshots are shared by both, and kept when they are deleted in it, and webhooks that are served in the cluster refuse nothing until you set their failurePolicy again. Needs the role member.",
  input: CloneClusterInput,
  payload: clusterPayload('CloneClusterPayload', 'The cluster that is being made.'),
  toCommand: (input) => ({
    ...input,
    backupId: plainId('Backup', input.backupId),
    ...(input.seed != null && { seed: plainId('Seed', input.seed) }),
    ...(input.nodeGroups != null && { nodeGroups: input.nodeGroups.map(groupToCommand) }),
  }),
  command: (commands) => commands.cloneCluster,
});

export const UpdateClusterInput = builder.inputType('UpdateClusterInput', {
  description: 'What updateCluster is asked; what is left out stays.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
    overrides: t.field({ type: OverridesInput, description: 'Settings that are to change; some are fixed once the cluster is made.' }),
    labels: t.field({ type: [LabelInput], description: MAGNUM_LABELS }),
    deletionProtection: t.boolean({ description: 'Refuse deleteCluster until it is told to disable this.' }),
  }),
});

export const updateToCommand = (input: typeof UpdateClusterInput.$inferInput): object => ({
  ...withMaps(input, 'labels'),
  clusterId: plainId('Cluster', input.clusterId),
  ...(input.overrides != null && { overrides: settingsToCommand(input.overrides) }),
});

defineMutation({
  name: 'updateCluster',
  description: 'Changes settings of a living cluster; needs the role member. Watch it with operationProgress.',
  input: UpdateClusterInput,
  payload: clusterPayload('UpdateClusterPayload', 'The cluster that is being changed.'),
  toCommand: updateToCommand,
  command: (commands) => commands.updateCluster,
});

export const UpgradeClusterInput = builder.inputType('UpgradeClusterInput', {
  description: 'What upgradeCluster is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
    version: t.string({
      required: true,
      description:
        "One of the cluster's upgradeTargets, such as v1.36.3; the version that it comes from, as long as no API server has run the new one.",
    }),
    controlPlaneOnly: t.boolean({
      description:
        'The nodes of groups that follow the control plane stay at the version that runs now, until another upgrade without this. Without it, all groups follow.',
    }),
    skipBackup: t.boolean({
      description:
        'Begin without a backup. Without this the upgrade of a cluster with backup.enabled begins with one, and waits until it was restored on trial.',
    }),
  }),
});

export const upgradeToCommand = (input: typeof UpgradeClusterInput.$inferInput): object => ({
  ...input,
  clusterId: plainId('Cluster', input.clusterId),
});

defineMutation({
  name: 'upgradeCluster',
  description:
    'Takes a cluster to another patch release or to the next minor release of Kubernetes: etcd, API servers one by one and without a refused request, controller manager and scheduler, what acts in the cloud, addons, and then the nodes, group by group. Asked again while it runs, the newer wish takes its place. Needs the role member. Watch it with operationProgress.',
  input: UpgradeClusterInput,
  payload: clusterPayload('UpgradeClusterPayload', 'The cluster that is being upgraded.'),
  toCommand: upgradeToCommand,
  command: (commands) => commands.upgradeCluster,
});

const MoveClusterToTemplateInput = builder.inputType('MoveClusterToTemplateInput', {
  description: 'What moveClusterToTemplate is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
    clusterTemplate: t.string({ description: 'Id or name of a template of the project or a public one; without it, its own.' }),
    revision: t.int({
      description: "A revision of the template; without it, the newest. An older one of the cluster's own is a way back.",
    }),
    keep: t.stringList({
      description:
        'Settings that stay as they are and become its own (overrides), by their names in ClusterSpec or the beginnings of their paths, such as image or controlPlane.etcd.',
    }),
  }),
});

defineMutation({
  name: 'moveClusterToTemplate',
  description:
    "Gives a living cluster the settings of another revision of its template, or of another template; what it has of its own (overrides) stays, but for a version that the template's is newer than. Another version is an upgrade, with the checks and the order of upgradeCluster; node groups whose image, flavor or key pair is the cluster's follow it, and their nodes are replaced. What a living cluster cannot change is refused by name. `cluster.templateMove` shows all that before. Needs the role member. Watch it with operationProgress.",
  input: MoveClusterToTemplateInput,
  payload: clusterPayload('MoveClusterToTemplatePayload', 'The cluster that is being moved.'),
  toCommand: (input) => ({
    ...input,
    clusterId: plainId('Cluster', input.clusterId),
    ...(input.clusterTemplate != null && { clusterTemplate: plainId('ClusterTemplate', input.clusterTemplate) }),
  }),
  command: (commands) => commands.moveClusterToTemplate,
});

const PauseClusterInput = builder.inputType('PauseClusterInput', {
  description: 'What pauseCluster is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
    until: t.field({ type: 'DateTime', required: true, description: 'When it ends by itself: at most 30 days from now.' }),
    reason: t.string({ description: 'For people; at most 200 characters.' }),
  }),
});

defineMutation({
  name: 'pauseCluster',
  description:
    "Until a time nothing of the cluster is changed in cloud and seed on Seedbed's own account: rolls, healing, upgrades, repairs and renewals stop before their next step. What is asked for meanwhile is accepted and waits for the end (the step PauseOver says so); deleteCluster goes on at once. The cluster itself runs, and conditions stay as they were seen last. Asked again, the newer time holds. Needs the role member.",
  input: PauseClusterInput,
  payload: clusterPayload('PauseClusterPayload', 'The cluster that is paused.'),
  toCommand: (input) => ({ ...input, clusterId: plainId('Cluster', input.clusterId) }),
  command: (commands) => commands.pauseCluster,
});

const ResumeClusterInput = builder.inputType('ResumeClusterInput', {
  description: 'What resumeCluster is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
  }),
});

defineMutation({
  name: 'resumeCluster',
  description: 'Ends a pause before its time: everything goes on where it stood. Needs the role member.',
  input: ResumeClusterInput,
  payload: clusterPayload('ResumeClusterPayload', 'The cluster that goes on.'),
  toCommand: (input) => ({ ...input, clusterId: plainId('Cluster', input.clusterId) }),
  command: (commands) => commands.resumeCluster,
});

const HibernateClusterInput = builder.inputType('HibernateClusterInput', {
  description: 'What hibernateCluster is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
    until: t.field({ type: 'DateTime', description: 'When it wakes by itself; left out, it sleeps until wakeCluster.' }),
  }),
});

defineMutation({
  name: 'hibernateCluster',
  description:
    "Takes a cluster to sleep: its workers are drained, within the limit of their groups and then as they are, and deleted; then its control plane stops, etcd included. Volumes, load balancers, keys, kubeconfigs and the API's address are kept, and so are the counts of its node groups; floating IPs of workers go with them. It is HIBERNATED then, and costs what is kept. Nothing is done for it meanwhile: no healing, scaling, repair, renewal or scheduled backup. What is asked for meanwhile is accepted and waits until it wakes (the step HibernationOver says so); deleteCluster goes on at once, and wakeCluster works from every moment of it. Asked again, the newer end holds. Refused while the cluster is still being made. Needs the role member.",
  input: HibernateClusterInput,
  payload: clusterPayload('HibernateClusterPayload', 'The cluster that goes to sleep.'),
  toCommand: (input) => ({ ...input, clusterId: plainId('Cluster', input.clusterId) }),
  command: (commands) => commands.hibernateCluster,
});

const WakeClusterInput = builder.inputType('WakeClusterInput', {
  description: 'What wakeCluster is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
  }),
});

defineMutation({
  name: 'wakeCluster',
  description:
    'Ends a hibernation: certificates that are due are renewed, the control plane starts again with the same data, keys and address, and new workers are made, as many as each node group says. What was asked for meanwhile is done then. Needs the role member.',
  input: WakeClusterInput,
  payload: clusterPayload('WakeClusterPayload', 'The cluster that wakes.'),
  toCommand: (input) => ({ ...input, clusterId: plainId('Cluster', input.clusterId) }),
  command: (commands) => commands.wakeCluster,
});

const DeletePolicyInput = builder.inputType('DeletePolicyInput', {
  description: "What becomes of things that the cluster's controllers made; what is left out goes as each of them says for itself.",
  fields: (t) => ({
    volumes: t.field({
      type: KeepOrDeleteEnum,
      description:
        'All volumes of its PersistentVolumes, whatever their persistentVolumeReclaimPolicy. With it a deletion goes on without the word of an API that is silent.',
    }),
    loadBalancers: t.field({
      type: KeepOrDeleteEnum,
      description:
        "The load balancers of its Services; DELETE when left out. With KEEP they stay as they are, with their floating IPs (unless floatingIps says DELETE) and security groups, and without members, for the workers go. Only for a cluster in a network of the customer's own: one that Seedbed made goes with it.",
    }),
    floatingIps: t.field({
      type: KeepOrDeleteEnum,
      description:
        "The floating IPs of its Services' load balancers, whatever the annotation loadbalancer.openstack.org/keep-floatingip says.",
    }),
    snapshots: t.field({
      type: KeepOrDeleteEnum,
      description:
        'Snapshots in Cinder of volumes that are to go, root volumes of nodes included, whoever made them. Cinder deletes no volume that has one: with KEEP such a volume stays as well, and without an answer the deletion waits for one.',
    }),
    backups: t.field({
      type: KeepOrDeleteEnum,
      description:
        "Backups of its etcd; DELETE when left out. With KEEP those that are stored stay in the project's list until somebody deletes them; one that is being made is given up.",
    }),
    deadlineSeconds: t.int({
      description:
        "From 60 to 86400: how long each stage that waits for others may take before the deletion goes on without it, from when it began to wait: of a hibernated cluster, its control plane, which is started once more to say what goes with it; nodes with their servers and volumes; load balancers, by the cluster's cloud controller and Octavia; the word of the cluster's API on volumes, their removal and an answer on snapshots; ports of others in the network that Seedbed made; the look through the project at the end; Keystone, to end what Seedbed acted by. What was left or could not be looked at is in leakReport; a volume that may be meant to stay is kept, and a server that may be there still keeps its ports, its router and its network. A lost right to act in the project is waited for all the same. When left out, all is waited for, but for 15 minutes at the end.",
    }),
  }),
});

export const DeleteClusterInput = builder.inputType('DeleteClusterInput', {
  description: 'What deleteCluster is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
    disableDeletionProtection: t.boolean({ description: 'Delete it although deletion protection is on.' }),
    policy: t.field({ type: DeletePolicyInput, description: 'What to keep. Also for a deletion that is under way.' }),
    abandonSeed: t.boolean({
      description:
        'For a seed that is lost for good: leave what is in there, and take away all the rest. Also for a deletion that is under way. Cloud administrators only.',
    }),
  }),
});

export const deleteToCommand = (input: typeof DeleteClusterInput.$inferInput): object => ({
  ...input,
  clusterId: plainId('Cluster', input.clusterId),
});

defineMutation({
  name: 'deleteCluster',
  description:
    'Deletes a cluster with everything that was made for it; needs the role member. Asked twice, it answers the deletion under way.',
  input: DeleteClusterInput,
  payload: clusterPayload('DeleteClusterPayload', 'The cluster that is being deleted.'),
  toCommand: deleteToCommand,
  command: (commands) => commands.deleteCluster,
});

const MoveControlPlaneInput = builder.inputType('MoveControlPlaneInput', {
  description: 'What moveControlPlane is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
    seedId: t.id({ required: true, description: 'The seed that it is to go to, by its global or plain id or its name.' }),
  }),
});

defineMutation({
  name: 'moveControlPlane',
  description:
    'Moves the control plane of a cluster to another seed, with its keys, its data and its address; workers, kubeconfigs and the tunnel go on as they are. First a backup is taken while all serves. Then the API servers stop and etcd is backed up a last time; all stops, the address is let go, and the cluster starts in the other seed, of that backup and at the same address; at the end what is left in the old seed goes. Workloads run on meanwhile; controlPlaneMove says how long the API was away. Both seeds must show APIs by load balancers, and the new one must give the address that is asked for by loadBalancerIP: if it gives another, or none within two minutes, the control plane goes back by itself and the operation says so. A call with the seed that it comes from calls a move off: before the API stops nothing has changed, and later it goes back to where its data is still whole, until an API server is started in the other seed, for that takes writes which would be lost. Refused with the reason where the seed does not take the cluster, and while it is made, restored, upgraded or hibernated. Cloud admins only.',
  input: MoveControlPlaneInput,
  payload: clusterPayload('MoveControlPlanePayload', 'The cluster whose control plane is being moved.'),
  toCommand: (input) => ({ ...input, clusterId: plainId('Cluster', input.clusterId), seedId: plainId('Seed', input.seedId) }),
  command: (commands) => commands.moveControlPlane,
});

const RotateEncryptionKeyInput = builder.inputType('RotateEncryptionKeyInput', {
  description: 'What rotateEncryptionKey is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
  }),
});

defineMutation({
  name: 'rotateEncryptionKey',
  description:
    "Seals the cluster's Secrets at rest with a new key and forgets the old one: the API servers are rolled three times, every Secret is written anew, and nothing is refused meanwhile. Needs the role member.",
  input: RotateEncryptionKeyInput,
  payload: clusterPayload('RotateEncryptionKeyPayload', 'The cluster whose key is being rotated.'),
  toCommand: (input) => ({ ...input, clusterId: plainId('Cluster', input.clusterId) }),
  command: (commands) => commands.rotateEncryptionKey,
});

const RotateCertificatesInput = builder.inputType('RotateCertificatesInput', {
  description: 'What rotateCertificates is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
  }),
});

defineMutation({
  name: 'rotateCertificates',
  description:
    'Replaces every authority, key and certificate of the cluster, its service account key and, one after the other, its workers: the new authorities are trusted first, then used, and the old ones are refused at the end, with every kubeconfig and token that they signed. Needs the role member.',
  input: RotateCertificatesInput,
  payload: clusterPayload('RotateCertificatesPayload', 'The cluster whose certificates are being rotated.'),
  toCommand: (input) => ({ ...input, clusterId: plainId('Cluster', input.clusterId) }),
  command: (commands) => commands.rotateCertificates,
});

const RotateCloudCredentialInput = builder.inputType('RotateCloudCredentialInput', {
  description: 'What rotateCloudCredential is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
    credential: t.field({
      type: CloudCredentialInput,
      description:
        "What is to be used from now on. Without it, another application credential of the cluster's own user is made where the operator has it so (the user, too, with all its roles, where it is missing), and elsewhere a Keystone trust of yours.",
    }),
  }),
});

defineMutation({
  name: 'rotateCloudCredential',
  description:
    "Replaces what Seedbed and the cloud's controllers act by in the project: the new one is looked at first, then used everywhere, and only then is the former one ended, where Seedbed made it. One that will not do is told by the condition CloudCredentialSwapped, and the former one stays in use. Needs the role member.",
  input: RotateCloudCredentialInput,
  payload: clusterPayload('RotateCloudCredentialPayload', 'The cluster whose credential is being replaced.'),
  toCommand: (input) => ({ ...input, clusterId: plainId('Cluster', input.clusterId) }),
  command: (commands) => commands.rotateCloudCredential,
});

const RetryOperationInput = builder.inputType('RetryOperationInput', {
  description: 'What retryOperation is asked.',
  fields: (t) => ({
    ...targetFields(t),
    operationId: t.id({ required: true, description: 'The operation, by its global or plain id.' }),
  }),
});

const RetryOperationPayload = builder.objectRef<OperationAnswer>('RetryOperationPayload').implement({
  description: 'The operation that goes on.',
  fields: (t) => ({
    operation: t.field({ type: OperationRef, description: 'The operation.', resolve: (answer) => answer.operation }),
    replayed: t.exposeBoolean('replayed', { description: REPLAYED }),
  }),
});

defineMutation({
  name: 'retryOperation',
  description: 'Goes on with an operation at once, instead of at its next turn; needs the role member.',
  input: RetryOperationInput,
  payload: RetryOperationPayload,
  toCommand: (input) => ({ ...input, operationId: plainId('Operation', input.operationId) }),
  command: (commands) => commands.retryOperation,
});
