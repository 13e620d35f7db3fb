/** All of the control plane has come to the version that is wanted: from now on nodes join that one, and groups follow it. */
import { isUpgrading } from '../../../domain/upgrade.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { followControlPlane, loadCluster, patchCluster } from '../../../store/reconcile.ts';
import { wakeNodeGroups } from '../../../store/wake.ts';
import type { ClusterScope } from '../scope.ts';
import { addonSteps } from './addons.ts';
import { apiServer } from './apiServer.ts';
import { autoScaling } from './autoScaling.ts';
import { backedUp } from './backedUp.ts';
import { controllerManager } from './controllerManager.ts';
import { etcd } from './etcd.ts';
import { keystoneAuth } from './keystoneAuth.ts';
import { scheduler } from './scheduler.ts';
import { moveBootstrap, tenantBootstrap } from './tenantBootstrap.ts';

export const versionReached: Step<ClusterScope> = {
  name: 'VersionReached',
  title: 'Reach the Kubernetes version',
  usuallyMs: 5_000,
  // Each of them waits, on the way to another version, until no pod of the one before is left.
  needs: [backedUp, etcd, apiServer, controllerManager, scheduler, tenantBootstrap, keystoneAuth, autoScaling, ...addonSteps],
  ensure: async (scope) => {
    const { runningVersion, spec } = scope.row;
    const moves = isUpgrading(scope.row);
    if (!moves && runningVersion !== null) return done();
    if (moves) await moveBootstrap(scope);
    return (await note(scope)) ? done() : waiting(`a look at what has been asked for beside ${spec.kubernetesVersion}`, 100);
  },
};

/** False: something else has been asked for meanwhile, and it may be another version. */
const note = async (scope: ClusterScope): Promise<boolean> => {
  const { row, groups } = scope;
  const reached = { runningVersion: row.spec.kubernetesVersion, upgrade: null };
  const following = groups.filter(({ kubernetesVersion }) =>
    kubernetesVersion === null
      ? row.runningVersion !== null && row.runningVersion !== reached.runningVersion
      : row.upgrade?.controlPlaneOnly === false,
  );
  const noted = await scope.write(async (tx) => {
    if ((await loadCluster(tx.db, row.id))?.generation !== row.generation) return false;
    await patchCluster(tx, row.id, reached);
    await followControlPlane(
      tx,
      following.map(({ id }) => id),
    );
    if (following.length > 0) await wakeNodeGroups(tx, row.id, scope.clock.now(), false);
    return true;
  });
  if (!noted) return false;
  Object.assign(row, reached);
  for (const group of following) Object.assign(group, { kubernetesVersion: null, generation: group.generation + 1 });
  return true;
};
