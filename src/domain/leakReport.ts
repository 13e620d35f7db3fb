/** What a deleted cluster has left outside, as fresh listings of the customer's project showed it. */
import type { InventoryService, MadeBy } from './inventory.ts';

export type LeftoverFate = 'KEPT' | 'REMAINS';

export interface Leftover {
  service: InventoryService;
  kind: string;
  externalId: string;
  name: string;
  madeBy: MadeBy;
  fate: LeftoverFate;
  /** Why it was kept, or could not be removed. */
  reason: string;
}

/** What goes with another, and is in no listing of its own. */
const PART_OF: Readonly<Record<string, string>> = { subnet: 'network', 'router-interface': 'router' };

export const wholeOf = (kind: string): string => PART_OF[kind] ?? kind;

/** What could not be listed. */
export interface Unverified {
  service: InventoryService;
  kind: string;
  reason: string;
}

export interface Sweep {
  /** When it began, in milliseconds since the epoch. */
  since: number;
  /** When it had ended; null: something is waited for. */
  at: number | null;
  leftovers: Leftover[];
  unverified: Unverified[];
}

/** Services of the customer's project: what is in a seed or in the cluster itself goes with the namespace. */
export const PROJECT_SERVICES: readonly InventoryService[] = ['IDENTITY', 'COMPUTE', 'NETWORK', 'VOLUME', 'IMAGE', 'LOAD_BALANCER'];
