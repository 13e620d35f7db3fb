/**
 * A hibernated cluster that is to go, or one that is frozen for a move: which load balancers and volumes go with it its API alone knows, and its cloud controller removes them best.
 * So as much of the control plane as that takes is started once more.
 */
import { isFrozen } from '../../../domain/controlPlaneMove.ts';
import { done, type Outcome, type Step } from '../../../engine/flow.ts';
import { doubtApplied } from '../../../store/inventory.ts';
import { untilDeadline } from '../deletionStage.ts';
import type { ClusterScope } from '../scope.ts';
import { addonSteps, CINDER_CSI, CLOUD_CONTROLLER, cloudControllerStep } from './addons.ts';
import { apiEndpoint } from './apiEndpoint.ts';
import { apiServer } from './apiServer.ts';
import { backups } from './backups.ts';
import { certificates } from './certificates.ts';
import { etcd } from './etcd.ts';
import { networkPolicies } from './networkPolicies.ts';
import { nodeGroups } from './nodeGroups.ts';
import { oldSeedLeft } from './oldSeedLeft.ts';
import { restored } from './restored.ts';
import { seedNamespace } from './seedNamespace.ts';
import { usable } from './usable.ts';

export const controlPlaneAwake: Step<ClusterScope> = {
  name: 'ControlPlaneAwake',
  title: 'Wake the control plane',
  usuallyMs: 120_000,
  late: 'CLOUD_ADMIN',
  // Removed before them.
  needs: [etcd, apiServer, backups, oldSeedLeft, ...addonSteps, nodeGroups, usable],
  // There is something to do only when the cluster goes.
  wanted: () => false,
  ensure: async () => done(),
  remove: async (scope) => {
    const { deleteRequestedAt, hibernation, move, seedId, seedAbandoned } = scope.row;
    if (deleteRequestedAt === null || (hibernation === null && !isFrozen(move))) return done();
    const [controller, api] = [await needsController(scope), await needsApi(scope)];
    if (seedId === null || seedAbandoned || !(controller || api)) return done();
    return untilDeadline(scope, { stage: 'CONTROL_PLANE', work: () => start(scope, controller) });
  },
};

/** To remove load balancers. */
const needsController = async (scope: ClusterScope): Promise<boolean> =>
  scope.row.deletePolicy?.loadBalancers !== 'KEEP' && (await scope.hasApplied(CLOUD_CONTROLLER));

/** To say what becomes of each volume, unless that has been said for all. */
const needsApi = async (scope: ClusterScope): Promise<boolean> =>
  (scope.row.deletePolicy?.volumes ?? null) === null && (await scope.hasApplied(CINDER_CSI));

const start = async (scope: ClusterScope, controller: boolean): Promise<Outcome> => {
  await endFreeze(scope);
  const { move } = scope.row;
  // In whichever seed it has come to.
  const place = isFrozen(move) ? [seedNamespace, apiEndpoint, networkPolicies, certificates, restored] : [];
  for (const step of [...place, certificates, etcd, apiServer, ...(controller ? [cloudControllerStep] : [])]) {
    if (step === restored && scope.row.restore === null) continue;
    const outcome = await step.ensure(scope);
    if (outcome.kind === 'waiting') return outcome;
  }
  // What it has left in another seed still goes.
  await scope.patch({ hibernation: null, ...(isFrozen(move) && { move: { ...move, phase: 'CLEAN_UP' as const } }) });
  return done();
};

/** Its Service may be gone, and parts of it at zero, which is not what they were applied as. */
const endFreeze = async (scope: ClusterScope): Promise<void> => {
  const { move, id } = scope.row;
  if (!isFrozen(move) || move.phase === 'START') return;
  const askedAt = move.phase === 'HAND_OVER' ? scope.clock.now() : move.askedAt;
  await scope.write((tx) => doubtApplied(tx, id, 'SEED'));
  await scope.patch({ move: { ...move, phase: 'START', askedAt, back: false } });
};
