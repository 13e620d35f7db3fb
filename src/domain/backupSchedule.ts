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
  /** Go back to the newest good one when etcd has lost the data of a majority. */
  autoRestore: boolean;
}

export const DEFAULT_BACKUP: BackupSpec = { enabled: false, schedule: '0 2 * * *', keepCount: 7, keepDays: null, autoRestore: false };

/** Far enough below what a cluster may have at all that the schedule alone does not fill it. */
export const MOST_KEPT = 20;

export interface BackupPlan {
  schedule: string;
  nextAt: number;
}

/** The first time after `now`; null when there is none, as for the 31st of February. */
export const planAfter = (clusterId: string, schedule: string, now: number): BackupPlan | null => {
  const spread = spreadMs(clusterId);
  // A pass that comes late does not lose the one after.
  const next = nextTime(schedule, now - spread);
  return next === null ? null : { schedule, nextAt: next + spread };
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
 * could never be restored stays for as long as it is the newest of its kind, so that it is seen. One that could be and is not found now goes
 * only when good ones have taken its place: a store that is away for a day must not cost what is in it. `backups`: newest first.
 */
export const listExpired = <B extends KeptBackup>(
  backups: readonly B[],
  spec: BackupSpec,
  inUse: ReadonlySet<string>,
  now: number,
): B[] => {
  const live = backups.filter(({ deleteRequestedAt }) => deleteRequestedAt === null);
  const newestGood = live.find(isGood);
  const scheduled = live.filter((backup) => backup.reason === 'SCHEDULED' && !isUnderWay(backup));
  const good = scheduled.filter(isGood);
  const proven = scheduled.filter(({ verifiedAt }) => verifiedAt !== null);
  const bad = scheduled.filter(({ verifiedAt }) => verifiedAt === null);
  const isOver = (backup: B): boolean => {
    const newer = good.filter(({ createdAt }) => createdAt > backup.createdAt).length;
    const isOld = spec.keepDays !== null && now - backup.createdAt > spec.keepDays * DAY_MS;
    return newer >= spec.keepCount || (isOld && (isGood(backup) || newer > 0));
  };
  const shown = bad.find(({ createdAt }) => newestGood === undefined || createdAt > newestGood.createdAt);
  const expired = new Set([...proven.filter(isOver), ...bad]);
  return scheduled.filter((backup) => expired.has(backup) && backup !== newestGood && backup !== shown && !inUse.has(backup.id));
};

const DAY_MS = 86_400_000;
