/** The making and unmaking of a cluster, in order: the table of contents of the product. */
import { defineFlow, type Step } from '../../engine/flow.ts';
import type { ClusterScope } from './scope.ts';
import { access } from './steps/access.ts';
import { addonSteps } from './steps/addons.ts';
import { apiEndpoint } from './steps/apiEndpoint.ts';
import { apiServer } from './steps/apiServer.ts';
import { autoScaling } from './steps/autoScaling.ts';
import { autoUpgrade } from './steps/autoUpgrade.ts';
import { backedUp } from './steps/backedUp.ts';
import { backedUpForMove } from './steps/backedUpForMove.ts';
import { backupSchedule } from './steps/backupSchedule.ts';
import { backups } from './steps/backups.ts';
import { bundles } from './steps/bundles.ts';
import { certificates } from './steps/certificates.ts';
import { cloudCredential } from './steps/cloudCredential.ts';
import { controllerManager } from './steps/controllerManager.ts';
import { controlPlaneAwake } from './steps/controlPlaneAwake.ts';
import { controlPlaneStopped } from './steps/controlPlaneStopped.ts';
import { credentialEnd, credentialSwap } from './steps/credentialSwap.ts';
import { deprecatedApis } from './steps/deprecatedApis.ts';
import { encryption } from './steps/encryption.ts';
import { etcd } from './steps/etcd.ts';
import { etcdCare } from './steps/etcdCare.ts';
import { etcdDisk } from './steps/etcdDisk.ts';
import { keystoneAuth } from './steps/keystoneAuth.ts';
import { moved } from './steps/moved.ts';
import { namesResolved } from './steps/namesResolved.ts';
import { network } from './steps/network.ts';
import { networkPolicies } from './steps/networkPolicies.ts';
import { nodeGroups } from './steps/nodeGroups.ts';
import { oldSeedLeft } from './steps/oldSeedLeft.ts';
import { placement } from './steps/placement.ts';
import { quotas } from './steps/quotas.ts';
import { restored } from './steps/restored.ts';
import { rotation } from './steps/rotation.ts';
import { router } from './steps/router.ts';
import { scheduler } from './steps/scheduler.ts';
import { securityGroup } from './steps/securityGroup.ts';
import { seedAnswers, seedSilent } from './steps/seedAnswers.ts';
import { seedNamespace } from './steps/seedNamespace.ts';
import { seedTurn } from './steps/seedTurn.ts';
import { separated } from './steps/separated.ts';
import { tenantBootstrap } from './steps/tenantBootstrap.ts';
import { tunnel } from './steps/tunnel.ts';
import { usable } from './steps/usable.ts';
import { versionReached } from './steps/versionReached.ts';
import { windowOpen } from './steps/windowOpen.ts';
import { workersAway } from './steps/workersAway.ts';

export const clusterFlow = defineFlow<ClusterScope>('cluster', [
  cloudCredential,
  credentialSwap,
  namesResolved,
  quotas,
  placement,
  seedAnswers,
  moved,
  seedNamespace,
  apiEndpoint,
  networkPolicies,
  certificates,
  seedTurn,
  restored,
  etcd,
  etcdCare,
  etcdDisk,
  backups,
  windowOpen,
  backedUp,
  apiServer,
  separated,
  backedUpForMove,
  backupSchedule,
  encryption,
  controllerManager,
  scheduler,
  network,
  router,
  securityGroup,
  tenantBootstrap,
  oldSeedLeft,
  access,
  deprecatedApis,
  keystoneAuth,
  autoScaling,
  ...addonSteps,
  credentialEnd,
  bundles,
  rotation,
  versionReached,
  autoUpgrade,
  nodeGroups,
  tunnel,
  usable,
  workersAway,
  controlPlaneStopped,
  controlPlaneAwake,
]);

/** While the seed is lost: nothing is done, and it is told. */
export const lostFlow = defineFlow<ClusterScope>('cluster', [seedSilent]);

/** On the way into hibernation, and that it stays so. Without the right to act in the project no worker can be deleted, and no group. */
export const hibernationFlow = defineFlow<ClusterScope>('cluster', [cloudCredential, workersAway, controlPlaneStopped]);

/** Names of the steps whose conditions say that something runs: etcd, API servers and workers, and all that needs them. */
export const STOPPED_STEPS: readonly string[] = (() => {
  const found = new Set<Step<ClusterScope>>([etcd, apiServer, nodeGroups]);
  for (const step of found) for (const dependent of clusterFlow.dependents.get(step) ?? []) found.add(dependent);
  return [...found].map(({ name }) => name);
})();
