/** Whether a cluster's etcd still has a majority of its members, and what is known of those that it has lost. */

/** What is remembered of it, so that a loss is told from a bad minute. */
export interface EtcdQuorum {
  /** Uids of the members' claims, by their numbers, as all of them served last; empty: not known. */
  claims: string[];
  /** Uid of the namespace that they were in; null: not known. */
  namespace: string | null;
  /** When that was read. */
  notedAt: number;
  /** null: a majority served at the last look. */
  missing: QuorumMissing | null;
}

export interface QuorumMissing {
  since: number;
  lookedAt: number;
  /** At each look since then the claims of a majority were gone; null: not at the last. */
  goneSince: number | null;
}

export const NO_QUORUM_KNOWN: EtcdQuorum = { claims: [], namespace: null, notedAt: 0, missing: null };

/** Others may make claims anew, with what they held, while all is well: so often it is read what they are. */
export const NOTED_FOR_MS = 24 * 3_600_000;

/** For so long members may be restarted, moved to other machines, or wait for these. */
const PATIENCE_MS = 5 * 60_000;
/** Nobody knows what was between two looks that are further apart, as while the seed was away. */
const LONGEST_GAP_MS = 3 * 60_000;
/** Looks beyond the first are not all written down. */
const NOTED_EVERY_MS = 30_000;

/** At a look that finds no majority. The same object when there is nothing to write down. */
export const missingAt = (before: QuorumMissing | null, now: number): QuorumMissing => {
  if (before === null || now - before.lookedAt > LONGEST_GAP_MS) return { since: now, lookedAt: now, goneSince: null };
  return now - before.lookedAt < NOTED_EVERY_MS ? before : { ...before, lookedAt: now };
};

export const hasMajority = (count: number, members: number): boolean => count > members / 2;

export interface QuorumSight {
  members: number;
  /** Members that serve. */
  ready: number;
  /** Numbers of those whose claims are not what they were: what these held is gone for good. */
  replaced: ReadonlySet<number>;
  /** Numbers of those that say that they began empty. */
  empty: ReadonlySet<number>;
  /** Numbers of those that do not serve, where they should. */
  failing: ReadonlySet<number>;
  missing: QuorumMissing;
}

/**
 * GONE: the claims of a majority are gone, and what they held with them. EMPTY: a majority has nothing, though it may be that volumes are only
 * not where they should be. FAILING: too many do not come back by themselves. BAD_MINUTE: nothing of the kind is known.
 */
export type QuorumVerdict = 'GONE' | 'EMPTY' | 'FAILING' | 'BAD_MINUTE';

export const judgeQuorum = ({ members, ready, replaced, empty, failing, missing }: QuorumSight, now: number): QuorumVerdict => {
  const leaves = (...without: ReadonlySet<number>[]): boolean => hasMajority(Math.max(ready, members - countOf(...without)), members);
  if (!leaves(replaced)) return 'GONE';
  if (!leaves(replaced, empty)) return 'EMPTY';
  return now - missing.since >= PATIENCE_MS && !leaves(replaced, empty, failing) ? 'FAILING' : 'BAD_MINUTE';
};

/** How many are in any of them. */
export const countOf = (...numbers: ReadonlySet<number>[]): number => new Set(numbers.flatMap((some) => [...some])).size;
