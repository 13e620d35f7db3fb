/** Nodes: a worker from the wish for it to the Ready node, and back. */
import type { Problem } from './errors.ts';

export type NodeState =
  | 'PENDING'
  | 'CREATING'
  | 'BOOTING'
  | 'JOINING'
  | 'READY'
  | 'NOT_READY'
  | 'DRAINING'
  | 'DELETING'
  | 'DELETED'
  | 'FAILED';

export interface NodeFault {
  problem: Problem;
  /** The last lines of the server's console, when it failed to join. */
  consoleTail: string | null;
}

/** Tries to build a node's server and root volume before somebody must act; slower ones go on after that. */
export const MOST_BUILDS = 3;

export interface BuildFailures {
  /** In a row; none again once somebody asks for another try. */
  tries: number;
  /** All there ever were: as many zones further the next is asked for. */
  moves: number;
  /** When the next is asked for, in milliseconds since the epoch. */
  notBefore: number;
  problem: Problem;
}

const FIRST_PAUSE_MS = 2_000;
const FIRST_PAUSES_GROW = 4;
const LATER_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 1_800_000;

/**
 * How long after the `tries`th failure in a row, from 1, the next try comes: seconds until it is reported, then 1, 2, 4 … up to 30 minutes, for
 * each try costs the cloud a server that is made and deleted, and no host is found sooner for being asked for often.
 */
export const buildPauseMs = (tries: number): number =>
  tries < MOST_BUILDS
    ? FIRST_PAUSE_MS * FIRST_PAUSES_GROW ** (tries - 1)
    : Math.min(LONGEST_PAUSE_MS, LATER_PAUSE_MS * 2 ** (tries - MOST_BUILDS));

/** What a Node object says of its server, as openstack-cloud-controller-manager writes it. */
export const providerIdOf = (serverId: string): string => `openstack:///${serverId}`;
