/** Moves of control planes, as they are written down: what changes of a cluster's row with each turn, and nothing that another has asked for since. */
import type { ControlPlaneMove } from '../domain/controlPlaneMove.ts';
import { noteAllGone } from './inventory.ts';
import type { Tx } from './open.ts';
import { type ClusterRow, patchCluster } from './reconcile.ts';

/**
 * From now on its seed is the one that it goes to, where nothing of it has been applied yet. A restore that was to fill it there is not gone on with
 * where it goes back to data that is whole. Changes nothing in `row`; returns what is different of it.
 */
export const switchSeed = async (
  tx: Tx,
  row: ClusterRow,
  move: ControlPlaneMove,
  now: number,
): Promise<Pick<ClusterRow, 'seedId' | 'restore' | 'move' | 'etcdStatus'>> => {
  const number = (row.restore?.number ?? 0) + 1;
  const fill = move.back || move.backupId === null ? null : { backupId: move.backupId, number, phase: 'FILL' as const, filled: [] };
  const kept = row.restore === null ? null : { ...row.restore, number, phase: 'DONE' as const };
  const change = {
    seedId: move.toSeedId,
    restore: fill ?? kept,
    etcdStatus: null,
    move: { ...move, phase: 'START' as const, askedAt: now, leaves: move.fromSeedId },
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
