/** The GraphQL documents of the CLI and of the first try. Each names a page size, so that what is cut off is known. */

const FAULT = 'code message retryable whoMustAct field';
const WAITING = 'waitingFor { what since usuallySeconds whoMustAct }';
const FIGURES = '{ resource used limit requested }';
const QUOTAS = `quota ${FIGURES} quotas ${FIGURES}`;

const PROBLEM = `problem { ${FAULT} ${QUOTAS} }`;
/** Every union of a mutation has these members beside its payload. */
const ERRORS = `__typename ... on Problem { ${FAULT} } ... on QuotaError { ${QUOTAS} }`;

const OPERATION = `id uuid kind targetKind state percent reason requestedBy requestedAt finishedAt requestId ${PROBLEM}
  steps { name title state startedAt finishedAt message ${WAITING} } cluster { uuid name }`;
const CONDITIONS = `conditions { name title status state reason message ${PROBLEM} ${WAITING} }`;
const SEED = `uuid name region state cordoned exposure apiServerUrl made { image flavor workerFlavor controlPlaneMachines workers kubernetesVersion networkDriver } storageClass priorityClass usedClusters maxClusters weight silentSince drain { since requestedBy } createdAt
  lastProbe { kubernetesVersion kubeletVersions storageClass schedulableNodes allocatableCpuMillis allocatableMemoryMiB requestedCpuMillis requestedMemoryMiB zones } ${CONDITIONS}`;
const RESOURCES = ['etcd', 'apiServer', 'controllerManager', 'scheduler'].map((name) => `${name} { cpuMillicores memoryMiB }`).join(' ');
/** Who gets in, and what is written down of it. */
const ACCESS = `tunnel allowedCidrs audit { level stdout webhook { url caCertificate } } issuers {
  url audiences usernameClaim usernamePrefix groupsClaim groupsPrefix requiredClaims { key value } caCertificate } keystoneRoles { role access }`;
const ADDONS = `addons { kubeProxy { mode } flannel { backend } calico { mtu blockSize natOutgoing wireguard } cilium { mtu encryption } coreDns { replicas cacheSeconds }
  cloudController { enabled loadBalancerProvider loadBalancerMonitors manageSecurityGroups }
  cinderCsi { defaultClass reclaim fileSystem zones } metricsServer { enabled replicas resolutionSeconds }
  certManager { enabled replicas ownerReferences } dashboard { enabled replicas sessionSeconds } nodeProblemDetector { enabled metrics }
  ingressController { enabled replicas serviceType defaultClass } }`;
const WINDOW = 'days startTime durationHours timeZone';
const TEMPLATE = `uuid name visibility revision createdAt spec {
  kubernetesVersion image flavor keypair externalNetwork fixedNetwork fixedSubnet fixedSubnetV6 networkMtu dnsNameservers masterFlavor networkDriver volumeDriver
  dockerStorageDriver floatingIpEnabled masterLbFloatingIpEnabled controlPlane {
    replicas apiServerReplicas etcd { volumeSizeGiB volumeType quotaGiB snapshotCount heartbeatMs electionMs autoCompaction defragSchedule }
    resources { ${RESOURCES} } ${ACCESS}
  } ${ADDONS} bundles { name revision options { key value } secretOptions } rootVolume { sizeGiB type }
  availabilityZone minNodeCount maxNodeCount ipFamilies podCidr podCidrV6 serviceCidr serviceCidrV6 nodeCidr nodeCidrV6 dnsDomain keystoneAuthEnabled
  autoHealingEnabled healing { nodeLimitSeconds joinLimitSeconds maxUnhealthyPercent problems rebootFirst } autoScalingEnabled autoScaling {
    scanIntervalSeconds scaleDownEnabled scaleDownDelaySeconds scaleDownUnneededSeconds scaleDownUtilizationPercent
  } backup { enabled schedule keepCount keepDays autoRestore } maintenance { autoUpgrade windows { ${WINDOW} } } hibernationSchedule { windows { ${WINDOW} } }
  ignoredLabels { key value } seedSelector { key value } }`;
