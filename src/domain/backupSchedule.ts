/** Backups that a cluster makes by itself: when the next one is due, and which of the older ones go. */
import type { BackupReason, BackupState } from './backup.ts';
import { nextTime, spreadMs } from './schedule.ts';

export interface BackupSpec {
  enabled: boolean;
  /** In cron's words and UTC, once an hour at most. */
  schedule: string;
  /** How many scheduled ones are kept that could be restored. */
  keepCount: number;
  /** They go sooner when they are older; null: however old they are. */
  keepDays: number | null;
}

export const DEFAULT_BACKUP: BackupSpec = { enabled: false, schedule: '0 2 * * *', keepCount: 7, keepDays: null };

/** Far enough below what a cluster may have at all that the schedule alone does not fill it. */
export const MOST_KEPT = 20;

export interface BackupPlan {
  schedule: string;
  nextAt: number;
}

/** The first time after `now`; null when there is none, as for the 31st of February. */
export const planAfter = (clusterId: string, schedule: string, now: number): BackupPlan | null => {
  const next = nextTime(schedule, now);
  return next === null ? null : { schedule, nextAt: next + spreadMs(clusterId) };
};

export interface KeptBackup {
  id: string;
  reason: BackupReason;
  state: BackupState;
  verifiedAt: number | null;
  createdAt: number;
  deleteRequestedAt: number | null;
}

export const isUnderWay = ({ state }: Pick<KeptBackup, 'state'>): boolean => state === 'PENDING' || state === 'CREATING';

/** It can be restored, as far as is known. */
export const isGood = ({ state, verifiedAt }: Pick<KeptBackup, 'state' | 'verifiedAt'>): boolean =>
  state === 'READY' && verifiedAt !== null;

/**
 * Scheduled ones whose time is over; never what somebody asked for, what is `inUse` or under way, or the newest good one of all. One that
 * cannot be restored stays for as long as it is the newest of its kind, so that it is seen. `backups`: newest first.
 */
export const listExpired = <B extends KeptBackup>(backups: readonly B[], spec: BackupSpec, inUse: string | null, now: number): B[] => {
  const live = backups.filter(({ deleteRequestedAt }) => deleteRequestedAt === null);
  const newestGood = live.find(isGood);
  const scheduled = live.filter((backup) => backup.reason === 'SCHEDULED' && !isUnderWay(backup));
  const good = scheduled.filter(isGood);
  const isOld = ({ createdAt }: B) => spec.keepDays !== null && now - createdAt > spec.keepDays * DAY_MS;
  const bad = scheduled.filter((backup) => !isGood(backup));
  const shown = bad.find(({ createdAt }) => newestGood === undefined || createdAt > newestGood.createdAt);
  const expired = new Set([...good.filter((backup, place) => place >= spec.keepCount || isOld(backup)), ...bad]);
  return scheduled.filter((backup) => expired.has(backup) && backup !== newestGood && backup !== shown && backup.id !== inUse);
};

const DAY_MS = 86_400_000;
