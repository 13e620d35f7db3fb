/** Backups: snapshots of a cluster's etcd in an object store outside its seed, with the keys that they need sealed beside them. */

import { UserError } from './errors.ts';

export type BackupState = 'PENDING' | 'CREATING' | 'READY' | 'DEGRADED' | 'LOST' | 'FAILED' | 'DELETING' | 'DELETED';

/** Why it was made. */
export type BackupReason = 'ON_DEMAND' | 'SCHEDULED' | 'BEFORE_UPGRADE' | 'BEFORE_MOVE';

/** How many a cluster and a project may have at once, those under way included: they lie on a disk that others need, too. */
const MOST_OF_CLUSTER = 30;
const MOST_OF_PROJECT = 200;

/** Tries in a row that came to nothing, of what the backup is at. */
export interface BackupFailures {
  count: number;
  lastAt: number;
  /** Of the last one. */
  message: string;
}

/** What hinders one for longer than this many tries, which is some twenty minutes, does not go by itself. */
export const MOST_TRIES = 5;
const FIRST_RETRY_MS = 10_000;
const LONGEST_RETRY_MS = 15 * 60_000;

export const isGivenUp = (failures: BackupFailures | null): boolean => failures !== null && failures.count >= MOST_TRIES;

/** 10 s, 1 min, 6 min and a quarter of an hour after the last one. */
export const retryAt = ({ count, lastAt }: BackupFailures): number =>
  lastAt + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 6 ** (count - 1));

/** Of which one has to be set for there to be an object store; goes on after "set". */
export const STORE_SETTINGS =
  'SEEDBED_BACKUP_LISTEN and SEEDBED_BACKUP_ADDRESS (a folder), SEEDBED_BACKUP_SWIFT_CONTAINER (Swift), or SEEDBED_BACKUP_S3_ENDPOINT and what belongs to it (S3)';

/** What was found missing in the object store. */
export interface BackupLoss {
  since: number;
  /** Goes on after the backup's name. */
  what: string;
}

const CHECK_MS = 86_400_000;

/** A store may have nothing of it for a while, as after a failure of its own. */
const MISSING_CHECK_MS = 10 * 60_000;
const MISSING_FOR_MS = 6 * 3_600_000;

interface Checked {
  checkedAt: number | null;
  verifiedAt: number | null;
  loss: BackupLoss | null;
}

/** When it is looked for in the object store: a day after it was there, and sooner where it was missing not long ago. */
export const nextCheckAt = ({ checkedAt, verifiedAt, loss }: Checked): number => {
  const last = checkedAt ?? verifiedAt ?? 0;
  return last + (loss !== null && last - loss.since < MISSING_FOR_MS ? MISSING_CHECK_MS : CHECK_MS);
};

/** A restore lifts the revision by so much: what is further apart counts no writes. */
export const RESTORE_LIFT = 1_000_000_000;

/** What a restore costs, as far as is known. */
export interface RestoreLoss {
  /** From when the backup was taken, to when the cluster last had its data. */
  minutes: number;
  /** At least so many writes; null: it is not known how many. */
  revisions: number | null;
}

/** `seen`: revisions at which the cluster has been since. `until`: when it last had its data, in milliseconds. */
export const lossOf = (
  { takenAt, revision }: Pick<SnapshotFacts, 'takenAt' | 'revision'>,
  seen: readonly number[],
  until: number,
): RestoreLoss => {
  const minutes = Math.max(1, Math.ceil((until - takenAt) / 60_000));
  const writes = Math.max(revision, ...seen) - revision;
  return { minutes, revisions: writes === 0 || writes >= RESTORE_LIFT ? null : writes };
};

const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

/** Such as "the last 42 minutes, at least 318 revisions". */
export const sayLoss = ({ minutes, revisions }: RestoreLoss): string => {
  const time = minutes === 1 ? 'the last minute' : `the last ${minutes} minutes`;
  return revisions === null ? time : `${time}, at least ${counted(revisions, 'revision')}`;
};

/** `ofCluster`, `ofProject`: how many there are. @throws UserError QUOTA_EXCEEDED. */
export const checkRoomForBackup = (
  { ofCluster, ofProject }: { ofCluster: number; ofProject: number },
  clusterName: string,
  field?: string[],
): void => {
  const [whose, count, most] =
    ofCluster >= MOST_OF_CLUSTER ? [`Cluster ${clusterName}`, ofCluster, MOST_OF_CLUSTER] : ['The project', ofProject, MOST_OF_PROJECT];
  if (count >= most)
    throw new UserError(
      'QUOTA_EXCEEDED',
      `${whose} has ${count} backups, of at most ${most}; delete some that you need no more.`,
      field === undefined ? {} : { field },
    );
};

/** What became known of a snapshot as it was stored. */
export interface SnapshotFacts {
  /** As the object store has it. */
  sizeBytes: number;
  /** etcd's own checksum, which it puts at the end of each snapshot and looks at whenever one is restored. */
  sha256: string;
  /** Of etcd, when the snapshot was taken. */
  revision: number;
  /** As the etcd counted that ran on it; null before it was restored on trial. */
  keyCount: number | null;
  takenAt: number;
  kubernetesVersion: string;
}

/**
 * A restore of a cluster in its place, as far as it has come: STOP takes the control plane down, FILL puts the backup on volumes that are
 * new, and DONE leaves the rest to what starts a cluster anyway.
 */
export interface ClusterRestore {
  backupId: string;
  /** Counts up: what an earlier one has made is not taken for this one's. */
  number: number;
  phase: 'STOP' | 'FILL' | 'DONE';
  /** Numbers of the members whose volumes have it. */
  filled: number[];
  /** What its etcd had is whole until its volumes are filled: no earlier restore was cut off. */
  intact?: boolean;
  /** Absent from a move's and a clone's, which go back behind nothing. */
  asked?: RestoreWish;
}

/** A restore as it was asked for. */
export interface RestoreWish {
  at: number;
  requestedBy: string;
  loss: RestoreLoss;
}

/** A cluster that was made of another's backup. */
export interface ClusterClone {
  backupId: string;
  /** Whose backup it is. */
  clusterId: string;
  /** What it had of the first cluster's machines, volumes and addresses is out of it. */
  separated: boolean;
}

/** Names in the object store follow from the row, so that what was stored before a crash is found again. */
export const objectNamesOf = ({ id, clusterId }: { id: string; clusterId: string }): { snapshot: string; keys: string } => ({
  snapshot: `${clusterId}/${id}.db`,
  keys: `${clusterId}/${id}.keys`,
});

/** Such as "blue-20261128-0200", with the time in UTC; two of a minute differ by what is behind it. */
export const backupNameOf = (clusterName: string, id: string, at: number): string => {
  const [day = '', time = ''] = new Date(at).toISOString().split('T');
  return `${clusterName}-${day.replaceAll('-', '')}-${time.slice(0, 5).replace(':', '')}-${id.slice(0, 4)}`;
};
