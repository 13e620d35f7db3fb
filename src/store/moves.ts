/** Moves of control planes, as they are written down: what changes of a cluster's row with each turn, and nothing that another has asked for since. */
import { checkRoomForBackup } from '../domain/backup.ts';
import type { ControlPlaneMove } from '../domain/controlPlaneMove.ts';
import { countLiveBackups, requestDeletionOfBackups } from './backups.ts';
import { announceBegun, type Beginner, operationOf, writeBackup } from './begun.ts';
import { noteAllGone } from './inventory.ts';
import type { Tx } from './open.ts';
import { supersedeOperations } from './operations.ts';
import type { OperationRow } from './progress.ts';
import { type ClusterRow, changed, patchCluster } from './reconcile.ts';
import { wakeNow } from './wake.ts';

/**
 * From now on its seed is the one that it goes to, where nothing of it has been applied yet. A restore that was to fill it there is not gone on with
 * where it goes back to data that is whole. Changes nothing in `row`; returns what is different of it.
 */
export const switchSeed = async (
  tx: Tx,
  row: ClusterRow,
  move: ControlPlaneMove,
  now: number,
): Promise<Pick<ClusterRow, 'seedId' | 'restore' | 'move' | 'etcdStatus' | 'etcdDisk' | 'quorum'>> => {
  const number = (row.restore?.number ?? 0) + 1;
  const fill = move.back || move.backupId === null ? null : { backupId: move.backupId, number, phase: 'FILL' as const, filled: [] };
  const kept = row.restore === null ? null : { ...row.restore, number, phase: 'DONE' as const };
  const change = {
    seedId: move.toSeedId,
    restore: fill ?? kept,
    etcdStatus: null,
    etcdDisk: null,
    quorum: null,
    move: { ...move, phase: 'START' as const, askedAt: now, startedAt: null, leaves: move.fromSeedId },
  };
  await patchCluster(tx, row.id, change);
  await noteAllGone(tx, row.id, 'SEED', now);
  return change;
};

/** The way back of a move that its new seed does not come to serve. */
export const turnedBack = (move: ControlPlaneMove): ControlPlaneMove => ({
  ...move,
  number: move.number + 1,
  fromSeedId: move.toSeedId,
  toSeedId: move.fromSeedId,
  phase: 'HAND_OVER',
  back: true,
});

/** The way out again of a move that was on its way back, while all of it is still in the seed that it had come to. */
export const turnedOut = (move: ControlPlaneMove, now: number): ControlPlaneMove => ({
  ...move,
  number: move.number + 1,
  fromSeedId: move.toSeedId,
  toSeedId: move.fromSeedId,
  phase: 'START',
  back: false,
  askedAt: now,
  leaves: move.toSeedId,
});

/** Backups that a move has asked for and nobody needs any more. */
export const dropBackups = async (tx: Tx, ids: readonly (string | null)[], now: number): Promise<void> => {
  const known = ids.filter((id) => id !== null);
  await requestDeletionOfBackups(tx, known, now);
  for (const id of known) await wakeNow(tx, 'BACKUP', id, now);
};

/**
 * One that nothing has been done for yet but a backup that was asked for; not yet written.
 *
 * @throws as writeBackup does.
 */
export const newMove = async (
  tx: Tx,
  by: Beginner,
  row: ClusterRow,
  way: Pick<ControlPlaneMove, 'fromSeedId' | 'toSeedId'>,
): Promise<ControlPlaneMove> => {
  // Two are made, and the second when there is no going without it any more.
  const { ofCluster, ofProject } = await countLiveBackups(tx.db, row.id, row.projectId);
  checkRoomForBackup({ ofCluster: ofCluster + 1, ofProject: ofProject + 1 }, row.name, ['clusterId']);
  const { backup } = await writeBackup(tx, by, row, { reason: 'BEFORE_MOVE', said: 'before its control plane is moved' });
  return {
    ...way,
    requestedAt: by.now,
    number: (row.move?.number ?? 0) + 1,
    phase: 'BACK_UP',
    backupId: backup.id,
    firstBackupId: null,
    back: false,
    frozenAt: null,
    // Once it was asked for by name it is from then on.
    askedAt: row.move?.askedAt ?? null,
    startedAt: null,
    backAt: null,
    leaves: null,
    refusal: null,
  };
};

/** The operation that carries it out, in the place of what was asked for before. */
export const writeMove = async (tx: Tx, by: Beginner, row: ClusterRow, move: ControlPlaneMove): Promise<OperationRow> => {
  const generation = row.generation + 1;
  await patchCluster(tx, row.id, { move, generation, updatedAt: by.now, state: 'UPDATING' });
  const { id, name, projectId } = row;
  const subject = { kind: 'CLUSTER' as const, id, name, streamId: id, clusterId: id, projectId };
  const operation = operationOf(by, subject, 'MOVE_CONTROL_PLANE', generation);
  await supersedeOperations(tx, operation, { kinds: ['MOVE_CONTROL_PLANE'] }, by.now);
  // Its project sees this, and knows nothing of seeds.
  const what = move.back ? 'stays, or goes back to, where it was' : 'is moved to another place';
  await announceBegun(tx, subject, operation, 'UPDATING', `The control plane of cluster ${name} ${what}, as ${by.requestedBy} asked.`);
  tx.changes.push(changed('CLUSTER', row, id, projectId));
  await wakeNow(tx, 'CLUSTER', id, by.now);
  return operation;
};
