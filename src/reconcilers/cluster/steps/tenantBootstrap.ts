/** What must be in the cluster before a node can join it: rights, cluster-info, kubeadm's and the kubelet's configuration. */
import { buildBootstrapObjects } from '../../../controlPlane/bootstrap.ts';
import type { ReachableCluster } from '../../../controlPlane/hostedCluster.ts';
import { isUpgrading } from '../../../domain/upgrade.ts';
import { findRelease } from '../../../domain/version.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { remembering } from '../../../lib/remember.ts';
import { type ClusterScope, wakeWaitingNodes } from '../scope.ts';
import { apiServer } from './apiServer.ts';
import { separated } from './separated.ts';

const objectsOf = remembering(buildBootstrapObjects);

export const tenantBootstrap: Step<ClusterScope> = {
  name: 'TenantBootstrapped',
  title: 'Prepare the cluster for nodes',
  usuallyMs: 10_000,
  needs: [apiServer, separated],
  ensure: async (scope) => {
    const { cert } = (await scope.pki()).authorities.ca;
    const written = await scope.applyToTenant(GROUP, objectsOf(await asRun(scope), cert));
    // Their tokens can be handed out from now on; in a cluster that wakes all of this is there already.
    if (written || scope.row.hibernation !== null) await wakeWaitingNodes(scope);
    return done();
  },
};

const GROUP = 'bootstrap';

/** While the control plane is on its way to another version, nodes join what it ran before. */
const asRun = async (scope: ClusterScope): Promise<ReachableCluster> => {
  const cluster = await scope.reachable();
  const release = isUpgrading(scope.row) ? findRelease(scope.row.runningVersion ?? '') : undefined;
  return release === undefined ? cluster : { ...cluster, release };
};

/** What nodes join from now on is the version that is wanted. */
export const moveBootstrap = async (scope: ClusterScope): Promise<void> => {
  const { cert } = (await scope.pki()).authorities.ca;
  await scope.applyToTenant(GROUP, objectsOf(await scope.reachable(), cert));
};
