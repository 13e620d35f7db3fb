/** A move begins with a backup while the cluster serves, so that what cannot be backed up never goes down; and with another look at the seed that it goes to. */
import { namespaceOf } from '../../../domain/cluster.ts';
import { Conflict, SeedbedError, UserError } from '../../../domain/errors.ts';
import { type Step, waiting } from '../../../engine/flow.ts';
import { findBackup } from '../../../store/backups.ts';
import { checkSeedFits } from '../../../store/seeds.ts';
import { callOffMove, faultOf, noteMove } from '../move.ts';
import type { ClusterScope } from '../scope.ts';
import { apiServer } from './apiServer.ts';

export const backedUpForMove: Step<ClusterScope> = {
  name: 'BackedUpForMove',
  title: 'Back up before the move',
  usuallyMs: 120_000,
  late: 'CLOUD_ADMIN',
  needs: [apiServer],
  wanted: ({ row }) => row.move?.phase === 'BACK_UP',
  ensure: async (scope) => {
    const { row, db } = scope;
    const { move } = row;
    // A look further on in the same pass: what this one waits for is over.
    if (move?.phase !== 'BACK_UP') return waiting('step 2 of 4: the control plane to be frozen', 100);
    const backup = await findBackup(db, move.backupId ?? '');
    const fault = await faultOf(scope, backup);
    if (fault !== undefined || backup === undefined) return callOff(scope, `${fault} Nothing was changed; mend that, and move it again.`);
    if (backup.state !== 'READY' || backup.verifiedAt === null)
      return waiting(`step 1 of 4: backup ${backup.name}, while all serves`, 5_000);
    if (row.upgrade !== null) return waiting(`step 1 of 4: the upgrade to ${row.spec.kubernetesVersion} to be over`, 5_000);
    try {
      await checkSeedFits(db, row, move.toSeedId);
      await checkNamespaceIsFree(scope, move.toSeedId);
    } catch (error) {
      if (!(error instanceof SeedbedError) || error.retryable) throw error;
      return callOff(
        scope,
        'The place that it was to go to does not take it. Nothing was changed; ask the administrators of the cloud.',
        error.message,
      );
    }
    await noteMove(scope, move, { ...move, phase: 'FREEZE', backupId: null, firstBackupId: move.backupId });
    return waiting('step 2 of 4: the control plane to be frozen', 100);
  },
};

const callOff = async (scope: ClusterScope, why: string, refusal?: string) => {
  const { move } = scope.row;
  if (move !== null)
    await callOffMove(
      scope,
      move,
      new UserError('CONFLICT', `The control plane of cluster ${scope.row.name} was not moved. ${why}`, { whoMustAct: 'CLOUD_ADMIN' }),
      refusal,
    );
  return waiting('the move to be called off', 100);
};

/** What is left in the old seed goes by its name in the end: where both seeds are one cluster, that would be the new one. */
const checkNamespaceIsFree = async ({ world, row }: ClusterScope, seedId: string): Promise<void> => {
  const name = namespaceOf(row.shortId);
  const { kube } = await world.seeds.get(seedId);
  if ((await kube.get({ apiVersion: 'v1', kind: 'Namespace', name })) === undefined) return;
  throw new Conflict(
    'CONFLICT',
    `The seed that it was to go to has a namespace ${name} already. Either both seeds are one Kubernetes cluster, in which nothing can be moved, or it was left by somebody: delete it there, if it is not needed, and move the control plane again.`,
  );
};
