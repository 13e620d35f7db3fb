/** Hibernation: a cluster without workers, whose control plane is at zero; data, keys and addresses are kept, and it wakes as it was. */
import { type Opening, stretchAt, type WeeklyWindow } from './weeklyWindow.ts';

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

const WEEK_MS = 7 * 24 * 3_600_000;
/** Of windows in several time zones the gap may be there for half of the year alone. */
const [A_WINTER_DAY, A_SUMMER_DAY] = [Date.UTC(2026, 0, 14), Date.UTC(2026, 6, 15)];

/** A cluster under it would never be awake. */
export const isWithoutWaking = (windows: readonly WeeklyWindow[]): boolean =>
  [A_WINTER_DAY, A_SUMMER_DAY].some((day) => {
    const stretch = stretchAt(windows, day);
    return stretch !== null && stretch.to - stretch.from >= WEEK_MS;
  });

/** The condition that says what everything waits for meanwhile. */
export const HIBERNATION_OVER = 'HibernationOver';

export interface Hibernating {
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

/** For less than that nobody's workers are taken away and made anew. */
const LEAST_SLEEP_MS = 30 * 60_000;

/** The window that it is to sleep through next, or now, with those that touch it; null: there is none. */
export const nextSleep = ({ spec, sleepsFrom, deleteRequestedAt }: Scheduled, now: number): Opening | null => {
  const { windows } = spec.hibernationSchedule;
  if (deleteRequestedAt !== null) return null;
  const next = stretchAt(windows, now);
  if (next === null || next.from > now) return next;
  const isOver = next.from <= (sleepsFrom ?? 0) || next.to - now < LEAST_SLEEP_MS;
  return isOver ? stretchAt(windows, next.to) : next;
};

/** The window that is open, with those that touch it; null: none is. */
export const openSleep = ({ spec }: Pick<Scheduled, 'spec'>, now: number): Opening | null => {
  const stretch = stretchAt(spec.hibernationSchedule.windows, now);
  return stretch !== null && stretch.from <= now ? stretch : null;
};

/** What is waited for. */
export const sayHibernation = ({ until }: ClusterHibernation): string =>
  until === null
    ? 'somebody to wake the cluster (wakeCluster)'
    : `the cluster to wake at ${new Date(until).toISOString().slice(0, 19)}Z, or somebody to wake it before (wakeCluster)`;
