/** Moves of a control plane from one seed to another: the same keys and address, and workers that notice no more than an API that is away. */
import type { ClusterRestore } from './backup.ts';
import { Conflict } from './errors.ts';
import type { EtcdMembership } from './etcd.ts';
import { type ClusterHibernation, hibernationOf, isWaking } from './hibernation.ts';
import type { Upgrade } from './upgrade.ts';

/**
 * BACK_UP: a backup is taken while all serves. FREEZE: nothing writes any more, and the last backup is taken. HAND_OVER: all stops, and the address is let
 * go. START: it starts in the seed that it goes to. CLEAN_UP: it serves, and what is left in the other seed goes. DONE: it is over.
 */
export type MovePhase = 'BACK_UP' | 'FREEZE' | 'HAND_OVER' | 'START' | 'CLEAN_UP' | 'DONE';

export interface ControlPlaneMove {
  requestedAt: number;
  /** Counts up: what an earlier one has begun is not taken for this one's. */
  number: number;
  fromSeedId: string;
  toSeedId: string;
  phase: MovePhase;
  /** That it goes on with: in BACK_UP of a cluster that serves, from FREEZE on of one that is frozen; null: it is to be asked for. */
  backupId: string | null;
  /** The one of BACK_UP, which is needed no more when all is over; null: there is none. */
  firstBackupId: string | null;
  /** It goes back to where its data is still whole: nothing is restored. */
  back: boolean;
  /** The API has been away from then on; null: it never was. */
  frozenAt: number | null;
  /** When it was asked of the seed for the address that it is to keep; null: it was not yet. */
  askedAt: number | null;
  /** Its API servers were let start in the seed that it goes to: they may have taken writes since, and nothing goes back behind those. Null: not yet. */
  startedAt: number | null;
  /** The API serves again since. */
  backAt: number | null;
  /** Seed in which there is a namespace that is to go once the API serves from the other. */
  leaves: string | null;
  /** Why it was called off by itself, for cloud admins: it may name seeds. */
  refusal: string | null;
}

export const isMoving = (move: ControlPlaneMove | null): move is ControlPlaneMove => move !== null && move.phase !== 'DONE';

/** Nothing of the control plane may be begun or stopped by anybody else. */
export const isFrozen = (move: ControlPlaneMove | null): move is ControlPlaneMove =>
  move !== null && (move.phase === 'FREEZE' || move.phase === 'HAND_OVER' || move.phase === 'START');

/** In seconds, as long as is known; null: the API was never away. */
export const downtimeOf = ({ frozenAt, backAt }: ControlPlaneMove): number | null =>
  frozenAt === null || backAt === null ? null : Math.round((backAt - frozenAt) / 100) / 10;

/** @throws CONFLICT while a move is under way, which could not be carried out beside it. `what`: "restored" and the like. */
export const checkNotMoving = ({ name, move }: { name: string; move: ControlPlaneMove | null }, what: string): void => {
  if (isMoving(move))
    throw new Conflict(
      'CONFLICT',
      `The control plane of cluster ${name} is being moved, and the cluster cannot be ${what} meanwhile; ask again once that is over.`,
    );
};

/** What decides whether a move of a cluster may begin. */
export interface Movable {
  observedGeneration: number;
  etcd: EtcdMembership | null;
  restore: ClusterRestore | null;
  hibernation: ClusterHibernation | null;
  deleteRequestedAt: number | null;
  upgrade: Upgrade | null;
}

/** What it has before it, or has not yet, goes on after the cluster's name; undefined: a move may begin. */
export const hindranceOf = (row: Movable): string | undefined => {
  if (row.deleteRequestedAt !== null) return 'is being deleted';
  if (row.observedGeneration === 0 || row.etcd === null || row.etcd.phase === 'FORMING') return 'is still being made';
  if (row.restore !== null && row.restore.phase !== 'DONE') return 'is being restored';
  if (hibernationOf(row) !== null || isWaking(row)) return 'is hibernated, or wakes';
  return row.upgrade === null ? undefined : 'is being upgraded';
};
