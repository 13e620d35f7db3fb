/**
 * A control plane goes to another seed: nothing writes any more, etcd is backed up a last time, all of it stops, its address is let go, and what makes a
 * cluster anyway makes it in the other seed, of the backup and with the same keys. In the old seed everything stays as it was then until that serves.
 */
import { buildApiService } from '../../../controlPlane/endpoint.ts';
import { namesOf } from '../../../controlPlane/hostedCluster.ts';
import type { ControlPlaneMove } from '../../../domain/controlPlaneMove.ts';
import { UserError } from '../../../domain/errors.ts';
import { done, NotYet, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { newId } from '../../../lib/ids.ts';
import { findBackup } from '../../../store/backups.ts';
import { writeBackup } from '../../../store/begun.ts';
import { switchSeed } from '../../../store/moves.ts';
import { loadCluster, patchCluster } from '../../../store/reconcile.ts';
import { ALL_OF_IT, stopControlPlane, WRITERS } from '../atZero.ts';
import { callOffMove, faultOf, noteMove } from '../move.ts';
import type { ClusterScope } from '../scope.ts';
import { placement } from './placement.ts';
import { seedAnswers } from './seedAnswers.ts';

const LOOK_MS = 1_000;

export const moved: Step<ClusterScope> = {
  name: 'ControlPlaneMoved',
  title: 'Move the control plane',
  usuallyMs: 120_000,
  late: 'CLOUD_ADMIN',
  needs: [placement, seedAnswers],
  wanted: ({ row }) => row.move !== null,
  ensure: async (scope) => {
    const { move } = scope.row;
    if (move?.phase === 'FREEZE') return freeze(scope, move);
    if (move?.phase === 'HAND_OVER') return handOver(scope, move);
    return done();
  },
};

const freeze = async (scope: ClusterScope, move: ControlPlaneMove): Promise<Outcome> => {
  // Before the first of them is told to stop: what is said of the time without an API is never too little.
  if (move.frozenAt === null) await noteMove(scope, move, { ...move, frozenAt: scope.clock.now() });
  const current = scope.row.move ?? move;
  const going = await stopControlPlane(scope, WRITERS);
  if (going !== undefined) return waiting(`step 2 of 4: ${going} to stop`, LOOK_MS);
  if (current.backupId === null) return askForBackup(scope, current);
  const backup = await findBackup(scope.db, current.backupId);
  const fault = await faultOf(scope, backup);
  if (fault !== undefined) return callOff(scope, current, fault);
  if (backup?.state !== 'READY' || backup.verifiedAt === null)
    return waiting(`step 2 of 4: backup ${backup?.name}, the last one of this seed`, LOOK_MS);
  await noteMove(scope, current, { ...current, phase: 'HAND_OVER' });
  return waiting('step 3 of 4: etcd to stop, and the address to be let go', 100);
};

const askForBackup = async (scope: ClusterScope, move: ControlPlaneMove): Promise<Outcome> => {
  const by = { newId, now: scope.clock.now(), requestedBy: 'move', reason: 'The control plane is moved.' };
  try {
    await noteMove(scope, move, move, async (tx) => {
      const live = (await loadCluster(tx.db, scope.row.id)) ?? scope.row;
      const { backup } = await writeBackup(tx, by, live, { reason: 'BEFORE_MOVE', said: 'as its control plane is frozen for a move' });
      const change = { move: { ...move, backupId: backup.id } };
      await patchCluster(tx, live.id, change);
      return change;
    });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return callOff(scope, move, error.message);
  }
  return waiting('step 2 of 4: the last backup of this seed', LOOK_MS);
};

const callOff = async (scope: ClusterScope, move: ControlPlaneMove, why: string): Promise<Outcome> => {
  const message = `The control plane of cluster ${scope.row.name} was not moved, and starts again where it was. ${why} Mend that, and move it again.`;
  await callOffMove(scope, move, new UserError('CONFLICT', message, { whoMustAct: 'CLOUD_ADMIN' }));
  return waiting('the control plane to start again', 100);
};

const handOver = async (scope: ClusterScope, move: ControlPlaneMove): Promise<Outcome> => {
  const hosted = await scope.hosted();
  const { kube } = await scope.seed();
  // On the way back nothing may have been made there yet.
  const isThere = (await kube.get({ apiVersion: 'v1', kind: 'Namespace', name: hosted.namespace })) !== undefined;
  const going = isThere ? await stopControlPlane(scope, ALL_OF_IT) : undefined;
  if (going !== undefined) return waiting(`step 3 of 4: ${going} to stop`, LOOK_MS);
  const service = { apiVersion: 'v1', kind: 'Service', namespace: hosted.namespace, name: namesOf(hosted).apiServer };
  const there = await kube.get(service);
  if (there !== undefined && there.metadata.deletionTimestamp === undefined) {
    // A floating IP that went with the load balancer would be given to somebody else.
    await kube.apply(buildApiService(hosted, []));
    await kube.remove(service);
  }
  if (there !== undefined) return waiting('step 3 of 4: the address to be let go', LOOK_MS);
  const change = await scope.write(async (tx) => {
    const live = await loadCluster(tx.db, scope.row.id);
    if (live?.move?.number !== move.number || live.deleteRequestedAt !== null) throw new NotYet('what was asked for last', 100);
    return switchSeed(tx, live, move, scope.clock.now());
  });
  Object.assign(scope.row, change);
  return waiting('step 4 of 4: the control plane to start in the other seed', 100);
};
