/**
 * How fast the disks of a cluster's etcd are, by etcd's own metrics: how long its log takes to be on disk (fsync), and its data (commit).
 * What is judged is what happened between two looks, for the process's whole life would hide what began today.
 */
import { between, type Histogram, quantileOf, readHistogram, totalOf } from '../lib/histogram.ts';

export interface DiskReading {
  /** Of the process, as it says: another one counts from nought. */
  started: string;
  fsync: Histogram;
  commit: Histogram;
}

export interface MemberDisk {
  /** Which of ours it is. */
  number: number;
  /** What the next look is compared with. */
  base: DiskReading;
  /** 99 of 100 took no longer, in milliseconds; null before two looks were far enough apart. */
  fsyncP99Ms: number | null;
  commitP99Ms: number | null;
  /** When it was last found out. */
  seenAt: number | null;
  /** What of it is too slow. */
  slow: Slow[];
}

type Slow = 'fsync' | 'commit';

export interface EtcdDisk {
  /** When to look again. */
  lookAt: number;
  /** The last look found no metrics. */
  unread: boolean;
  members: MemberDisk[];
}

const MINUTE_MS = 60_000;
/** Each look costs the seed a pod. */
const EVERY_MS = 30 * MINUTE_MS;
/** While there are no figures yet, or they are bad. */
const SOONER_MS = 10 * MINUTE_MS;
/** Of fewer, one in a hundred says nothing. */
const LEAST_SEEN = 100;
/** Advice that was given is taken back below this share of the limit, so that a disk at the limit does not call for it again and again. */
const WELL_AGAIN = 0.8;
/**
 * etcd wants 99 of 100 fsyncs within 10 ms and commits within 25 ms, with its usual heartbeat of 100 ms.
 * https://etcd.io/docs/v3.6/faq/#what-does-the-etcd-warning-failed-to-send-out-heartbeat-on-time-mean
 */
const HEARTBEAT_SHARES: Record<Slow, number> = { fsync: 1 / 10, commit: 1 / 4 };

export const isDiskLookDue = ({ etcdDisk, createdAt }: { etcdDisk: EtcdDisk | null; createdAt: number }, now: number): boolean =>
  now >= (etcdDisk?.lookAt ?? createdAt + SOONER_MS);

/** `metrics`: all that a member's /metrics says, in Prometheus' text form. null: it is not in there. */
export const readDiskMetrics = (metrics: string): DiskReading | null => {
  const fsync = readHistogram(metrics, 'etcd_disk_wal_fsync_duration_seconds');
  const commit = readHistogram(metrics, 'etcd_disk_backend_commit_duration_seconds');
  const started = /^process_start_time_seconds (\S{1,40})/m.exec(metrics)?.[1];
  return fsync === null || commit === null || started === undefined ? null : { started, fsync, commit };
};

/** `readings`: by the number of the member; a member that did not answer keeps what is known of it. */
export const afterDiskLook = (
  before: EtcdDisk | null,
  readings: ReadonlyMap<number, DiskReading | null>,
  heartbeatMs: number,
  now: number,
): EtcdDisk => {
  const members = [...readings].flatMap(([number, reading]) => {
    const known = before?.members.find((member) => member.number === number);
    return reading === null ? (known ?? []) : memberAfter(known, number, reading, heartbeatMs, now);
  });
  const calm = members.length > 0 && members.every(({ seenAt, slow }) => seenAt !== null && slow.length === 0);
  const unread = [...readings.values()].every((reading) => reading === null);
  return { lookAt: now + (calm || unread ? EVERY_MS : SOONER_MS), unread, members };
};

const memberAfter = (known: MemberDisk | undefined, number: number, reading: DiskReading, heartbeatMs: number, now: number): MemberDisk => {
  const same = known !== undefined && known.base.started === reading.started;
  const fsync = same ? between(known.base.fsync, reading.fsync) : null;
  const commit = same ? between(known.base.commit, reading.commit) : null;
  // It began anew, perhaps on another disk.
  if (!same || fsync === null || commit === null)
    return { number, base: reading, fsyncP99Ms: null, commitP99Ms: null, seenAt: null, slow: [] };
  // Seldom written to: it is counted on from where the last count began.
  if (totalOf(fsync) < LEAST_SEEN || totalOf(commit) < LEAST_SEEN) return known;
  const p99 = { fsync: millisOf(quantileOf(fsync, 0.99)), commit: millisOf(quantileOf(commit, 0.99)) };
  const isSlow = (what: Slow): boolean => p99[what] > HEARTBEAT_SHARES[what] * heartbeatMs * (known.slow.includes(what) ? WELL_AGAIN : 1);
  return {
    number,
    base: reading,
    fsyncP99Ms: p99.fsync,
    commitP99Ms: p99.commit,
    seenAt: now,
    slow: (['fsync', 'commit'] as const).filter(isSlow),
  };
};

/** To a tenth. */
const millisOf = (seconds: number | null): number => Math.round((seconds ?? 0) * 10_000) / 10;

/** What whoever has the disks should know; null: they are fast enough, or nobody knows yet. */
export const diskAdviceOf = (disk: EtcdDisk | null, heartbeatMs: number): string | null => {
  // The heartbeat may be another one since the look.
  const isSlow = (member: MemberDisk, what: Slow): boolean => p99Of(member, what) > HEARTBEAT_SHARES[what] * heartbeatMs * WELL_AGAIN;
  const slow = (disk?.members ?? [])
    .map((member) => ({ ...member, slow: member.slow.filter((what) => isSlow(member, what)) }))
    .filter((member) => member.slow.length > 0);
  if (slow.length === 0) return null;
  const said = slow.map(
    (member) => `of member ${member.number} ${member.slow.map((what) => sayFigure(member, what, heartbeatMs)).join(' and ')}`,
  );
  const late = slow.some(({ fsyncP99Ms }) => (fsyncP99Ms ?? 0) >= heartbeatMs);
  return [
    `etcd's disk is too slow for its heartbeat of ${heartbeatMs} ms: 99 of 100 times ${said.join('; ')}.`,
    ...(late ? ['That is longer than a heartbeat, so that its leader may change and requests may fail.'] : []),
    'A cloud administrator should give it a faster StorageClass; until then a longer heartbeatMs and electionMs in controlPlane.etcd bear it better. This goes by itself once the disk is fast enough.',
  ].join(' ');
};

/** Up to a power of two, as etcd's buckets are, so that the same trouble is told in the same words. */
const sayFigure = (member: MemberDisk, what: Slow, heartbeatMs: number): string => {
  const p99 = p99Of(member, what);
  const upTo = 2 ** Math.ceil(Math.log2(Math.max(1, p99)));
  const wanted = HEARTBEAT_SHARES[what] * heartbeatMs;
  return `${what === 'fsync' ? "the log's fsync" : "the data's commit"} takes up to ${upTo} ms, and it should take no more than ${wanted}`;
};

const p99Of = (member: MemberDisk, what: Slow): number => (what === 'fsync' ? member.fsyncP99Ms : member.commitP99Ms) ?? 0;
