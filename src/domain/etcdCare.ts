/** Looking after a cluster's etcd: how it was at the last look, and when and how its files are made smaller. */
import { alarmsOf, type EtcdMember } from './etcd.ts';

export interface EtcdStatus {
  observedAt: number;
  members: EtcdMember[];
  /** When to look again. */
  lookAt: number;
  /** When to look and to make the files smaller. */
  maintainAt: number;
  /** Numbers of the members whose files are still to be made smaller, the leader last. */
  toDefragment: number[];
}

export type Care = { kind: 'rest' } | { kind: 'look' } | { kind: 'defragment'; number: number } | { kind: 'disarm' };

const DAY_MS = 24 * 3_600_000;
const ALARM_LOOK_MS = 5 * 60_000;
/** Below these, a member would stand still for nothing. */
const LEAST_GAIN_BYTES = 100 * 1024 ** 2;
const LEAST_GAIN_SHARE = 0.25;
/** Of the quota; with more, the alarm would come back at once. */
const ROOMY = 0.9;

/** What to do next. `suspect`: somebody saw that etcd is not well, after the last look. */
export const nextCare = (status: EtcdStatus | null, quotaBytes: number, suspect: boolean, now: number): Care => {
  if (status === null) return { kind: 'look' };
  const [number] = status.toDefragment;
  if (number !== undefined) return { kind: 'defragment', number };
  if (suspect || now >= Math.min(status.lookAt, status.maintainAt)) return { kind: 'look' };
  const roomy = status.members.every(({ dbSizeBytes: size }) => size !== null && size < ROOMY * quotaBytes);
  return roomy && alarmsOf(status).includes('NOSPACE') ? { kind: 'disarm' } : { kind: 'rest' };
};

/** `nextMaintenance`: the schedule's next time; null when there is no schedule. */
export const afterLook = (
  before: EtcdStatus | null,
  members: EtcdMember[],
  quotaBytes: number,
  now: number,
  nextMaintenance: number | null,
): EtcdStatus => {
  const due = before !== null && now >= before.maintainAt;
  const full = alarmsOf({ members }).includes('NOSPACE');
  const maintainAt = before === null || due ? (nextMaintenance ?? now + DAY_MS) : before.maintainAt;
  return {
    observedAt: now,
    members,
    lookAt: full ? now + ALARM_LOOK_MS : maintainAt,
    maintainAt,
    toDefragment: full || (due && nextMaintenance !== null) ? worthwhile(members, full ? ROOMY * quotaBytes : null) : [],
  };
};

/** Of a full one every file that is too large and would not be after; else those from which much is to be had. Followers first. */
const worthwhile = (members: EtcdMember[], roomy: number | null): number[] =>
  members
    .filter(({ dbSizeBytes: size, dbInUseBytes: used }) => {
      if (size === null || used === null) return false;
      if (roomy !== null) return size >= roomy && used < roomy;
      return size - used >= LEAST_GAIN_BYTES && size - used >= LEAST_GAIN_SHARE * size;
    })
    .sort((a, b) => Number(a.leader) - Number(b.leader) || a.number - b.number)
    .map(({ number }) => number);

/** One errand has been run: the next one, or a look at what came of it. */
export const afterErrand = (status: EtcdStatus, now: number): EtcdStatus => {
  const toDefragment = status.toDefragment.slice(1);
  return { ...status, toDefragment, ...(toDefragment.length === 0 && { lookAt: now }) };
};
