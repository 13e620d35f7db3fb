/** New authorities in place of the old ones, when somebody asks: everything in the seed follows first, then the workers. */
import { done, type Step, waiting } from '../../../engine/flow.ts';
import type { ClusterPki } from '../../../pki/bundle.ts';
import { endRotation, type Rotation, type RotationChange, startRotation, switchRotation } from '../../../pki/rotation.ts';
import { listOpenKubeconfigs, patchKubeconfigs } from '../../../store/kubeconfigs.ts';
import { listLiveNodes, patchCluster } from '../../../store/reconcile.ts';
import { wakeNodeGroups } from '../../../store/wake.ts';
import { findLate } from '../../rollout.ts';
import type { ClusterScope } from '../scope.ts';
import { controllerManager } from './controllerManager.ts';
import { etcd } from './etcd.ts';
import { scheduler } from './scheduler.ts';
import { tenantBootstrap } from './tenantBootstrap.ts';

export const rotation: Step<ClusterScope> = {
  name: 'AuthoritiesCurrent',
  title: 'Follow the authorities',
  usuallyMs: 5_000,
  needs: [etcd, controllerManager, scheduler, tenantBootstrap],
  ensure: async (scope) => {
    const pki = await scope.pki();
    if (!pki.rotation.spread) {
      // What this pass wrote itself is with the seed at the next one only.
      if (scope.pkiChanged()) return waiting(phaseOf(pki.rotation), 2_000);
      const late = await findLate(scope);
      if (late !== undefined) return waiting(`${phaseOf(pki.rotation)} (${late} does not yet)`, 2_000);
      if (!(await isPublished(scope, pki))) return waiting(`${phaseOf(pki.rotation)} (pods in the cluster do not yet)`, 2_000);
      await scope.changePki({ rotation: { ...pki.rotation, spread: true } });
    }
    const next = await nextOf(scope, pki);
    if (next === undefined) return done();
    if (typeof next === 'string') return waiting(next, 30_000);
    await scope.changePki(next);
    return waiting(phaseOf(next.rotation), 100);
  },
};

/** Pods are given what the controller manager publishes, and the next one to lead does so only when the lease of the one before is over. */
const isPublished = async (scope: ClusterScope, { trust }: ClusterPki): Promise<boolean> => {
  const { kube } = await scope.tenant();
  const found = await kube.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'kube-root-ca.crt' });
  return (found?.['data'] as Record<string, string> | undefined)?.['ca.crt']?.trim() === trust.ca.trim();
};

/** The next form, what is waited for before it, or undefined when the rotation that was asked for is finished. */
const nextOf = async (scope: ClusterScope, pki: ClusterPki): Promise<RotationChange | string | undefined> => {
  const { phase, turn, since } = pki.rotation;
  if (phase === 'TRUST') return switchRotation(pki, scope.clock.now());
  if (phase === 'ISSUE') {
    const left = await replaceWorkers(scope, since);
    if (left > 0)
      return `step 3 of 4: ${left} ${left === 1 ? 'worker' : 'workers'} to be replaced by others that trust the new authorities alone`;
    await endAccess(scope, since);
    return endRotation(pki);
  }
  return turn < (scope.row.rotations?.certificates ?? 0) ? startRotation(pki, { now: () => scope.clock.now() }) : undefined;
};

const phaseOf = ({ phase }: Rotation): string =>
  ({
    TRUST: 'step 1 of 4: everything to trust the new authorities, too',
    ISSUE: 'step 2 of 4: everything to show certificates of the new authorities',
    NONE: 'step 4 of 4: everything to trust the new authorities alone',
  })[phase];

/** How many nodes are left from before; each group replaces its own, one after the other. */
const replaceWorkers = async (scope: ClusterScope, since: number): Promise<number> => {
  if ((scope.row.nodesSince ?? 0) < since) {
    // Not since the new authorities began to sign: until they were everywhere, a node might still have met the old ones.
    const nodesSince = Math.max(scope.clock.now(), since);
    await scope.write(async (tx) => {
      await patchCluster(tx, scope.row.id, { nodesSince });
      await wakeNodeGroups(tx, scope.row.id, scope.clock.now(), false);
    });
    scope.row.nodesSince = nodesSince;
  }
  const nodesSince = scope.row.nodesSince ?? 0;
  const nodes = (await Promise.all(scope.groups.map(({ id }) => listLiveNodes(scope.db, id)))).flat();
  return nodes.filter(({ createdAt, deletedAt }) => createdAt < nodesSince && deletedAt === null).length;
};

/** Certificates of the old authorities open nothing any more; their bindings go, too. */
const endAccess = async (scope: ClusterScope, since: number): Promise<void> => {
  const ended = (await listOpenKubeconfigs(scope.db, scope.row.id)).filter(
    ({ createdAt, revokedAt }) => createdAt < since && revokedAt === null,
  );
  if (ended.length === 0) return;
  const ids = ended.map(({ id }) => id);
  await scope.write((tx) => patchKubeconfigs(tx, ids, { revokedAt: scope.clock.now(), revokedBy: 'rotateCertificates' }));
};
