/** Pauses: for a while nothing of a cluster is changed on Seedbed's own account. */

export interface ClusterPause {
  since: number;
  /** When it ends by itself; like `since` in milliseconds since the epoch. */
  until: number;
  /** As given, for people. */
  reason: string | null;
  requestedBy: string;
}

/** Longer than this, certificates and credentials would end that only Seedbed renews. */
export const LONGEST_PAUSE_MS = 30 * 86_400_000;

/** The condition that says what everything waits for meanwhile. */
export const PAUSE_OVER = 'PauseOver';

interface Pausable {
  pause: ClusterPause | null;
  deleteRequestedAt: number | null;
}

/** The pause that holds at the time; null when there is none, or it is over. A cluster that is to go has none: it can always be deleted. */
export const pauseOf = ({ pause, deleteRequestedAt }: Pausable, now: number): ClusterPause | null =>
  pause !== null && now < pause.until && deleteRequestedAt === null ? pause : null;

/** What is waited for. */
export const sayPause = ({ until, reason }: ClusterPause): string =>
  `the pause until ${new Date(until).toISOString().slice(0, 19)}Z to end${reason === null ? '' : ` (${reason})`}`;
