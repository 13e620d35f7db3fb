/** What the steps of a move note, and how one is called off: the cluster goes on where its data is whole. */
import { namespaceOf } from '../../domain/cluster.ts';
import type { ControlPlaneMove } from '../../domain/controlPlaneMove.ts';
import { problemOf, type SeedbedError } from '../../domain/errors.ts';
import { NotYet, type Outcome, waiting } from '../../engine/flow.ts';
import type { BackupRow } from '../../store/backups.ts';
import { doubtApplied } from '../../store/inventory.ts';
import { dropBackups, turnedBack } from '../../store/moves.ts';
import type { Tx } from '../../store/open.ts';
import { callOffOperations } from '../../store/operations.ts';
import { loadConditions } from '../../store/progress.ts';
import { type ClusterRow, loadCluster, loadSeed, patchCluster } from '../../store/reconcile.ts';
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
 * which does not come to serve, it goes back. `reason` is for the cluster's project, which knows nothing of seeds; `refusal` for cloud admins.
 */
export const callOffMove = (
  scope: ClusterScope,
  called: ControlPlaneMove,
  reason: SeedbedError,
  refusal = reason.message,
): Promise<void> => {
  const move = { ...called, refusal };
  const { phase, fromSeedId: toSeedId } = move;
  const here = { ...move, back: true, toSeedId, leaves: null };
  const next = phase === 'BACK_UP' ? { ...here, phase: 'DONE' as const } : phase === 'START' ? turnedBack(move) : startAgain(here);
  return noteMove(scope, move, next, async (tx) => {
    // Some of it was stopped or removed, and is not as it was applied.
    await doubtApplied(tx, scope.row.id, 'SEED');
    if (phase === 'BACK_UP') await dropBackups(tx, [move.backupId], scope.clock.now());
    await callOffOperations(tx, scope.row.id, 'MOVE_CONTROL_PLANE', problemOf(reason), scope.clock.now());
    return undefined;
  });
};

const startAgain = (move: ControlPlaneMove): ControlPlaneMove => ({ ...move, phase: 'START' });

/** Before the first API server starts in the seed that it goes to. */
export const noteStarted = async (scope: ClusterScope): Promise<void> => {
  const { move, deleteRequestedAt } = scope.row;
  if (move?.phase !== 'START' || move.startedAt !== null || deleteRequestedAt !== null) return;
  await noteMove(scope, move, { ...move, startedAt: scope.clock.now() });
};

/** What is waited for; undefined when nothing of the cluster is in that seed any more. */
export const leaveSeed = async ({ world, row }: ClusterScope, seedId: string | null): Promise<Outcome | undefined> => {
  // By its name it would be the one that serves.
  if (seedId === null || seedId === row.seedId) return undefined;
  const seed = await loadSeed(world.store.db, seedId);
  if (seed === undefined || seed.deletedAt !== null) return undefined;
  if (seed.lostAt !== null)
    return waiting('the seed that it was in, which does not answer, to be rid of it, or to be unregistered', 60_000, 'CLOUD_ADMIN');
  const { kube } = await world.seeds.get(seedId);
  const there = await kube.remove({ apiVersion: 'v1', kind: 'Namespace', name: namespaceOf(row.shortId) });
  return there ? waiting('the seed that it was in to empty its namespace', 500) : undefined;
};

/** On the way back: what never served in the seed that it comes from, and may hold the address still. A seed that is not heard holds up nothing. */
export const leaveFirst = async (scope: ClusterScope): Promise<Outcome | undefined> => {
  const { move } = scope.row;
  if (move?.phase !== 'START' || !move.back || move.leaves === null) return undefined;
  const seed = await loadSeed(scope.db, move.leaves);
  return seed?.lostAt == null ? leaveSeed(scope, move.leaves) : undefined;
};

/** Why it will not come to be one that can be restored, without somebody's act; undefined while it may. */
export const faultOf = async (scope: ClusterScope, backup: BackupRow | undefined): Promise<string | undefined> => {
  if (backup === undefined || backup.deleteRequestedAt !== null) return 'The backup that it waited for was deleted.';
  const failed = [...(await loadConditions(scope.db, backup.id)).values()].find(
    ({ state, problem }) => state === 'FAILED' && problem?.retryable === false,
  );
  // What came of a store that was away for a moment is tried again soon, and is no reason to give up.
  if (backup.failures !== null && backup.failures.count <= FORGIVEN_TRIES) return undefined;
  return failed?.problem?.message;
};

/** The next tries come after ten seconds and a minute, which an API that is away can wait for; those after them take longer. */
const FORGIVEN_TRIES = 2;
