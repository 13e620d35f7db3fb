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
  /** At most MOST_BUILDS; none again once somebody asks for another try. */
  tries: number;
  /** All there ever were: as many zones further the next is asked for. */
  moves: number;
  /** When the next is asked for, in milliseconds since the epoch. */
  notBefore: number;
  problem: Problem;
}

/** What a Node object says of its server, as openstack-cloud-controller-manager writes it. */
export const providerIdOf = (serverId: string): string => `openstack:///${serverId}`;
