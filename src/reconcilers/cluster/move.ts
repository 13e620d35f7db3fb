/** What the steps of a move note, and how one is called off: the cluster goes on where its data is whole. */
import type { ControlPlaneMove } from '../../domain/controlPlaneMove.ts';
import { problemOf, type SeedbedError } from '../../domain/errors.ts';
import { NotYet } from '../../engine/flow.ts';
import type { BackupRow } from '../../store/backups.ts';
import { doubtApplied } from '../../store/inventory.ts';
import { turnedBack } from '../../store/moves.ts';
import type { Tx } from '../../store/open.ts';
import { callOffOperations } from '../../store/operations.ts';
import { loadConditions } from '../../store/progress.ts';
import { type ClusterRow, loadCluster, patchCluster } from '../../store/reconcile.ts';
import type { ClusterScope } from './scope.ts';

type Change = Pick<ClusterRow, 'move'> & Partial<ClusterRow>;

/** Unless something else was asked for since the pass began. `also`: in the same transaction; what it returns is different of the row as well. */
export const noteMove = async (
  scope: ClusterScope,
  move: ControlPlaneMove,
  next: ControlPlaneMove,
  also: (tx: Tx) => Promise<Change | undefined> = async () => undefined,
): Promise<void> => {
  const change = await scope.write(async (tx) => {
    const live = await loadCluster(tx.db, scope.row.id);
    if (live?.move?.number !== move.number || live.move.phase !== move.phase || live.deleteRequestedAt !== null)
      throw new NotYet('what was asked for last', 100);
    await patchCluster(tx, scope.row.id, { move: next });
    return (await also(tx)) ?? { move: next };
  });
  Object.assign(scope.row, change);
};

/**
 * The operation ends with the reason. Before the freeze nothing has been changed; then the API starts again in the same seed; and from another seed,
 * which does not come to serve, it goes back.
 */
export const callOffMove = (scope: ClusterScope, move: ControlPlaneMove, reason: SeedbedError): Promise<void> => {
  const { phase, fromSeedId: toSeedId } = move;
  const here = { ...move, back: true, toSeedId, leaves: null };
  const next = phase === 'BACK_UP' ? { ...here, phase: 'DONE' as const } : phase === 'START' ? turnedBack(move) : startAgain(here);
  return noteMove(scope, move, next, async (tx) => {
    // Some of it was stopped or removed, and is not as it was applied.
    await doubtApplied(tx, scope.row.id, 'SEED');
    await callOffOperations(tx, scope.row.id, 'MOVE_CONTROL_PLANE', problemOf(reason), scope.clock.now());
    return undefined;
  });
};

const startAgain = (move: ControlPlaneMove): ControlPlaneMove => ({ ...move, phase: 'START' });

/** Why it will not come to be one that can be restored, without somebody's act; undefined while it may. */
export const faultOf = async (scope: ClusterScope, backup: BackupRow | undefined): Promise<string | undefined> => {
  if (backup === undefined || backup.deleteRequestedAt !== null) return 'The backup that it waited for was deleted.';
  const failed = [...(await loadConditions(scope.db, backup.id)).values()].find(
    ({ state, problem }) => state === 'FAILED' && problem?.retryable === false,
  );
  return failed?.problem?.message;
};
