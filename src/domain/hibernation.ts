/** Hibernation: a cluster without workers, whose control plane is at zero; data, keys and addresses are kept, and it wakes as it was. */
import { nextStretch, type Opening, type WeeklyWindow } from './weeklyWindow.ts';

export interface ClusterHibernation {
  /** Like `until` in milliseconds since the epoch. */
  since: number;
  /** When it ends by itself; null: when somebody wakes the cluster. */
  until: number | null;
  requestedBy: string;
  /** GOING: on the way there; ASLEEP: nothing of it runs; WAKING: it is over, and everything is being started again. */
  phase: 'GOING' | 'ASLEEP' | 'WAKING';
}

/** When it hibernates by itself. */
export interface HibernationSchedule {
  windows: WeeklyWindow[];
}

export const DEFAULT_HIBERNATION_SCHEDULE: HibernationSchedule = { windows: [] };

export const BY_SCHEDULE = 'hibernation-schedule';

/** A cluster under it would never be awake. `at`: any time; what a change of clocks closes or opens for an hour makes no difference. */
export const isWithoutWaking = (windows: readonly WeeklyWindow[], at: number): boolean =>
  nextStretch(windows, at)?.to === Number.POSITIVE_INFINITY;

/** The condition that says what everything waits for meanwhile. */
export const HIBERNATION_OVER = 'HibernationOver';

interface Hibernating {
  hibernation: ClusterHibernation | null;
  deleteRequestedAt: number | null;
}

/** The one that holds; null when there is none, or it is over. A cluster that is to go has none: it can always be deleted. */
export const hibernationOf = ({ hibernation, deleteRequestedAt }: Hibernating): ClusterHibernation | null =>
  hibernation !== null && hibernation.phase !== 'WAKING' && deleteRequestedAt === null ? hibernation : null;

/** From the first moment of its way there on: no worker is wanted. */
export const isHibernating = (cluster: Hibernating): boolean => hibernationOf(cluster) !== null;

/** On its way back, which is over when all is as it was. */
export const isWaking = ({ hibernation, deleteRequestedAt }: Hibernating): boolean =>
  hibernation?.phase === 'WAKING' && deleteRequestedAt === null;

interface Scheduled extends Hibernating {
  spec: { hibernationSchedule: HibernationSchedule };
  /** What opened before has been slept through, or was ended by somebody: since when, in milliseconds since the epoch; null: nothing has. */
  sleepsFrom: number | null;
}

/** The window that it is to sleep through next, or now: with those that follow without a gap; null: there is none. */
export const nextSleep = ({ spec, sleepsFrom, deleteRequestedAt }: Scheduled, now: number): Opening | null => {
  const { windows } = spec.hibernationSchedule;
  if (deleteRequestedAt !== null) return null;
  const next = nextStretch(windows, now);
  if (next === null || next.from > now || next.from > (sleepsFrom ?? 0)) return next;
  return nextStretch(windows, next.to);
};

/** What is waited for. */
export const sayHibernation = ({ until }: ClusterHibernation): string =>
  until === null
    ? 'somebody to wake the cluster (wakeCluster)'
    : `the cluster to wake at ${new Date(until).toISOString().slice(0, 19)}Z, or somebody to wake it before (wakeCluster)`;