const BUNDLE =
  'uuid name description revision createdAt newestRevision { optionsSchema kinds objectCount manifests } revisions: revisionsConnection(first: 100) { nodes { revision createdAt } }';
const NODES = `nodes { uuid name state address addressV6 zone kubeletVersion nodeGroup { uuid } fault { ${PROBLEM} consoleTail } trouble { kind since message } }
  pageInfo { hasNextPage endCursor }`;
const NODE_GROUP = 'uuid name isDefault state flavor image count minCount maxCount';
const SUMMARY = 'uuid name state version endpoint projectId createdAt';

const mutation = (name: string, input: string, payload: string): string =>
  `mutation ${name}($input: ${input}!) { ${name}(input: $input) { ${ERRORS} ... on ${name.charAt(0).toUpperCase()}${name.slice(1)}Payload { ${payload} } } }`;

const PAGE_INFO = 'pageInfo { hasNextPage endCursor }';
const page = (noun: string, fields: string, first = 100): string =>
  `query ${noun}($after: String) { ${noun}(first: ${first}, after: $after) { nodes { ${fields} } pageInfo { hasNextPage endCursor } } }`;

export const SEEDS = page('seeds', SEED);
export const SEED_BY_NAME = `query seed($name: String, $id: ID) { seed(name: $name, id: $id) { ${SEED} } }`;
export const CREATE_SEED = mutation('createSeed', 'CreateSeedInput', `seed { ${SEED} } operation { ${OPERATION} }`);
export const SCALE_SEED = mutation('scaleSeed', 'ScaleSeedInput', `seed { ${SEED} } operation { ${OPERATION} }`);
export const UPGRADE_SEED = mutation('upgradeSeed', 'UpgradeSeedInput', `seed { ${SEED} } operation { ${OPERATION} }`);
export const DELETE_SEED = mutation('deleteSeed', 'DeleteSeedInput', `seed { ${SEED} } operation { ${OPERATION} }`);
export const REGISTER_SEED = mutation('registerSeed', 'RegisterSeedInput', `seed { ${SEED} } operation { ${OPERATION} }`);
export const UPDATE_SEED = mutation('updateSeed', 'UpdateSeedInput', `seed { ${SEED} } operation { ${OPERATION} }`);
export const CORDON_SEED = mutation('cordonSeed', 'CordonSeedInput', `seed { ${SEED} } operation { ${OPERATION} }`);
export const UNCORDON_SEED = mutation('uncordonSeed', 'UncordonSeedInput', `seed { ${SEED} } operation { ${OPERATION} }`);
export const DRAIN_SEED = mutation('drainSeed', 'DrainSeedInput', `seed { ${SEED} } operation { ${OPERATION} }`);
export const DRAIN_PLAN = `query drainPlan($id: ID!, $after: String) { seed(id: $id) { drainPlanConnection(first: 100, after: $after) {
  nodes { clusterName state to { name } reason } ${PAGE_INFO} } } }`;
export const UNREGISTER_SEED = mutation('unregisterSeed', 'UnregisterSeedInput', `seed { ${SEED} } operation { ${OPERATION} }`);

const ORPHAN = `uuid projectId seed { name } service kind externalId name clusterId clusterName reason state foundAt updatedAt ${PROBLEM}`;
export const ORPHANS = `query orphans($after: String, $filter: OrphanFilter) { orphans(first: 100, after: $after, filter: $filter) {
  nodes { ${ORPHAN} } pageInfo { hasNextPage endCursor } } }`;
export const FIND_ORPHANS = mutation('findOrphans', 'FindOrphansInput', `operation { ${OPERATION} }`);
export const REMOVE_ORPHANS = mutation('removeOrphans', 'RemoveOrphansInput', `operation { ${OPERATION} }`);

