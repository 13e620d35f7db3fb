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

/** What a Node object says of its server, as openstack-cloud-controller-manager writes it. */
export const providerIdOf = (serverId: string): string => `openstack:///${serverId}`;
