/** A cluster's etcd as it is, beside what is asked for: members come and go one at a time. */

/**
 * FORMING: all begin together, each empty. JOINING: one begins empty and takes its data from the others.
 * SETTLED: whoever begins empty has lost its data.
 */
export type EtcdPhase = 'FORMING' | 'JOINING' | 'SETTLED';

/** Noted before what follows from it, so that a pass that begins anew knows how far the last one came. Members are numbered from 0. */
export interface EtcdMembership {
  phase: EtcdPhase;
  /** Pods. */
  members: number;
  /** Members that the API servers are told of. */
  endpoints: number;
  /** Number of the member that begins empty, while JOINING. */
  joining: number | null;
  /** The member that is being replaced because its data are not the others'. */
  corrupt?: CorruptMember | null;
}

export interface CorruptMember {
  number: number;
  /** Hexadecimal: whoever comes in its place has another. */
  id: string;
  /** Uid of the claim of the volume that holds the wrong data; null: it was gone already. */
  claim: string | null;
}

export const formingOf = (members: number): EtcdMembership => ({ phase: 'FORMING', members, endpoints: members, joining: null });

/** A line of etcd's own list. */
export interface EtcdMember {
  /** Hexadecimal. */
  id: string;
  /** Which of ours it is. */
  number: number;
  /** False: it was let in and has not begun. */
  started: boolean;
  learner: boolean;
  leader: boolean;
  /** Its file; null when it did not answer. */
  dbSizeBytes: number | null;
  /** What is not free in it. */
  dbInUseBytes: number | null;
  version: string | null;
  /** How many writes it has seen; absent when it did not answer, and from before it was read. */
  revision?: number;
  /** Such as NOSPACE and CORRUPT. */
  alarms: string[];
  /** An alarm names it as the one whose data are not the others'. */
  corrupt?: true;
}

/** Below it there is no majority that could say whose data are right. */
const FEWEST_THAT_JUDGE = 3;

/** The one member that an alarm names, where all others answer and are a majority. */
export const corruptOf = (list: readonly EtcdMember[]): EtcdMember | undefined => {
  const [named, ...more] = list.filter(({ corrupt }) => corrupt === true);
  if (list.length < FEWEST_THAT_JUDGE || more.length > 0) return undefined;
  return list.every((one) => one === named || (one.dbSizeBytes !== null && !one.learner)) ? named : undefined;
};

/** What a member says of its keys as they were at a revision. */
export interface KeysHash {
  hash: number;
  revision: number;
  /** What was compacted is not in it: hashes above different ones do not compare. */
  compactRevision: number;
}

/** Whether all of `count` members hold the same; null: that cannot be said of these. */
export const holdTheSame = (hashes: readonly KeysHash[], count: number): boolean | null => {
  const [first, ...others] = hashes;
  if (first === undefined || hashes.length < count) return null;
  if (others.some((one) => one.revision !== first.revision || one.compactRevision !== first.compactRevision)) return null;
  return others.every(({ hash }) => hash === first.hash);
};

export const alarmsOf = ({ members }: { members: readonly Pick<EtcdMember, 'alarms'>[] }): string[] =>
  [...new Set(members.flatMap(({ alarms }) => alarms))].sort();

export type MembershipMove =
  | { kind: 'add'; number: number }
  | { kind: 'promote' | 'remove'; member: EtcdMember }
  | { kind: 'moveLeader'; to: EtcdMember }
  /** Takes alarms back: who gave cause is off the list. */
  | { kind: 'disarm' }
  | { kind: 'note'; membership: EtcdMembership }
  | { kind: 'wait'; for: string }
  | { kind: 'none' };

export interface MembershipSight {
  membership: EtcdMembership;
  /** How many are asked for. */
  wanted: number;
  list: readonly EtcdMember[];
  /** Number of a member that found its volume empty, or holds wrong data. */
  lost: number | null;
  /** Members that the API servers which run ask. */
  asked: number;
}

/** The next step from the list as it is to the list as it ought to be. Never more than one member is on its way. */
export const nextMove = ({ membership, wanted, list, lost, asked }: MembershipSight): MembershipMove => {
  const { members, endpoints, joining, corrupt } = membership;
  const at = (number: number): EtcdMember | undefined => list.find((member) => member.number === number);
  const note = (change: Partial<EtcdMembership>): MembershipMove => ({ kind: 'note', membership: { ...membership, ...change } });
  if (joining !== null) {
    const newcomer = at(joining);
    if (newcomer === undefined) return { kind: 'add', number: joining };
    if (newcomer.learner)
      return newcomer.started ? { kind: 'promote', member: newcomer } : { kind: 'wait', for: `the new member ${joining} to begin` };
    return note({ phase: 'SETTLED', joining: null, endpoints: members });
  }
  // Until it is taken back, nothing is written in the whole cluster.
  const isOff = corrupt != null && list.every(({ id, corrupt: named }) => id !== corrupt.id && named !== true);
  if (isOff && alarmsOf({ members: list }).includes('CORRUPT')) return { kind: 'disarm' };
  const next = lost ?? members;
  if (lost !== null || members < wanted) {
    const entry = at(next);
    if (entry === undefined) return { kind: 'add', number: next };
    // A member with the name of a lost one that has begun, or that has a vote, is the lost one.
    if (entry.started || !entry.learner) return { kind: 'remove', member: entry };
    return note({ phase: 'JOINING', joining: next, members: Math.max(members, next + 1), ...(corrupt != null && { corrupt: null }) });
  }
  if (members === wanted) return { kind: 'none' };
  const last = members - 1;
  if (asked > last) return { kind: 'wait', for: `the API servers to leave member ${last}` };
  const leaving = at(last);
  const other = at(0);
  if (leaving?.leader && other !== undefined) return { kind: 'moveLeader', to: other };
  if (leaving !== undefined) return { kind: 'remove', member: leaving };
  return note({ members: last, endpoints: Math.min(endpoints, last) });
};