export const TEMPLATES = page('clusterTemplates', TEMPLATE);
export const TEMPLATE_BY_NAME = `query clusterTemplate($name: String, $id: ID) { clusterTemplate(name: $name, id: $id) { ${TEMPLATE} } }`;
export const CREATE_TEMPLATE = mutation('createClusterTemplate', 'CreateClusterTemplateInput', `clusterTemplate { ${TEMPLATE} }`);
export const UPDATE_TEMPLATE = mutation('updateClusterTemplate', 'UpdateClusterTemplateInput', `clusterTemplate { ${TEMPLATE} }`);
export const DELETE_TEMPLATE = mutation('deleteClusterTemplate', 'DeleteClusterTemplateInput', 'clusterTemplate { uuid name }');

export const ADDON_BUNDLES = page('addonBundles', BUNDLE);
export const ADDON_BUNDLE_BY_NAME = `query addonBundle($name: String, $id: ID) { addonBundle(name: $name, id: $id) { ${BUNDLE} } }`;
export const REGISTER_ADDON_BUNDLE = mutation('registerAddonBundle', 'RegisterAddonBundleInput', `addonBundle { ${BUNDLE} }`);
export const UPDATE_ADDON_BUNDLE = mutation('updateAddonBundle', 'UpdateAddonBundleInput', `addonBundle { ${BUNDLE} }`);
export const DELETE_ADDON_BUNDLE = mutation('deleteAddonBundle', 'DeleteAddonBundleInput', 'addonBundle { uuid name }');

const LISTED = `${SUMMARY} nodeGroups(first: 100) { nodes { name count } }`;
export const CLUSTERS = page('clusters', LISTED);
export const CLUSTER_CHANGES = `subscription clusterChanges { clusters { what resync cluster { ${LISTED} } } }`;
export const CLUSTER_BY_NAME = `query cluster($name: String, $id: ID) { cluster(name: $name, id: $id) {
  ${SUMMARY} unknownSince runningVersion upgradeStatus versionWarning nextBackupAt nextMaintenance { opensAt closesAt upgradeTo problem { message } } pause { until reason requestedBy } hibernation { until requestedBy } nextHibernation { from until } controlPlaneMove { phase back refusal from { name } to { name } downtimeSeconds } lastRestore { backup { name } requestedAt requestedBy lostMinutes lostRevisions } createdBy generation observedGeneration deletionProtection lastEventNumber
  spec { controlPlane { ${ACCESS} } } controlPlane { replicas etcd { members { number healthy leader version dbSizeMiB fsyncP99Ms } alarms quotaMiB diskAdvice } }
  template { uuid name } templateRevision { revision } addons { name version enabled state message } bundles { name revision enabled state message } ${CONDITIONS}
  nodeGroups(first: 100) { nodes { ${NODE_GROUP} } } nodes(first: 100) { ${NODES} } operations(first: 5) { nodes { ${OPERATION} } } } }`;
export const KEYSTONE_ACCESS =
  'query keystoneAccess($id: ID) { cluster(id: $id) { name endpoint caCertificate spec { keystoneAuthEnabled } } }';
export const LEAK_REPORT = `query leakReport($name: String, $id: ID, $after: String) { cluster(name: $name, id: $id) { name state leakReport { verifiedAt clean made deleted
  leftoversConnection(first: 100, after: $after) { nodes { fate service kind name externalId madeBy reason } ${PAGE_INFO} } unverified { service kind reason } } } }`;
export const MORE_NODES = `query nodes($id: ID!, $after: String) { cluster(id: $id) { nodes(first: 100, after: $after) { ${NODES} } } }`;
export const CREATE_CLUSTER = mutation(
  'createCluster',
  'CreateClusterInput',
  `cluster { ${SUMMARY} nodeGroups(first: 20) { nodes { name warnings } } } operation { ${OPERATION} }`,
);
export const UPDATE_CLUSTER = mutation(
  'updateCluster',
  'UpdateClusterInput',
  `cluster { ${SUMMARY} lastEventNumber } operation { ${OPERATION} }`,
);
export const UPGRADE_CLUSTER = mutation(
  'upgradeCluster',
  'UpgradeClusterInput',
  `cluster { ${SUMMARY} lastEventNumber } operation { ${OPERATION} }`,
);
export const UPGRADE_TARGETS = `query upgradeTargets($name: String, $id: ID) { cluster(name: $name, id: $id) { uuid name version runningVersion upgradeStatus versionWarning
  upgradeTargets { version endOfLifeAt components { title from to } addons { title from to } nodeGroups { nodeGroup { name } from nodes } warnings
    removedApis { group version resource removedIn seenAt } ${PROBLEM} controlPlaneOnlyProblem { ${FAULT} } } } }`;
