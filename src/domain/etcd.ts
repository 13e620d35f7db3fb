/** A cluster's etcd as it is, beside what is asked for: members come and go one at a time. */

/** Noted before each change of the member list, so that a pass that begins anew knows how far the last one came. */
export interface EtcdMembership {
  /** Pods, and entries in the list of members. */
  members: number;
  /** Members with a vote; 0 before the first quorum. */
  voters: number;
}

/**
 * FORMING: all begin together, each empty. JOINING: the last one begins empty and takes its data from the others.
 * SETTLED: whoever begins empty has lost its data.
 */
export type EtcdPhase = 'FORMING' | 'JOINING' | 'SETTLED';

export const etcdPhaseOf = ({ members, voters }: EtcdMembership): EtcdPhase =>
  voters === 0 ? 'FORMING' : voters < members ? 'JOINING' : 'SETTLED';
