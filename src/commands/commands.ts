/** All commands over one set of dependencies: what the API's mutations call. */

import { recordRefusal } from './audited.ts';
import type { CommandDeps } from './call.ts';
import { cloneCluster } from './cloneCluster.ts';
import { cordonSeed, uncordonSeed } from './cordonSeed.ts';
import { createBackup } from './createBackup.ts';
import { createCluster } from './createCluster.ts';
import { createClusterTemplate } from './createClusterTemplate.ts';
import { createNodeGroup } from './createNodeGroup.ts';
import { createSeed } from './createSeed.ts';
import { deleteAddonBundle } from './deleteAddonBundle.ts';
import { deleteBackup } from './deleteBackup.ts';
import { deleteCluster } from './deleteCluster.ts';
import { deleteClusterTemplate } from './deleteClusterTemplate.ts';
import { deleteNodeGroup } from './deleteNodeGroup.ts';
import { deleteSeed } from './deleteSeed.ts';
import { drainSeed } from './drainSeed.ts';
import { findOrphans } from './findOrphans.ts';
import { hibernateCluster } from './hibernateCluster.ts';
import { issueKubeconfig } from './issueKubeconfig.ts';
import { moveClusterToTemplate } from './moveClusterToTemplate.ts';
import { moveControlPlane } from './moveControlPlane.ts';
import { pauseCluster } from './pauseCluster.ts';
import { createPlans } from './plans.ts';
import { registerAddonBundle } from './registerAddonBundle.ts';
import { registerSeed } from './registerSeed.ts';
import { removeOrphans } from './removeOrphans.ts';
import { replaceNode } from './replaceNode.ts';
import { resizeNodeGroup } from './resizeNodeGroup.ts';
import { restoreCluster } from './restoreCluster.ts';
import { resumeCluster } from './resumeCluster.ts';
import { retryOperation } from './retryOperation.ts';
import { revokeKubeconfig } from './revokeKubeconfig.ts';
import { rotateCertificates } from './rotateCertificates.ts';
import { rotateCloudCredential } from './rotateCloudCredential.ts';
import { rotateEncryptionKey } from './rotateEncryptionKey.ts';
import { scaleSeed } from './scaleSeed.ts';
import { setQuota } from './setQuota.ts';
import { signCertificate } from './signCertificate.ts';
import { unregisterSeed } from './unregisterSeed.ts';
import { updateAddonBundle } from './updateAddonBundle.ts';
import { updateCluster } from './updateCluster.ts';
import { updateClusterTemplate } from './updateClusterTemplate.ts';
import { updateNodeGroup } from './updateNodeGroup.ts';
import { updateSeed } from './updateSeed.ts';
import { upgradeCluster } from './upgradeCluster.ts';
import { upgradeSeed } from './upgradeSeed.ts';
import { wakeCluster } from './wakeCluster.ts';

export const createCommands = (deps: CommandDeps) => ({
  createSeed: createSeed(deps),
  scaleSeed: scaleSeed(deps),
  upgradeSeed: upgradeSeed(deps),
  deleteSeed: deleteSeed(deps),
  registerSeed: registerSeed(deps),
  updateSeed: updateSeed(deps),
  cordonSeed: cordonSeed(deps),
  uncordonSeed: uncordonSeed(deps),
  drainSeed: drainSeed(deps),
  unregisterSeed: unregisterSeed(deps),
  createClusterTemplate: createClusterTemplate(deps),
  updateClusterTemplate: updateClusterTemplate(deps),
  deleteClusterTemplate: deleteClusterTemplate(deps),
  registerAddonBundle: registerAddonBundle(deps),
  updateAddonBundle: updateAddonBundle(deps),
  deleteAddonBundle: deleteAddonBundle(deps),
  createCluster: createCluster(deps),
  updateCluster: updateCluster(deps),
  upgradeCluster: upgradeCluster(deps),
  moveClusterToTemplate: moveClusterToTemplate(deps),
  pauseCluster: pauseCluster(deps),
  resumeCluster: resumeCluster(deps),
  hibernateCluster: hibernateCluster(deps),
  wakeCluster: wakeCluster(deps),
  moveControlPlane: moveControlPlane(deps),
  deleteCluster: deleteCluster(deps),
  createNodeGroup: createNodeGroup(deps),
  updateNodeGroup: updateNodeGroup(deps),
  resizeNodeGroup: resizeNodeGroup(deps),
  deleteNodeGroup: deleteNodeGroup(deps),
  replaceNode: replaceNode(deps),
  issueKubeconfig: issueKubeconfig(deps),
  rotateCertificates: rotateCertificates(deps),
  rotateEncryptionKey: rotateEncryptionKey(deps),
  rotateCloudCredential: rotateCloudCredential(deps),
  signCertificate: signCertificate(deps),
  revokeKubeconfig: revokeKubeconfig(deps),
  createBackup: createBackup(deps),
  deleteBackup: deleteBackup(deps),
  restoreCluster: restoreCluster(deps),
  cloneCluster: cloneCluster(deps),
  setQuota: setQuota(deps),
  findOrphans: findOrphans(deps),
  removeOrphans: removeOrphans(deps),
  retryOperation: retryOperation(deps),
  recordRefusal: recordRefusal(deps),
  plans: createPlans(deps),
});

export type Commands = ReturnType<typeof createCommands>;