export const MOVE_CLUSTER_TO_TEMPLATE = mutation(
  'moveClusterToTemplate',
  'MoveClusterToTemplateInput',
  `cluster { ${SUMMARY} lastEventNumber } operation { ${OPERATION} }`,
);
const PAUSE = 'pause { until reason requestedBy }';
export const PAUSE_CLUSTER = mutation('pauseCluster', 'PauseClusterInput', `cluster { uuid ${PAUSE} } operation { ${OPERATION} }`);
export const RESUME_CLUSTER = mutation('resumeCluster', 'ResumeClusterInput', `cluster { uuid ${PAUSE} } operation { ${OPERATION} }`);
export const MOVE_CONTROL_PLANE = mutation(
  'moveControlPlane',
  'MoveControlPlaneInput',
  `cluster { ${SUMMARY} lastEventNumber } operation { ${OPERATION} }`,
);
export const HIBERNATE_CLUSTER = mutation(
  'hibernateCluster',
  'HibernateClusterInput',
  `cluster { ${SUMMARY} lastEventNumber } operation { ${OPERATION} }`,
);
export const WAKE_CLUSTER = mutation(
  'wakeCluster',
  'WakeClusterInput',
  `cluster { ${SUMMARY} lastEventNumber } operation { ${OPERATION} }`,
);
const PLANNED = '{ count kind of names service madeBy }';
const planned = (name: string, input: string): string =>
  `query ${name}($input: ${input}!) { plan: ${name}(input: $input) { problems { ${FAULT} ${QUOTAS} } creates ${PLANNED} restarts ${PLANNED} deletes ${PLANNED}
    changes { field from to possible } quota { resource source needed inUse limit temporary }
    expectedDuration { medianSeconds p90Seconds samples basis reason } warnings } }`;
export const PLAN_CREATE_CLUSTER = planned('planCreateCluster', 'CreateClusterInput');
export const PLAN_UPDATE_CLUSTER = planned('planUpdateCluster', 'UpdateClusterInput');
export const PLAN_DELETE_CLUSTER = planned('planDeleteCluster', 'DeleteClusterInput');
export const PLAN_RESIZE_NODE_GROUP = planned('planResizeNodeGroup', 'ResizeNodeGroupInput');
export const PLAN_UPDATE_NODE_GROUP = planned('planUpdateNodeGroup', 'UpdateNodeGroupInput');
export const TEMPLATE_MOVE = `query templateMove($id: ID, $clusterTemplate: String, $revision: Int, $keep: [String!]) { cluster(id: $id) {
  templateMove(clusterTemplate: $clusterTemplate, revision: $revision, keep: $keep) { template { uuid name } revision { revision }
    changes { field from to possible } nodeGroups { nodeGroup { name } settings nodes }
    upgrade { version nodeGroups { nodeGroup { name } from nodes } warnings } ${PROBLEM} } } }`;
export const ROTATE_ENCRYPTION_KEY = mutation(
  'rotateEncryptionKey',
  'RotateEncryptionKeyInput',
  `cluster { ${SUMMARY} lastEventNumber } operation { ${OPERATION} }`,
);
export const ROTATE_CERTIFICATES = mutation(
  'rotateCertificates',
  'RotateCertificatesInput',
  `cluster { ${SUMMARY} lastEventNumber } operation { ${OPERATION} }`,
);
export const ROTATE_CLOUD_CREDENTIAL = mutation(
  'rotateCloudCredential',
  'RotateCloudCredentialInput',
  `cluster { ${SUMMARY} lastEventNumber } operation { ${OPERATION} }`,
);
export const DELETE_CLUSTER = mutation(
  'deleteCluster',
  'DeleteClusterInput',
  `cluster { ${SUMMARY} lastEventNumber } operation { ${OPERATION} }`,
);
const USED = 'used { workerVcpuHours controlPlaneVcpuHours volumeGiBHours addressHours }';
export const USAGE = `query usage($from: DateTime!, $to: DateTime!, $clusterId: ID, $projectId: String, $after: String) {
  usage(from: $from, to: $to, clusterId: $clusterId, projectId: $projectId) { from to ${USED} clusterCount
    clustersConnection(first: 100, after: $after, orderBy: OLDEST_FIRST) { nodes { clusterId name projectId deletedAt ${USED} } ${PAGE_INFO} } } }`;
export const AUDIT_LOG = `query auditLog($first: Int, $after: String, $filter: AuditLogFilter) {
  auditLog(first: $first, after: $after, filter: $filter) { pageInfo { hasNextPage endCursor } nodes {
    number at userId userName userDomainName callerProjectId roles tokenKind credentialId address forwardedFor userAgent projectId action
    targetKind targetId input outcome operationId errorCode requestId openstackRequestId hash } } }`;
const QUOTA_USE = '{ limit default isDefault used reserved }';
const PROJECT_QUOTA = `projectId generation clusters ${QUOTA_USE} nodes ${QUOTA_USE} workerVcpus ${QUOTA_USE} controlPlaneReplicas ${QUOTA_USE}`;
export const QUOTA = `query quota($projectId: String) { quota(projectId: $projectId) { ${PROJECT_QUOTA} } }`;
export const SET_QUOTA = mutation('setQuota', 'SetQuotaInput', `projectQuota { ${PROJECT_QUOTA} }`);
const BACKUP = `uuid name state reason sizeBytes sha256 revision keyCount kubernetesVersion takenAt verifiedAt createdBy createdAt
  cluster { uuid name lastEventNumber } ${CONDITIONS}`;
export const BACKUPS = page('backups', BACKUP);
export const BACKUP_BY_ID = `query backup($id: ID!) { backup(id: $id) { ${BACKUP} } }`;
export const CREATE_BACKUP = mutation('createBackup', 'CreateBackupInput', `backup { ${BACKUP} } operation { ${OPERATION} }`);
export const DELETE_BACKUP = mutation('deleteBackup', 'DeleteBackupInput', `backup { ${BACKUP} } operation { ${OPERATION} }`);
export const RESTORE_CLUSTER = mutation('restoreCluster', 'RestoreClusterInput', `backup { ${BACKUP} } operation { ${OPERATION} }`);
export const CLONE_CLUSTER = mutation('cloneCluster', 'CloneClusterInput', `cluster { uuid name } operation { ${OPERATION} }`);
const KUBECONFIG = 'id uuid kind role owner userName state createdAt expiresAt revokedAt revokedBy';
export const ISSUE_KUBECONFIG = mutation('issueKubeconfig', 'IssueKubeconfigInput', `kubeconfig expiresAt record { ${KUBECONFIG} }`);
export const SIGN_CERTIFICATE = mutation(
  'signCertificate',
  'SignCertificateInput',
  `certificate caCertificate expiresAt record { ${KUBECONFIG} }`,
);
export const REVOKE_KUBECONFIG = mutation('revokeKubeconfig', 'RevokeKubeconfigInput', `record { ${KUBECONFIG} }`);
export const KUBECONFIG_BY_ID = `query kubeconfig($id: ID!) { node(id: $id) { ... on Kubeconfig { ${KUBECONFIG} } } }`;
export const KUBECONFIGS = `query kubeconfigs($id: ID!, $after: String) { cluster(id: $id) {
  kubeconfigs(first: 100, after: $after) { nodes { ${KUBECONFIG} } pageInfo { hasNextPage endCursor } } } }`;

export const CERTIFICATES =
  'query certificates($id: ID!) { cluster(id: $id) { certificates { name kind subject signedBy notBefore expiresAt renewsAt } } }';

export const CREATE_NODE_GROUP = mutation(
  'createNodeGroup',
  'CreateNodeGroupInput',
  `nodeGroup { uuid name state count warnings } cluster { uuid name lastEventNumber } operation { ${OPERATION} }`,
);

export const DELETE_NODE_GROUP = mutation(
  'deleteNodeGroup',
  'DeleteNodeGroupInput',
  `nodeGroup { uuid name state count } cluster { uuid name lastEventNumber } operation { ${OPERATION} }`,
);

export const RESIZE_NODE_GROUP = mutation(
  'resizeNodeGroup',
  'ResizeNodeGroupInput',
  `nodeGroup { uuid name state count } cluster { uuid name lastEventNumber } operation { ${OPERATION} }`,
);

export const UPDATE_NODE_GROUP = mutation(
  'updateNodeGroup',
  'UpdateNodeGroupInput',
  `nodeGroup { uuid name state count } cluster { uuid name lastEventNumber } operation { ${OPERATION} }`,
);

export const REPLACE_NODE = mutation(
  'replaceNode',
  'ReplaceNodeInput',
  `nodeGroup { uuid name state count } cluster { uuid name lastEventNumber } operation { ${OPERATION} }`,
);

export const OPERATION_BY_ID = `query operation($id: ID!) { operation(id: $id) { ${OPERATION} } }`;
const OPERATION_SUMMARY = `uuid kind targetKind state percent reason requestedBy requestedAt finishedAt ${PROBLEM} cluster { uuid name }`;
export const CLUSTER_OPERATIONS = `query operations($name: String, $id: ID) {
  cluster(name: $name, id: $id) { operations(first: 100) { nodes { ${OPERATION_SUMMARY} } } } }`;
/** The API has lists of operations below clusters alone. A hundred clusters with theirs would be more than a document may cost. */
export const PROJECT_OPERATIONS = page('clusters', `operations(first: 20) { nodes { ${OPERATION_SUMMARY} } }`, 50);
export const RETRY_OPERATION = mutation('retryOperation', 'RetryOperationInput', `operation { ${OPERATION} }`);

export const CLUSTER_PROGRESS = `subscription clusterProgress($clusterId: ID!, $after: Int, $until: ProgressUntil) {
  clusterProgress(clusterId: $clusterId, after: $after, until: $until) {
    number at subjectKind subjectName step title state percent message ${PROBLEM} settled } }`;
export const OPERATION_PROGRESS = `subscription operationProgress($operationId: ID!) { operationProgress(operationId: $operationId) { operation { ${OPERATION} } } }`;

export const VIEWER = `query viewer {
  viewer { userName userDomainName projectId projectName roles isCloudAdmin tokenExpiresAt can {
    readClusters readBackups readClusterTemplates readAddonBundles readUsage readQuota readCloud readAddonBundleManifests readSeeds readOrphans
    readAuditLog createCluster updateCluster upgradeCluster moveClusterToTemplate pauseCluster resumeCluster hibernateCluster wakeCluster
    deleteCluster rotateCertificates rotateEncryptionKey rotateCloudCredential moveControlPlane skipTunnel createNodeGroup
    updateNodeGroup resizeNodeGroup deleteNodeGroup replaceNode issueKubeconfig signCertificate getWritingAccess revokeKubeconfig
    createBackup deleteBackup restoreCluster cloneCluster retryOperation createClusterTemplate updateClusterTemplate
    deleteClusterTemplate publishClusterTemplate registerAddonBundle updateAddonBundle deleteAddonBundle createSeed scaleSeed
    upgradeSeed deleteSeed registerSeed updateSeed cordonSeed uncordonSeed drainSeed unregisterSeed chooseSeed abandonSeed setQuota findOrphans
    removeOrphans } } }`;
